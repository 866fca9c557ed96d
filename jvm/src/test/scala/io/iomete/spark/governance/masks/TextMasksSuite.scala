package io.iomete.spark.governance.masks

import java.lang.Character.{UnicodeBlock, UnicodeScript}
import java.nio.ByteBuffer
import java.nio.charset.CodingErrorAction
import java.nio.charset.StandardCharsets.UTF_8

import io.iomete.spark.governance.decisions.Mask
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.funsuite.AnyFunSuite

class TextMasksSuite extends AnyFunSuite {
  private val redact = BothWays.text(Mask.Redact)

  test("redact keeps the shape of a text and nothing else") {
    val examples = Seq(
      "" -> "",
      "a" -> "x",
      "Anna-Maria O'Neill, 42" -> "Xxxx-Xxxxx X'Xxxxx, nn",
      "anna@example.com" -> "xxxx@xxxxxxx.xxx",
      "AZaz09 @[`{/:\t\u0000\u007f" -> "XXxxnn @[`{/:\t\u0000\u007f",
      "Österreich" -> "Xxxxxxxxxx",
      "Иван Петров" -> "Xxxx Xxxxxx",
      "李小龙" -> "xxx",
      "محمد ٢٠٢٤" -> "xxxx nnnn",
      "हिन्दी १२" -> "xxxxxx nn",
      "e\u0301" -> "xx",
      "½ Ⅷ ⑦ ²" -> "n n n n",
      "ǅ" -> "X",
      "€100 – “ok” … ±5" -> "€nnn – “xx” … ±n",
      "\u00a0\u2003" -> "\u00a0\u2003",
      "🇩🇪" -> "xx",
      "👨‍👩‍👧" -> "xxxxx",
      "ⒶⒷ 🄰" -> "xx x",
      "\ue000\udb80\udc00\ufdd0" -> "xxx",
      "\u200b\u2028\ufeff" -> "xxx",
      "𝐀𝛁𝟗" -> "Xxn",
      "।،、。！" -> "xxxxx",
      "৲" -> "x",
      "\u1680" -> "x"
    )
    examples.foreach { case (value, expected) => assert(redact(value) == expected, value) }
    assert(redact(null) == null)
  }

  test("redact leaves no code point of a script, of whichever of Unicode's") {
    (0 to Character.MAX_CODE_POINT).filterNot(isSurrogate).grouped(4096).foreach { codePoints =>
      val masked = redact(new String(codePoints.toArray, 0, codePoints.size)).codePoints.toArray
      assert(masked.length == codePoints.size)
      codePoints.zip(masked).foreach { case (before, after) =>
        assert(after == replacement(before), f"U+$before%X")
        if (after == before && before >= 0x80) {
          assert(!Character.isLetterOrDigit(before) && Character.isDefined(before), f"U+$before%X")
          assert(UnicodeScript.of(before) == UnicodeScript.COMMON, f"U+$before%X")
        }
      }
    }
  }

  test("redact is the same at every length, of ASCII and others, aligned or not") {
    val texts = new RandomText(1)
    (1 to 20000).foreach { _ =>
      val codePoints = texts.codePoints(40)
      val expected = texts.text(codePoints.map(replacement))
      assert(redact(texts.text(codePoints)) == expected)
    }
  }

  test("redact reads strings that lie within other bytes, and outside the heap") {
    val texts = new RandomText(2)
    (1 to 2000).foreach { round =>
      val (value, before) = (texts.string(30), round % 9)
      val bytes = value.getBytes(UTF_8)
      val within = new Array[Byte](bytes.length + before + 9).map(_ => 'q'.toByte)
      System.arraycopy(bytes, 0, within, before, bytes.length)
      val address = Platform.allocateMemory(within.length.toLong)
      try {
        Platform.copyMemory(within, Platform.BYTE_ARRAY_OFFSET.toLong, null, address, within.length.toLong)
        val onHeap = UTF8String.fromBytes(within, before, bytes.length)
        val offHeap = UTF8String.fromAddress(null, address + before, bytes.length)
        Seq(Redacted, ShownEnd(3, atStart = true), ShownEnd(3, atStart = false), HashedText(TestKey.key))
          .foreach { mask =>
            val expected = mask(UTF8String.fromString(value))
            assert(mask(onHeap) == expected && mask(offHeap) == expected)
          }
      } finally Platform.freeMemory(address)
    }
  }

  test("bytes that aren't UTF-8 don't survive, and no mask fails on them") {
    val texts = new RandomText(3)
    val masks = Seq(Mask.Redact, Mask.ShowFirst(2), Mask.ShowLast(2)).map(BothWays.bytes)
    (1 to 20000).foreach { _ =>
      val garbled = texts.garbled(20)
      masks.foreach { mask => assert(isWellFormed(mask(garbled))) }
      new String(masks.head(garbled), UTF_8).codePoints.toArray.foreach { after =>
        assert(Set[Int]('x', 'X', 'n')(after) || replacement(after) == after)
      }
    }
    assert(new String(masks.head(Array(0xc3, 'a', 0x80, 0xf5).map(_.toByte)), UTF_8) == "xxxx")
    // Overlong, a surrogate, beyond Unicode, cut off.
    Seq(Seq(0xc0, 0xaf), Seq(0xe0, 0x80, 0xaf), Seq(0xed, 0xa0, 0x80), Seq(0xf4, 0x90, 0x80, 0x80), Seq(0xe2, 0x82))
      .foreach { bytes =>
        assert(new String(masks.head(bytes.map(_.toByte).toArray), UTF_8) == "x" * bytes.size)
      }
  }

  test("the first or the last code points are shown, and short values hidden wholly") {
    val (first, last) = (BothWays.text(Mask.ShowFirst(4)), BothWays.text(Mask.ShowLast(4)))
    val examples = Seq(
      ("", "", ""),
      ("abc", "***", "***"),
      ("abcd", "****", "****"),
      ("abcde", "abcd*", "*bcde"),
      ("4111 1111 1111 1234", "4111***************", "***************1234"),
      ("Владимир", "Влад****", "****имир"),
      ("Влад", "****", "****"),
      ("李小龍李小龍", "李小龍李**", "**龍李小龍"),
      ("😀😃😄😁😆", "😀😃😄😁*", "*😃😄😁😆")
    )
    examples.foreach { case (value, start, end) =>
      assert(first(value) == start)
      assert(last(value) == end)
    }
    assert(first(null) == null && last(null) == null)
  }

  test("hiding marks, format characters or padding alone counts as hiding nothing") {
    val (first, last) = (BothWays.text(Mask.ShowFirst(4)), BothWays.text(Mask.ShowLast(4)))
    // José, decomposed; with a zero-width space; padded as a CHAR.
    Seq("Jose\u0301" -> 5, "1234\u200b" -> 5, "\u200b1234" -> 5, "1234      " -> 10, "12é4   " -> 7)
      .foreach { case (value, size) =>
        assert(first(value) == "*" * size, value)
        assert(last(value) == "*" * size, value)
      }
    assert(first("12345     ") == "1234******")
  }

  test("no more code points are shown than the mask says, and as many as there were remain") {
    val texts = new RandomText(4)
    for (shown <- Seq(0, 1, 2, 4, 9); atStart <- Seq(true, false)) {
      val mask = BothWays.text(if (atStart) Mask.ShowFirst(shown) else Mask.ShowLast(shown))
      (1 to 4000).foreach { _ =>
        val value = texts.codePoints(14)
        val masked = mask(texts.text(value)).codePoints.toArray.toSeq
        val expected =
          if (value.reverse.dropWhile(_ == ' ').count(isMeaningful) <= shown) value.map(_ => '*'.toInt)
          else if (atStart) value.take(shown) ++ value.drop(shown).map(_ => '*'.toInt)
          else value.dropRight(shown).map(_ => '*'.toInt) ++ value.takeRight(shown)
        assert(masked == expected)
      }
    }
  }

  /** The rule once more, from Unicode's categories alone. */
  private def replacement(codePoint: Int): Int = {
    val category = Character.getType(codePoint).toByte
    if (codePoint < 0x80) {
      val c = codePoint.toChar
      if (c.isUpper) 'X' else if (c.isLower) 'x' else if (c.isDigit) 'n' else codePoint
    } else if (Set(Character.UPPERCASE_LETTER, Character.TITLECASE_LETTER)(category)) 'X'
    else if (Set(Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER)(category)) 'n'
    else if (isNeutral(codePoint, category)) codePoint
    else 'x'
  }

  private def isNeutral(codePoint: Int, category: Byte): Boolean = {
    val block = UnicodeBlock.of(codePoint)
    val symbols = Set(Character.CURRENCY_SYMBOL, Character.MATH_SYMBOL, Character.SPACE_SEPARATOR)
    val others = Set(Character.CONTROL, Character.FORMAT, Character.MODIFIER_SYMBOL, Character.OTHER_SYMBOL,
      Character.LOWERCASE_LETTER, Character.OTHER_LETTER, Character.MODIFIER_LETTER, Character.UNASSIGNED,
      Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR)
    if (symbols(category)) {
      UnicodeScript.of(codePoint) == UnicodeScript.COMMON &&
      block != UnicodeBlock.MATHEMATICAL_ALPHANUMERIC_SYMBOLS
    } else {
      !others(category) && !isMark(category) &&
      (block == UnicodeBlock.GENERAL_PUNCTUATION || block == UnicodeBlock.LATIN_1_SUPPLEMENT)
    }
  }

  private def isMark(category: Byte): Boolean =
    Set(Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK)(category)

  private def isMeaningful(codePoint: Int): Boolean = {
    val category = Character.getType(codePoint).toByte
    !isMark(category) && category != Character.FORMAT
  }

  private def isSurrogate(codePoint: Int): Boolean = codePoint >= 0xd800 && codePoint <= 0xdfff

  private def isWellFormed(bytes: Array[Byte]): Boolean =
    scala.util.Try {
      UTF_8.newDecoder.onMalformedInput(CodingErrorAction.REPORT).decode(ByteBuffer.wrap(bytes))
    }.isSuccess
}
