"""Policies that aren't in force at a moment, by what they would be on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.index import ResourceIndex
from iomete.governance.evaluator.tags import TagPolicies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.evaluator.matching import Asked
    from iomete.governance.evaluator.policies import CompiledPolicy
    from iomete.governance.evaluator.resource_names import Parts


class SleepingPolicies:
    """Finds the policies that would be on a resource at another time.

    Args:
        policies: Those that aren't in force.
    """

    def __init__(self, policies: Sequence[CompiledPolicy]) -> None:
        self._places = {policy.id: place for place, policy in enumerate(policies)}
        self._by_kind = {
            kind: (
                ResourceIndex(p for p in policies if p.kind is kind),
                TagPolicies(p for p in policies if p.kind is kind),
            )
            for kind in PolicyType
        }

    def on(
        self, kind: PolicyType, parts: Parts, asked: Asked, tags: Iterable[str]
    ) -> list[CompiledPolicy]:
        """Return those on a resource or on tags that it carries, in the order they were given."""
        if not self._places:
            return []
        on_resource, on_tags = self._by_kind[kind]
        found = {
            one.policy.id: one.policy
            for one in on_resource.on(parts)
            if one.match(parts, asked).covers
        }
        found.update((policy.id, policy) for tag in tags for policy in on_tags.on(tag))
        return sorted(found.values(), key=lambda policy: self._places[policy.id])
