"""Users, groups and roles as values, and how they are read from the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import PrincipalNotFoundError
from iomete.governance.principals.names import EVERYONE, PrincipalKind, PrincipalName
from iomete.governance.tables import attributes, memberships, principals
from iomete.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.governance.principals.attributes import AttributeValue

_MAX_PARAMETERS = 1000
"""Most values that a statement compares with; databases have a limit of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user; `groups` and `roles` are those given to the user directly, sorted."""

    name: str
    enabled: bool
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    attributes: dict[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group; `members` are direct ones, as `user:…` and `group:…`, sorted."""

    name: str
    members: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role; `members` hold it directly: `user:…`, `group:…` and `role:…`, sorted."""

    name: str
    members: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def missing(connection: sa.Connection, names: Iterable[PrincipalName]) -> list[PrincipalName]:
    """Return the principals among `names` that don't exist."""
    wanted = tuple(names)
    there: set[str] = set()
    for first in range(0, len(wanted), _MAX_PARAMETERS):
        asked = [str(name) for name in wanted[first : first + _MAX_PARAMETERS]]
        query = sa.select(principals.c.principal).where(principals.c.principal.in_(asked))
        there.update(connection.execute(query).scalars())
    return [name for name in wanted if str(name) not in there]


def not_found(connection: sa.Connection, name: PrincipalName) -> PrincipalNotFoundError:
    """Return the error of a principal that doesn't exist, with the nearest one that does.

    For admins, who may know every name.
    """
    of_kind = connection.execute(
        sa.select(principals.c.name).filter_by(kind=str(name.kind))
    ).scalars()
    alike = nearest(name.name, of_kind)
    step = f'make it first: lake.principals.add_{name.kind}("{name.name}")'
    return PrincipalNotFoundError(
        f"{name.words} does not exist.",
        hint=f"did you mean `{name.kind}:{alike}`? Otherwise {step}" if alike else step,
    )


def check_exist(connection: sa.Connection, names: Iterable[PrincipalName]) -> None:
    """Refuse principals that don't exist.

    Raises:
        PrincipalNotFoundError: One of them doesn't.
    """
    for name in missing(connection, names):
        raise not_found(connection, name)


def read_users(connection: sa.Connection, name: str | None = None) -> list[User]:
    """Return all users, or the one of this name, sorted by name."""
    rows = _rows(connection, PrincipalKind.USER, name)
    containers = _containers(connection, name and PrincipalName(PrincipalKind.USER, name))
    values = _attributes(connection, name)
    return [
        User(
            name=row.name,
            enabled=row.enabled,
            groups=_bare(containers.get(row.principal, ()), PrincipalKind.GROUP),
            roles=_bare(containers.get(row.principal, ()), PrincipalKind.ROLE),
            attributes=values.get(row.principal, {}),
        )
        for row in rows
    ]


def read_groups(connection: sa.Connection) -> list[Group]:
    """Return all groups, without the one that everyone is in, sorted by name."""
    containers, members = _containers(connection), _members(connection)
    return [
        Group(
            name=row.name,
            members=tuple(members.get(row.principal, ())),
            groups=_bare(containers.get(row.principal, ()), PrincipalKind.GROUP),
            roles=_bare(containers.get(row.principal, ()), PrincipalKind.ROLE),
        )
        for row in _rows(connection, PrincipalKind.GROUP)
        if row.principal != str(EVERYONE)
    ]


def read_roles(connection: sa.Connection) -> list[Role]:
    """Return all roles, sorted by name."""
    containers, members = _containers(connection), _members(connection)
    return [
        Role(
            name=row.name,
            members=tuple(members.get(row.principal, ())),
            roles=_bare(containers.get(row.principal, ()), PrincipalKind.ROLE),
        )
        for row in _rows(connection, PrincipalKind.ROLE)
    ]


def _rows(
    connection: sa.Connection, kind: PrincipalKind, name: str | None = None
) -> list[sa.Row[tuple[object, ...]]]:
    query = sa.select(principals).filter_by(kind=str(kind)).order_by(principals.c.name)
    if name is not None:
        query = query.filter_by(name=name)
    return list(connection.execute(query).all())


def _containers(
    connection: sa.Connection, member: PrincipalName | str | None = None
) -> dict[str, list[str]]:
    query = sa.select(memberships.c.member, memberships.c.container)
    if member:
        query = query.where(memberships.c.member == str(member))
    found: dict[str, list[str]] = {}
    for one, container in connection.execute(query.order_by(memberships.c.container)):
        found.setdefault(one, []).append(container)
    return found


def _members(connection: sa.Connection) -> dict[str, list[str]]:
    query = sa.select(memberships.c.container, memberships.c.member)
    found: dict[str, list[str]] = {}
    for container, member in connection.execute(query.order_by(memberships.c.member)):
        found.setdefault(container, []).append(member)
    return found


def _attributes(
    connection: sa.Connection, name: str | None
) -> dict[str, dict[str, AttributeValue]]:
    query = sa.select(attributes).order_by(attributes.c.name)
    if name is not None:
        query = query.filter_by(principal=str(PrincipalName(PrincipalKind.USER, name)))
    found: dict[str, dict[str, AttributeValue]] = {}
    for row in connection.execute(query):
        found.setdefault(row.principal, {})[row.name] = json.loads(row.value)
    return found


def _bare(names: Iterable[str], kind: PrincipalKind) -> tuple[str, ...]:
    return tuple(name.partition(":")[2] for name in names if name.startswith(f"{kind}:"))
