"""What policies say about one action, by principal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.evaluator.decisions import NOTHING_SAID, Access
from iomete.governance.principals.names import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.evaluator.policies import CompiledPolicy, Item

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
