"""What a principal sees of a table: which columns, by which masks, and which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.columns import AskedColumn, Layer, Seen, seen_by
from iomete.governance.answers.explanation import ColumnSeen, ShownAs, verdict_of
from iomete.governance.evaluator.reading import filter_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.governance.answers.reach import Reach
    from iomete.governance.evaluator import Evaluator, Rule, Subject
    from iomete.governance.evaluator.resource_names import Parts


class MasksAndFilters:
    """Tells by which masks and row filters principals see a table.

    Args:
        evaluator: What decides.
        reach: How policies come to be for a principal, and on a resource.
    """

    def __init__(self, evaluator: Evaluator, reach: Reach) -> None:
        self._evaluator = evaluator
        self._reach = reach

    def columns(
        self, subject: Subject, table: Parts, asked: Iterable[AskedColumn]
    ) -> tuple[ColumnSeen, ...]:
        """Return how columns are seen, and fields of theirs that are seen otherwise than they.

        Columns come first; a struct in one may stand for it.
        """
        seen: dict[str, ColumnSeen] = {}
        for one in asked:
            found = self._column(subject, table, one)
            first = next(iter(seen.values()), None)
            holder = None if one.column is None else seen.get(one.column, first)
            is_visible = found.verdict is Verdict.ALLOWED
            if holder is None or (is_visible and found.mask != holder.mask):
                seen[one.name] = found
        return tuple(seen.values())

    def masks(self, subject: Subject, seen: Seen) -> tuple[ShownAs, ...]:
        """Return by what a column or field is masked, in the order in which it is applied."""
        return tuple(self._mask(subject, layer) for layer in seen.layers)

    def _mask(self, subject: Subject, layer: Layer) -> ShownAs:
        found, rule = layer.shown_as, layer.rule
        if rule is not None:
            return self._shown(rule, subject, layer.parts, found.type, found.text)
        return ShownAs(
            expression=found.text,
            type=found.type,
            policy=layer.policy.id,
            name=layer.policy.name,
        )

    def filter(self, subject: Subject, table: Parts) -> ShownAs | None:
        """Return by what the rows of a table are filtered; None: all are shown."""
        rule = self._evaluator.row_filter(subject, table)
        found = filter_in_force(rule)
        if rule is None or found is None:
            return None
        return self._shown(rule, subject, table, "ROW_FILTER", found.predicate)

    def _column(self, subject: Subject, table: Parts, asked: AskedColumn) -> ColumnSeen:
        found = seen_by(self._evaluator, subject, table, asked.name, asked.column)
        return ColumnSeen(
            column=asked.shown,
            verdict=verdict_of(found.access),
            policy=found.access.policy_id if found.denial is None else found.denial.id,
            mask=next(iter(self.masks(subject, found)), None),
        )

    def _shown(
        self, rule: Rule, subject: Subject, parts: Parts, kind: str, expression: str
    ) -> ShownAs:
        owner = self._evaluator.owner_of(parts)
        return ShownAs(
            expression=expression,
            type=kind,
            policy=rule.policy.id,
            name=rule.policy.name,
            through=self._reach.way(rule.item, subject, owner),
            tags=self._reach.tag_paths(rule.policy, self._evaluator.tags.of(parts)),
        )
