"""What is otherwise for users who saw one thing of a table, and would see another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iomete.governance.answers.columns import column_text
from iomete.governance.answers.effects import EffectKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iomete.governance.answers.sights import Shown, Sights


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise on a table, before and after."""

    kind: EffectKind
    action: str
    column: str | None = None
    before: str | None = None
    after: str | None = None
    rows: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What changes for a set of users."""

    difference: Difference
    users: int


def changes(was: Sights, now: Sights) -> Iterator[Change]:
    """Give each thing that is otherwise, with the users for whom it is."""
    for action, users in now.actions.items():
        before = was.actions[action]
        yield from _change(Difference(EffectKind.GAIN, action), users & ~before)
        yield from _change(Difference(EffectKind.LOSS, action), before & ~users)
    for column, shown in now.columns.items():
        yield from _of_column(column, was.columns[column], shown, now.filters)
    for before_rows, some in was.filters.items():
        for rows, others in now.filters.items():
            if rows != before_rows:
                difference = Difference(EffectKind.FILTER, "select", None, before_rows, rows)
                yield from _change(difference, some & others)


def _of_column(column: str, was: Shown, now: Shown, filters: Shown) -> Iterator[Change]:
    saw, see = _all(was), _all(now)
    for mask, users in now.items():
        for rows, some in filters.items():
            gain = Difference(EffectKind.GAIN, "select", column, after=mask, rows=rows)
            yield from _change(gain, users & some & ~saw)
        for before, some in was.items():
            if before != mask:
                masked = Difference(EffectKind.MASK, "select", column, before, mask)
                yield from _change(masked, users & some)
    for before, users in was.items():
        loss = Difference(EffectKind.LOSS, "select", column, before=before)
        yield from _change(loss, users & ~see)


def _change(difference: Difference, users: int) -> Iterator[Change]:
    if users:
        yield Change(difference, users)


def _all(shown: Shown) -> int:
    users = 0
    for some in shown.values():
        users |= some
    return users


def named(difference: Difference, columns: Collection[str]) -> Difference:
    """Return a difference with its column as full names have it."""
    if difference.column is None:
        return difference
    return replace(difference, column=column_text(difference.column, columns))
