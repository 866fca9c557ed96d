"""What one call of `lake.policies` says, and the Ranger document that says the same.

Both directions are here: a policy is changed by reading its document back, replacing some of what
it says, and writing it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from iomete.errors import InvalidPolicyError
from iomete.governance.documents.document import (
    ALLOW_EXCEPTIONS,
    DENIED,
    DENY_EXCEPTIONS,
    ITEMS,
    LABELS,
    SERVICE,
    TAG_PREFIX,
    TAG_SERVICE,
    Document,
    PolicyType,
    Priority,
    access_item,
    all_resources,
    denies_all_else,
    mask_item,
    policy_document,
    principals_of,
    row_filter_item,
)
from iomete.governance.documents.masks import Mask
from iomete.governance.documents.targets import ANY, Target, TargetKind
from iomete.governance.documents.validity import period_of, to_schedule

if TYPE_CHECKING:
    from datetime import datetime

    from iomete.governance.principals.names import PrincipalName

SELECT = "select"
_UNMASKED = Mask(type="MASK_NONE")
_GIVEN_BY_THE_STORE = frozenset({"id", "version", "isEnabled", LABELS})


class PolicyKind(StrEnum):
    """What a policy does; `access` is an imported one that both grants and denies."""

    GRANT = "grant"
    DENY = "deny"
    MASK = "mask"
    FILTER = "filter"
    ACCESS = "access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """A policy as one call makes it; `actions` only of grants and denials."""

    kind: PolicyKind
    target: Target
    to: tuple[PrincipalName, ...]
    except_: tuple[PrincipalName, ...] = ()
    actions: tuple[str, ...] = ()
    mask: Mask | None = None
    predicate: str = ""
    name: str = ""
    description: str | None = None
    priority: Priority = Priority.NORMAL
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def service(self) -> str:
        """Ranger's service that it belongs to."""
        return TAG_SERVICE if self.target.kind is TargetKind.TAG else SERVICE

    def described(self) -> str:
        """Return a name that says what it does, for a policy that was given none."""
        match self.kind:
            case PolicyKind.MASK:
                does = f"mask {', '.join(self.target.columns) or 'data'} of"
            case PolicyKind.FILTER:
                does = "filter rows of"
            case _:
                columns = f"({', '.join(self.target.columns)})" if self.target.columns else ""
                if self.target.except_columns:
                    columns = f"(all but {', '.join(self.target.except_columns)})"
                does = f"{self.kind} {', '.join(self.actions)}{columns} on"
        return _shortened(f"{does} {self.target.text} to {', '.join(map(str, self.to))}")


def to_document(spec: Specification) -> Document:
    """Return the Ranger policy that says the same, without id, version and state."""
    prefix = TAG_PREFIX if spec.service == TAG_SERVICE else ""
    policy_type, items = _items(spec, prefix)
    return policy_document(
        service=spec.service,
        policy_type=policy_type,
        name=spec.name,
        priority=spec.priority,
        description=spec.description,
        resources=spec.target.resources(with_columns=policy_type is not PolicyType.ROW_FILTER),
        items=items,
        schedule=to_schedule(spec.valid_from, spec.valid_until),
    )


def from_document(document: Document) -> Specification:
    """Read what `to_document` wrote.

    Raises:
        InvalidPolicyError: One call can't have made this document.
    """
    kind = kind_of(document)
    if kind is PolicyKind.ACCESS or denies_all_else(document):
        raise _not_of_one_call(document)
    schedules = document.get("validitySchedules") or [{}]
    valid_from, valid_until = period_of(schedules[0])
    spec = Specification(
        kind=kind,
        target=Target.from_resources(document["resources"]),
        to=(),
        name=document["name"],
        description=document.get("description"),
        priority=Priority(document.get("policyPriority", 0)),
        valid_from=valid_from,
        valid_until=valid_until,
    )
    spec = _with_items(spec, document)
    said = {member: v for member, v in document.items() if member not in _GIVEN_BY_THE_STORE}
    if said != to_document(spec):
        raise _not_of_one_call(document)
    return spec


def _not_of_one_call(document: Document) -> InvalidPolicyError:
    return InvalidPolicyError(
        [f"policy `{document['name']}` says more than one call can"],
        hint="change its document: export it, and import it with replace=True",
    )


def kind_of(document: Document) -> PolicyKind:
    """Return what a document does."""
    policy_type = PolicyType(document.get("policyType", 0))
    if policy_type is PolicyType.MASK:
        return PolicyKind.MASK
    if policy_type is PolicyType.ROW_FILTER:
        return PolicyKind.FILTER
    allows = document.get(ITEMS[policy_type])
    denies = document.get(DENIED) or denies_all_else(document)
    if allows and denies:
        return PolicyKind.ACCESS
    return PolicyKind.DENY if denies else PolicyKind.GRANT


def target_text(document: Document) -> str:
    """Return what a document is on as people write it; of imported ones, that of its values.

    What is excluded is written `* but hr`, several resources with ` and ` between them.
    """
    texts = []
    for resources in all_resources(document):
        try:
            texts.append(Target.from_resources(resources).text)
        except InvalidPolicyError:
            texts.append(".".join(_level_text(level) for level in resources.values()))
    return _shortened(" and ".join(texts))


def _level_text(resource: Document) -> str:
    values = ",".join(resource.get("values", ()))
    return f"{ANY} but {values}" if resource.get("isExcludes") else values


def _items(spec: Specification, prefix: str) -> tuple[PolicyType, dict[str, list[Document]]]:
    match spec.kind:
        case PolicyKind.MASK:
            masks = [(_UNMASKED, spec.except_), (spec.mask or _UNMASKED, spec.to)]
            items = [
                mask_item(f"{prefix}{m.type}", m.value, who, action=f"{prefix}{SELECT}")
                for m, who in masks
                if who
            ]
            return PolicyType.MASK, {ITEMS[PolicyType.MASK]: items}
        case PolicyKind.FILTER:
            filters = [("", spec.except_), (spec.predicate, spec.to)]
            items = [row_filter_item(predicate, who) for predicate, who in filters if who]
            return PolicyType.ROW_FILTER, {ITEMS[PolicyType.ROW_FILTER]: items}
    actions = [f"{prefix}{action}" for action in spec.actions]
    granted, denied = ITEMS[PolicyType.ACCESS], DENIED
    members = (
        (granted, ALLOW_EXCEPTIONS) if spec.kind is PolicyKind.GRANT else (denied, DENY_EXCEPTIONS)
    )
    return PolicyType.ACCESS, {
        member: [access_item(actions, who)] if who else []
        for member, who in zip(members, (spec.to, spec.except_), strict=True)
    }


def _with_items(spec: Specification, document: Document) -> Specification:
    """Add what a document's items say; surplus ones are noticed when it is written again."""
    match spec.kind:
        case PolicyKind.MASK:
            *exceptions, item = document[ITEMS[PolicyType.MASK]]
            info = item["dataMaskInfo"]
            mask = Mask(
                type=info["dataMaskType"].removeprefix(TAG_PREFIX), value=info.get("valueExpr")
            )
            spec = replace(spec, mask=mask)
        case PolicyKind.FILTER:
            *exceptions, item = document[ITEMS[PolicyType.ROW_FILTER]]
            spec = replace(spec, predicate=item["rowFilterInfo"]["filterExpr"])
        case PolicyKind.DENY:
            item = document[DENIED][0]
            exceptions = document.get(DENY_EXCEPTIONS, [])
        case _:
            item = document[ITEMS[PolicyType.ACCESS]][0]
            exceptions = document.get(ALLOW_EXCEPTIONS, [])
    if spec.kind in (PolicyKind.GRANT, PolicyKind.DENY):
        actions = (access["type"].removeprefix(TAG_PREFIX) for access in item["accesses"])
        spec = replace(spec, actions=tuple(actions))
    except_ = principals_of(exceptions[0]) if exceptions else ()
    return replace(spec, to=principals_of(item), except_=except_)


def _shortened(text: str, characters: int = 200) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
