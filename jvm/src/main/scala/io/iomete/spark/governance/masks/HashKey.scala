package io.iomete.spark.governance.masks

import java.security.MessageDigest

/** The lakehouse's key for hashes: 32 bytes that go to executors and are never shown.
  *
  * Deliberately no case class: what Spark prints of a plan, it takes from products.
  */
final class HashKey private (bytes: Array[Byte]) extends Serializable {
  @transient private lazy val digests: ThreadLocal[HmacSha256] =
    ThreadLocal.withInitial(() => new HmacSha256(bytes))

  /** HMAC-SHA-256 of part of `message`, which is 32 bytes. */
  private[masks] def digest(message: Array[Byte], offset: Int, length: Int): Array[Byte] =
    digests.get.digest(message, offset, length)

  override def equals(other: Any): Boolean = other match {
    case key: HashKey => MessageDigest.isEqual(key.bytesOfKey, bytes)
    case _ => false
  }

  /** Says nothing of the key, as a hash code may end in a log; a process holds few keys. */
  override def hashCode: Int = HashKey.hashCode

  override def toString: String = "HashKey"

  private def bytesOfKey: Array[Byte] = bytes
}

object HashKey {
  val sizeBytes = 32

  /** Takes a copy of the bytes.
    *
    * @throws IllegalArgumentException
    *   unless there are 32 bytes
    */
  def apply(bytes: Array[Byte]): HashKey = {
    require(bytes.length == sizeBytes, s"A key for hashes has $sizeBytes bytes, this one has ${bytes.length}.")
    new HashKey(bytes.clone())
  }
}
