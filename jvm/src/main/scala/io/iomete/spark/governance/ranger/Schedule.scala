package io.iomete.spark.governance.ranger

import java.time.{DateTimeException, Instant, LocalDate, LocalDateTime, ZoneId, ZonedDateTime}
import java.time.format.{DateTimeFormatter, ResolverStyle}
import java.util.TimeZone

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.{RangerValidityRecurrence, RangerValiditySchedule}
import org.apache.ranger.plugin.model.RangerValidityRecurrence.RecurrenceSchedule

/** When a policy or a tag holds, by the clock of the schedule's own time zone.
  *
  * Both ends belong to the period, as in Ranger.
  */
private final class Schedule(begin: Option[Long], end: Option[Long], zone: ZoneId, recurrences: Seq[Recurrence]) {

  def holdsAt(time: Long): Boolean =
    begin.forall(time >= _) && end.forall(time <= _) && (recurrences.isEmpty || {
      val now = Instant.ofEpochMilli(time).atZone(zone)
      recurrences.exists(_.holdsAt(now))
    })

  /** A moment after `now` before which nothing begins or ends.
    *
    * What recurs begins on a minute, and ends just after one.
    */
  def nextChange(now: Long): Long = {
    val minute = Math.floorDiv(now, Schedule.minute) * Schedule.minute
    val recurring = Option.when(recurrences.nonEmpty)(if (now == minute) now + 1 else minute + Schedule.minute)
    (begin ++ end.map(_ + 1) ++ recurring).filter(_ > now).minOption.getOrElse(Long.MaxValue)
  }
}

private object Schedule {
  private val minute = 60000L
  private val format = DateTimeFormatter.ofPattern("uuuu/M/d H:m:s").withResolverStyle(ResolverStyle.STRICT)
  private val zones = TimeZone.getAvailableIDs.toSet

  /** What a schedule says, or what is wrong with it.
    *
    * Ranger takes a date that it can't read for no bound at all, and a zone that it doesn't know for GMT.
    */
  def read(schedule: RangerValiditySchedule): Either[String, Schedule] = {
    val recurrences = Option(schedule.getRecurrences).fold(Seq.empty[RangerValidityRecurrence])(_.asScala.toSeq)
    for {
      zone <- zoneOf(schedule)
      begin <- moment(schedule.getStartTime, zone)
      end <- moment(schedule.getEndTime, zone)
      _ <- Either.cond(
        begin.nonEmpty || end.nonEmpty || recurrences.nonEmpty,
        (),
        "its validity has neither dates nor recurrences"
      )
      read <- Eithers.all(recurrences.map(Recurrence.read))
    } yield new Schedule(begin, end, zone, read)
  }

  private def zoneOf(schedule: RangerValiditySchedule): Either[String, ZoneId] = {
    val name = Option(schedule.getTimeZone).map(_.trim).filter(_.nonEmpty).getOrElse("GMT")
    Either.cond(zones(name), TimeZone.getTimeZone(name).toZoneId, s"its validity has the unknown time zone `$name`")
  }

  private def moment(text: String, zone: ZoneId): Either[String, Option[Long]] =
    if (text == null || text.isEmpty) Right(None)
    else
      try Right(Some(LocalDateTime.parse(text, format).atZone(zone).toInstant.toEpochMilli))
      catch {
        case _: DateTimeException =>
          val pattern = RangerValiditySchedule.VALIDITY_SCHEDULE_DATE_STRING_SPECIFICATION
          Left(s"its validity has the date `$text`, which is not of the form `$pattern`")
      }
}

/** What comes again and again: on which minutes it begins, and for how long it lasts.
  *
  * A day fits that is one of `daysOfMonth` or one of `daysOfWeek`, as in Ranger; the week's first day is
  * Sunday.
  */
private final case class Recurrence(
    minutes: Seq[Int],
    hours: Seq[Int],
    daysOfMonth: Set[Int],
    daysOfWeek: Set[Int],
    months: Set[Int],
    years: Set[Int],
    interval: RangerValidityRecurrence.ValidityInterval
) {

  def holdsAt(now: ZonedDateTime): Boolean = lastBeginning(now).exists(!endOf(_).isBefore(now))

  /** The last beginning, unless it is so long ago that it doesn't matter any more. */
  private def lastBeginning(now: ZonedDateTime): Option[ZonedDateTime] =
    Iterator
      .iterate(now.toLocalDate)(_.minusDays(1))
      .take(interval.getDays + 3) // an interval is less than a day longer than its days, and clocks change
      .filter(fits)
      .flatMap(beginnings(_, now.getZone))
      .find(!_.isAfter(now))

  private def fits(day: LocalDate): Boolean =
    years(day.getYear) && months(day.getMonthValue) &&
      (daysOfMonth(day.getDayOfMonth) || daysOfWeek(day.getDayOfWeek.getValue % 7 + 1))

  /** Latest first. */
  private def beginnings(day: LocalDate, zone: ZoneId): Iterator[ZonedDateTime] =
    for (hour <- hours.reverseIterator; minute <- minutes.reverseIterator) yield day.atTime(hour, minute).atZone(zone)

  private def endOf(beginning: ZonedDateTime): ZonedDateTime =
    beginning
      .plusMinutes(interval.getMinutes.toLong)
      .plusHours(interval.getHours.toLong)
      .plusDays(interval.getDays.toLong)
}

private object Recurrence {
  private val numbers = """(\d{1,4})(?:-(\d{1,4}))?""".r

  def read(recurrence: RangerValidityRecurrence): Either[String, Recurrence] = {
    val schedule = Option(recurrence).flatMap(r => Option(r.getSchedule))
    val interval = Option(recurrence).flatMap(r => Option(r.getInterval)).filter { i =>
      i.getDays >= 0 && i.getHours >= 0 && i.getMinutes >= 0 && i.getDays + i.getHours + i.getMinutes > 0
    }
    (schedule, interval) match {
      case (Some(when), Some(lasting)) => read(when, lasting)
      case _                           => Left("its validity has a recurrence without a schedule or an interval")
    }
  }

  private def read(
      when: RecurrenceSchedule,
      interval: RangerValidityRecurrence.ValidityInterval
  ): Either[String, Recurrence] =
    for {
      minutes <- field("minute", when.getMinute, 0 to 59)
      hours <- field("hour", when.getHour, 0 to 23)
      daysOfMonth <- if (isBlank(when.getDayOfMonth)) Right(Nil) else field("dayOfMonth", when.getDayOfMonth, 1 to 31)
      daysOfWeek <- if (isBlank(when.getDayOfWeek)) Right(Nil) else field("dayOfWeek", when.getDayOfWeek, 1 to 7)
      _ <- Either.cond(daysOfMonth.nonEmpty || daysOfWeek.nonEmpty, (), problem("dayOfWeek", when.getDayOfWeek))
      months <- field("month", when.getMonth, 1 to 12)
      years <- field("year", when.getYear, 1970 to 2200)
    } yield Recurrence(minutes, hours, daysOfMonth.toSet, daysOfWeek.toSet, months.toSet, years.toSet, interval)

  /** Values that a field names, in order: numbers and ranges with commas between them, or `*`. */
  private def field(name: String, text: String, known: Range): Either[String, Seq[Int]] = {
    val parts = Option(text).fold("")(_.filterNot(_.isWhitespace)).split(",", -1).toSeq
    if (parts.contains("*")) Right(known)
    else
      Eithers.all(parts.map {
        case numbers(first, last) =>
          val range = first.toInt to Option(last).getOrElse(first).toInt
          Either.cond(range.nonEmpty && known.contains(range.head) && known.contains(range.last), range, problem(name, text))
        case _ => Left(problem(name, text))
      }).map(_.flatten.distinct.sorted)
  }

  private def problem(name: String, text: String): String =
    s"its validity has a recurrence whose `$name` is `${Option(text).getOrElse("")}`"

  private def isBlank(text: String): Boolean = text == null || text.isBlank
}

private object Eithers {

  /** All the values, or the first problem. */
  def all[A](each: Seq[Either[String, A]]): Either[String, Seq[A]] =
    each.collectFirst { case Left(problem) => problem }.toLeft(each.collect { case Right(value) => value })
}
