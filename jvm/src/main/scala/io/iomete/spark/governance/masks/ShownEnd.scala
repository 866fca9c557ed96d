package io.iomete.spark.governance.masks

import java.util.Arrays

import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String

/** All but the first or the last code points become `*`; bytes that aren't UTF-8 always do.
  *
  * Shown are `shown` code points, marks counted like letters. A value is hidden wholly unless it has
  * more than `shown` that mean something: combining marks, format characters and the spaces that pad
  * a CHAR don't count, or hiding these alone would show the rest.
  */
private[masks] final case class ShownEnd(shown: Int, atStart: Boolean) extends ValueMask {
  private val star: Byte = '*'

  override def name: String = if (atStart) s"first_$shown" else s"last_$shown"

  override def apply(value: Any): Any = {
    val text = value.asInstanceOf[UTF8String]
    if (Utf8.isAscii(text)) maskAscii(text) else maskOther(text)
  }

  private def maskAscii(text: UTF8String): UTF8String = {
    val masked = new Array[Byte](text.numBytes)
    Arrays.fill(masked, star)
    if (sizeWithoutPadding(text) > shown && shown > 0) {
      copy(text, if (atStart) 0 else masked.length - shown, shown, masked, if (atStart) 0 else masked.length - shown)
    }
    UTF8String.fromBytes(masked)
  }

  private def maskOther(text: UTF8String): UTF8String = {
    val total = count(text, text.numBytes, _ => true)
    val hideAll = count(text, sizeWithoutPadding(text), isMeaningful) <= shown
    val masked = new Array[Byte](text.numBytes)
    var (i, end, index) = (0, 0, 0)
    while (i < masked.length) {
      val codePoint = Utf8.codePoint(text, i)
      val bytes = Utf8.bytesOf(codePoint)
      val isShown = if (atStart) index < shown else index >= total - shown
      if (isShown && !hideAll && codePoint >= 0) {
        copy(text, i, bytes, masked, end)
        end += bytes
      } else {
        masked(end) = star
        end += 1
      }
      i += bytes
      index += 1
    }
    UTF8String.fromBytes(masked, 0, end)
  }

  private def count(text: UTF8String, size: Int, counts: Int => Boolean): Int = {
    var (i, found) = (0, 0)
    while (i < size) {
      val codePoint = Utf8.codePoint(text, i)
      if (counts(codePoint)) found += 1
      i += Utf8.bytesOf(codePoint)
    }
    found
  }

  private def isMeaningful(codePoint: Int): Boolean =
    codePoint < 0 || (Character.getType(codePoint).toByte match {
      case Character.NON_SPACING_MARK | Character.COMBINING_SPACING_MARK | Character.ENCLOSING_MARK |
          Character.FORMAT =>
        false
      case _ => true
    })

  private def sizeWithoutPadding(text: UTF8String): Int = {
    var size = text.numBytes
    while (size > 0 && Utf8.byteAt(text, size - 1) == ' ') size -= 1
    size
  }

  private def copy(text: UTF8String, from: Int, bytes: Int, target: Array[Byte], to: Int): Unit =
    Platform.copyMemory(
      text.getBaseObject,
      text.getBaseOffset + from,
      target,
      Platform.BYTE_ARRAY_OFFSET.toLong + to,
      bytes.toLong
    )
}
