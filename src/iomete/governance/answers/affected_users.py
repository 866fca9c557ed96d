"""Whom a change of policies and memberships can touch, in what, and whom it tells apart."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from iomete.governance.answers.audience import Audience, keys_named
from iomete.governance.answers.sight import ACTIONS_BUT_SELECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.evaluator import CompiledPolicy, Evaluator
    from iomete.governance.evaluator.resource_names import Parts

_ALL = -1
"""The set of all users, however many there are."""


class AffectedUsers:
    """The users of before and after a change, as sets.

    `was` and `now` are who policies reach, `moved` users whose groups or roles are others.
    `changed` are the policies that differ, by id; `touched` those of them that were found to be on
    something.

    Args:
        before: What decides.
        after: What would decide.
    """

    def __init__(self, before: Evaluator, after: Evaluator) -> None:
        names = sorted({*before.contents.users, *after.contents.users})
        self.was = Audience(before.contents, names)
        self.now = Audience(after.contents, names)
        self.moved = self._users_that_moved()
        self.changed = _changed_policies(before, after)
        self.touched: set[int] = set()

    def keys_of_moved(self) -> set[str]:
        """Return the groups and roles that users are in who weren't, or are no longer."""
        found: set[str] = set()
        for name in self.was.members(self.moved):
            nothing: frozenset[str] = frozenset()
            found |= self.was.keys.get(name, nothing) ^ self.now.keys.get(name, nothing)
        return found

    def by(
        self, policies: Mapping[int, CompiledPolicy], parts: Parts, owners: Sequence[str | None]
    ) -> int:
        """Return for whom policies on a resource can decide otherwise, whoever has owned it."""
        affected = self.moved
        touched = policies.keys() & self.changed.keys()
        self.touched |= touched
        for policy_id in touched:
            for policy in self.changed[policy_id]:
                for owner in dict.fromkeys(owners):
                    meant = self.was.of_policy(policy, owner) | self.now.of_policy(policy, owner)
                    affected |= meant & self._on(policy, parts, owner)
        return affected

    def _on(self, policy: CompiledPolicy, parts: Parts, owner: str | None) -> int:
        """Return for whom a policy can be on a resource, or on something in it."""
        if not policy.resources or not all(one.fills_names for one in policy.resources):
            return _ALL
        return reduce(or_, self.was.matching(policy, parts, owner))

    def told_apart_by(self, policies: Iterable[CompiledPolicy]) -> list[int]:
        """Return the sets of users that policies tell apart by whom they name."""
        keys = keys_named(policies)
        sets = [audience.having(key) for audience in (self.was, self.now) for key in keys]
        sets += [self.was.admins, self.now.admins, self.was.everyone, self.now.everyone]
        return list(dict.fromkeys(sets))

    def filled_in(
        self, policies: Sequence[CompiledPolicy], table: Parts, owners: Sequence[str | None]
    ) -> tuple[int, ...]:
        """Return for whom policies that fill in names are on a table, a set for each."""
        return tuple(
            users
            for policy in {id(policy): policy for policy in policies}.values()
            if policy.fills_names
            for owner in dict.fromkeys(owners)
            for users in self.was.matching(policy, table, owner)
        )

    def actions(
        self, policies: Iterable[CompiledPolicy], *, have_tags_changed: bool = False
    ) -> tuple[str, ...]:
        """Return the actions besides `select` that can change: all, where users have moved.

        Where other tags count than before, what any policy on tags is about can change.
        """
        if self.moved:
            return ACTIONS_BUT_SELECT
        named: set[str] = set()
        for policy in policies:
            versions = [*self.changed.get(policy.id, ())]
            if have_tags_changed and policy.is_tagged:
                versions.append(policy)
            for version in versions:
                for item in version.all_items:
                    named |= item.actions
                if version.denies_all_else:
                    return ACTIONS_BUT_SELECT
        return tuple(action for action in ACTIONS_BUT_SELECT if action in named)

    def _users_that_moved(self) -> int:
        """Return users who are in other groups, hold other roles, or are there no longer."""
        moved = 0
        for name in self.was.names:
            if self.was.keys.get(name) != self.now.keys.get(name):
                moved |= self.was.bit_of(name)
        return moved


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
