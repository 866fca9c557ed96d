package io.iomete.spark.governance.masks

import org.apache.spark.sql.catalyst.util.DateTimeUtils

/** 1 January of a date's year, in the proleptic Gregorian calendar, as `trunc` gives it. */
private[masks] case object YearOfDate extends ValueMask {
  override def name: String = "year"

  /** The first year that dates reach begins before the first date. */
  override def mayGiveNull: Boolean = true

  override def apply(value: Any): Any = {
    val start = YearStart.ofDay(value.asInstanceOf[Int])
    if (start < Int.MinValue) null else start.toInt
  }
}

/** Midnight of 1 January of the year that it is in UTC, whatever the session's time zone.
  *
  * A time zone that the asker sets would move values across years: near New Year, the exact time
  * could be found by trying time zones.
  */
private[masks] case object YearOfTimestamp extends ValueMask {
  private val microsOfDay = 24L * 60 * 60 * 1000 * 1000

  override def name: String = "year"
  override def mayGiveNull: Boolean = true

  override def apply(value: Any): Any = {
    val days = Math.floorDiv(value.asInstanceOf[Long], microsOfDay)
    val start = YearStart.ofDay(days.toInt)
    if (start < Long.MinValue / microsOfDay) null else start * microsOfDay
  }
}

private[masks] object YearStart {

  /** In days since 1970-01-01, like `day`; it doesn't always fit in an Int. */
  def ofDay(day: Int): Long = day.toLong - DateTimeUtils.getDayInYear(day) + 1
}
