"""What all users may do with a resource, and see of it, decided at once: for sets of users.

Each policy speaks to a set of users; what Ranger's order makes of these sets is what asking the
evaluator for each user would answer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from iomete.governance.answers.columns import (
    DENIED_FIELD,
    column_of,
    covers_below,
    steps_of,
)
from iomete.governance.answers.sight import real
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator import Rule
from iomete.governance.evaluator.matching import Asked
from iomete.governance.evaluator.reading import filter_in_force, mask_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from iomete.governance.answers.audience import Audience
    from iomete.governance.evaluator import CompiledPolicy, Evaluator
    from iomete.governance.evaluator.matching import ResourceSet
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.resource_names import Parts

    Sets = Sequence[ResourceSet] | None

_NOBODY = Asked(user="")
_TABLE_PARTS = 3


Shown = dict[str | None, int]
"""Users by what they are shown: a mask or a predicate; None: all as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """What users may do with one resource: sets of users.

    `actions` are who may do what besides reading, `columns` who sees a column, by its mask;
    `filters` are those who see something, by the predicate of their rows.
    """

    actions: Mapping[str, int]
    columns: Mapping[str, Shown] = field(default_factory=dict)
    filters: Shown = field(default_factory=dict)


class SightsOfAll:
    """Judges all users of an audience at once.

    Args:
        evaluator: What decides.
        audience: The users.
    """

    def __init__(self, evaluator: Evaluator, audience: Audience) -> None:
        self._evaluator = evaluator
        self._audience = audience
        self._says: dict[tuple[int, str], tuple[int, int]] = {}
        self._denials: dict[tuple[Parts, str], int] = {}

    def of(self, parts: Parts, columns: Sequence[str], actions: Iterable[str]) -> Sights:
        """Return what users may do with a table, namespace or catalog.

        Args:
            parts: Of the resource.
            columns: Those of a table that are asked about, as `sight_of` has them.
            actions: The actions that are asked about, besides `select`.
        """
        there = frozenset(columns)
        seen = {one: self._seen(parts, real(one), column_of(one, there)) for one in columns}
        may = {action: self._granted(action, parts) for action in actions}
        readers = reduce(or_, (users for shown in seen.values() for users in shown.values()), 0)
        return Sights(actions=may, columns=seen, filters=self._filters(parts, readers))

    # --- rights -----------------------------------------------------------------------------------

    def _granted(self, action: str, parts: Parts) -> int:
        """Return to whom an action is granted, as `Evaluator.decide` does for one; and admins."""
        granted = self._said(action, parts)[1]
        if granted and self._evaluator.denies_above:
            for depth in range(1, len(parts)):
                granted &= ~self._denied(action, parts[:depth])
        return granted | self._audience.admins

    def _denied(self, action: str, parts: Parts) -> int:
        key = parts, action
        if key not in self._denials:
            self._denials[key] = self._said(action, parts)[0]
        return self._denials[key]

    def _said(self, action: str, parts: Parts) -> tuple[int, int]:
        """Return to whom an action is denied and granted by the policies on a resource itself.

        Of those of the highest priority that say something, a denial counts before a grant.
        """
        owner = self._evaluator.owner_of(parts)
        tiers: dict[int, list[int]] = {}
        for policy, sets in self._on(PolicyType.ACCESS, parts):
            denies, grants = self._says_to(policy, action, owner)
            if denies or grants:
                users = self._users_on(sets, parts, owner)
                tier = tiers.setdefault(policy.priority, [0, 0])
                tier[0] |= denies & users
                tier[1] |= grants & users
        denied = granted = 0
        for _, (denies, grants) in sorted(tiers.items(), reverse=True):
            undecided = ~(denied | granted)
            denied |= denies & undecided
            granted |= grants & ~denies & undecided
        return denied, granted

    def _says_to(self, policy: CompiledPolicy, action: str, owner: str | None) -> tuple[int, int]:
        """Return to whom a policy denies and grants an action, as `CompiledPolicy.says` tells."""
        key = policy.id, action
        known = self._says.get(key)
        if known is not None:
            return known
        denied = self._meant(policy.denials, policy.deny_exceptions, action, owner)
        granted = self._meant(policy.items, policy.grant_exceptions, action, owner) & ~denied
        if policy.denies_all_else:
            denied |= self._audience.everyone & ~granted
        if not policy.is_for_owner:
            self._says[key] = denied, granted
        return denied, granted

    def _meant(
        self, items: Iterable[Item], exceptions: Iterable[Item], action: str, owner: str | None
    ) -> int:
        meant, excepted = (
            reduce(or_, (self._audience.of_item(i, owner) for i in some if action in i.actions), 0)
            for some in (items, exceptions)
        )
        return meant & ~excepted

    # --- what is seen -----------------------------------------------------------------------------

    def _seen(self, table: Parts, name: str, column: str | None) -> Shown:
        """Return who sees a column or a field of one, by its mask, as `seen_by` tells it of one."""
        holder = (*table, name if column is None else column)
        masks: Mapping[str, int] = {}
        if column is not None:
            for path in steps_of(name, column):
                masks = _covered(masks, self._of_field((*table, path)))
        masks = _one_after_the_other(masks, self._shown(PolicyType.MASK, holder))
        return _among(self._granted("select", holder), masks)

    def _of_field(self, parts: Parts) -> dict[str, int]:
        """Return by what a field, or a struct in a column, is changed for whom."""
        denied = self._said("select", parts)[0]
        masks = {
            mask: users & ~denied for mask, users in self._shown(PolicyType.MASK, parts).items()
        }
        masks[DENIED_FIELD] = masks.get(DENIED_FIELD, 0) | denied
        return masks

    def _filters(self, table: Parts, readers: int) -> Shown:
        return _among(readers, self._shown(PolicyType.ROW_FILTER, table)) if readers else {}

    def _shown(self, kind: PolicyType, parts: Parts) -> dict[str, int]:
        """Return for whom which mask or predicate counts, as `Evaluator.mask` tells it of one."""
        tagged, own = self._evaluator.on_for_anybody(kind, parts)
        if not tagged and not own:
            return {}
        on_tags = list(self._rules([(policy, None) for policy in tagged], parts))
        on_resource = list(self._rules(own, parts))
        shown: dict[str, int] = defaultdict(int)
        taken = 0
        for priority, text, users in on_tags:
            stronger = (one for above, _, one in on_resource if above > priority)
            left = users & ~reduce(or_, stronger, 0)
            taken |= left
            if text is not None:
                shown[text] |= left
        for _, text, users in on_resource:
            if text is not None:
                shown[text] |= users & ~taken
        return shown

    def _rules(
        self, policies: Iterable[tuple[CompiledPolicy, Sets]], parts: Parts
    ) -> Iterator[tuple[int, str | None, int]]:
        """Give priority, mask or predicate, and users of each item: the first for them counts."""
        owner = self._evaluator.owner_of(parts)
        left = self._audience.everyone
        for policy, sets in policies:
            on_it = self._users_on(sets, parts, owner)
            for item in policy.items if on_it else ():
                if "select" in item.actions:
                    users = self._audience.of_item(item, owner) & on_it & left
                    if users:
                        left &= ~users
                        yield policy.priority, _text(Rule(policy, item)), users

    # --- policies ---------------------------------------------------------------------------------

    def _on(self, kind: PolicyType, parts: Parts) -> Iterator[tuple[CompiledPolicy, Sets]]:
        """Give the policies on a resource, each with what of it is on it; None: it is on a tag."""
        tagged, own = self._evaluator.on_for_anybody(kind, parts)
        for policy in tagged:
            yield policy, None
        yield from own

    def _users_on(self, sets: Sets, parts: Parts, owner: str | None) -> int:
        """Return for whom a policy is on a resource itself."""
        if sets is None:
            return self._audience.everyone
        users = 0
        for one in sets:
            if one.fills_names:
                users |= self._audience.matching_set(one, parts, owner)
            elif self._covers(one, parts):
                return self._audience.everyone
        return users

    @staticmethod
    def _covers(one: ResourceSet, parts: Parts) -> bool:
        if len(parts) < _TABLE_PARTS:
            return one.match(parts, _NOBODY).covers
        return one.covers_in_table(parts[3] if len(parts) > _TABLE_PARTS else None)


def _text(rule: Rule) -> str | None:
    """Return what a rule shows; None where it shows all as it is."""
    if rule.policy.kind is PolicyType.ROW_FILTER:
        rows = filter_in_force(rule)
        return None if rows is None else rows.predicate
    mask = mask_in_force(rule)
    return None if mask is None else mask.text


def _covered(inner: Mapping[str, int], outer: Mapping[str, int]) -> dict[str, int]:
    """Return for whom what counts of masks of a field, and of the struct that it is in."""
    covering = {text: users for text, users in outer.items() if covers_below(text)}
    custom = {text: users for text, users in outer.items() if text not in covering}
    left = ~reduce(or_, covering.values(), 0)
    found = _one_after_the_other({text: users & left for text, users in inner.items()}, custom)
    for text, users in covering.items():
        found[text] = found.get(text, 0) | users
    return found


def _one_after_the_other(inner: Mapping[str, int], outer: Mapping[str, int]) -> dict[str, int]:
    """Return for whom which masks of a field count, with those of its column on top of them."""
    shown: dict[str, int] = defaultdict(int)
    unmasked = ~reduce(or_, inner.values(), 0)
    for text, users in outer.items():
        shown[text] |= users & unmasked
        for first, some in inner.items():
            shown[f"{first}, then {text}"] |= users & some
    plain = ~reduce(or_, outer.values(), 0)
    for text, users in inner.items():
        shown[text] |= users & plain
    return shown


def _among(readers: int, shown: Mapping[str, int]) -> Shown:
    """Return readers by what they are shown."""
    found: Shown = {None: readers & ~reduce(or_, shown.values(), 0)}
    found |= {text: readers & users for text, users in shown.items()}
    return {text: users for text, users in found.items() if users}
