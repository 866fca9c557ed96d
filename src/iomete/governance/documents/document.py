"""Ranger's policy documents, as `org.apache.ranger.plugin.model.RangerPolicy` reads them (2.9).

Documents are plain JSON objects. Members that Ranger takes as empty are left out, and so are its
date members, which it reads in a format of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from iomete.governance.principals.names import PrincipalKind, PrincipalName, from_names, names_of

SERVICE = "iomete"
TAG_SERVICE = "iomete_tag"
TAG_PREFIX = f"{SERVICE}:"
"""What stands before an access or mask type in a tag policy: the service it is for."""

Document = dict[str, Any]
Resources = Mapping[str, Mapping[str, Any]]


class PolicyType(IntEnum):
    """`policyType`; what a document decides."""

    ACCESS = 0
    MASK = 1
    ROW_FILTER = 2


class Priority(IntEnum):
    """`policyPriority`; a policy of a higher one is asked first."""

    NORMAL = 0
    OVERRIDE = 1


ITEMS = {
    PolicyType.ACCESS: "policyItems",
    PolicyType.MASK: "dataMaskPolicyItems",
    PolicyType.ROW_FILTER: "rowFilterPolicyItems",
}
"""The member that holds a document's items, by its type."""

DENIED, ALLOW_EXCEPTIONS, DENY_EXCEPTIONS = (
    "denyPolicyItems",
    "allowExceptions",
    "denyExceptions",
)
LABELS = "policyLabels"
"""The member that holds a policy's labels, which say nothing of who may do what."""

ALL_ITEMS = (*ITEMS.values(), DENIED, ALLOW_EXCEPTIONS, DENY_EXCEPTIONS)


def policy_document(
    *,
    service: str,
    policy_type: PolicyType,
    name: str,
    resources: Resources,
    items: Mapping[str, Sequence[Document]],
    priority: Priority = Priority.NORMAL,
    description: str | None = None,
    schedule: Document | None = None,
) -> Document:
    """Return a policy without id, version and state, which the store gives it."""
    document: Document = {
        "service": service,
        "name": name,
        "policyType": int(policy_type),
        "policyPriority": int(priority),
        "resources": {level: dict(value) for level, value in resources.items()},
        "isAuditEnabled": True,
        **{member: list(some) for member, some in items.items() if some},
    }
    if description:
        document["description"] = description
    if schedule:
        document["validitySchedules"] = [schedule]
    return document


def access_item(actions: Iterable[str], principals: Iterable[PrincipalName]) -> Document:
    """Return an item that allows actions, or denies them where it stands among denials."""
    accesses = [{"type": action, "isAllowed": True} for action in actions]
    return {"accesses": accesses, **_members(principals)}


def mask_item(
    mask_type: str,
    value: str | None,
    principals: Iterable[PrincipalName],
    *,
    action: str = "select",
) -> Document:
    """Return an item that masks; `value` is the parameter that some mask types take."""
    info = {"dataMaskType": mask_type}
    if value is not None:
        info["valueExpr"] = value
    return {**access_item([action], principals), "dataMaskInfo": info}


def row_filter_item(predicate: str, principals: Iterable[PrincipalName]) -> Document:
    """Return an item that shows the rows a predicate holds for; empty: every row."""
    return {**access_item(["select"], principals), "rowFilterInfo": {"filterExpr": predicate}}


def principals_of(item: Document) -> tuple[PrincipalName, ...]:
    """Return whom an item is for."""
    return from_names(
        users=item.get("users", ()), groups=item.get("groups", ()), roles=item.get("roles", ())
    )


def all_grantees(document: Document) -> set[PrincipalName]:
    """Return everyone whom a document names, exceptions and `{OWNER}` and `{USER}` included."""
    items = (item for member in ALL_ITEMS for item in document.get(member, ()))
    return {principal for item in items for principal in principals_of(item)}


def all_principals(document: Document) -> set[PrincipalName]:
    """Return the principals that a document names, and so needs; exceptions included."""
    return {name for name in all_grantees(document) if not name.is_token}


def all_resources(document: Document) -> list[dict[str, Any]]:
    """Return each `resources` that a document is on; nearly always one."""
    return [document["resources"], *document.get("additionalResources", ())]


def tags_of(document: Document) -> set[str]:
    """Return the tags that a document is on, as it names them; none of other services."""
    return {tag for resources in all_resources(document) for tag in _values(resources, "tag")}


def denies_all_else(document: Document) -> bool:
    """Tell whether a document denies everything to whoever it doesn't allow."""
    return bool(document.get("isDenyAllElse"))


def to_json(document: object) -> str:
    """Return JSON as the bundle holds it: compact, in UTF-8, members in the order they were put."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _values(resources: Resources, level: str) -> Sequence[str]:
    values: Sequence[str] = resources.get(level, {}).get("values", ())
    return values


def _members(principals: Iterable[PrincipalName]) -> Document:
    listed = tuple(principals)
    by_kind = {f"{kind}s": names_of(listed, kind) for kind in PrincipalKind}
    return {member: names for member, names in by_kind.items() if names}
