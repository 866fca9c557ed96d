"""What a change would do, told before it is made: who gains and loses what, on which tables.

Nobody is judged twice who can't be told apart: users are judged all at once, as sets; tables are
told apart by the policies, tags and owners that count for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iomete.governance.answers.affected_users import AffectedUsers
from iomete.governance.answers.audience import split
from iomete.governance.answers.columns import OTHER_COLUMNS, fields_in
from iomete.governance.answers.differences import Change, Difference, changes, named
from iomete.governance.answers.effects import EffectKind, Simulation
from iomete.governance.answers.gathered_effects import GatheredEffects
from iomete.governance.answers.judged_resources import (
    containers_in_question,
    is_on_paths,
    open_paths,
    paths_in_question,
)
from iomete.governance.answers.rights import columns_in_question
from iomete.governance.answers.sights import SightsOfAll
from iomete.governance.evaluator.resource_names import table_parts, written
from iomete.governance.principals.names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iomete.governance.answers.metadata import Metadata
    from iomete.governance.evaluator import Evaluator
    from iomete.governance.evaluator.decisions import AboutTable
    from iomete.governance.evaluator.resource_names import Parts


def simulate(
    before: Evaluator,
    after: Evaluator,
    metadata: Metadata,
    *,
    knows_all_tables: bool = True,
    later: Iterable[str] = (),
) -> Simulation:
    """Return what changes for whom, if `after` decides instead of `before`.

    Args:
        before: What decides.
        after: What would decide.
        metadata: What exists.
        knows_all_tables: Whether what `metadata` doesn't list doesn't exist.
        later: What changes at other times, in words.

    Cost: one list of all tables; columns of those of which policies or tags name some.
    """
    comparison = _Comparison(before, after, metadata)
    return comparison.made(knows_all_tables=knows_all_tables, later=later)


class _Comparison:
    def __init__(self, before: Evaluator, after: Evaluator, metadata: Metadata) -> None:
        self._before, self._after = before, after
        self._metadata = metadata
        self._users = AffectedUsers(before, after)
        self._was = SightsOfAll(before, self._users.was)
        self._now = SightsOfAll(after, self._users.now)
        self._gathered = GatheredEffects(self._users.was)
        self._known: dict[tuple[object, ...], list[Change]] = {}
        self._judgements = 0
        self._of_unknown_columns: set[Parts] = set()

    def made(self, *, knows_all_tables: bool, later: Iterable[str] = ()) -> Simulation:
        tables = [tuple(name) for name in self._metadata.list_tables()]
        for name in tables:
            table = table_parts(name)
            self._gather(table, self._changes_of(name, table))
        for parts in containers_in_question(
            tables, (*self._before.policies, *self._after.policies)
        ):
            self._gather(parts, self._changes_of_container(parts))
        self._gather_paths()
        return Simulation(
            gains=self._gathered.of(EffectKind.GAIN),
            losses=self._gathered.of(EffectKind.LOSS),
            masks=self._gathered.of(EffectKind.MASK),
            filters=self._gathered.of(EffectKind.FILTER),
            version=self._before.version,
            judged_tables=len(tables),
            judged_principals=len(self._users.was.names),
            judgements=self._judgements,
            unjudged=(*self._unjudged(knows_all_tables=knows_all_tables), *later),
        )

    def _unjudged(self, *, knows_all_tables: bool) -> Iterator[str]:
        """Give in words what the change may do that can't be told."""
        if not knows_all_tables:
            yield "tables that Spark hasn't met"
        for policy_id, versions in sorted(self._users.changed.items()):
            if policy_id not in self._users.touched and not is_on_paths(versions[-1]):
                yield f"policy `{versions[-1].name}`: nothing that is known is under it"
        if self._of_unknown_columns:
            count = len(self._of_unknown_columns)
            yield f"columns that patterns stand for, of {count} tables whose columns aren't known"
        changed = [policy for versions in self._users.changed.values() for policy in versions]
        if paths := open_paths(changed):
            yield f"paths that patterns stand for: {', '.join(paths)}"

    def _gather(self, parts: Parts, changes: Sequence[Change]) -> None:
        if changes:
            self._gathered.add(written(parts), changes)

    # --- tables -----------------------------------------------------------------------------------

    def _changes_of(self, name: Sequence[str], table: Parts) -> list[Change]:
        was, now = self._before.about(table), self._after.about(table)
        owners = (self._before.owner_of(table), self._after.owner_of(table))
        affected = self._users.by({**was.policies, **now.policies}, table, owners)
        if was.tags != now.tags or owners[0] != owners[1]:
            affected = self._users.was.everyone | self._users.now.everyone
        if not affected:
            return []
        policies = (*was.policies.values(), *now.policies.values())
        columns = self._columns(was, now, name)
        key: tuple[object, ...] = (was.signature, now.signature, columns, owners)
        key = (*key, self._users.filled_in(policies, table, owners))
        if any(policy.fills_columns for policy in policies):
            key = (*key, table)
        if key not in self._known:
            actions = self._users.actions(policies, have_tags_changed=was.tags != now.tags)
            self._known[key] = self._compare(table, columns, actions)
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
        self, parts: Parts, columns: Sequence[str], actions: Sequence[str]
    ) -> list[Change]:
        self._judgements += 2 * (len(columns) + len(actions))
        was = self._was.of(parts, columns, actions)
        now = self._now.of(parts, columns, actions)
        there = frozenset(columns)
        return [replace(one, difference=named(one.difference, there)) for one in changes(was, now)]

    # --- what isn't a table -----------------------------------------------------------------------

    def _changes_of_container(self, parts: Parts) -> list[Change]:
        """Return what changes on a namespace or catalog itself; reading is on its tables."""
        listed = tuple(
            policy
            for evaluator in (self._before, self._after)
            for policy in evaluator.about_container(parts)
        )
        policies = {policy.id: policy for policy in listed}
        have_tags_changed = self._before.tags.of(parts) != self._after.tags.of(parts)
        actions = self._users.actions(listed, have_tags_changed=have_tags_changed)
        if not actions:
            return []
        affected = self._users.by(policies, parts, (None,))
        if have_tags_changed:
            affected = self._users.was.everyone | self._users.now.everyone
        if not affected:
            return []
        return self._compare(parts, (), actions)

    def _gather_paths(self) -> None:
        """Compare the paths that policies name, where they can be decided otherwise."""
        policies = [
            policy
            for policy in (*self._before.policies, *self._after.policies)
            if is_on_paths(policy)
        ]
        changed = [
            policy
            for versions in self._users.changed.values()
            for policy in versions
            if is_on_paths(policy)
        ]
        users = self._users.moved
        for policy in changed:
            users |= self._users.was.of_policy(policy) | self._users.now.of_policy(policy)
        parts = split(users, self._users.told_apart_by(policies))
        if any(policy.fills_names for policy in policies):
            parts = [self._users.was.bit_of(name) for name in self._users.was.members(users)]
        moved = self._users.keys_of_moved()
        meant = [policy for policy in policies if policy.denies_all_else or policy.keys & moved]
        whole = str(ADMIN) in moved
        for path in paths_in_question(policies, [*changed, *meant], all_paths=whole):
            for action in ("read", "write"):
                self._gathered.add(path, self._changes_of_path(path, action, parts))

    def _changes_of_path(self, path: str, action: str, parts: Iterable[int]) -> list[Change]:
        gained = lost = 0
        for users in parts:
            name = self._users.was.first(users)
            self._judgements += 2
            before = self._before.is_path_allowed(name, action, path)
            after = self._after.is_path_allowed(name, action, path)
            gained |= users if after and not before else 0
            lost |= users if before and not after else 0
        kinds = ((EffectKind.GAIN, gained), (EffectKind.LOSS, lost))
        return [Change(Difference(kind, action), users) for kind, users in kinds if users]
