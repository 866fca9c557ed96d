"""When a policy is in force: Ranger's validity schedules (`RangerValiditySchedule`).

We write them in UTC; imported ones may be in another time zone, which then counts.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any

from iomete.errors import InvalidPolicyError

_FORMAT = "%Y/%m/%d %H:%M:%S"
_UTC_NAMES = frozenset({"UTC", "GMT"})
_PLACE = "validitySchedules"

Moment = datetime | str
"""A point in time: a datetime or ISO 8601 text; without a time zone it is in UTC."""


def parse_moment(value: Moment | None, place: str) -> datetime | None:
    """Return a point in time in UTC, to the second, or None.

    Raises:
        InvalidPolicyError: It isn't one; `place` says where.
    """
    if value is None:
        return None
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidPolicyError(
                [f"{place}: `{value[:80]}` is not a point in time"],
                hint="give a datetime, or ISO 8601 text: 2026-12-31T18:00:00+01:00",
            ) from error
    if not isinstance(moment, datetime):
        raise InvalidPolicyError([f"{place}: {type(value).__name__} is not a point in time"])
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise InvalidPolicyError([f"{place}: `{value}` is out of range"]) from error
    if not 1970 < moment.year < 9999:
        raise InvalidPolicyError([f"{place}: the year {moment.year} is out of range"])
    return moment


def check_period(valid_from: datetime | None, valid_until: datetime | None) -> None:
    """Refuse a period that ends before it begins.

    Raises:
        InvalidPolicyError: It does.
    """
    if valid_from and valid_until and valid_until <= valid_from:
        raise InvalidPolicyError(["valid_until: it is not after valid_from"])


def to_schedule(valid_from: datetime | None, valid_until: datetime | None) -> dict[str, Any] | None:
    """Return Ranger's schedule of a period, or None for always. Both ends belong to it."""
    if valid_from is None and valid_until is None:
        return None
    schedule: dict[str, Any] = {}
    if valid_from:
        schedule["startTime"] = _written(valid_from)
    if valid_until:
        schedule["endTime"] = _written(valid_until)
    return schedule | {"timeZone": "UTC", "recurrences": []}


def period_of(schedule: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return when a schedule begins and ends, in UTC; what recurs within is left out.

    Raises:
        InvalidPolicyError: It can't be read.
    """
    zone = zone_of(schedule.get("timeZone"))
    return (_read(schedule.get("startTime"), zone), _read(schedule.get("endTime"), zone))


def check_schedule(schedule: dict[str, Any]) -> None:
    """Refuse a schedule that says nothing, or nothing that makes sense.

    Raises:
        InvalidPolicyError: It has no time, unreadable ones, or an end before its beginning.
    """
    begins, ends = period_of(schedule)
    if begins is None and ends is None and not schedule.get("recurrences"):
        raise InvalidPolicyError(
            [f"{_PLACE}: one says no time"], hint="give startTime, endTime or recurrences"
        )
    if begins and ends and ends <= begins:
        raise InvalidPolicyError([f"{_PLACE}: endTime is not after startTime"])


def zone_of(name: str | None) -> tzinfo:
    """Return a schedule's time zone; without one it is GMT, which is what Ranger takes it for.

    Raises:
        InvalidPolicyError: There is no such zone.
    """
    return _zone(name or "GMT")


@cache
def _zone(name: str) -> tzinfo:
    if name in _UTC_NAMES:
        return UTC
    if name not in zoneinfo.available_timezones():
        raise InvalidPolicyError(
            [f"{_PLACE}: `{name[:80]}` is no time zone"],
            hint="name one as Europe/Berlin, or UTC; abbreviations are ambiguous",
        )
    return zoneinfo.ZoneInfo(name)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_FORMAT)


def _read(text: str | None, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=zone).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidPolicyError(
            [f"{_PLACE}: `{text[:80]}` is not a time as yyyy/MM/dd HH:mm:ss"]
        ) from error
