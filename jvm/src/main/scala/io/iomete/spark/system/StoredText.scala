package io.iomete.spark.system

/** Text as the metadata database holds it: `AnyText` in Python.
  *
  * NUL and halves of surrogate pairs, which a database would refuse, are escapes such as `\udc80`;
  * a backslash is doubled.
  */
private[system] object StoredText {

  /** What is stored for a text. */
  def of(text: String): String = {
    val stored = new java.lang.StringBuilder(text.length)
    text.codePoints.forEach { point =>
      if (point == '\\') stored.append("\\\\")
      else if (point == 0 || (point >= 0xd800 && point <= 0xdfff)) stored.append(f"\\u$point%04x")
      else stored.appendCodePoint(point)
      ()
    }
    stored.toString
  }

  /** The text that was stored. */
  def read(stored: String): String =
    if (stored.indexOf('\\'.toInt) < 0) stored
    else {
      val text = new java.lang.StringBuilder(stored.length)
      var i = 0
      while (i < stored.length) {
        val c = stored.charAt(i)
        if (c != '\\') { text.append(c); i += 1 }
        else if (stored.charAt(i + 1) == '\\') { text.append(c); i += 2 }
        else {
          text.append(Integer.parseInt(stored.substring(i + 2, i + 6), 16).toChar)
          i += 6
        }
      }
      text.toString
    }
}
