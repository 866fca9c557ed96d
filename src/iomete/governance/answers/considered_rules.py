"""What became of each mask and row filter that is on a resource: it counts, agrees, or loses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.answers.considering import NOT_NOW, Considering
from iomete.governance.answers.explanation import ConsideredPolicy, Outcome, by_outcome
from iomete.governance.answers.policy_ids import id_text
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator import Rule
from iomete.governance.evaluator.reading import filter_in_force, mask_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.governance.evaluator import CompiledPolicy, Subject
    from iomete.governance.evaluator.resource_names import Parts

_SAYS = {PolicyType.MASK: "masks", PolicyType.ROW_FILTER: "filters"}


class ConsideredRules(Considering):
    """Tells which masks and row filters are asked, those that count first."""

    def on(
        self, subject: Subject, table: Parts, columns: Iterable[str]
    ) -> tuple[ConsideredPolicy, ...]:
        """Return those on columns and fields that somebody reads, and on the table's rows, once."""
        masks: dict[int, ConsideredPolicy] = {}
        for name in dict.fromkeys(columns):
            for one in self._on(PolicyType.MASK, subject, (*table, name)):
                known = masks.get(one.id)
                if known is None or by_outcome(one) < by_outcome(known):
                    masks[one.id] = one
        filters = self._on(PolicyType.ROW_FILTER, subject, table)
        return (*sorted(masks.values(), key=by_outcome), *sorted(filters, key=by_outcome))

    def _on(self, kind: PolicyType, subject: Subject, parts: Parts) -> list[ConsideredPolicy]:
        evaluator = self._evaluator
        find = evaluator.mask if kind is PolicyType.MASK else evaluator.row_filter
        counting = find(subject, parts)
        owner = evaluator.owner_of(parts)
        found = [
            self._considered(
                policy, subject, parts, self._outcome(policy, subject, owner, counting)
            )
            for policy in self._awake_on(kind, subject, parts, owner).values()
        ]
        found += [
            self._considered(policy, subject, parts, (Outcome.NOT_IN_FORCE, NOT_NOW))
            for policy in self._asleep_on(kind, subject, parts, owner)
            if policy.item_for(subject, owner) is not None
        ]
        return found

    def _considered(
        self, policy: CompiledPolicy, subject: Subject, parts: Parts, outcome: tuple[Outcome, str]
    ) -> ConsideredPolicy:
        owner = self._evaluator.owner_of(parts)
        item = policy.item_for(subject, owner)
        return self._told(
            policy,
            "" if item is None else _SAYS[policy.kind],
            outcome,
            to=(item, subject, owner),
            tags=self._evaluator.tags.of(parts),
        )

    def _outcome(
        self, policy: CompiledPolicy, subject: Subject, owner: str | None, counting: Rule | None
    ) -> tuple[Outcome, str]:
        item = policy.item_for(subject, owner)
        if item is None or counting is None:
            return Outcome.SAYS_NOTHING, f"it isn't for `{subject.name}`"
        winner = counting.policy
        if policy is winner:
            whom = self._reach.whom(item, subject, owner)
            return Outcome.DECIDES, f"{_shown(Rule(policy, item))} to {whom}"
        if (item.mask, item.value) == (counting.item.mask, counting.item.value):
            return (
                Outcome.AGREES,
                f"it says the same as policy {id_text(winner.id)}, which is asked first",
            )
        if winner.priority > policy.priority:
            return (
                Outcome.LOSES,
                f"policy {id_text(winner.id)} has priority override, and is asked first",
            )
        if winner.is_tagged and not policy.is_tagged:
            return Outcome.LOSES, f"policy {id_text(winner.id)} is on a tag, and is asked first"
        return Outcome.LOSES, f"policy {id_text(winner.id)} is asked first"


def _shown(rule: Rule) -> str:
    """Return in words what a rule shows."""
    if rule.policy.kind is PolicyType.ROW_FILTER:
        rows = filter_in_force(rule)
        return "it shows every row" if rows is None else f"it shows rows where {rows.predicate}"
    mask = mask_in_force(rule)
    return "it shows values as they are" if mask is None else f"it shows values by {mask.text}"
