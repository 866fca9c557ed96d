package io.iomete.spark.governance.masks

import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

import org.apache.spark.unsafe.Platform

/** The key of hash masks, made from the lakehouse's own; it goes to executors and is never shown.
  *
  * Deliberately no case class: what Spark prints of a plan, it takes from products.
  */
final class HashKey private (key0: Long, key1: Long) extends Serializable {

  /** The hash, of 16 bytes, of a message as Spark's `Platform` reads it. */
  private[masks] def digest(base: AnyRef, offset: Long, length: Int): Array[Byte] =
    new SipHash(key0, key1).message(base, offset, length).result()

  private[masks] def digest(message: Array[Byte]): Array[Byte] =
    digest(message, Platform.BYTE_ARRAY_OFFSET.toLong, message.length)

  override def equals(other: Any): Boolean = other match {
    case key: HashKey => key.isOf(key0, key1)
    case _ => false
  }

  /** Says nothing of the key, as a hash code may end in a log; a process holds few keys. */
  override def hashCode: Int = HashKey.hashCode

  override def toString: String = "HashKey"

  private def isOf(other0: Long, other1: Long): Boolean = ((key0 ^ other0) | (key1 ^ other1)) == 0
}

object HashKey {
  val sizeBytes = 32

  private val algorithm = "HmacSHA256"
  private val purpose = "iomete hash mask: SipHash-2-4-128"

  /** The key of hash masks of a lakehouse.
    *
    * @param lakehouse
    *   the lakehouse's key, which can't be told from this one
    * @throws IllegalArgumentException
    *   unless there are 32 bytes
    */
  def apply(lakehouse: Array[Byte]): HashKey = {
    require(
      lakehouse.length == sizeBytes,
      s"A key for hashes has $sizeBytes bytes, this one has ${lakehouse.length}."
    )
    val mac = Mac.getInstance(algorithm)
    mac.init(new SecretKeySpec(lakehouse, algorithm))
    val (key0, key1) = SipHash.halves(mac.doFinal(purpose.getBytes("US-ASCII")))
    new HashKey(key0, key1)
  }
}
