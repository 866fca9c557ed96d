package io.iomete.spark.governance.masks

import java.security.MessageDigest

/** HMAC-SHA-256 (RFC 2104) of many short messages under one key; for one thread at a time.
  *
  * The digests of the padded key are made once and cloned for each message, which halves the work
  * that `javax.crypto.Mac` does on a short one.
  */
private[masks] final class HmacSha256(key: Array[Byte]) {
  private val inner = keyed(0x36)
  private val outer = keyed(0x5c)

  def digest(message: Array[Byte], offset: Int, length: Int): Array[Byte] = {
    val first = copy(inner)
    first.update(message, offset, length)
    val second = copy(outer)
    second.update(first.digest())
    second.digest()
  }

  private def keyed(pad: Int): MessageDigest = {
    val blockBytes = 64
    val short = if (key.length > blockBytes) MessageDigest.getInstance("SHA-256").digest(key) else key
    val digest = MessageDigest.getInstance("SHA-256")
    digest.update(short.padTo(blockBytes, 0.toByte).map(byte => (byte ^ pad).toByte))
    digest
  }

  private def copy(digest: MessageDigest): MessageDigest = digest.clone().asInstanceOf[MessageDigest]
}
