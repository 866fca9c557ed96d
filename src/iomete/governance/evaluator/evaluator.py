"""Decides as the policy engine in Spark does, without Spark: the same documents, the same answers.

The questions are those of the Java side (`RangerPolicyEngine`, `Deciding`), and differential tests
hold both to each other. Ranger's rules, as far as they show: policies of a higher priority are
asked first; of one priority, a denial beats a grant, on tags and on resources alike; of masks and
row filters the first counts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.decisions import (
    NOTHING_SAID,
    AboutTable,
    Access,
    ReadDecision,
    Rule,
    Said,
    first_said,
)
from iomete.governance.evaluator.index import ResourceIndex
from iomete.governance.evaluator.known_names import KnownNames
from iomete.governance.evaluator.matching import Asked, Match
from iomete.governance.evaluator.path_rules import PathRules
from iomete.governance.evaluator.reading import NO_ROWS, Reading
from iomete.governance.evaluator.resource_names import Parts, full_name_parts
from iomete.governance.evaluator.sleeping import SleepingPolicies
from iomete.governance.evaluator.subjects import Subject
from iomete.governance.evaluator.table_rules import Lists, TableRules
from iomete.governance.evaluator.tags import TagIndex, TagPolicies
from iomete.governance.principals.names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from iomete.governance.evaluator.contents import Contents
    from iomete.governance.evaluator.index import Candidate
    from iomete.governance.evaluator.matching import ResourceSet
    from iomete.governance.evaluator.policies import CompiledPolicy
    from iomete.governance.evaluator.tags import CarriedTag

_TABLE_PARTS = 3
_MAX_TABLES = 200_000
"""Tables whose policies are kept; about a kilobyte each."""
_FIRST_OF_USERS = 100


class Evaluator:
    """Answers by what is in force at one moment. Names are spelled as policies spell them.

    A resource is given by its parts: catalog, namespace (levels joined by dots), table, column; or
    the first ones of these. `paths` decides about paths, `known_names` tells what users know of;
    `denies_above` whether a denial on what holds something can stop there, see `denied_above`.

    Args:
        contents: All that there is.
        access: Policies on resources and paths that are in force.
        tag: Policies on tags that are in force.
        moment: When, in UTC.
        asleep: Policies that aren't in force then.
    """

    def __init__(
        self,
        contents: Contents,
        access: Sequence[CompiledPolicy],
        tag: Sequence[CompiledPolicy],
        moment: datetime,
        *,
        asleep: Sequence[CompiledPolicy] = (),
    ) -> None:
        self.contents = contents
        self.asleep = tuple(asleep)
        self.moment = moment
        self.policies = (*access, *tag)
        self.tags = TagIndex(contents.attachments, moment)
        self._on_resources = {
            kind: ResourceIndex(p for p in access if p.kind is kind) for kind in PolicyType
        }
        self._on_tags = {kind: TagPolicies(p for p in tag if p.kind is kind) for kind in PolicyType}
        self.owners = {full_name_parts(name): owner for name, owner in contents.owners.items()}
        self._by_kind = {
            kind: (self._on_resources[kind], self._on_tags[kind]) for kind in PolicyType
        }
        self._rules: dict[Parts, TableRules] = {}
        self._above: dict[Parts, tuple[CompiledPolicy, ...]] = {}
        self._containers: dict[tuple[PolicyType, Parts], tuple[Candidate, ...]] = {}
        self.paths = PathRules(access)
        self.known_names = KnownNames(self)
        self._subjects: dict[str, Subject | None] = {}
        self.denies_above = any(
            policy.has_deny and any(len(one.levels) in (1, 2, 3) for one in policy.resources)
            for policy in access
            if policy.kind is PolicyType.ACCESS
        )

    @property
    def version(self) -> int:
        """The version of governance that it answers by."""
        return self.contents.version

    def subject(self, name: str) -> Subject | None:
        """Return a user who may ask at all; None for one who isn't registered, or was disabled."""
        if name not in self._subjects:
            user = self.contents.users.get(name)
            found = None
            if user is not None and user.enabled:
                keys = self.contents.memberships.keys_of(name)
                found = Subject(name=name, keys=keys, attributes=user.attributes)
            self._subjects[name] = found
        return self._subjects[name]

    def is_admin(self, name: str) -> bool:
        """Tell whether a user holds the role `admin`."""
        subject = self.subject(name)
        return subject is not None and subject.is_admin

    def owner_of(self, parts: Sequence[str]) -> str | None:
        """Return who was set as the owner of a table, given by the parts of anything in it."""
        if not self.owners:
            return None
        match tuple(parts[:3]):
            case (catalog, namespace, table):
                return self.owners.get((catalog, *namespace.split("."), table))
            case (catalog, namespace):
                return self.owners.get((catalog, *namespace.split(".")))
        return self.owners.get(tuple(parts))

    # --- questions -----------------------------------------------------------------------------

    def is_allowed(self, name: str, action: str, parts: Sequence[str]) -> bool:
        """Tell whether an action is granted on a table, a namespace or a catalog."""
        subject = self.subject(name)
        if subject is None:
            return False
        return subject.is_admin or self.decide(subject, action, tuple(parts)).is_allowed

    def is_path_allowed(self, name: str, action: str, path: str) -> bool:
        """Tell whether an action is granted on a path and all below it."""
        subject = self.subject(name)
        if subject is None:
            return False
        return subject.is_admin or self.paths.decide(subject, action, path).is_allowed

    def read(self, name: str, table: Sequence[str], columns: Sequence[str]) -> ReadDecision:
        """Return what a user may read of a table.

        Args:
            name: Who asks.
            table: Catalog, namespace, table.
            columns: Names of top-level columns, in any case; paths of fields of these
                (`contact.email`) may follow. None at all asks for the number of rows.
        """
        subject = self.subject(name)
        if subject is None:
            return ReadDecision() if columns else ReadDecision(filter=NO_ROWS)
        if subject.is_admin:
            return ReadDecision(visible=frozenset(columns), policies=self.admin_policies)
        return Reading(self, subject, tuple(table)).of(columns)

    # --- decisions -----------------------------------------------------------------------------

    def decide(self, subject: Subject, action: str, parts: Parts) -> Access:
        """Return whether an action is granted to someone whom policies reach, and by which one."""
        found = self.access(subject, action, parts)
        if found.is_allowed and self.denies_above:
            return self.denied_above(subject, action, parts) or found
        return found

    def denied_above(self, subject: Subject, action: str, parts: Parts) -> Access | None:
        """Return the denial of an action on what holds a resource, by a policy that stops there."""
        if not self.denies_above:
            return None
        for depth in range(1, len(parts)):
            found = self.access(subject, action, parts[:depth])
            if found.is_denied:
                return found
        return None

    def access(self, subject: Subject, action: str, parts: Parts, *, below: bool = False) -> Access:
        """Return what policies on a resource and on its tags say; of those above it nothing.

        Args:
            subject: Who asks.
            action: What for.
            parts: What it is asked for.
            below: Whether a grant on something in it will do.
        """
        owner = self.owner_of(parts)
        if not below and len(parts) >= _TABLE_PARTS:
            return self._access_in_table(subject, action, parts, owner)
        on_resource = first_said(
            self.on_resource(PolicyType.ACCESS, subject, parts, owner, below=below),
            action,
            subject,
            owner,
        )
        on_tags = first_said(
            self.on_tags(PolicyType.ACCESS, self.tags.of(parts, below=below)),
            action,
            subject,
            owner,
        )
        return _stronger(on_tags, on_resource)

    def mask(self, subject: Subject, parts: Parts) -> Rule | None:
        """Return the mask of a column or struct field; one that shows it as it is counts, too."""
        return self._rule(PolicyType.MASK, subject, parts)

    def row_filter(self, subject: Subject, table: Parts) -> Rule | None:
        """Return the row filter of a table; one that shows every row counts, too."""
        return self._rule(PolicyType.ROW_FILTER, subject, table)

    def on_resource(
        self, kind: PolicyType, subject: Subject, parts: Parts, owner: str | None, *, below: bool
    ) -> Iterator[tuple[CompiledPolicy, Match]]:
        """Give the policies that are on a resource, in the order that they are asked in."""
        asked = Asked(user=subject.name, owner=owner)
        is_container = len(parts) < _TABLE_PARTS and not below
        candidates = self._on_container if is_container else self._candidates
        for candidate in candidates(kind, parts):
            match = candidate.match(parts, asked)
            if match.covers or (below and match):
                yield candidate.policy, match

    def on_tags(
        self, kind: PolicyType, tags: Iterable[CarriedTag]
    ) -> list[tuple[CompiledPolicy, Match]]:
        """Return the policies on tags, in the order that they are asked in."""
        policies = self._on_tags[kind]
        return policies.ordered(kind, tags) if policies else []

    def in_table(self, kind: PolicyType, subject: Subject, parts: Parts) -> Lists:
        """Return the policies on a table, or a column of it, by its tags and by itself.

        They are those of `on_tags` and `on_resource`, which are found once.
        """
        column = parts[3] if len(parts) > _TABLE_PARTS else None
        return self._rules_of(parts).of(subject.name, column).on(kind, column)

    def on_for_anybody(
        self, kind: PolicyType, parts: Parts
    ) -> tuple[Sequence[CompiledPolicy], Sequence[tuple[CompiledPolicy, Sequence[ResourceSet]]]]:
        """Return the policies on a resource by its tags, and those that can be on it for somebody.

        Args:
            kind: Of the policies.
            parts: Of the resource. Of columns it is those on their table, or on something in it.
        """
        if len(parts) >= _TABLE_PARTS:
            rules = self._rules_of(parts)
            column = parts[3] if len(parts) > _TABLE_PARTS else None
            return rules.on_tags(kind, column), rules.sets(kind)
        tagged = [policy for policy, _ in self.on_tags(kind, self.tags.of(parts))]
        return tagged, [(one.policy, one.sets) for one in self._on_container(kind, parts)]

    def about(self, table: Parts) -> AboutTable:
        """Return all that can decide about a table, or anything in it, for anybody.

        Denials on its namespace and catalog that stop there are among it, see `denied_above`.
        """
        return self._rules_of(table).about([self._denials_on(table[:depth]) for depth in (1, 2)])

    def about_container(self, parts: Parts) -> list[CompiledPolicy]:
        """Return the access policies that can be on a catalog or namespace itself, for anybody."""
        found = [one.policy for one in self._on_container(PolicyType.ACCESS, tuple(parts))]
        tagged = (self._on_tags[PolicyType.ACCESS].on(tag.tag) for tag in self.tags.of(parts))
        return [*found, *(policy for policies in tagged for policy in policies)]

    # --- how ------------------------------------------------------------------------------------

    @cached_property
    def sleeping(self) -> SleepingPolicies:
        """The policies that aren't in force, by what they would be on."""
        return SleepingPolicies(self.asleep)

    @cached_property
    def admin_policies(self) -> tuple[int, ...]:
        """Ids of the built-in policies by which administrators read tables."""
        found = (
            policy["id"]
            for policy in self.contents.access
            if policy["id"] < _FIRST_OF_USERS
            and not policy.get("policyType")
            and "catalog" in policy["resources"]
            and any(ADMIN.name in item.get("roles", ()) for item in policy.get("policyItems", ()))
        )
        return tuple(sorted(found))

    def _candidates(self, kind: PolicyType, parts: Parts) -> tuple[Candidate, ...]:
        return self._on_resources[kind].on(parts)

    def _on_container(self, kind: PolicyType, parts: Parts) -> tuple[Candidate, ...]:
        """Return the policies that can be on a catalog or namespace itself, without those in it."""
        found = self._containers.get((kind, parts))
        if found is None:
            if len(self._containers) >= _MAX_TABLES:
                self._containers.clear()
            found = self._containers[kind, parts] = tuple(
                candidate
                for candidate in self._candidates(kind, parts)
                if any(resources.covers_container(parts) for resources in candidate.sets)
            )
        return found

    def _denials_on(self, container: Parts) -> tuple[CompiledPolicy, ...]:
        """Return the policies on a catalog or namespace itself, if one of them may deny something.

        The others among them may be stronger.
        """
        if not self.denies_above:
            return ()
        found = self._above.get(container)
        if found is None:
            on_it = {policy.id: policy for policy in self.about_container(container)}
            denies = any(policy.has_deny for policy in on_it.values())
            found = self._above[container] = tuple(on_it.values()) if denies else ()
        return found

    def _access_in_table(
        self, subject: Subject, action: str, parts: Parts, owner: str | None
    ) -> Access:
        column = parts[3] if len(parts) > _TABLE_PARTS else None
        rules = self._rules_of(parts).of(subject.name, column)
        ranked = rules.ranked(column, action)
        if ranked is not None:
            return _stronger(ranked[0].first(subject.keys), ranked[1].first(subject.keys))
        tagged, own = rules.on(PolicyType.ACCESS, column)
        found = _first_said(own, action, subject, owner)
        return _stronger(_first_said(tagged, action, subject, owner), found) if tagged else found

    def _rule(self, kind: PolicyType, subject: Subject, parts: Parts) -> Rule | None:
        owner = self.owner_of(parts)
        tagged, own = self.in_table(kind, subject, parts)
        on_resource = _first_rule(own, subject, owner)
        on_tags = _first_rule(tagged, subject, owner)
        if on_tags is None or on_resource is None:
            return on_tags or on_resource
        overrides = on_resource.policy.priority > on_tags.policy.priority
        return on_resource if overrides else on_tags

    def _rules_of(self, parts: Parts) -> TableRules:
        table = parts[:3]
        rules = self._rules.get(table)
        if rules is None:
            if len(self._rules) >= _MAX_TABLES:
                self._rules.clear()
            owner = self.owner_of(table)
            rules = self._rules[table] = TableRules(table, owner, self._by_kind, self.tags)
        return rules


def _first_said(
    policies: Iterable[CompiledPolicy], action: str, subject: Subject, owner: str | None
) -> Access:
    """Return what policies on the very resource say: the first denial of the highest priority.

    They are in Ranger's order, in which those that deny something come first.
    """
    granting: CompiledPolicy | None = None
    for policy in policies:
        if granting is not None and (policy.priority < granting.priority or not policy.has_deny):
            break
        said = policy.says(action, subject, owner)
        if said is Said.DENIES:
            return policy.denying
        if said is Said.GRANTS and granting is None:
            granting = policy
    return NOTHING_SAID if granting is None else granting.granting


def _first_rule(
    policies: Iterable[CompiledPolicy], subject: Subject, owner: str | None
) -> Rule | None:
    for policy in policies:
        item = policy.item_for(subject, owner)
        if item is not None:
            return Rule(policy, item)
    return None


def _stronger(on_tags: Access, on_resource: Access) -> Access:
    """Put together what tags and the resource's own policies say, by Ranger's rules."""
    if on_tags.policy is None or on_resource.policy is None:
        return on_resource if on_tags.policy is None else on_tags
    if on_tags.policy.priority != on_resource.policy.priority:
        return max(
            on_tags, on_resource, key=lambda found: found.policy.priority if found.policy else -1
        )
    return on_resource if on_resource.is_denied and on_tags.is_allowed else on_tags
