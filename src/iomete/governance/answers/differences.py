"""What is otherwise for somebody who saw one thing of a table, and would see another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iomete.governance.answers.columns import column_text
from iomete.governance.answers.effects import EffectKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from iomete.governance.answers.sight import Sight


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


def differences(was: Sight, now: Sight) -> Iterable[Difference]:
    """Give each thing that is otherwise for somebody who saw one sight, and sees the other."""
    for action in now.actions - was.actions:
        yield Difference(EffectKind.GAIN, action)
    for action in was.actions - now.actions:
        yield Difference(EffectKind.LOSS, action)
    for column, mask in now.columns.items():
        if column not in was.columns:
            yield Difference(EffectKind.GAIN, "select", column, after=mask, rows=now.filter)
        elif was.columns[column] != mask:
            yield Difference(EffectKind.MASK, "select", column, was.columns[column], mask)
    for column in was.columns:
        if column not in now.columns:
            yield Difference(EffectKind.LOSS, "select", column, before=was.columns[column])
    if was.columns and now.columns and was.filter != now.filter:
        yield Difference(EffectKind.FILTER, "select", None, was.filter, now.filter)


def named(difference: Difference, columns: Collection[str]) -> Difference:
    """Return a difference with its column as full names have it."""
    if difference.column is None:
        return difference
    return replace(difference, column=column_text(difference.column, columns))
