"""When a policy is in force: Ranger's validity schedules (`RangerValiditySchedule`), in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from iomete.errors import InvalidPolicyError

_FORMAT = "%Y/%m/%d %H:%M:%S"

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


def from_schedule(schedule: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Read what `to_schedule` wrote.

    Raises:
        InvalidPolicyError: It is another kind of schedule.
    """
    if schedule.get("recurrences"):
        raise InvalidPolicyError(["validitySchedules: recurrences are not supported"])
    zone = schedule.get("timeZone") or "GMT"  # which is what Ranger takes it for
    if zone not in {"UTC", "GMT"}:
        raise InvalidPolicyError([f"validitySchedules: time zone `{zone}` is not UTC"])
    return (_read(schedule.get("startTime")), _read(schedule.get("endTime")))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_FORMAT)


def _read(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise InvalidPolicyError(
            [f"validitySchedules: `{text}` is not a time as yyyy/MM/dd HH:mm:ss"]
        ) from error
