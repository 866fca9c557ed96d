package io.iomete.spark.governance.masks

import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String

/** Reads UTF-8 where it lies, eight bytes at a time where it is ASCII. */
private[masks] object Utf8 {
  val wordBytes = 8
  val ones = 0x0101010101010101L
  val highBits = 0x8080808080808080L

  /** What [[codePoint]] gives for a byte that begins no well-formed sequence; it counts as one. */
  val malformed = -1

  private val maxTwoBytes = 0x7ff
  private val maxThreeBytes = 0xffff

  def byteAt(text: UTF8String, i: Int): Byte = Platform.getByte(text.getBaseObject, text.getBaseOffset + i)

  def wordAt(text: UTF8String, i: Int): Long = Platform.getLong(text.getBaseObject, text.getBaseOffset + i)

  def isAscii(text: UTF8String): Boolean = {
    val size = text.numBytes
    var seen = 0L
    var i = 0
    if (size >= wordBytes) {
      while (i < size - wordBytes) {
        seen |= wordAt(text, i)
        i += wordBytes
      }
      // The last word overlaps the one before, which spares a loop over what is left.
      seen |= wordAt(text, size - wordBytes)
    } else {
      while (i < size) {
        seen |= byteAt(text, i).toLong
        i += 1
      }
    }
    (seen & highBits) == 0
  }

  /** The code point that begins at byte `i`.
    *
    * Sequences that are overlong, beyond Unicode, cut off or of a surrogate are malformed (RFC 3629).
    */
  def codePoint(text: UTF8String, i: Int): Int = {
    val first = byteAt(text, i) & 0xff
    if (first < 0x80) first
    else if (first < 0xc2) malformed
    else if (first < 0xe0) atLeast(0x80, continued(text, i, first & 0x1f, 1))
    else if (first < 0xf0) noSurrogate(atLeast(maxTwoBytes + 1, continued(text, i, first & 0x0f, 2)))
    else if (first < 0xf5) atLeast(maxThreeBytes + 1, continued(text, i, first & 0x07, 3))
    else malformed
  }

  /** How many bytes a code point, or a malformed byte, takes. */
  def bytesOf(codePoint: Int): Int =
    if (codePoint < 0x80) 1
    else if (codePoint <= maxTwoBytes) 2
    else if (codePoint <= maxThreeBytes) 3
    else 4

  /** So many times the same byte. */
  def repeated(byte: Byte, size: Int): Array[Byte] = {
    val bytes = new Array[Byte](size)
    var i = 0
    if (size >= wordBytes) {
      val word = byte * ones
      while (i < size - wordBytes) {
        Platform.putLong(bytes, Platform.BYTE_ARRAY_OFFSET.toLong + i, word)
        i += wordBytes
      }
      Platform.putLong(bytes, Platform.BYTE_ARRAY_OFFSET.toLong + size - wordBytes, word)
    } else {
      while (i < size) {
        bytes(i) = byte
        i += 1
      }
    }
    bytes
  }

  /** Copies a few bytes: by loop, as a call into the JVM costs more than they do. */
  def copy(text: UTF8String, from: Int, bytes: Int, target: Array[Byte], to: Int): Unit =
    if (bytes > 2 * wordBytes) {
      val offset = Platform.BYTE_ARRAY_OFFSET.toLong + to
      Platform.copyMemory(text.getBaseObject, text.getBaseOffset + from, target, offset, bytes.toLong)
    } else {
      var k = 0
      while (k < bytes) {
        target(to + k) = byteAt(text, from + k)
        k += 1
      }
    }

  private def continued(text: UTF8String, i: Int, lead: Int, more: Int): Int =
    if (i + more >= text.numBytes) malformed
    else {
      var value = lead
      var k = 1
      while (k <= more && value >= 0) {
        val next = byteAt(text, i + k) & 0xff
        value = if ((next & 0xc0) == 0x80) (value << 6) | (next & 0x3f) else malformed
        k += 1
      }
      value
    }

  private def atLeast(least: Int, codePoint: Int): Int =
    if (codePoint < least || codePoint > Character.MAX_CODE_POINT) malformed else codePoint

  private def noSurrogate(codePoint: Int): Int =
    if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) malformed
    else codePoint
}
