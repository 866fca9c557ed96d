package io.iomete.spark.governance.ranger

import java.text.{ParsePosition, SimpleDateFormat}
import java.util.TimeZone

import scala.jdk.CollectionConverters._
import scala.util.Try

import org.apache.ranger.plugin.model.{RangerValidityRecurrence, RangerValiditySchedule}
import org.apache.ranger.plugin.policyevaluator.RangerValidityScheduleEvaluator

/** When policies and tags begin and cease to hold. */
private object Schedules {
  private val pattern = RangerValiditySchedule.VALIDITY_SCHEDULE_DATE_STRING_SPECIFICATION
  private val timeZones = TimeZone.getAvailableIDs.toSet
  private val minute = 60000L

  /** What Ranger would pass over: a date that it can't read makes a period unbounded. */
  def problem(schedule: RangerValiditySchedule): Option[String] = {
    val recurrences = Option(schedule.getRecurrences).fold(Seq.empty[RangerValidityRecurrence])(_.asScala.toSeq)
    val dates = Seq(schedule.getStartTime, schedule.getEndTime).filter(isGiven)
    val zone = Seq(schedule.getTimeZone).filter(isGiven)
    dates.find(time(_).isEmpty).map(text => s"its validity has the date `$text`, which is not of the form `$pattern`")
      .orElse(zone.find(!timeZones(_)).map(text => s"its validity has the unknown time zone `$text`"))
      .orElse(Option.when(dates.isEmpty && recurrences.isEmpty)("its validity has neither dates nor recurrences"))
      .orElse(Option.when(!recurrences.forall(isWhole(schedule)))("its validity has an unreadable recurrence"))
  }

  /** The first moment after `now` at which one of `schedules` may begin or end.
    *
    * What recurs does so on minutes, so the next one is a safe bound for it.
    */
  def nextChange(schedules: Seq[RangerValiditySchedule], now: Long): Long =
    if (schedules.isEmpty) Long.MaxValue
    else
      schedules.flatMap { schedule =>
        val recurring =
          Option.when(!Option(schedule.getRecurrences).forall(_.isEmpty))((now / minute + 1) * minute)
        val start = Option(schedule.getStartTime).filter(isGiven).flatMap(moment(_, schedule))
        // Ranger's periods include the millisecond of their end.
        val end = Option(schedule.getEndTime).filter(isGiven).flatMap(moment(_, schedule)).map(_ + 1)
        (recurring ++ start ++ end).filter(_ > now)
      }.minOption.getOrElse(Long.MaxValue)

  private def isGiven(text: String): Boolean = text != null && text.nonEmpty

  private def isWhole(schedule: RangerValiditySchedule)(recurrence: RangerValidityRecurrence): Boolean =
    recurrence != null && recurrence.getInterval != null && recurrence.getSchedule != null &&
      RangerValidityRecurrence.ValidityInterval.getValidityIntervalInMinutes(recurrence.getInterval) > 0 &&
      Try(new RangerValidityScheduleEvaluator(schedule).isApplicable(System.currentTimeMillis())).isSuccess

  /** As Ranger has it: the text is read in the JVM's zone and shifted to the schedule's, GMT by default. */
  private def moment(text: String, schedule: RangerValiditySchedule): Option[Long] = {
    val zone = Option(schedule.getTimeZone).filter(_.trim.nonEmpty).getOrElse("GMT")
    time(text).map(RangerValidityScheduleEvaluator.getAdjustedTime(_, TimeZone.getTimeZone(zone)))
  }

  private def time(text: String): Option[Long] = {
    val format = new SimpleDateFormat(pattern)
    format.setLenient(false)
    val position = new ParsePosition(0)
    Option(format.parse(text, position)).filter(_ => position.getIndex == text.length).map(_.getTime)
  }
}
