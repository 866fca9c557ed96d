"""Who is in what, directly and through others: one graph of users, groups and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.governance.principals.membership_rules import no_admin_left
from iomete.governance.principals.names import ADMIN, AUDITOR, PrincipalKind, PrincipalName
from iomete.governance.tables import memberships, principals

if TYPE_CHECKING:
    from collections.abc import Iterable


def containers_of(connection: sa.Connection, member: PrincipalName) -> set[PrincipalName]:
    """Return every group and role that a principal is in, directly or through others."""
    return _reach(connection, member, up=True)


def members_of(connection: sa.Connection, container: PrincipalName) -> set[PrincipalName]:
    """Return every user, group and role that is in a group or role, directly or through others."""
    return _reach(connection, container, up=False)


def is_admin(connection: sa.Connection, user: PrincipalName) -> bool:
    """Tell whether a user is there, enabled, and holds the role `admin`."""
    return _holds_any(connection, user, {ADMIN})


def is_auditor(connection: sa.Connection, user: PrincipalName) -> bool:
    """Tell whether a user is there, enabled, and holds the role `auditor` or `admin`."""
    return _holds_any(connection, user, {ADMIN, AUDITOR})


def check_admin_left(connection: sa.Connection) -> None:
    """Refuse, before its commit, a change that leaves nobody who may administer.

    Raises:
        StillNeededError: No enabled user holds the role `admin` any more.
    """
    holders = [str(n) for n in members_of(connection, ADMIN) if n.kind is PrincipalKind.USER]
    enabled = sa.select(principals.c.principal).where(
        principals.c.principal.in_(holders), principals.c.enabled
    )
    if not holders or connection.execute(enabled.limit(1)).first() is None:
        raise no_admin_left()


def users_among(connection: sa.Connection, names: Iterable[PrincipalName]) -> set[PrincipalName]:
    """Return the users that principals stand for: users themselves, and members of the others."""
    found: set[PrincipalName] = set()
    for name in names:
        if name.kind is PrincipalKind.USER:
            found.add(name)
        else:
            members = members_of(connection, name)
            found |= {member for member in members if member.kind is PrincipalKind.USER}
    return found


def _holds_any(connection: sa.Connection, user: PrincipalName, roles: set[PrincipalName]) -> bool:
    row = connection.execute(sa.select(principals.c.enabled).filter_by(principal=str(user)))
    return bool(row.scalar()) and bool(roles & containers_of(connection, user))


def _reach(connection: sa.Connection, start: PrincipalName, *, up: bool) -> set[PrincipalName]:
    known, unknown = memberships.c.member, memberships.c.container
    if not up:
        known, unknown = unknown, known
    reached = sa.select(unknown.label("principal")).where(known == str(start))
    walk = reached.cte("walk", recursive=True)
    walk = walk.union(sa.select(unknown).where(known == walk.c.principal))
    return {PrincipalName.parse(text) for text in connection.execute(sa.select(walk)).scalars()}
