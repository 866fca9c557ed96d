"""The policies on one table and its columns, found once and kept for the next question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.documents import PolicyType
from iomete.governance.evaluator.decisions import NOTHING_SAID, AboutTable, Access
from iomete.governance.principal_names import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.evaluator.index import ResourceIndex
    from iomete.governance.evaluator.matching import ResourceSet
    from iomete.governance.evaluator.policies import CompiledPolicy, Item
    from iomete.governance.evaluator.tags import TagIndex, TagPolicies

Parts = tuple[str, ...]
Lists = tuple[tuple["CompiledPolicy", ...], tuple["CompiledPolicy", ...]]
_OTHERS = "\x01others"
_EVERYONE = str(EVERYONE)
_Places = dict[str, tuple[int, Access]]


class Ranked:
    """What policies say about one action, by principal: which denies, which grants, in order.

    Made of policies whose items are for principals alone: a denial of a priority is the first that
    names one of the asker's groups, roles or names, and so is a grant.
    """

    __slots__ = ("_tiers",)

    def __init__(self, policies: Sequence[CompiledPolicy], action: str) -> None:
        tiers: dict[int, tuple[_Places, _Places]] = {}
        for place, policy in enumerate(policies):
            denials, grants = tiers.setdefault(policy.priority, ({}, {}))
            _add(denials, policy.denials, action, (place, policy.denying))
            _add(grants, policy.items, action, (place, policy.granting))
        self._tiers = [
            (frozenset(places), places)
            for _, both in sorted(tiers.items(), reverse=True)
            for places in both
            if places
        ]

    def first(self, keys: frozenset[str]) -> Access:
        """Return what is said to somebody by the keys of who they are and what they are in."""
        for named, places in self._tiers:
            found = keys & named
            if found:
                return min((places[key] for key in found), key=_place)[1]
        return NOTHING_SAID


def _place(entry: tuple[int, Access]) -> int:
    return entry[0]


def _add(places: _Places, items: Iterable[Item], action: str, entry: tuple[int, Access]) -> None:
    for item in items:
        if action in item.actions:
            for key in (*item.keys, *((_EVERYONE,) if item.is_for_all else ())):
                places.setdefault(key, entry)


class TableRules:
    """What decides about one table, by column: columns that nothing singles out share one answer.

    `fills_names` tells that who asks, or who owns the table, decides which policies these are; then
    lists aren't to be asked for.
    """

    __slots__ = (
        "_known",
        "_on",
        "_ranked",
        "_table",
        "_tag_policies",
        "_tags",
        "columns",
        "fills_names",
        "has_column_patterns",
        "has_field_patterns",
    )

    def __init__(
        self,
        table: Parts,
        policies: Mapping[PolicyType, tuple[ResourceIndex, TagPolicies]],
        tags: TagIndex,
    ) -> None:
        self._table = table
        self._tags = tags
        self._tag_policies = {kind: on_tags for kind, (_, on_tags) in policies.items()}
        self._known: dict[tuple[PolicyType, str | None], Lists] = {}
        self._ranked: dict[tuple[str | None, str], tuple[Ranked, Ranked] | None] = {}
        self._on: dict[PolicyType, list[tuple[CompiledPolicy, list[ResourceSet]]]] = {}
        self.columns: set[str] = set()
        self.has_column_patterns = tags.has_column_patterns
        self.has_field_patterns = tags.has_column_patterns
        self.fills_names = False
        for kind, (index, _) in policies.items():
            found = self._on[kind] = []
            for candidate in index.on(table):
                sets = [one for one in candidate.sets if one.may_be_on(table)]
                if sets:
                    found.append((candidate.policy, sets))
                for resources in sets:
                    self._note(resources)

    def _note(self, resources: ResourceSet) -> None:
        self.fills_names |= resources.fills_names
        if len(resources.levels) > 3:
            columns = resources.levels[3]
            self.columns.update(columns.plain)
            self.has_column_patterns |= columns.has_patterns
            self.has_field_patterns |= columns.has_field_patterns

    def about(self, above: Sequence[Sequence[CompiledPolicy]] = ()) -> AboutTable:
        """Return all that can decide about the table, or anything in it, for anybody.

        Args:
            above: Policies on its catalog, and on its namespace, that count for it.
        """
        found: dict[int, CompiledPolicy] = {}
        matched: list[object] = []
        for on_resource in self._on.values():
            for policy, sets in on_resource:
                found[policy.id] = policy
                matched.append((policy.id, len(sets) if len(policy.resources) < 2 else (*sets,)))
        carried = self._tags.of(self._table, below=True)
        for tag in carried:
            for on_tags in self._tag_policies.values():
                found.update((policy.id, policy) for policy in on_tags.on(tag.tag))
        for policies in above:
            found.update((policy.id, policy) for policy in policies)
        held = tuple(tuple(policy.id for policy in policies) for policies in above)
        tagged = {tag.on[3] for tag in carried if len(tag.on) > 3}
        return AboutTable(
            policies=found,
            signature=(tuple(matched), tuple((t.tag, t.match, t.on[3:]) for t in carried), held),
            tags=tuple(carried),
            columns=tuple(sorted(self.columns | tagged)),
            has_column_patterns=self.has_column_patterns,
            has_field_patterns=self.has_field_patterns,
        )

    def ranked(self, column: str | None, action: str) -> tuple[Ranked, Ranked] | None:
        """Return what policies on tags, and on the resource, say about an action.

        None where exceptions, owners or a denial of all else have to be asked one by one; and the
        first time that it is asked for, as it is worth its making from the second on.
        """
        key = self._key(column), action
        if key not in self._ranked:
            self._ranked[key] = None
            return None
        known = self._ranked[key]
        if known is None:
            lists = self.on(PolicyType.ACCESS, column)
            if all(policy.is_plain for policies in lists for policy in policies):
                known = self._ranked[key] = Ranked(lists[0], action), Ranked(lists[1], action)
        return known

    def on(self, kind: PolicyType, column: str | None) -> Lists:
        """Return the policies on a column, or the table, by its tags and by itself, in order."""
        key = self._key(column)
        known = self._known.get((kind, key))
        if known is None:
            known = self._known[kind, key] = self._find(kind, column)
        return known

    def _key(self, column: str | None) -> str | None:
        if column is None or self.has_column_patterns or column in self.columns:
            return column
        return column if self._tags.is_on_column((*self._table, column)) else _OTHERS

    def _find(self, kind: PolicyType, column: str | None) -> Lists:
        own = tuple(
            policy
            for policy, sets in self._on[kind]
            if any(resources.covers_in_table(column) for resources in sets)
        )
        on_tags = self._tag_policies[kind]
        if not on_tags:
            return (), own
        parts = self._table if column is None else (*self._table, column)
        tagged = on_tags.ordered(kind, self._tags.of(parts))
        return tuple(policy for policy, _ in tagged), own
