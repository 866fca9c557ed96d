package io.iomete.spark.governance.masks

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
    val masked = Utf8.repeated(star, text.numBytes)
    if (sizeWithoutPadding(text) > shown) {
      val start = if (atStart) 0 else masked.length - shown
      Utf8.copy(text, start, shown, masked, start)
    }
    UTF8String.fromBytes(masked)
  }

  private def maskOther(text: UTF8String): UTF8String = {
    val hideAll = !hasMoreThanShown(text)
    val firstShown = if (atStart) 0 else countOf(text) - shown
    val masked = new Array[Byte](text.numBytes)
    var i = 0
    var end = 0
    var index = 0
    while (i < masked.length) {
      val codePoint = Utf8.codePoint(text, i)
      val bytes = Utf8.bytesOf(codePoint)
      val isShown = index >= firstShown && index - firstShown < shown
      if (isShown && !hideAll && codePoint != Utf8.malformed) {
        Utf8.copy(text, i, bytes, masked, end)
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

  private def countOf(text: UTF8String): Int = {
    val size = text.numBytes
    var i = 0
    var count = 0
    while (i < size) {
      i += Utf8.bytesOf(Utf8.codePoint(text, i))
      count += 1
    }
    count
  }

  private def hasMoreThanShown(text: UTF8String): Boolean = {
    val size = sizeWithoutPadding(text)
    var i = 0
    var meaningful = 0
    while (i < size && meaningful <= shown) {
      val codePoint = Utf8.codePoint(text, i)
      if (isMeaningful(codePoint)) meaningful += 1
      i += Utf8.bytesOf(codePoint)
    }
    meaningful > shown
  }

  private def isMeaningful(codePoint: Int): Boolean =
    codePoint == Utf8.malformed || (Character.getType(codePoint).toByte match {
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
}
