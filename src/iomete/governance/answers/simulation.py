"""What a change would do, told before it is made: who gains and loses what, on which tables.

Nobody is judged twice who can't be told apart: users by the groups, roles and names that the
policies of a table mention, tables by the policies, tags and owners that count for them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iomete.governance.answers.audience import Audience, keys_named, split
from iomete.governance.answers.columns import OTHER_COLUMNS, column_text, fields_in
from iomete.governance.answers.effects import Effect, EffectKind, Effects, Simulation
from iomete.governance.answers.path_changes import (
    is_on_paths,
    open_paths,
    paths_in_question,
)
from iomete.governance.answers.rights import columns_in_question
from iomete.governance.answers.sight import (
    ACTIONS_BUT_SELECT,
    Sight,
    sight_of,
)
from iomete.governance.evaluator.matching import has_token, is_wild
from iomete.governance.evaluator.resource_names import table_parts, written
from iomete.governance.principal_names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from iomete.governance.answers.metadata import Metadata
    from iomete.governance.evaluator import CompiledPolicy, Evaluator
    from iomete.governance.evaluator.decisions import AboutTable
    from iomete.governance.evaluator.matching import Values
    from iomete.governance.evaluator.resource_names import Parts

_EXAMPLES = 100
_EXAMPLE_NAMES = 5


def simulate(
    before: Evaluator, after: Evaluator, metadata: Metadata, *, knows_all_tables: bool = True
) -> Simulation:
    """Return what changes for whom, if `after` decides instead of `before`.

    Args:
        before: What decides.
        after: What would decide.
        metadata: What exists.
        knows_all_tables: Whether what `metadata` doesn't list doesn't exist.

    Cost: one list of all tables; columns of those on which policies tell columns apart by patterns.
    """
    return _Comparison(before, after, metadata).made(knows_all_tables=knows_all_tables)


@dataclass(frozen=True, slots=True)
class _Difference:
    """One thing that is otherwise on a table, before and after."""

    kind: EffectKind
    action: str
    column: str | None = None
    before: str | None = None
    after: str | None = None
    rows: str | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What changes for a set of users."""

    difference: _Difference
    users: int


class _Gathered:
    """Effects of one kind, as they are found."""

    def __init__(self) -> None:
        self.count = 0
        self.users = 0
        self.resources: set[str] = set()
        self.examples: list[Effect] = []


class _Comparison:
    def __init__(self, before: Evaluator, after: Evaluator, metadata: Metadata) -> None:
        self._before, self._after = before, after
        self._metadata = metadata
        names = sorted({*before.contents.users, *after.contents.users})
        self._was = Audience(before.contents, names)
        self._is = Audience(after.contents, names)
        self._moved = self._users_that_moved()
        self._changed = _changed_policies(before, after)
        self._gathered: dict[EffectKind, _Gathered] = defaultdict(_Gathered)
        self._known: dict[tuple[object, ...], list[_Change]] = {}
        self._judgements = 0
        self._touched: set[int] = set()
        self._of_unknown_columns: set[Parts] = set()

    def made(self, *, knows_all_tables: bool) -> Simulation:
        tables = [tuple(name) for name in self._metadata.list_tables()]
        for name in tables:
            table = table_parts(name)
            self._gather(table, self._changes_of(name, table))
        for parts in _containers(tables, (*self._before.policies, *self._after.policies)):
            self._gather(parts, self._changes_of_container(parts))
        self._gather_paths()
        return Simulation(
            gains=self._effects(EffectKind.GAIN),
            losses=self._effects(EffectKind.LOSS),
            masks=self._effects(EffectKind.MASK),
            filters=self._effects(EffectKind.FILTER),
            version=self._before.version,
            judged_tables=len(tables),
            judged_principals=len(self._was.names),
            judgements=self._judgements,
            unjudged=tuple(self._unjudged(knows_all_tables=knows_all_tables)),
        )

    def _unjudged(self, *, knows_all_tables: bool) -> Iterator[str]:
        """Give in words what the change may do that can't be told."""
        if not knows_all_tables:
            yield "tables that Spark hasn't met"
        for policy_id, versions in sorted(self._changed.items()):
            if policy_id not in self._touched and not is_on_paths(versions[-1]):
                yield f"policy `{versions[-1].name}`: nothing that is known is under it"
        if self._of_unknown_columns:
            count = len(self._of_unknown_columns)
            yield f"columns that patterns stand for, of {count} tables whose columns aren't known"
        changed = [policy for versions in self._changed.values() for policy in versions]
        if paths := open_paths(changed):
            yield f"paths that patterns stand for: {', '.join(paths)}"

    # --- whom and what it can touch ---------------------------------------------------------------

    def _users_that_moved(self) -> int:
        """Return users who are in other groups, hold other roles, or are there no longer."""
        moved = 0
        for name in self._was.names:
            if self._was.keys.get(name) != self._is.keys.get(name):
                moved |= self._was.bit_of(name)
        return moved

    def _keys_of_moved(self) -> set[str]:
        """Return the groups and roles that users are in who weren't, or are no longer."""
        found: set[str] = set()
        for name in self._was.members(self._moved):
            nothing: frozenset[str] = frozenset()
            found |= self._was.keys.get(name, nothing) ^ self._is.keys.get(name, nothing)
        return found

    def _affected(
        self, policies: Mapping[int, CompiledPolicy], owners: Sequence[str | None]
    ) -> int:
        affected = self._moved
        self._touched |= policies.keys() & self._changed.keys()
        for policy_id in policies.keys() & self._changed.keys():
            for policy in self._changed[policy_id]:
                for audience in (self._was, self._is):
                    for owner in owners:
                        affected |= audience.of_policy(policy, owner)
        return affected

    # --- tables -----------------------------------------------------------------------------------

    def _changes_of(self, name: Sequence[str], table: Parts) -> list[_Change]:
        was, now = self._before.about(table), self._after.about(table)
        owners = (self._before.owner_of(table), self._after.owner_of(table))
        affected = self._affected({**was.policies, **now.policies}, owners)
        if was.tags != now.tags or owners[0] != owners[1]:
            affected = self._was.everyone | self._is.everyone
        if not affected:
            return []
        policies = (*was.policies.values(), *now.policies.values())
        columns = self._columns(was, now, name)
        key: tuple[object, ...] = (was.signature, now.signature, columns, owners)
        if any(policy.fills_names for policy in policies):
            key = (*key, table)
        if key not in self._known:
            self._known[key] = self._compare(table, columns, policies, affected, owners)
        return self._known[key]

    def _columns(self, was: AboutTable, now: AboutTable, name: Sequence[str]) -> tuple[str, ...]:
        one = columns_in_question(was, self._metadata, name)
        other = columns_in_question(now, self._metadata, name)
        if OTHER_COLUMNS not in one or OTHER_COLUMNS not in other:  # the table's real columns
            real = one if OTHER_COLUMNS not in one else other
            return tuple(dict.fromkeys((*real, *fields_in((*one, *other), real))))
        if was.has_column_patterns or now.has_column_patterns:
            self._of_unknown_columns.add(tuple(name))
        return (*dict.fromkeys((*one[:-1], *other[:-1])), OTHER_COLUMNS)

    def _compare(
        self,
        table: Parts,
        columns: Sequence[str],
        policies: Sequence[CompiledPolicy],
        affected: int,
        owners: Sequence[str | None],
    ) -> list[_Change]:
        actions = self._actions(policies)
        found: dict[_Difference, int] = defaultdict(int)
        for users in split(affected, self._sets(policies, table, owners)):
            was = self._sight(self._before, self._was, users, table, columns, actions)
            now = self._sight(self._after, self._is, users, table, columns, actions)
            for difference in _differences(was, now):
                found[difference] |= users
        there = frozenset(columns)
        return [_Change(_named(difference, there), users) for difference, users in found.items()]

    def _sets(
        self, policies: Sequence[CompiledPolicy], table: Parts, owners: Sequence[str | None]
    ) -> list[int]:
        """Return the sets of users that policies on a table tell apart."""
        unique = {id(policy): policy for policy in policies}.values()
        keys = keys_named(unique)
        sets = [audience.having(key) for audience in (self._was, self._is) for key in keys]
        sets += [self._was.admins, self._is.admins, self._was.everyone, self._is.everyone]
        sets += [self._was.bit_of(owner) for owner in owners if owner is not None]
        sets += [
            self._was.matching(policy, table, owner)
            for policy in unique
            if policy.fills_names
            for owner in set(owners)
        ]
        return list(dict.fromkeys(sets))

    def _sight(
        self,
        evaluator: Evaluator,
        audience: Audience,
        users: int,
        table: Parts,
        columns: Sequence[str],
        actions: Sequence[str],
    ) -> Sight:
        self._judgements += 1
        subject = evaluator.subject(audience.first(users))
        return sight_of(evaluator, subject, table, columns, actions)

    def _actions(self, policies: Iterable[CompiledPolicy]) -> tuple[str, ...]:
        """Return the actions besides `select` that can change: all, where users have moved."""
        if self._moved:
            return ACTIONS_BUT_SELECT
        named: set[str] = set()
        for policy in policies:
            for changed in self._changed.get(policy.id, ()):
                for item in changed.all_items:
                    named |= item.actions
                if changed.denies_all_else:
                    return ACTIONS_BUT_SELECT
        return tuple(action for action in ACTIONS_BUT_SELECT if action in named)

    # --- what isn't a table -----------------------------------------------------------------------

    def _changes_of_container(self, parts: Parts) -> list[_Change]:
        """Return what changes on a namespace or catalog itself; reading is on its tables."""
        policies = {
            policy.id: policy
            for evaluator in (self._before, self._after)
            for policy in evaluator.about_container(parts)
        }
        actions = self._actions(policies.values())
        affected = self._affected(policies, (None,)) if actions else 0
        if not affected:
            return []
        listed = tuple(
            policy
            for evaluator in (self._before, self._after)
            for policy in evaluator.about_container(parts)
        )
        return self._compare(parts, (), listed, affected, (None,))

    def _gather_paths(self) -> None:
        """Compare the paths that policies name, where they can be decided otherwise."""
        policies = [
            policy
            for policy in (*self._before.policies, *self._after.policies)
            if is_on_paths(policy)
        ]
        changed = [
            policy
            for versions in self._changed.values()
            for policy in versions
            if is_on_paths(policy)
        ]
        users = self._moved
        for policy in changed:
            users |= self._was.of_policy(policy) | self._is.of_policy(policy)
        parts = split(users, self._sets(policies, (), (None,)))
        if any(policy.fills_names for policy in policies):
            parts = [self._was.bit_of(name) for name in self._was.members(users)]
        moved = self._keys_of_moved()
        meant = [policy for policy in policies if policy.denies_all_else or policy.keys & moved]
        whole = str(ADMIN) in moved
        for path in paths_in_question(policies, [*changed, *meant], all_paths=whole):
            for action in ("read", "write"):
                self._gather_named(path, self._changes_of_path(path, action, parts))

    def _changes_of_path(self, path: str, action: str, parts: Iterable[int]) -> list[_Change]:
        gained = lost = 0
        for users in parts:
            name = self._was.first(users)
            self._judgements += 2
            before = self._before.is_path_allowed(name, action, path)
            after = self._after.is_path_allowed(name, action, path)
            gained |= users if after and not before else 0
            lost |= users if before and not after else 0
        kinds = ((EffectKind.GAIN, gained), (EffectKind.LOSS, lost))
        return [_Change(_Difference(kind, action), users) for kind, users in kinds if users]

    # --- gathering --------------------------------------------------------------------------------

    def _gather(self, parts: Parts, changes: Sequence[_Change]) -> None:
        if changes:
            self._gather_named(written(parts), changes)

    def _gather_named(self, name: str, changes: Sequence[_Change]) -> None:
        for change in changes:
            gathered = self._gathered[change.difference.kind]
            gathered.count += change.users.bit_count()
            gathered.users |= change.users
            gathered.resources.add(name)
            if len(gathered.examples) < _EXAMPLES:
                gathered.examples.append(self._effect(name, change))

    def _effect(self, name: str, change: _Change) -> Effect:
        found = change.difference
        members = self._was.members(change.users)
        return Effect(
            kind=found.kind,
            action=found.action,
            resource=name if found.column is None else f"{name}.{found.column}",
            count=change.users.bit_count(),
            principals=tuple(name for name, _ in zip(members, range(_EXAMPLE_NAMES), strict=False)),
            before=found.before,
            after=found.after,
            rows=found.rows,
        )

    def _effects(self, kind: EffectKind) -> Effects:
        found = self._gathered[kind]
        return Effects(
            count=found.count,
            principals=found.users.bit_count(),
            resources=len(found.resources),
            examples=tuple(found.examples),
        )


def _named(difference: _Difference, columns: Collection[str]) -> _Difference:
    """Return a difference with its column as full names have it."""
    if difference.column is None:
        return difference
    return replace(difference, column=column_text(difference.column, columns))


def _differences(was: Sight, now: Sight) -> Iterable[_Difference]:
    """Give each thing that is otherwise for somebody who saw one sight, and sees the other."""
    for action in now.actions - was.actions:
        yield _Difference(EffectKind.GAIN, action)
    for action in was.actions - now.actions:
        yield _Difference(EffectKind.LOSS, action)
    for column, mask in now.columns.items():
        if column not in was.columns:
            yield _Difference(EffectKind.GAIN, "select", column, after=mask, rows=now.filter)
        elif was.columns[column] != mask:
            yield _Difference(EffectKind.MASK, "select", column, was.columns[column], mask)
    for column in was.columns:
        if column not in now.columns:
            yield _Difference(EffectKind.LOSS, "select", column, before=was.columns[column])
    if was.columns and now.columns and was.filter != now.filter:
        yield _Difference(EffectKind.FILTER, "select", None, was.filter, now.filter)


def _changed_policies(before: Evaluator, after: Evaluator) -> dict[int, list[CompiledPolicy]]:
    """Return the policies that are in force in one of two, or in both but otherwise."""
    was = {policy.id: policy for policy in before.policies}
    now = {policy.id: policy for policy in after.policies}
    changed = {}
    for policy_id in was.keys() | now.keys():
        versions = [one[policy_id] for one in (was, now) if policy_id in one]
        if len(versions) < 2 or versions[0].document != versions[1].document:
            changed[policy_id] = versions
    return changed


def _containers(tables: Iterable[Sequence[str]], policies: Iterable[CompiledPolicy]) -> list[Parts]:
    """Return the catalogs and namespaces that hold tables, or that policies name."""
    found: dict[Parts, None] = {}
    for name in tables:
        catalog, namespace, _ = table_parts(name)
        found[catalog,] = None
        levels = namespace.split(".")
        for depth in range(1, len(levels) + 1):
            found[catalog, ".".join(levels[:depth])] = None
    for policy in policies:
        for resources in policy.resources:
            named = [_literal(values) for values in resources.levels[:2]]
            for catalog in named[0] if named else ():
                found[catalog,] = None
                found.update(((catalog, one), None) for one in (named[1] if named[1:] else ()))
    return sorted(found)


def _literal(values: Values) -> list[str]:
    """Return the names among values that stand for nothing but themselves."""
    if values.excludes:
        return []
    return [text for text in values.texts if not is_wild(text) and not has_token(text)]
