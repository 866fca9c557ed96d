"""Ranger's validity schedules in a document from elsewhere (`RangerValiditySchedule`).

The rules are those of Ranger Admin (`RangerValidityScheduleValidator`): what it would refuse to
store is refused here, too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from iomete.governance.documents.validity import check_schedule

_EACH = "*"
_NUMBERS = re.compile(r"\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*", re.ASCII)
_RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "dayOfWeek": (1, 7),
    "month": (1, 12),
    "year": (2017, 2100),
}
"""Least and greatest values (`ScheduleFieldSpec`); week days count from Sunday."""


class ScheduleModel(BaseModel):
    """A part of a schedule; members that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Interval(ScheduleModel):
    """How long each occurrence lasts."""

    days: Annotated[int, Field(ge=0, le=36_500)] = 0
    hours: Annotated[int, Field(ge=0, le=23)] = 0
    minutes: Annotated[int, Field(ge=0, le=59)] = 0

    @model_validator(mode="after")
    def _lasts(self) -> Interval:
        if not (self.days or self.hours or self.minutes):
            raise ValueError("lasts no time; give days, hours or minutes")
        return self


class Beginnings(ScheduleModel):
    """The minutes at which occurrences begin, as numbers (`0,30`), ranges (`2-6`) or `*`."""

    minute: str
    hour: str
    dayOfMonth: str | None = None  # noqa: N815  # Ranger's own name, as all below
    dayOfWeek: str | None = None  # noqa: N815
    month: str
    year: str

    @field_validator("*")
    @classmethod
    def _compact(cls, value: str | None) -> str | None:
        return "".join(value.split()) if value else value

    @model_validator(mode="after")
    def _fits(self) -> Beginnings:
        if not (self.dayOfMonth or self.dayOfWeek):
            raise ValueError("has neither dayOfMonth nor dayOfWeek; `*` means each day")
        for name in _RANGES:
            if problem := _problem(name, getattr(self, name)):
                raise ValueError(f"{name}: {problem}")
        return self


class Recurrence(ScheduleModel):
    """What comes again and again."""

    schedule: Beginnings
    interval: Interval


class Schedule(ScheduleModel):
    """`RangerValiditySchedule`: a period, and what recurs within it."""

    startTime: str | None = None  # noqa: N815
    endTime: str | None = None  # noqa: N815
    timeZone: str | None = None  # noqa: N815
    recurrences: list[Recurrence] = []

    @model_validator(mode="after")
    def _makes_sense(self) -> Schedule:
        check_schedule(self.model_dump(exclude_none=True))
        return self

    def canonical(self) -> dict[str, Any]:
        """Return it as we write it: with its time zone, and without what is empty."""
        said = {
            "startTime": self.startTime,
            "endTime": self.endTime,
            "timeZone": self.timeZone or "UTC",
            "recurrences": [r.model_dump(exclude_none=True) for r in self.recurrences],
        }
        return {member: value for member, value in said.items() if value not in (None, "")}


def _problem(name: str, value: str | None) -> str | None:
    if not value:
        return None if name in {"dayOfMonth", "dayOfWeek"} else "it is empty"
    least, greatest = _RANGES[name]
    if value == _EACH and name != "minute":
        return None
    if not _NUMBERS.fullmatch(value) or (name == "minute" and "-" in value):
        allowed = "numbers" if name == "minute" else "numbers, ranges or `*`"
        return f"`{value[:80]}` is not {allowed}"
    for part in value.split(","):
        first, _, last = part.partition("-")
        if not least <= int(first) <= int(last or first) <= greatest:
            return f"`{part}` is not between {least} and {greatest}"
    return None
