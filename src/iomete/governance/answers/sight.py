"""What one user may do with a table, and what they see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.governance.answers.audience import Audience, keys_named, split
from iomete.governance.answers.columns import OTHER_COLUMNS, column_of, seen_by
from iomete.governance.evaluator.matching import ANY_NAME
from iomete.governance.evaluator.policies import TABLE_ACTIONS
from iomete.governance.evaluator.reading import filter_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.evaluator import CompiledPolicy, Evaluator, Subject
    from iomete.governance.evaluator.resource_names import Parts

ACTIONS_BUT_SELECT = tuple(action for action in TABLE_ACTIONS if action != "select")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a user may do with a table.

    `columns` are those that they see, and fields of them by their paths, with the mask of each
    (None: as it is); `filter` is the
    predicate of the rows that they see.
    """

    actions: frozenset[str] = frozenset()
    columns: Mapping[str, str | None]
    filter: str | None = None


NOTHING = Sight(columns={})


def real(column: str) -> str:
    """Return the name of a column to be asked about; for all others, one that nobody names."""
    return ANY_NAME if column == OTHER_COLUMNS else column


def sight_of(
    evaluator: Evaluator,
    subject: Subject | None,
    table: Parts,
    columns: Sequence[str],
    actions: Iterable[str] = ACTIONS_BUT_SELECT,
) -> Sight:
    """Return what a user may do with a table.

    Args:
        evaluator: What decides.
        subject: The user; None for one who has no rights.
        table: Catalog, namespace, table.
        columns: The columns that are asked about, in lower case, or `OTHER_COLUMNS`; and fields of
            these, by their paths.
        actions: The actions that are asked about, besides `select`.
    """
    if subject is None:
        return NOTHING
    if subject.is_admin:
        return Sight(actions=frozenset(actions), columns=dict.fromkeys(columns))
    seen: dict[str, str | None] = {}
    there = frozenset(columns)
    for column in columns:
        found = seen_by(evaluator, subject, table, real(column), column_of(column, there))
        if found.is_visible:
            seen[column] = found.mask
    rows = filter_in_force(evaluator.row_filter(subject, table)) if seen else None
    return Sight(
        actions=frozenset(a for a in actions if evaluator.decide(subject, a, table).is_allowed),
        columns=seen,
        filter=None if rows is None else rows.predicate,
    )


def told_apart(
    audience: Audience,
    users: int,
    policies: Sequence[CompiledPolicy],
    table: Parts,
    columns: Sequence[str],
    owner: str | None,
) -> list[int]:
    """Return the parts of a set of users that policies on a table tell apart.

    Args:
        audience: Who there is.
        users: The users in question.
        policies: All that can decide about the table.
        table: Catalog, namespace, table.
        columns: Those that are asked about.
        owner: Of the table.
    """
    sets = [audience.having(key) for key in keys_named(policies)]
    if owner is not None:
        sets.append(audience.bit_of(owner))
    for policy in policies:
        if policy.fills_names:
            sets += audience.matching(policy, table, owner)
        if policy.fills_columns:
            sets += audience.matching_columns(policy, table, columns, owner)
    return split(users, sets)
