"""When policies and tags hold, by the clock of a schedule's own time zone.

Both ends belong to a period. What recurs begins on the minutes that it names and lasts for an
interval; a day fits that is one of its days of the month or one of its days of the week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from iomete.governance.documents.validity import period_of, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "dayOfWeek": (1, 7),
    "month": (1, 12),
    "year": (1970, 2200),
}
_MARGIN_DAYS = 3
"""An interval is less than a day longer than its days, and clocks change."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A period, and what recurs in it; without recurrences all of the period."""

    begins: datetime | None
    ends: datetime | None
    zone: tzinfo
    recurrences: tuple[Recurrence, ...]

    @classmethod
    def of(cls, schedule: Mapping[str, Any]) -> Schedule:
        """Read a `RangerValiditySchedule`.

        Raises:
            InvalidPolicyError: A time or a time zone in it can't be read.
        """
        begins, ends = period_of(dict(schedule))
        zone = zone_of(schedule.get("timeZone"))
        found = tuple(Recurrence.of(one) for one in schedule.get("recurrences") or ())
        return cls(begins, ends, zone, found)

    def is_current(self, moment: datetime) -> bool:
        """Tell whether a moment, which is in UTC, is in its period."""
        return not ((self.begins and moment < self.begins) or (self.ends and moment > self.ends))

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether it holds at a moment, which is in UTC."""
        return self.is_current(moment) and (
            not self.recurrences
            or any(recurrence.holds_at(moment, self.zone) for recurrence in self.recurrences)
        )


@dataclass(frozen=True, slots=True)
class Recurrence:
    """What comes again and again (`RangerValidityRecurrence`)."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: frozenset[int]
    days_of_week: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    lasts: timedelta
    days: int

    @classmethod
    def of(cls, recurrence: Mapping[str, Any]) -> Recurrence:
        """Read one, as `schedule_rules` lets it be."""
        when, interval = recurrence["schedule"], recurrence["interval"]
        days = int(interval.get("days") or 0)
        hours, minutes = int(interval.get("hours") or 0), int(interval.get("minutes") or 0)
        return cls(
            minutes=tuple(sorted(_numbers("minute", when["minute"]), reverse=True)),
            hours=tuple(sorted(_numbers("hour", when["hour"]), reverse=True)),
            days_of_month=_numbers("dayOfMonth", when.get("dayOfMonth")),
            days_of_week=_numbers("dayOfWeek", when.get("dayOfWeek")),
            months=_numbers("month", when["month"]),
            years=_numbers("year", when["year"]),
            lasts=timedelta(hours=hours, minutes=minutes),
            days=days,
        )

    def holds_at(self, now: datetime, zone: tzinfo) -> bool:
        """Tell whether the last beginning before `now`, which is in UTC, is still going on."""
        begin = next((begin for begin in self._beginnings(now, zone) if begin <= now), None)
        return begin is not None and now <= self._end_of(begin, zone)

    def _beginnings(self, now: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Give beginnings in UTC, latest first, back to where they don't matter any more."""
        for back in range(self.days + _MARGIN_DAYS):
            day = now.astimezone(zone).date() - timedelta(days=back)
            if self._fits(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        yield _in_utc(datetime.combine(day, time(hour, minute)), zone)

    def _fits(self, day: date) -> bool:
        week_day = day.isoweekday() % 7 + 1  # Sunday is the first
        return (
            day.year in self.years
            and day.month in self.months
            and (day.day in self.days_of_month or week_day in self.days_of_week)
        )

    def _end_of(self, begin: datetime, zone: tzinfo) -> datetime:
        """Return the end in UTC: hours and minutes are lengths, days are dates, as in Java."""
        later = (begin + self.lasts).astimezone(zone)
        local = later.replace(tzinfo=None) + timedelta(days=self.days)
        return _in_utc(local, zone, offset=later.utcoffset())


def in_utc(moment: datetime | None) -> datetime:
    """Return a moment in UTC, in which it is if it has no time zone; None is now."""
    if moment is None:
        return datetime.now(UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _in_utc(local: datetime, zone: tzinfo, *, offset: timedelta | None = None) -> datetime:
    """Return the moment of a local time: one that a clock skips is as much later as it skips.

    Of a time that a clock shows twice it is the first, or the one of an offset that is preferred.
    """
    second = local.replace(tzinfo=zone, fold=1)
    is_twice = second.utcoffset() != local.replace(tzinfo=zone).utcoffset()
    chosen = second if is_twice and second.utcoffset() == offset else second.replace(fold=0)
    return chosen.astimezone(UTC)


def _numbers(name: str, text: str | None) -> frozenset[int]:
    parts = "".join((text or "").split())
    if not parts:
        return frozenset()
    least, greatest = _RANGES[name]
    if "*" in parts.split(","):
        return frozenset(range(least, greatest + 1))
    found: set[int] = set()
    for part in parts.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def holds_at(schedules: Sequence[Schedule], moment: datetime) -> bool:
    """Tell whether one of some schedules holds; without any, it always does."""
    return not schedules or any(schedule.holds_at(moment) for schedule in schedules)
