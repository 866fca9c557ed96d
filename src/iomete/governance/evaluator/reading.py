"""What a principal may read of one table, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.evaluator.decisions import (
    FilterInForce,
    MaskInForce,
    ReadDecision,
    Rule,
)
from iomete.governance.evaluator.resource_names import prefixes
from iomete.names import lower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.evaluator.evaluator import Evaluator
    from iomete.governance.evaluator.resource_names import Parts
    from iomete.governance.evaluator.subjects import Subject

NO_ROWS = FilterInForce(predicate="false", policy=-1)
"""For a question about no columns, which nothing else in an answer would restrict."""
_NULLIFY = "MASK_NULL"


class Reading:
    """One answer to `Evaluator.read`."""

    def __init__(self, evaluator: Evaluator, subject: Subject, table: Parts) -> None:
        self._evaluator = evaluator
        self._subject = subject
        self._table = table
        self._visible: set[str] = set()
        self._denied: set[str] = set()
        self._masks: dict[str, MaskInForce] = {}
        self._policies: set[int] = set()

    def of(self, columns: Sequence[str]) -> ReadDecision:
        """Return the answer for some columns, and for fields of their structs."""
        if not columns:
            return self._of_rows()
        folded = {lower(column) for column in columns}
        paths = [column for column in columns if any(p in folded for p in prefixes(lower(column)))]
        whole = [column for column in columns if column not in paths]
        if self._evaluator.denied_above(self._subject, "select", (*self._table, "")):
            self._denied.update(whole)
        else:
            for column in whole:
                self._add(column)
        seen = {lower(column) for column in self._visible}
        shown = [path for path in paths if any(p in seen for p in prefixes(lower(path)))]
        for path in paths:
            self._add_field(path)
        return ReadDecision(
            visible=frozenset((*self._visible, *shown)),
            denied=frozenset(self._denied),
            masks=self._masks,
            filter=self._filter(),
            policies=tuple(sorted(self._policies)),
        )

    def _of_rows(self) -> ReadDecision:
        found = self._evaluator.access(self._subject, "select", self._table, below=True)
        return ReadDecision(filter=self._filter() if found.is_allowed else NO_ROWS)

    def _add(self, column: str) -> None:
        parts = (*self._table, lower(column))
        found = self._evaluator.access(self._subject, "select", parts)
        if found.policy is not None:
            self._policies.add(found.policy.id)
            (self._visible if found.is_allowed else self._denied).add(column)
        self._add_mask(lower(column), self._evaluator.mask(self._subject, parts))

    def _add_field(self, path: str) -> None:
        """A field is visible with its column; a denial of it leaves nulls in its place."""
        parts = (*self._table, lower(path))
        found = self._evaluator.access(self._subject, "select", parts)
        if found.is_denied and found.policy is not None:
            self._policies.add(found.policy.id)
            null = MaskInForce(type=_NULLIFY, value=None, policy=found.policy.id)
            self._masks[lower(path)] = null
        else:
            self._add_mask(lower(path), self._evaluator.mask(self._subject, parts))

    def _add_mask(self, column: str, rule: Rule | None) -> None:
        found = mask_in_force(rule)
        if found is not None:
            self._masks[column] = found

    def _filter(self) -> FilterInForce | None:
        return filter_in_force(self._evaluator.row_filter(self._subject, self._table))


def mask_in_force(rule: Rule | None) -> MaskInForce | None:
    """Return the mask of a rule; None where it shows values as they are."""
    if rule is None or rule.item.mask is None or rule.item.is_unmasked:
        return None
    return MaskInForce(type=rule.item.mask, value=rule.item.value, policy=rule.policy.id)


def filter_in_force(rule: Rule | None) -> FilterInForce | None:
    """Return the row filter of a rule; None where it shows every row."""
    if rule is None or not rule.item.value:
        return None
    return FilterInForce(predicate=rule.item.value, policy=rule.policy.id)
