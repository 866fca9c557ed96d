"""How users, groups, roles and memberships are written, in a transaction that may."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.tables import owners
from iomete.errors import AlreadyExistsError, StillNeededError
from iomete.governance.documents.document import to_json
from iomete.governance.principals.membership_rules import check_can_hold, check_no_circle
from iomete.governance.principals.memberships import containers_of
from iomete.governance.principals.names import PrincipalKind, PrincipalName
from iomete.governance.tables import attributes, memberships, policy_principals, principals

if TYPE_CHECKING:
    from iomete.governance.principals.attributes import AttributeValue

_SHOWN_POLICIES = 5


def add(connection: sa.Connection, name: PrincipalName, *, author: str) -> None:
    """Add a principal.

    Raises:
        AlreadyExistsError: It exists.
    """
    query = sa.select(principals.c.principal).filter_by(principal=str(name))
    if connection.execute(query).first():
        raise AlreadyExistsError(
            f"{name.words} exists.", hint=f"use another name, or see lake.principals.{name.kind}s()"
        )
    connection.execute(
        sa.insert(principals).values(
            principal=str(name),
            kind=str(name.kind),
            name=name.name,
            enabled=True,
            author=author,
            created_at=datetime.now(UTC),
        )
    )


def join(
    connection: sa.Connection, container: PrincipalName, member: PrincipalName, *, author: str
) -> None:
    """Put a principal into a group, or give it a role; twice does no harm.

    Raises:
        ConfigurationError: Such a thing can't hold such a member.
        StillNeededError: Something would be in itself.
    """
    check_can_hold(container, member)
    check_no_circle(container, member, containers_of(connection, container))
    edge = {"container": str(container), "member": str(member)}
    if connection.execute(sa.select(memberships).filter_by(**edge)).first() is None:
        connection.execute(
            sa.insert(memberships).values(**edge, author=author, created_at=datetime.now(UTC))
        )


def leave_all(connection: sa.Connection, member: PrincipalName, kind: PrincipalKind) -> None:
    """Take a principal out of all groups, or all roles from it."""
    connection.execute(
        sa.delete(memberships).where(
            memberships.c.member == str(member), memberships.c.container.startswith(f"{kind}:")
        )
    )


def insert_attributes(
    connection: sa.Connection, user: PrincipalName, values: Mapping[str, AttributeValue]
) -> None:
    """Add attributes that a user doesn't have."""
    rows = [
        {"principal": str(user), "name": name, "value": to_json(value)}
        for name, value in values.items()
    ]
    if rows:
        connection.execute(sa.insert(attributes), rows)


def check_unused(connection: sa.Connection, name: PrincipalName) -> None:
    """Refuse to remove whom policies or tables go by: a later namesake would inherit them.

    Raises:
        StillNeededError: Some do.
    """
    found = connection.execute(
        sa.select(policy_principals.c.policy_id)
        .filter_by(principal=str(name))
        .order_by(policy_principals.c.policy_id)
    ).scalars()
    disabling = ", or disable_user()" if name.kind is PrincipalKind.USER else ""
    if ids := [str(policy_id) for policy_id in found]:
        more = f" and {len(ids) - _SHOWN_POLICIES} more" if len(ids) > _SHOWN_POLICIES else ""
        raise StillNeededError(
            f"{name.words} is named by policies {', '.join(ids[:_SHOWN_POLICIES])}{more}.",
            hint=f"update or delete these policies first{disabling}",
        )
    if name.kind is not PrincipalKind.USER:
        return
    query = sa.select(owners.c.resource).filter_by(owner=name.name).order_by(owners.c.resource)
    if owned := connection.execute(query.limit(1)).scalar():
        raise StillNeededError(
            f"{name.words} owns tables, such as `{owned}`.",
            hint=f"give them another owner first{disabling}",
        )
