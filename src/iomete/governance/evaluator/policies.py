"""A policy made ready to be asked, and the order in which Ranger asks policies.

What the Java side changes before Ranger sees a policy is changed here the same way
(`PolicyCheck`): names of the session catalog fold, an excluded column is excluded with its fields,
`all` is written out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iomete.governance.documents.document import (
    ALLOW_EXCEPTIONS,
    DENIED,
    DENY_EXCEPTIONS,
    ITEMS,
    TAG_PREFIX,
    TAG_SERVICE,
    PolicyType,
    all_resources,
    denies_all_else,
)
from iomete.governance.evaluator.decisions import Access, Said
from iomete.governance.evaluator.matching import Asked, Match, ResourceSet, is_wild
from iomete.governance.evaluator.paths import policy_value
from iomete.governance.evaluator.schedules import Schedule
from iomete.governance.principals.names import EVERYONE, OWNER, USER_TOKENS
from iomete.names import SESSION_CATALOG, lower

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iomete.governance.documents.document import Document
    from iomete.governance.evaluator.subjects import Subject

ACTIONS = (
    "select",
    "insert",
    "update",
    "delete",
    "create",
    "drop",
    "alter",
    "use",
    "execute",
    "read",
    "write",
)
TABLE_ACTIONS = tuple(action for action in ACTIONS if action not in ("read", "write"))
ALL = "all"
_ACCESS_TYPES = len(ACTIONS) + 1
_UNMASKED = "MASK_NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Whom an item is for, and what it is about; a mask or a predicate where it has one.

    `keys` are written `user:alice`; `is_for_all` is everybody, `is_for_owner` whoever owns it.
    """

    actions: frozenset[str]
    keys: frozenset[str]
    is_for_all: bool
    is_for_owner: bool
    mask: str | None = None
    value: str | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any], *, is_tagged: bool) -> Item:
        """Read an item of a document; accesses of other services are left out."""
        named = [access["type"] for access in item.get("accesses", ())]
        if is_tagged:
            named = [
                name.removeprefix(TAG_PREFIX)
                for name in named
                if ":" not in name or name.startswith(TAG_PREFIX)
            ]
        actions = {*named, *(ACTIONS if ALL in named else ())}
        users, groups, roles = (item.get(kind, ()) for kind in ("users", "groups", "roles"))
        info = item.get("dataMaskInfo") or {}
        predicate = (item.get("rowFilterInfo") or {}).get("filterExpr")
        mask = info.get("dataMaskType")
        return cls(
            actions=frozenset(actions),
            keys=frozenset(
                (
                    *(f"user:{user}" for user in users if user not in USER_TOKENS),
                    *(f"group:{group}" for group in groups),
                    *(f"role:{role}" for role in roles),
                )
            ),
            is_for_all="{USER}" in users or EVERYONE.name in groups,
            is_for_owner=OWNER.name in users,
            mask=mask and mask.removeprefix(TAG_PREFIX if is_tagged else ""),
            value=predicate if predicate is not None else info.get("valueExpr"),
        )

    @property
    def is_unmasked(self) -> bool:
        """Whether it shows values as they are, or every row."""
        return self.mask == _UNMASKED if self.mask else not self.value

    def is_for(self, subject: Subject, owner: str | None) -> bool:
        """Tell whether it names a principal, a group or role of theirs, or them as the owner."""
        return (
            self.is_for_all
            or not self.keys.isdisjoint(subject.keys)
            or (self.is_for_owner and subject.name == owner)
        )


class CompiledPolicy:
    """A policy of one service."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.id = int(document["id"])
        self.name = str(document["name"])
        self.is_tagged = document.get("service") == TAG_SERVICE
        self.kind = PolicyType(document.get("policyType") or 0)
        self.priority = int(document.get("policyPriority") or 0)
        self.denies_all_else = denies_all_else(document)
        self.has_deny = self.denies_all_else or bool(document.get(DENIED))
        self.schedules = tuple(Schedule.of(one) for one in document.get("validitySchedules") or ())

        def read(member: str) -> tuple[Item, ...]:
            found = document.get(member) or ()
            return tuple(Item.of(item, is_tagged=self.is_tagged) for item in found)

        self.items = read(ITEMS[self.kind])
        is_access = self.kind is PolicyType.ACCESS
        self.denials = read(DENIED) if is_access else ()
        self.grant_exceptions = read(ALLOW_EXCEPTIONS) if is_access else ()
        self.deny_exceptions = read(DENY_EXCEPTIONS) if is_access else ()
        self.named = tuple(_normalised(found) for found in all_resources(document))
        self.tags: tuple[str, ...] = ()
        self.resources: tuple[ResourceSet, ...] = ()
        if self.is_tagged:
            self.tags = tuple(tag for one in self.named for tag in one["tag"]["values"])
        else:
            self.resources = tuple(ResourceSet.of(one) for one in self.named)

    def __repr__(self) -> str:
        return f"<CompiledPolicy {self.id} {self.name!r}>"

    @property
    def document_resources(self) -> list[dict[str, Any]]:
        """What it is on, as its document says it."""
        return all_resources(self.document)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every principal that it names, exceptions included."""
        return frozenset().union(*(item.keys for item in self.all_items))

    @cached_property
    def all_items(self) -> tuple[Item, ...]:
        """Every item, exceptions included."""
        return (*self.items, *self.denials, *self.grant_exceptions, *self.deny_exceptions)

    @cached_property
    def order(self) -> tuple[int, bool, int, bytes]:
        """What Ranger sorts policies by (`PolicyEvalOrderComparator`)."""
        return (-self.priority, not self.has_deny, self._score(), java_order(self.name))

    @cached_property
    def order_by_name(self) -> tuple[int, bool, bytes]:
        """What Ranger sorts policies of tags by that mask (`PolicyNameComparator`)."""
        return (-self.priority, not self.has_deny, java_order(self.name))

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is for principals by their names alone, without exceptions."""
        exceptions = self.grant_exceptions or self.deny_exceptions
        return not exceptions and not self.is_for_owner and not self.denies_all_else

    @cached_property
    def is_for_owner(self) -> bool:
        """Whether an item of it, or an exception, is for whoever owns what it is on."""
        return any(item.is_for_owner for item in self.all_items)

    @cached_property
    def fills_names(self) -> bool:
        """Whether who asks, or who owns it, decides what it is on."""
        return any(resources.fills_names for resources in self.resources)

    @cached_property
    def fills_columns(self) -> bool:
        """Whether who asks, or who owns the table, decides on which columns of it it is."""
        return any(values.depends_on_asker for one in self.resources for values in one.levels[3:])

    def match(self, parts: Sequence[str], asked: Asked) -> Match:
        """Return how it relates to a resource: by the closest of what it is on."""
        found = Match.NONE
        for resources in self.resources:
            match = resources.match(parts, asked)
            if match.covers:
                return match
            found = match or found
        return found

    def is_on_tag(self, tag: str) -> bool:
        """Tell whether it is on a tag: Ranger goes by the text before the first wildcard."""
        return any(
            tag == value
            or (before_wildcard(value) != value and tag.startswith(before_wildcard(value)))
            for value in self.tags
        )

    @cached_property
    def granting(self) -> Access:
        """The answer that it gives where it grants."""
        return Access(Said.GRANTS, self)

    @cached_property
    def denying(self) -> Access:
        """The answer that it gives where it denies."""
        return Access(Said.DENIES, self)

    def says(self, action: str, subject: Subject, owner: str | None) -> Said:
        """Return what it says to a principal about an action on what it is on."""
        if self._matching(self.denials, self.deny_exceptions, action, subject, owner):
            return Said.DENIES
        if self._matching(self.items, self.grant_exceptions, action, subject, owner):
            return Said.GRANTS
        return Said.DENIES if self.denies_all_else else Said.NOTHING

    def item_for(self, subject: Subject, owner: str | None) -> Item | None:
        """Return the first of its items that a principal's reading meets."""
        for item in self.items:
            if "select" in item.actions and item.is_for(subject, owner):
                return item
        return None

    @staticmethod
    def _matching(
        items: Sequence[Item],
        exceptions: Sequence[Item],
        action: str,
        subject: Subject,
        owner: str | None,
    ) -> bool:
        for item in items:
            if action in item.actions and item.is_for(subject, owner):
                return not any(
                    action in one.actions and one.is_for(subject, owner) for one in exceptions
                )
        return False

    def _score(self) -> int:
        """Return how late it is asked among its like (`RangerOptimizedPolicyEvaluator`)."""
        discount = sum(map(_discount, self.named[0].values()))
        score = 10_000 - min(100, discount)
        if any(one.fills_names for one in self.resources):
            score += 20
        users: set[str] = set()
        groups: set[str] = set()
        actions: set[str] = set()
        for item in self._raw_items():
            users.update(item.get("users", ()))
            groups.update(item.get("groups", ()))
        for one in self.all_items:
            actions |= one.actions
        if self.denies_all_else or EVERYONE.name in groups or "{USER}" in users:
            score -= 25
        else:
            score -= min(25, len(users) + len(groups))
        return score - math.floor(25 * len(actions) / _ACCESS_TYPES + 0.5)

    def _raw_items(self) -> list[Mapping[str, Any]]:
        members = (ITEMS[self.kind], DENIED, ALLOW_EXCEPTIONS, DENY_EXCEPTIONS)
        return [item for member in members for item in self.document.get(member) or ()]


def before_wildcard(value: str) -> str:
    """Return the part of a tag's pattern that Ranger goes by (`RangerResourceTrie`)."""
    ends = [value.index(c) for c in "*?{}\\$" if c in value]
    return value[: min(ends)] if ends else value


def java_order(text: str) -> bytes:
    """Return what sorts as `String.compareTo` does, which compares UTF-16."""
    return text.encode("utf-16-be", "surrogatepass")


def _discount(level: Mapping[str, Any]) -> int:
    values = level["values"]
    if "*" in values:
        return 25
    discount = 0
    if any("*" in value for value in values):
        discount = 10
    elif any(is_wild(value) for value in values):
        discount = 5
    return discount + 5 * bool(level.get("isExcludes")) + 5 * bool(level.get("isRecursive"))


def _normalised(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return `resources` in the spelling of what is asked about."""
    found = {level: dict(value) for level, value in resources.items()}
    if "path" in found:
        values = found["path"]["values"]
        found["path"]["values"] = [policy_value(value) or value for value in values]
    if "catalog" in found:
        catalog = found["catalog"]
        catalog["values"] = [
            SESSION_CATALOG if name.lower() == SESSION_CATALOG else name
            for name in catalog["values"]
        ]
        if not catalog.get("isExcludes") and set(catalog["values"]) == {SESSION_CATALOG}:
            for level in ("namespace", "table"):
                if level in found:
                    values = found[level]["values"]
                    found[level]["values"] = [v if "{" in v else lower(v) for v in values]
    if "column" in found and found["column"].get("isExcludes"):
        columns = found["column"]["values"]
        found["column"]["values"] = list(dict.fromkeys([*columns, *(f"{c}.*" for c in columns)]))
    return found
