"""Which of many schedules hold at a moment, found again only where something has begun or ended."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iomete.governance.evaluator.schedules import Schedule

_MAX_KNOWN = 16
"""Answers that are kept; each has up to some ten bytes a schedule."""

_Clock = tuple[int, int, "datetime | None", bool]
_Era = tuple[frozenset[int], tuple[int, ...]]


class Timetable:
    """Tells which of some things are asleep: those of whose schedules none holds.

    Between two ends of periods nothing changes but what recurs, and that only on whole seconds.

    Args:
        schedules: Those of each thing.
    """

    def __init__(self, schedules: Sequence[Sequence[Schedule]]) -> None:
        self._schedules = schedules
        periods = [one for of_thing in schedules for one in of_thing]
        self._begins = sorted(one.begins for one in periods if one.begins)
        self._ends = sorted(one.ends for one in periods if one.ends)
        self._eras: dict[tuple[int, int], _Era] = {}
        self._known: dict[_Clock, frozenset[int]] = {}

    def asleep(self, now: datetime) -> frozenset[int]:
        """Return the places of the things that are asleep at a moment, which is in UTC.

        Cost: two searches; one look at every schedule where a period has begun or ended since the
            last few moments that were asked about, and each second one at those that recur.
        """
        era = bisect_right(self._begins, now), bisect_left(self._ends, now)
        if era not in self._eras:
            _drop_if_full(self._eras)
            self._eras[era] = self._of_era(now)
        asleep, recurring = self._eras.get(era) or self._of_era(now)
        if not recurring:
            return asleep
        clock = (*era, now.replace(microsecond=0), now.microsecond == 0)
        known = self._known.get(clock)
        if known is None:
            _drop_if_full(self._known)
            known = asleep.union(place for place in recurring if not self._holds(place, now))
            self._known[clock] = known
        return known

    def _of_era(self, now: datetime) -> _Era:
        """Return what sleeps as long as no period begins or ends, and what recurs meanwhile."""
        asleep, recurring = set(), []
        for place, schedules in enumerate(self._schedules):
            current = [one for one in schedules if one.is_current(now)]
            if not current:
                asleep.add(place)
            elif all(one.recurrences for one in current):
                recurring.append(place)
        return frozenset(asleep), tuple(recurring)

    def _holds(self, place: int, now: datetime) -> bool:
        return any(one.holds_at(now) for one in self._schedules[place])


def _drop_if_full(known: dict[Any, Any]) -> None:
    if len(known) >= _MAX_KNOWN:
        known.clear()
