package io.iomete.spark.governance.masks

import java.lang.Character.{UnicodeBlock, UnicodeScript}

import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String

/** Letters become `x` or `X`, digits and other numbers `n`, one for one code point.
  *
  * What stays is what tells nothing: ASCII's punctuation, symbols and controls, general punctuation,
  * currency and mathematical symbols and spaces that belong to no script. Everything else becomes
  * `x`: marks, other symbols (emoji and enclosed letters spell words), format and control
  * characters, private use, what Unicode hasn't assigned, and each byte that isn't UTF-8.
  */
private[masks] case object Redacted extends ValueMask {
  private val kept: Byte = 0
  private val asciiReplacements: Array[Byte] = Array.tabulate(0x80)(asciiReplacement)

  override def name: String = "redacted"

  override def apply(value: Any): Any = {
    val text = value.asInstanceOf[UTF8String]
    val redacted = new Array[Byte](text.numBytes)
    val done = redactAscii(text, redacted)
    if (done == redacted.length) UTF8String.fromBytes(redacted) else redactRest(text, redacted, done)
  }

  /** Redacts up to the first word with a byte that isn't ASCII; says where it stopped. */
  private def redactAscii(text: UTF8String, redacted: Array[Byte]): Int = {
    val size = redacted.length
    var i = 0
    var word = 0L
    while (i + Utf8.wordBytes <= size && { word = Utf8.wordAt(text, i); (word & Utf8.highBits) == 0 }) {
      Platform.putLong(redacted, Platform.BYTE_ARRAY_OFFSET.toLong + i, redactedWord(word))
      i += Utf8.wordBytes
    }
    if (i < size && size - i < Utf8.wordBytes && size >= Utf8.wordBytes) {
      // The last word overlaps the one before, which gives the same bytes once more.
      word = Utf8.wordAt(text, size - Utf8.wordBytes)
      if ((word & Utf8.highBits) == 0) {
        Platform.putLong(redacted, Platform.BYTE_ARRAY_OFFSET.toLong + size - Utf8.wordBytes, redactedWord(word))
        i = size
      }
    }
    while (i < size && Utf8.byteAt(text, i) >= 0) {
      redacted(i) = asciiReplacements(Utf8.byteAt(text, i).toInt)
      i += 1
    }
    i
  }

  /** Eight ASCII bytes at once. `X` and `x` differ in the bit that tells the case of a letter. */
  private def redactedWord(word: Long): Long = {
    val caseBits = 0x20 * Utf8.ones
    val letters = bytesBetween(word | caseBits, 'a', 'z')
    val digits = bytesBetween(word, '0', '9')
    (word & ~(letters | digits)) |
      (letters & ((word & caseBits) | ('X' * Utf8.ones))) |
      (digits & ('n' * Utf8.ones))
  }

  /** 0xff in each byte that is in the range, 0 in the others. Bytes are ASCII, so nothing carries. */
  private def bytesBetween(word: Long, first: Char, last: Char): Long = {
    val reached = word + (0x80 - first) * Utf8.ones
    val passed = word + (0x7f - last) * Utf8.ones
    val flags = reached & ~passed & Utf8.highBits
    (flags - (flags >>> 7)) | flags
  }

  private def redactRest(text: UTF8String, redacted: Array[Byte], start: Int): UTF8String = {
    val size = text.numBytes
    var i = start
    var end = start
    while (i < size) {
      val codePoint = Utf8.codePoint(text, i)
      val bytes = Utf8.bytesOf(codePoint)
      val replacement = replacementOf(codePoint)
      if (replacement == kept) {
        Utf8.copy(text, i, bytes, redacted, end)
        end += bytes
      } else {
        redacted(end) = replacement
        end += 1
      }
      i += bytes
    }
    UTF8String.fromBytes(redacted, 0, end)
  }

  private def replacementOf(codePoint: Int): Byte =
    if (codePoint < 0) 'x'
    else if (codePoint < asciiReplacements.length) {
      val replacement = asciiReplacements(codePoint)
      if (replacement == codePoint) kept else replacement
    } else otherReplacement(codePoint)

  private def asciiReplacement(codePoint: Int): Byte = codePoint.toChar match {
    case c if c >= 'A' && c <= 'Z' => 'X'
    case c if c >= 'a' && c <= 'z' => 'x'
    case c if c >= '0' && c <= '9' => 'n'
    case c => c.toByte
  }

  private def otherReplacement(codePoint: Int): Byte = Character.getType(codePoint).toByte match {
    case Character.UPPERCASE_LETTER | Character.TITLECASE_LETTER => 'X'
    case Character.DECIMAL_DIGIT_NUMBER | Character.LETTER_NUMBER | Character.OTHER_NUMBER => 'n'
    case Character.CONNECTOR_PUNCTUATION | Character.DASH_PUNCTUATION | Character.START_PUNCTUATION |
        Character.END_PUNCTUATION | Character.INITIAL_QUOTE_PUNCTUATION |
        Character.FINAL_QUOTE_PUNCTUATION | Character.OTHER_PUNCTUATION
        if isGeneralPunctuation(codePoint) =>
      kept
    case Character.CURRENCY_SYMBOL | Character.MATH_SYMBOL | Character.SPACE_SEPARATOR
        if isOfNoScript(codePoint) =>
      kept
    case _ => 'x'
  }

  private def isGeneralPunctuation(codePoint: Int): Boolean = UnicodeBlock.of(codePoint) match {
    case UnicodeBlock.LATIN_1_SUPPLEMENT | UnicodeBlock.GENERAL_PUNCTUATION => true
    case _ => false
  }

  /** The alphanumerics for mathematics are letters in other shapes; nabla is among them. */
  private def isOfNoScript(codePoint: Int): Boolean =
    UnicodeScript.of(codePoint) == UnicodeScript.COMMON &&
      UnicodeBlock.of(codePoint) != UnicodeBlock.MATHEMATICAL_ALPHANUMERIC_SYMBOLS
}
