"""Which of many schedules hold at a moment, found again only where something has begun or ended."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from iomete.governance.evaluator.schedules import holds_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iomete.governance.evaluator.schedules import Schedule

_MAX_KNOWN = 16
"""Answers that are kept; each has up to some ten bytes a schedule."""

_CLOCKS_GO_BY_MINUTES = 1973
"""The year from which no time zone is off UTC by anything but minutes; Liberia's was the last."""

_Clock = tuple[int, int, "datetime", bool]
_Era = tuple[frozenset[int], tuple[tuple["tuple[Schedule, ...]", list[int]], ...]]


class Timetable:
    """Tells which of some things are asleep: those of whose schedules none holds.

    Between two ends of periods nothing changes but what recurs, and that on whole minutes only.

    Args:
        schedules: Those of each thing.
    """

    def __init__(self, schedules: Sequence[Sequence[Schedule]]) -> None:
        places: dict[tuple[Schedule, ...], list[int]] = defaultdict(list)
        for place, of_thing in enumerate(schedules):
            places[tuple(of_thing)].append(place)
        self._alike = [*places.items()]
        periods = [one for of_thing in places for one in of_thing]
        self._begins = sorted(one.begins for one in periods if one.begins)
        self._ends = sorted(one.ends for one in periods if one.ends)
        self._eras: dict[tuple[int, int], _Era] = {}
        self._known: dict[_Clock, frozenset[int]] = {}

    def asleep(self, now: datetime) -> frozenset[int]:
        """Return the places of the things that are asleep at a moment, which is in UTC.

        Cost: two searches; one look at each schedule where a period has begun or ended since the
            last few moments that were asked about, and every minute one at those that recur.
        """
        era = bisect_right(self._begins, now), bisect_left(self._ends, now)
        if era not in self._eras:
            _drop_if_full(self._eras)
            self._eras[era] = self._of_era(now)
        asleep, recurring = self._eras.get(era) or self._of_era(now)
        if not recurring:
            return asleep
        clock = (*era, *_minute(now))
        known = self._known.get(clock)
        if known is None:
            _drop_if_full(self._known)
            sleeping = (places for schedules, places in recurring if not holds_at(schedules, now))
            known = self._known[clock] = asleep.union(*sleeping)
        return known

    def _of_era(self, now: datetime) -> _Era:
        """Return what sleeps as long as no period begins or ends, and what recurs meanwhile."""
        asleep: set[int] = set()
        recurring = []
        for schedules, places in self._alike:
            current = [one for one in schedules if one.is_current(now)]
            if not current:
                asleep.update(places)
            elif all(one.recurrences for one in current):
                recurring.append((schedules, places))
        return frozenset(asleep), tuple(recurring)


def _minute(now: datetime) -> tuple[datetime, bool]:
    """Return the minute that a moment is in, and whether it is its beginning.

    Of times when clocks were still set by seconds, it is the second.
    """
    seconds = now.second if now.year < _CLOCKS_GO_BY_MINUTES else 0
    minute = now.replace(second=seconds, microsecond=0)
    return minute, now == minute


def _drop_if_full(known: dict[Any, Any]) -> None:
    if len(known) >= _MAX_KNOWN:
        known.clear()
