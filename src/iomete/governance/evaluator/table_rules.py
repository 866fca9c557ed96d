"""The policies on one table and its columns, found once and kept for the next question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.decisions import AboutTable
from iomete.governance.evaluator.matching import Asked, is_odd_name
from iomete.governance.evaluator.ranked import Ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iomete.governance.evaluator.index import ResourceIndex
    from iomete.governance.evaluator.matching import ResourceSet
    from iomete.governance.evaluator.policies import CompiledPolicy
    from iomete.governance.evaluator.tags import TagIndex, TagPolicies

Parts = tuple[str, ...]
Lists = tuple[tuple["CompiledPolicy", ...], tuple["CompiledPolicy", ...]]
_OTHERS = "\x01others"
_ON_TABLE = 3


class RulesForSome:
    """What decides about one table for users for whom the same policies are on it, by column.

    Columns that nothing singles out share one answer.

    Args:
        table: Whose rules they are.
        filled: What of policies that fill in names is on it, for these users.
    """

    __slots__ = ("_filled", "_known", "_ranked", "_table")

    def __init__(self, table: TableRules, filled: Sequence[ResourceSet] = ()) -> None:
        self._table = table
        self._filled = filled
        self._known: dict[tuple[PolicyType, str | None], Lists] = {}
        self._ranked: dict[tuple[str | None, str], tuple[Ranked, Ranked] | None] = {}

    def ranked(self, column: str | None, action: str) -> tuple[Ranked, Ranked] | None:
        """Return what policies on tags, and on the resource, say about an action.

        None where exceptions, owners or a denial of all else have to be asked one by one; and the
        first time that it is asked for, as it is worth its making from the second on.
        """
        key = self._table.key_of(column), action
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
        key = kind, self._table.key_of(column)
        known = self._known.get(key)
        if known is None:
            own = tuple(
                policy
                for policy, sets in self._table.sets(kind)
                if any(self._covers(resources, column) for resources in sets)
            )
            known = self._known[key] = self._table.on_tags(kind, column), own
        return known

    def _covers(self, resources: ResourceSet, column: str | None) -> bool:
        if not resources.fills_names:
            return resources.covers_in_table(column)
        if not any(resources is one for one in self._filled):
            return False
        is_on_column = column is not None and resources.fills_columns
        return is_on_column or resources.covers_in_table(column)


class TableRules:
    """What decides about one table.

    `columns` are those that policies name, in lower case.
    """

    __slots__ = (
        "_filled",
        "_for_some",
        "_named",
        "_on",
        "_owner",
        "_plain",
        "_table",
        "_tag_policies",
        "_tags",
        "columns",
        "has_column_patterns",
        "has_field_patterns",
    )

    def __init__(
        self,
        table: Parts,
        owner: str | None,
        policies: Mapping[PolicyType, tuple[ResourceIndex, TagPolicies]],
        tags: TagIndex,
    ) -> None:
        self._table = table
        self._owner = owner
        self._tags = tags
        self._tag_policies = {kind: on_tags for kind, (_, on_tags) in policies.items()}
        self._on: dict[PolicyType, list[tuple[CompiledPolicy, list[ResourceSet]]]] = {}
        self._filled: list[ResourceSet] = []
        self.columns: set[str] = set()
        self.has_column_patterns = tags.has_column_patterns
        self.has_field_patterns = tags.has_column_patterns
        for kind, (index, _) in policies.items():
            found = self._on[kind] = []
            for candidate in index.on(table):
                sets = [one for one in candidate.sets if one.may_be_on(table)]
                if sets:
                    found.append((candidate.policy, sets))
                for resources in sets:
                    self._note(resources)
        self._named = self._names_that_fill()
        self._plain = RulesForSome(self)
        self._for_some: dict[tuple[int, ...], RulesForSome] = {(): self._plain}

    def _note(self, resources: ResourceSet) -> None:
        if resources.fills_names:
            self._filled.append(resources)
        if len(resources.levels) > _ON_TABLE:
            columns = resources.levels[_ON_TABLE]
            self.columns.update(columns.plain)
            self.has_column_patterns |= columns.has_patterns
            self.has_field_patterns |= columns.has_field_patterns

    def _names_that_fill(self) -> frozenset[str] | None:
        """Return the users for whom a policy that fills in names can be on it; None: anybody."""
        found: set[str] = set()
        for resources in self._filled:
            users = resources.users_on(self._table, self._owner)
            if users is None:
                return None
            found |= users
        return frozenset(found)

    def of(self, user: str, column: str | None) -> RulesForSome:
        """Return what decides for a user, about the table or a column of it."""
        if not self._filled or (
            self._named is not None and user not in self._named and not is_odd_name(user)
        ):
            return self._plain
        parts = self._table if column is None else (*self._table, column)
        asked = Asked(user=user, owner=self._owner)
        filled = tuple(
            place for place, one in enumerate(self._filled) if one.is_in_table(parts, asked)
        )
        found = self._for_some.get(filled)
        if found is None:
            found = RulesForSome(self, [self._filled[place] for place in filled])
            self._for_some[filled] = found
        return found

    def sets(self, kind: PolicyType) -> list[tuple[CompiledPolicy, list[ResourceSet]]]:
        """Return the policies that are on it for somebody, in order, each with what of it is."""
        return self._on[kind]

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

    def key_of(self, column: str | None) -> str | None:
        """Return a column that is decided as one is: itself, or one for all that nothing names."""
        if column is None or self.has_column_patterns or column in self.columns:
            return column
        return column if self._tags.is_on_column((*self._table, column)) else _OTHERS

    def on_tags(self, kind: PolicyType, column: str | None) -> tuple[CompiledPolicy, ...]:
        """Return the policies on the tags of a column, or of the table, in order."""
        policies = self._tag_policies[kind]
        if not policies:
            return ()
        parts = self._table if column is None else (*self._table, column)
        return tuple(policy for policy, _ in policies.ordered(kind, self._tags.of(parts)))
