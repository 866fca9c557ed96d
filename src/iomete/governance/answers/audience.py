"""Users as bit sets, so that a thousand of them are told apart in a few operations.

Whom policies don't tell apart is judged once: a set of users is split by the groups, roles and
users that the policies in question name, and one of each part is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from iomete.governance.evaluator.matching import Asked, is_odd_name
from iomete.governance.principals.names import ADMIN, EVERYONE
from iomete.names import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iomete.governance.evaluator import CompiledPolicy, Contents
    from iomete.governance.evaluator.matching import ResourceSet, Values
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.resource_names import Parts


_EVERYONE = str(EVERYONE)
_TABLE_PARTS = 3
NAMED_USERS = 5
"""How many of a set's users are named where it is put into words."""


class Audience:
    """The enabled users of one version whom policies reach; admins are left out.

    Args:
        contents: Users and their memberships.
        names: Every user that there is a bit for, in their order; unset: those of `contents`.
    """

    def __init__(self, contents: Contents, names: Sequence[str] | None = None) -> None:
        self.names = sorted(contents.users) if names is None else list(names)
        self.keys: dict[str, frozenset[str]] = {}
        self._having: dict[str, int] = defaultdict(int)
        self.everyone = 0
        self.admins = 0
        self.keys_of_admins: frozenset[str] = frozenset()
        self._bits = {name: 1 << place for place, name in enumerate(self.names)}
        self._odd_names = set(filter(is_odd_name, self.names))
        for name, bit in self._bits.items():
            user = contents.users.get(name)
            if user is None or not user.enabled:
                continue
            keys = self.keys[name] = contents.memberships.keys_of(name)
            if str(ADMIN) in keys:
                self.admins |= bit
                self.keys_of_admins |= keys
                continue
            self.everyone |= bit
            for key in keys:
                self._having[key] |= bit

    def having(self, key: str) -> int:
        """Return the users who are, or are in, a principal written with its kind."""
        return self.everyone if key == _EVERYONE else self._having.get(key, 0)

    def of_item(self, item: Item, owner: str | None = None) -> int:
        """Return the users whom an item is for; an owner only where they are said."""
        if item.is_for_all:
            return self.everyone
        found = 0
        for key in item.keys:
            found |= self.having(key)
        if item.is_for_owner and owner is not None:
            found |= self.having(f"user:{owner}")
        return found

    def of_policy(self, policy: CompiledPolicy, owner: str | None = None) -> int:
        """Return the users to whom a policy can have something to say, exceptions included."""
        if policy.denies_all_else:
            return self.everyone
        found = 0
        for item in policy.all_items:
            found |= self.of_item(item, owner)
        return found

    def matching(self, policy: CompiledPolicy, parts: Parts, owner: str | None) -> list[int]:
        """Return for whom what a policy is on names a table, if it fills in names: one set each.

        Columns are left out. Tables for which these are the same are on the same for everybody.
        """
        return [
            self._matching(list(zip(one.levels[:_TABLE_PARTS], parts, strict=False)), owner)
            for one in policy.resources
            if one.fills_names
        ]

    def matching_columns(
        self, policy: CompiledPolicy, table: Parts, columns: Sequence[str], owner: str | None
    ) -> list[int]:
        """Return for whom what a policy is on names columns, if it fills in theirs: a set each."""
        return [
            self._matching(list(zip(one.levels, (*table, column), strict=False)), owner)
            for one in policy.resources
            if any(values.depends_on_asker for values in one.levels[_TABLE_PARTS:])
            for column in columns
        ]

    def matching_set(self, resources: ResourceSet, parts: Parts, owner: str | None) -> int:
        """Return for whom one of the resources of a policy is the very resource of a name."""
        if not resources.is_on_depth(len(parts)):
            return 0
        return self._matching(list(zip(resources.levels, parts, strict=False)), owner)

    def _matching(self, levels: Sequence[tuple[Values, str]], owner: str | None) -> int:
        if not all(values.may_match(name) for values, name in levels):
            return 0
        names: Iterable[str] = self._bits
        for values, name in levels:
            found = values.users_in(name, owner)
            if found is not None:
                names = self._odd_names.union(*(self._called(values, one) for one in found))
                break
        users = 0
        for name in names:
            asked = Asked(user=name, owner=owner)
            if all(values.match(part, asked) for values, part in levels):
                users |= self._bits[name]
        return users

    def _called(self, values: Values, key: str) -> Iterable[str]:
        """Return the users whose names are one, as the values of a level compare names."""
        if not values.folds:
            return (key,) if key in self._bits else ()
        return self._folded.get(key, ())

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            found[fold(name)].append(name)
        return found

    def bit_of(self, name: str) -> int:
        """Return the set of one user; empty for one that isn't here."""
        return self._bits.get(name, 0)

    def members(self, users: int) -> Iterator[str]:
        """Give the names of a set's users, in order."""
        while users:
            lowest = users & -users
            yield self.names[lowest.bit_length() - 1]
            users ^= lowest

    def listed(self, users: int) -> str:
        """Return a set's first names in words, and how many more there are."""
        names = list(islice(self.members(users), NAMED_USERS))
        more = users.bit_count() - len(names)
        return f"{', '.join(names)} and {more} more" if more else ", ".join(names)

    def first(self, users: int) -> str:
        """Return the first of a set that isn't empty."""
        return self.names[(users & -users).bit_length() - 1]


def split(users: int, sets: Iterable[int]) -> list[int]:
    """Return the parts of a set of users that some sets tell apart."""
    parts = [users] if users else []
    for one in sets:
        if not one & users:
            continue
        parts = [half for part in parts for half in (part & one, part & ~one) if half]
    return parts


def keys_named(policies: Iterable[CompiledPolicy]) -> set[str]:
    """Return every principal that policies name, exceptions included."""
    return set().union(*(policy.keys for policy in policies))
