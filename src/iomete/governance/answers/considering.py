"""Which policies are asked about a resource, and how each is told: of access, masks and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.answers.explanation import ConsideredPolicy, Outcome
from iomete.governance.documents.document import PolicyType, Priority
from iomete.governance.evaluator.matching import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.answers.reach import Reach
    from iomete.governance.evaluator import CompiledPolicy, Evaluator, Subject
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.resource_names import Parts
    from iomete.governance.evaluator.tags import CarriedTag

NOT_NOW = "its validity schedule excludes this time"
_TABLE_PARTS = 3


class Considering:
    """Finds and tells policies of one kind.

    Args:
        evaluator: What decides.
        reach: How policies come to be for a principal, and on a resource.
    """

    def __init__(self, evaluator: Evaluator, reach: Reach) -> None:
        self._evaluator = evaluator
        self._reach = reach

    def _awake_on(
        self, kind: PolicyType, subject: Subject, parts: Parts, owner: str | None
    ) -> dict[int, CompiledPolicy]:
        """Return those in force on a resource or its tags, by id, in the order they are asked."""
        evaluator = self._evaluator
        if len(parts) >= _TABLE_PARTS:
            tagged, own = evaluator.in_table(kind, subject, parts)
            return {policy.id: policy for policy in (*tagged, *own)}
        found = (
            *evaluator.on_tags(kind, evaluator.tags.of(parts)),
            *evaluator.on_resource(kind, subject, parts, owner, below=False),
        )
        return {policy.id: policy for policy, _ in found}

    def _asleep_on(
        self, kind: PolicyType, subject: Subject, parts: Parts, owner: str | None
    ) -> list[CompiledPolicy]:
        """Return those that would be on it at another time."""
        carried = {tag.tag for tag in self._evaluator.tags.of(parts)}
        asked = Asked(user=subject.name, owner=owner)
        return self._evaluator.sleeping.on(kind, parts, asked, carried)

    def _told(
        self,
        policy: CompiledPolicy,
        says: str,
        outcome: tuple[Outcome, str],
        *,
        to: tuple[Item | None, Subject, str | None] | None = None,
        tags: Sequence[CarriedTag] = (),
    ) -> ConsideredPolicy:
        """Return a policy as it is told; `to`: its item, who asks, and the resource's owner."""
        item = None if to is None else to[0]
        return ConsideredPolicy(
            id=policy.id,
            name=policy.name,
            says=says,
            priority=Priority(policy.priority).name.lower(),
            outcome=outcome[0],
            why=outcome[1],
            through=() if to is None or item is None else self._reach.way(item, *to[1:]),
            tags=self._reach.tag_paths(policy, tags),
        )
