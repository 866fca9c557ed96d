package io.iomete.spark.governance.ranger

import java.time.{LocalDateTime, ZoneId}
import java.util.TimeZone

import scala.jdk.CollectionConverters._

import org.apache.ranger.plugin.model.{RangerValidityRecurrence, RangerValiditySchedule}
import org.apache.ranger.plugin.model.RangerValidityRecurrence.{RecurrenceSchedule, ValidityInterval}
import org.scalatest.Assertion
import org.scalatest.funsuite.AnyFunSuite

/** When policies hold, by the clock of their own time zone. */
class ScheduleSuite extends AnyFunSuite {

  private def schedule(
      from: String = null,
      to: String = null,
      zone: String = null,
      recurrences: Seq[RangerValidityRecurrence] = Nil
  ): Schedule = {
    val all = new RangerValiditySchedule(from, to, zone, recurrences.asJava)
    Schedule.read(all).fold(problem => fail(problem), identity)
  }

  private def recurring(
      minute: String = "0",
      hour: String = "*",
      dayOfMonth: String = null,
      dayOfWeek: String = null,
      month: String = "*",
      year: String = "*",
      lasting: (Int, Int, Int) = (0, 1, 0)
  ): RangerValidityRecurrence = {
    val (days, hours, minutes) = lasting
    new RangerValidityRecurrence(
      new RecurrenceSchedule(minute, hour, dayOfMonth, dayOfWeek, month, year),
      new ValidityInterval(days, hours, minutes)
    )
  }

  private def at(text: String, zone: String): Long =
    LocalDateTime.parse(text).atZone(ZoneId.of(zone)).toInstant.toEpochMilli

  private def inZoneOfTheMachine(zone: String)(body: => Assertion): Assertion = {
    val before = TimeZone.getDefault
    TimeZone.setDefault(TimeZone.getTimeZone(zone))
    try body
    finally TimeZone.setDefault(before)
  }

  private val machines = Seq("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati")

  /** Wherever the machine is. */
  private def anywhere(body: => Assertion): Assertion = machines.map(inZoneOfTheMachine(_)(body)).last

  test("a period is in its own time zone, and in GMT where it names none, whatever the machine's is") {
    anywhere {
      val tokyo = schedule("2026/01/01 09:00:00", "2026/01/01 17:00:00", "Asia/Tokyo")
      assert(!tokyo.holdsAt(at("2025-12-31T23:59:59", "UTC")))
      assert(tokyo.holdsAt(at("2026-01-01T00:00", "UTC")) && tokyo.holdsAt(at("2026-01-01T08:00", "UTC")))
      assert(!tokyo.holdsAt(at("2026-01-01T08:00", "UTC") + 1))
      assert(schedule(to = "2026/01/01 00:00:00").holdsAt(at("2026-01-01T00:00", "UTC")))
      assert(!schedule(to = "2026/01/01 00:00:00").holdsAt(at("2026-01-01T00:00", "UTC") + 1))
    }
  }

  test("an hour that the machine's clock leaves out is one elsewhere") {
    // In Berlin, 2026-03-29 has no 02:30: Ranger takes it for 03:30 there.
    inZoneOfTheMachine("Europe/Berlin") {
      val utc = schedule("2026/03/29 02:30:00", zone = "UTC")
      assert(utc.holdsAt(at("2026-03-29T02:30", "UTC")) && !utc.holdsAt(at("2026-03-29T02:29:59", "UTC")))
    }
  }

  test("what recurs begins by the clock of the schedule's time zone") {
    val office = recurring(hour = "9", dayOfWeek = "2-6", lasting = (0, 8, 0))
    anywhere {
      val berlin = schedule(zone = "Europe/Berlin", recurrences = Seq(office))
      def holds(text: String) = berlin.holdsAt(at(text, "Europe/Berlin"))
      assert(!holds("2026-11-23T08:59:59") && holds("2026-11-23T09:00") && holds("2026-11-23T17:00"))
      assert(!berlin.holdsAt(at("2026-11-23T17:00", "Europe/Berlin") + 1))
      assert(holds("2026-07-17T09:00"), "in summer time, too")
      assert(!holds("2026-11-22T12:00") && !holds("2026-11-21T12:00"), "Sunday and Saturday")
    }
  }

  test("it may last beyond midnight, and for days") {
    val night = schedule(recurrences = Seq(recurring(hour = "22", dayOfMonth = "*", lasting = (0, 8, 0))))
    assert(night.holdsAt(at("2026-01-01T02:00", "UTC")) && !night.holdsAt(at("2026-01-01T06:01", "UTC")))
    val month = recurring(hour = "0", dayOfMonth = "1", month = "1,7", lasting = (9, 23, 59))
    val half = schedule(recurrences = Seq(month))
    assert(half.holdsAt(at("2026-07-10T23:59", "UTC")) && !half.holdsAt(at("2026-07-11T00:00", "UTC")))
    assert(!half.holdsAt(at("2026-08-01T00:00", "UTC")))
  }

  test("a day fits by its date or by its week day") {
    val either = schedule(recurrences = Seq(recurring(hour = "0", dayOfMonth = "15", dayOfWeek = "2", lasting = (0, 23, 59))))
    assert(either.holdsAt(at("2026-01-15T12:00", "UTC")), "the 15th, a Thursday")
    assert(either.holdsAt(at("2026-01-12T12:00", "UTC")), "a Monday")
    assert(!either.holdsAt(at("2026-01-13T12:00", "UTC")))
  }

  test("minutes, hours and years") {
    val quarter = recurring(minute = "0, 30", hour = "8-9,12", dayOfMonth = "*", year = "2026", lasting = (0, 0, 10))
    val s = schedule(recurrences = Seq(quarter))
    def holding(texts: String*) = texts.filter(text => s.holdsAt(at(text, "UTC")))
    val within = Seq("2026-05-05T08:00", "2026-05-05T09:40", "2026-05-05T12:05")
    assert(holding(within: _*) == within)
    assert(holding("2026-05-05T08:11", "2026-05-05T10:00", "2027-05-05T08:00").isEmpty)
  }

  test("what recurs does so within the period only, and several recurrences add up") {
    val s = schedule(
      "2026/01/01 00:00:00",
      "2026/01/31 23:59:59",
      "UTC",
      Seq(recurring(hour = "8", dayOfMonth = "*"), recurring(hour = "20", dayOfMonth = "*"))
    )
    assert(s.holdsAt(at("2026-01-05T08:30", "UTC")) && s.holdsAt(at("2026-01-05T20:30", "UTC")))
    assert(!s.holdsAt(at("2026-01-05T12:00", "UTC")) && !s.holdsAt(at("2026-02-05T08:30", "UTC")))
  }

  test("boundaries: the next begin, the next end, and around minutes for what recurs") {
    val begin = at("2030-03-17T17:46:40", "UTC")
    val one = schedule("2030/03/17 17:46:40", "2030/03/17 18:46:40")
    val end = begin + 3600000
    assert(one.nextChange(begin - 5) == begin && one.nextChange(begin) == end + 1)
    assert(one.nextChange(end + 1) == Long.MaxValue)
    val many = schedule("2030/03/17 17:46:40", null, null, Seq(recurring(dayOfMonth = "*")))
    assert(many.nextChange(begin) == at("2030-03-17T17:47", "UTC"))
    val minute = at("2030-03-17T17:47", "UTC")
    assert(many.nextChange(minute) == minute + 1 && many.nextChange(minute + 1) == minute + 60000)
  }

  test("what can't be read is told") {
    def problem(schedule: RangerValiditySchedule): String = Schedule.read(schedule).left.getOrElse("")
    def of(recurrence: RangerValidityRecurrence) =
      problem(new RangerValiditySchedule(null, null, null, java.util.List.of(recurrence)))
    assert(problem(new RangerValiditySchedule()).contains("neither dates nor recurrences"))
    assert(problem(new RangerValiditySchedule("2026/02/30 00:00:00", null, null, null)).contains("2026/02/30"))
    assert(problem(new RangerValiditySchedule("2026/01/01 00:00:00 ", null, null, null)).contains("not of the form"))
    assert(problem(new RangerValiditySchedule("2026/01/01 00:00:00", null, "Mars/Olympus", null)).contains("Mars"))
    assert(of(recurring()).contains("dayOfWeek"), "no day")
    assert(of(recurring(hour = "24", dayOfMonth = "*")).contains("`hour` is `24`"))
    assert(of(recurring(hour = "9-8", dayOfMonth = "*")).contains("`hour`"))
    assert(of(recurring(month = "", dayOfMonth = "*")).contains("`month`"))
    assert(of(recurring(minute = "x", dayOfMonth = "*")).contains("`minute`"))
    assert(of(recurring(dayOfMonth = "*", lasting = (0, 0, 0))).contains("interval"))
    assert(of(new RangerValidityRecurrence()).contains("interval"))
  }
}
