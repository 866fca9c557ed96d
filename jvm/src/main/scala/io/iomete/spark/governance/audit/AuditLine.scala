package io.iomete.spark.governance.audit

import java.nio.charset.StandardCharsets.UTF_8
import java.time.{Instant, ZoneOffset}
import java.time.format.DateTimeFormatter

/** An event as one line of a spool file: a JSON object, UTF-8, `\n`.
  *
  * Written by hand, because Jackson refuses text that isn't valid Unicode, and an event must not be
  * lost for a strange name: half a surrogate pair becomes its escape (`\ud800`), which JSON allows.
  */
private[audit] object AuditLine {
  private val time =
    DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC)

  def bytes(id: String, at: Instant, event: AuditEvent): Array[Byte] = {
    val line = new java.lang.StringBuilder(512)
    line.append('{')
    text(name(line, "id"), id)
    text(name(line, "time"), time.format(at))
    text(name(line, "principal"), event.principal)
    text(name(line, "action"), event.action)
    text(name(line, "resource"), event.resource)
    event.columns.fold(none(name(line, "columns")))(texts(name(line, "columns"), _))
    text(name(line, "verdict"), event.verdict.text)
    list(name(line, "policies"), event.policies)(line.append(_))
    masks(name(line, "masks"), event.masks)
    list(name(line, "filters"), event.filters)(line.append(_))
    optional(name(line, "snapshot"), event.snapshot)
    text(name(line, "query"), event.query)
    text(name(line, "session"), event.session)
    text(name(line, "application"), event.application)
    texts(name(line, "via"), event.via)
    optional(name(line, "reason"), event.reason)
    line.append("}\n").toString.getBytes(UTF_8)
  }

  private type Line = java.lang.StringBuilder

  /** The names are ours: none needs an escape. */
  private def name(line: Line, name: String): Line = {
    if (line.length > 1) line.append(',')
    line.append('"').append(name).append("\":")
  }

  private def none(line: Line): Unit = { line.append("null"); () }

  private def optional(line: Line, value: Option[String]): Unit =
    value.fold(none(line))(text(line, _))

  private def texts(line: Line, values: Seq[String]): Unit = list(line, values)(text(line, _))

  private def list[A](line: Line, values: Seq[A])(append: A => Any): Unit = {
    line.append('[')
    var isFirst = true
    values.foreach { value =>
      if (isFirst) isFirst = false else line.append(',')
      append(value)
    }
    line.append(']')
    ()
  }

  private def masks(line: Line, masks: Map[String, String]): Unit = {
    line.append('{')
    var isFirst = true
    masks.foreachEntry { (column, mask) =>
      if (isFirst) isFirst = false else line.append(',')
      text(line, column)
      line.append(':')
      text(line, mask)
    }
    line.append('}')
    ()
  }

  private def text(line: Line, value: String): Unit = {
    line.append('"')
    var i = 0
    while (i < value.length) {
      val c = value.charAt(i)
      if (c == '"' || c == '\\') line.append('\\').append(c)
      else if (c < ' ') escaped(line, c)
      else if (!Character.isSurrogate(c)) line.append(c)
      else if (isPair(value, i)) {
        i += 1
        line.append(c).append(value.charAt(i))
      } else escaped(line, c)
      i += 1
    }
    line.append('"')
    ()
  }

  private def isPair(value: String, i: Int): Boolean =
    i + 1 < value.length && Character.isSurrogatePair(value.charAt(i), value.charAt(i + 1))

  private def escaped(line: Line, c: Char): Unit = {
    line.append("\\u")
    for (shift <- Seq(12, 8, 4, 0)) line.append(Character.forDigit((c >> shift) & 0xf, 16))
  }
}
