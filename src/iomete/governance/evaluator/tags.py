"""Which tags a resource carries: its own, those of what it is in, and those of what is in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.matching import LEVELS, Asked, Match, ResourceSet
from iomete.governance.evaluator.policies import before_wildcard
from iomete.governance.evaluator.schedules import Schedule, holds_at
from iomete.names import SESSION_CATALOG, lower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from iomete.governance.documents.document import Resources
    from iomete.governance.evaluator.contents import Attachment
    from iomete.governance.evaluator.policies import CompiledPolicy

Parts = tuple[str, ...]
_NOBODY = Asked(user="")
_READ_AS_PATTERN = frozenset("*?{\\")


@dataclass(frozen=True, slots=True)
class CarriedTag:
    """A tag that counts for a resource.

    `match` tells whether it is on the resource itself, on what holds it (ABOVE) or on something in
    it (BELOW); `on` is the resource that it was attached to.
    """

    tag: str
    match: Match
    on: Parts


class TagIndex:
    """Tags by what they are attached to."""

    def __init__(self, attachments: Iterable[Attachment], moment: datetime) -> None:
        self._exact: dict[Parts, list[str]] = defaultdict(list)
        self._below: dict[Parts, dict[tuple[str, Parts], None]] = defaultdict(dict)
        self._patterns: list[tuple[ResourceSet, Parts, str]] = []
        for attachment in attachments:
            schedules = [Schedule.of(one) for one in attachment.schedules]
            if holds_at(schedules, moment):
                self._add(attachment)
        self.has_column_patterns = any(
            len(resources.levels) == len(LEVELS) for resources, _, _ in self._patterns
        )

    @property
    def namespaces(self) -> set[str]:
        """Namespaces that have a tag, or something in them that has one."""
        return {parts[1] for parts in (*self._exact, *self._below) if len(parts) > 1}

    @property
    def attached(self) -> Iterator[tuple[str, Parts]]:
        """Each tag with what it is attached to by name."""
        for parts, tags in self._exact.items():
            for tag in tags:
                yield tag, parts

    def of(self, parts: Parts, *, below: bool = False) -> list[CarriedTag]:
        """Return the tags of a resource: the one that decides for each name of a tag.

        Args:
            parts: Of the resource, in the spelling of policies.
            below: Whether tags of what is in it count, too.
        """
        if not self._exact and not self._patterns:
            return []
        found = [CarriedTag(tag, Match.SELF, parts) for tag in self._exact.get(parts, ())]
        if below:
            found += [CarriedTag(tag, Match.BELOW, on) for tag, on in self._below.get(parts, ())]
        for depth in range(1, len(parts)):
            above = parts[:depth]
            found += [CarriedTag(tag, Match.ABOVE, above) for tag in self._exact.get(above, ())]
        for resources, on, tag in self._patterns:
            match = resources.match(parts, _NOBODY)
            if match and (below or match is not Match.BELOW):
                found.append(CarriedTag(tag, match, on))
        return found

    def is_on_column(self, parts: Parts) -> bool:
        """Tell whether a column may have tags that other columns of its table don't have."""
        return parts in self._exact or self.has_column_patterns

    def _add(self, attachment: Attachment) -> None:
        values = [attachment.resources[level] for level in LEVELS if level in attachment.resources]
        texts = [tuple(value["values"]) for value in values]
        if any(value.get("isExcludes") for value in values) or any(
            _READ_AS_PATTERN.intersection(name) for names in texts for name in names
        ):
            on = tuple(",".join(names) for names in texts)
            self._patterns.append((ResourceSet.of(attachment.resources), on, attachment.tag))
            return
        for parts in _names(attachment.resources):
            self._exact[parts].append(attachment.tag)
            for depth in range(1, len(parts)):
                self._below[parts[:depth]][attachment.tag, parts] = None


class TagPolicies:
    """Policies on tags, by the tags that they are on.

    Ranger finds them by the text before the first wildcard, and looks no further.
    """

    def __init__(self, policies: Iterable[CompiledPolicy]) -> None:
        self._exact: dict[str, list[CompiledPolicy]] = defaultdict(list)
        self._prefixes: list[tuple[str, CompiledPolicy]] = []
        self._found: dict[str, tuple[CompiledPolicy, ...]] = {}
        for policy in policies:
            for value in policy.tags:
                prefix = before_wildcard(value)
                if prefix == value:
                    self._exact[value].append(policy)
                else:
                    self._prefixes.append((prefix, policy))

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes)

    def on(self, tag: str) -> tuple[CompiledPolicy, ...]:
        """Return the policies on a tag, each once."""
        known = self._found.get(tag)
        if known is None:
            found = [*self._exact.get(tag, ())]
            found += [policy for prefix, policy in self._prefixes if tag.startswith(prefix)]
            known = self._found[tag] = tuple({policy.id: policy for policy in found}.values())
        return known

    def ordered(
        self, kind: PolicyType, tags: Iterable[CarriedTag]
    ) -> list[tuple[CompiledPolicy, Match]]:
        """Return the policies on tags, each with its closest, in the order that they are asked in.

        Masks are asked by how close their tag is first (`PolicyEvaluatorForTag`).
        """
        found: dict[int, tuple[CompiledPolicy, Match]] = {}
        for carried in tags:
            for policy in self.on(carried.tag):
                known = found.get(policy.id)
                if known is None or carried.match < known[1]:
                    found[policy.id] = policy, carried.match
        if kind is PolicyType.MASK:
            return sorted(found.values(), key=_key_of_mask)
        return sorted(found.values(), key=lambda pair: pair[0].order)


def _key_of_mask(pair: tuple[CompiledPolicy, Match]) -> tuple[Match, tuple[int, bool, bytes]]:
    return pair[1], pair[0].order_by_name


def _names(resources: Resources) -> Iterator[Parts]:
    levels: list[Sequence[str]] = []
    for level in LEVELS:
        if level in resources:
            names = resources[level]["values"]
            levels.append([lower(name) for name in names] if level == "column" else names)
    for parts in product(*levels):
        if parts[0].lower() == SESSION_CATALOG:
            yield (SESSION_CATALOG, *map(lower, parts[1:]))
        else:
            yield parts
