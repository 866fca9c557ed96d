"""How a policy reaches a principal and a resource: by which groups and roles, by which tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iomete.governance.answers.explanation import TagPath
from iomete.governance.evaluator.matching import Match
from iomete.governance.evaluator.resource_names import written
from iomete.governance.principals.names import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.evaluator import CompiledPolicy, Evaluator, Subject
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.tags import CarriedTag


class TagOrigins(Protocol):
    """Tells where tags come from that nobody attached where they are."""

    def origin_of(self, tag: str, attached_to: Sequence[str], /) -> tuple[str, ...]:
        """Return the full names that a tag came through with the data, the first one first.

        Args:
            tag: Its name.
            attached_to: Parts of the table or column that has it.
        """


class AttachedByHand:
    """Tags that come with no data: each was attached where it is."""

    def origin_of(self, tag: str, attached_to: Sequence[str], /) -> tuple[str, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()


class Reach:
    """Tells how policies come to be for a principal, and on a resource.

    Args:
        evaluator: What decides.
        origins: Where tags come from that came with the data.
    """

    def __init__(self, evaluator: Evaluator, origins: TagOrigins) -> None:
        self._evaluator = evaluator
        self._origins = origins

    def way(self, item: Item, subject: Subject, owner: str | None) -> tuple[str, ...]:
        """Return the shortest way from a principal to whom an item names."""
        if item.is_for_owner and subject.name == owner:
            return (subject.key, "{OWNER}")
        memberships = self._evaluator.contents.memberships
        ways = [
            memberships.path(subject.key, key)
            for key in sorted(item.keys & subject.keys)
            if key != str(EVERYONE)
        ]
        ways = [way for way in ways if way]
        if ways:
            return min(ways, key=len)
        return (subject.key, str(EVERYONE)) if item.is_for_all else ()

    def whom(self, item: Item, subject: Subject, owner: str | None) -> str:
        """Return in words whom an item names that is for a principal."""
        way = self.way(item, subject, owner)
        if not way:
            return f"`{subject.name}`"
        if way[-1] == str(EVERYONE):
            return "everyone"
        if len(way) < 3:
            return f"`{way[-1]}`"
        return f"`{way[-1]}`, by way of {', '.join(way[1:-1])}"

    def tag_paths(self, policy: CompiledPolicy, tags: Iterable[CarriedTag]) -> tuple[TagPath, ...]:
        """Return how the tags reach a resource that a policy is on, of those that it carries."""
        return tuple(
            TagPath(
                tag=carried.tag,
                attached_to=written(carried.on),
                through=self._origins.origin_of(carried.tag, carried.on),
            )
            for carried in tags
            if policy.is_on_tag(carried.tag) and carried.match is not Match.BELOW
        )
