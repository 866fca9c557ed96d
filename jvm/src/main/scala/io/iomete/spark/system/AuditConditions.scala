package io.iomete.spark.system

import java.time.format.DateTimeFormatter
import java.time.{Instant, ZoneOffset}

import org.apache.spark.sql.sources._
import org.apache.spark.sql.types.StringType

/** A condition as the metadata database evaluates it. */
private[system] final case class Condition(sql: String, values: Seq[String])

/** What the metadata database can leave out for a query.
  *
  * Spark evaluates each condition again on what comes: these save reading, and no more.
  */
private[system] object AuditConditions {

  def of(filter: Filter): Option[Condition] = filter match {
    case And(left, right) => both(left, right, "AND")
    case Or(left, right)  => both(left, right, "OR")
    case In(name, values) if values.nonEmpty =>
      val each = values.toSeq.map(value => of(EqualTo(name, value)))
      Option.when(each.forall(_.isDefined))(each.flatten.reduce(joined(_, _, "OR")))
    case EqualTo(name, value)            => compared(name, "=", value)
    case EqualNullSafe(name, value)      => compared(name, "=", value)
    case GreaterThan(name, value)        => later(name, ">", value)
    case GreaterThanOrEqual(name, value) => later(name, ">=", value)
    case LessThan(name, value)           => later(name, "<", value)
    case LessThanOrEqual(name, value)    => later(name, "<=", value)
    case StringStartsWith(name, prefix)  => text(name).flatMap(startsWith(_, prefix))
    case _                               => None
  }

  private def both(left: Filter, right: Filter, word: String): Option[Condition] =
    for (a <- of(left); b <- of(right)) yield joined(a, b, word)

  private def joined(a: Condition, b: Condition, word: String): Condition =
    Condition(s"(${a.sql} $word ${b.sql})", a.values ++ b.values)

  private def compared(name: String, operator: String, value: Any): Option[Condition] = value match {
    case text: String => this.text(name).map(equal(_, text))
    case other        => later(name, operator, other)
  }

  private def equal(column: AuditColumn, text: String): Condition = {
    val whole = Condition(s"${column.stored} = ?", Seq(StoredText.of(text)))
    // The key alone is indexed.
    if (column != AuditColumn.resource) whole
    else joined(Condition("resource_key = ?", Seq(StoredText.of(keyOf(text)))), whole, "AND")
  }

  /** As a range, which is plain on both databases; only where the next text is plain, too. */
  private def startsWith(column: AuditColumn, prefix: String): Option[Condition] =
    prefix.lastOption.filter(isPlain).map { last =>
      val begin = StoredText.of(prefix)
      val end = begin.init + (last + 1).toChar
      val range = (name: String) => Condition(s"($name >= ? AND $name < ?)", Seq(begin, end))
      val whole = range(column.stored)
      val isIndexed = column == AuditColumn.resource && keyOf(prefix) == prefix
      if (isIndexed) joined(range("resource_key"), whole, "AND") else whole
    }

  /** Neither the character nor the one after it needs an escape. */
  private def isPlain(c: Char): Boolean = c >= ' ' && c < '~' && c != '\\' && c != '['

  private def later(name: String, operator: String, value: Any): Option[Condition] = {
    val moment = value match {
      case time: java.sql.Timestamp => Some(time.toInstant)
      case time: Instant            => Some(time)
      case _                        => None
    }
    moment
      .filter(_ => name == AuditColumn.time.name)
      .map(_.atOffset(ZoneOffset.UTC))
      .filter(time => time.getYear >= 1 && time.getYear <= 9999)
      .map(time => Condition(s"${AuditColumn.time.stored} $operator ?", Seq(times.format(time))))
  }

  private def text(name: String): Option[AuditColumn] =
    AuditColumn.named(name).filter(_.dataType == StringType)

  /** As much of a resource as its index takes: `KEY_CHARACTERS` in Python, which counts code points. */
  private def keyOf(text: String): String =
    if (text.codePointCount(0, text.length) <= keyCharacters) text
    else text.substring(0, text.offsetByCodePoints(0, keyCharacters))

  private val keyCharacters = 400

  /** `UtcDateTime` in Python: of one width, so that texts compare as times do. */
  private val times = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'+00:00'")
}
