"""Which policies are on a resource, and which count for a principal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.tables import owners
from iomete.governance.documents.document import all_grantees, all_resources, denies_all_else
from iomete.governance.documents.patterns import parse_pattern
from iomete.governance.documents.targets import (
    TargetKind,
    column_value,
    named_target,
    path_target,
    resources_meet,
)
from iomete.governance.principals.memberships import containers_of
from iomete.governance.principals.names import ASKER, EVERYONE, OWNER, PrincipalKind
from iomete.governance.principals.records import check_exist

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.policy_records import Policy
    from iomete.governance.principals.names import PrincipalName

Resources = dict[str, Any]


def policies_on(policies: Iterable[Policy], resource: str | Sequence[str]) -> list[Policy]:
    """Return those on what a name can mean, on something in it, or on what holds it."""
    wanted = _meanings(resource)
    return [p for p in policies if any(_meets(p, resources) for resources in wanted)]


def policies_for(
    connection: sa.Connection, policies: Iterable[Policy], principal: PrincipalName
) -> list[Policy]:
    """Return those that count for a principal, as a grantee or an exception.

    Raises:
        PrincipalNotFoundError: There is no such principal.
    """
    check_exist(connection, [principal])
    names = {principal, EVERYONE, *containers_of(connection, principal)}
    if principal.kind is PrincipalKind.USER:
        names |= {ASKER, OWNER} if _owns_something(connection, principal) else {ASKER}
    return [
        policy
        for policy in policies
        if denies_all_else(policy.document) or names & all_grantees(policy.document)
    ]


def _owns_something(connection: sa.Connection, user: PrincipalName) -> bool:
    found = sa.select(owners.c.resource).filter_by(owner=user.name).limit(1)
    return connection.execute(found).first() is not None


def _meets(policy: Policy, resources: Resources) -> bool:
    return any(resources_meet(resources, theirs) for theirs in all_resources(policy.document))


def _meanings(resource: str | Sequence[str]) -> Sequence[Resources]:
    """Return whatever a name can mean, as policies name it."""
    if isinstance(resource, str) and ("://" in resource or resource.startswith("/")):
        return [path_target(resource).resources()]
    parts = parse_pattern(resource)
    kinds = {1: TargetKind.CATALOG, 2: TargetKind.NAMESPACE}
    if len(parts) in kinds:
        return [named_target(parts, kinds[len(parts)]).resources()]
    found = [named_target(parts, TargetKind.TABLE), named_target(parts, TargetKind.NAMESPACE)]
    for length in range(3, len(parts)):
        table = named_target(parts[:length], TargetKind.TABLE)
        found.append(dataclasses.replace(table, columns=(column_value(parts[length:]),)))
    return [target.resources() for target in found]
