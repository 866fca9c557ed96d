package io.iomete.spark.governance.masks

import java.nio.{ByteBuffer, ByteOrder}

import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String

/** A string's bytes, hashed, as 32 lower-case hexadecimal digits. */
private[masks] final case class HashedText(key: HashKey) extends ValueMask {
  override def name: String = "hashed"

  override def apply(value: Any): Any = {
    val text = value.asInstanceOf[UTF8String]
    val digest = key.digest(text.getBaseObject, text.getBaseOffset, text.numBytes)
    UTF8String.fromBytes(HashedText.hexadecimal(digest))
  }
}

private[masks] object HashedText {
  /** The two digits of each byte, as they lie in memory. */
  private val digits: Array[Short] = Array.tabulate(0x100) { byte =>
    ByteBuffer.wrap(f"$byte%02x".getBytes).order(ByteOrder.nativeOrder).getShort
  }

  private def hexadecimal(bytes: Array[Byte]): Array[Byte] = {
    val text = new Array[Byte](2 * bytes.length)
    var i = 0
    while (i < bytes.length) {
      Platform.putShort(text, Platform.BYTE_ARRAY_OFFSET.toLong + 2 * i, digits(bytes(i) & 0xff))
      i += 1
    }
    text
  }
}

/** The 16 bytes of a binary value's hash. */
private[masks] final case class HashedBinary(key: HashKey) extends ValueMask {
  override def name: String = "hashed"

  override def apply(value: Any): Any = key.digest(value.asInstanceOf[Array[Byte]])
}

/** The first 8 bytes of the hash of a number's 8 bytes, most significant first on both sides. */
private[masks] final case class HashedLong(key: HashKey) extends ValueMask {
  override def name: String = "hashed"

  override def apply(value: Any): Any = {
    val bytes = ByteBuffer.allocate(java.lang.Long.BYTES).order(ByteOrder.BIG_ENDIAN)
    bytes.putLong(value.asInstanceOf[Long])
    ByteBuffer.wrap(key.digest(bytes.array)).order(ByteOrder.BIG_ENDIAN).getLong
  }
}
