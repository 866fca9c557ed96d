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
    while (i + wordBytes <= size) {
      seen |= wordAt(text, i)
      i += wordBytes
    }
    while (i < size) {
      seen |= byteAt(text, i).toLong
      i += 1
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
