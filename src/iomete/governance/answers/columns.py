"""How a column of a table is decided, or a field of a struct, which is seen with its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.governance.evaluator.reading import mask_in_force
from iomete.governance.evaluator.resource_names import prefixes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from iomete.governance.evaluator import Access, CompiledPolicy, Evaluator, Rule, Subject
    from iomete.governance.evaluator.resource_names import Parts

DENIED_FIELD = "MASK_NULL"
"""What a field is shown as that a policy denies: its struct has a null in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Whether somebody reads a column or field, and how it is shown.

    `access` is that of the column. `denial` is what denies a field of it; `rule` is the mask of the
    very column or field, `outer` that of a field's column, which comes on top of it. `parts` and
    `column_parts` are what these two are on.
    """

    access: Access
    denial: CompiledPolicy | None
    rule: Rule | None
    outer: Rule | None
    parts: Parts
    column_parts: Parts

    @property
    def is_visible(self) -> bool:
        """Whether it is read at all, as it is or otherwise."""
        return self.access.is_allowed

    @property
    def shown_by(self) -> tuple[Rule, Parts] | None:
        """The mask in force, of a field its own first, and what it is on."""
        for rule, parts in ((self.rule, self.parts), (self.outer, self.column_parts)):
            if rule is not None and mask_in_force(rule) is not None:
                return rule, parts
        return None

    @property
    def mask(self) -> str | None:
        """What values are shown as, with its parameter; None: as they are."""
        if self.denial is not None:
            return DENIED_FIELD
        masks = (mask_in_force(rule) for rule in (self.rule, self.outer))
        return ", then ".join(mask.text for mask in masks if mask is not None) or None


def seen_by(
    evaluator: Evaluator, subject: Subject, table: Parts, name: str, column: str | None = None
) -> Seen:
    """Return how somebody sees a column, or a field of a struct.

    Args:
        evaluator: What decides.
        subject: Who asks, whom policies reach.
        table: Catalog, namespace, table.
        name: Of the column, or the path of the field, in lower case.
        column: The column of the field; None: it is a column itself.
    """
    parts = (*table, name)
    column_parts = parts if column is None else (*table, column)
    denial = outer = None
    if column is not None:
        found = evaluator.access(subject, "select", parts)
        denial = found.policy if found.is_denied else None
        outer = evaluator.mask(subject, column_parts)
    return Seen(
        access=evaluator.decide(subject, "select", column_parts),
        denial=denial,
        rule=evaluator.mask(subject, parts),
        outer=outer,
        parts=parts,
        column_parts=column_parts,
    )


def column_of(name: str, columns: Collection[str]) -> str | None:
    """Return the column that a field is in, of a table's columns; None for what is no field."""
    if "." not in name:
        return None
    return next((prefix for prefix in prefixes(name) if prefix in columns), None)


def fields_in(named: Iterable[str], columns: Collection[str]) -> tuple[str, ...]:
    """Return the names, among those of policies and tags, that are fields of some columns."""
    return tuple(name for name in named if name not in columns and column_of(name, columns))
