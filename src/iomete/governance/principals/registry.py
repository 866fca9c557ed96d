"""`lake.principals`: users, groups, roles, who is in what, and attributes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import StillNeededError
from iomete.governance.principals.attributes import AttributeValue, check_attributes
from iomete.governance.principals.changes import (
    add,
    check_unused,
    insert_attributes,
    join,
    leave_all,
)
from iomete.governance.principals.memberships import check_admin_left, containers_of
from iomete.governance.principals.names import (
    ADMIN,
    EVERYONE,
    PrincipalKind,
    PrincipalName,
    check_new,
    names_of,
    parse_of_kind,
    parse_principals,
)
from iomete.governance.principals.records import (
    Group,
    Role,
    User,
    check_exist,
    read_groups,
    read_roles,
    read_users,
)
from iomete.governance.tables import attributes as attributes_table
from iomete.governance.tables import memberships, principals

if TYPE_CHECKING:
    from iomete.governance.administration import Administration

_USER, _GROUP, _ROLE = PrincipalKind.USER, PrincipalKind.GROUP, PrincipalKind.ROLE
Names = str | Iterable[str]


class Principals:
    """Users, groups and roles of a lakehouse.

    A principal is written `user:alice`, `group:analysts` or `role:auditor`; a bare name is of the
    kind that the method is about. Groups hold users and groups; roles are held by users, groups
    and roles. All of it is for admins, except that users may look at themselves.
    """

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def add_user(
        self,
        name: str,
        *,
        groups: Names = (),
        roles: Names = (),
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> User:
        """Add a user, who has no rights but those of everyone, the groups and the roles.

        Args:
            name: As the user is known when connecting.
            groups: Groups to put the user into; they exist already.
            roles: Roles to give to the user; they exist already.
            attributes: Values that row filters use, as `${{USER.region}}`.

        Raises:
            AlreadyExistsError: There is a user of this name.
            PrincipalNotFoundError: One of the groups or roles does not exist.
        """
        user = check_new(parse_of_kind(name, _USER))
        values = check_attributes(attributes or {})
        containers = [*_all_of_kind(groups, _GROUP), *_all_of_kind(roles, _ROLE)]
        with self._administration.changing("user.add", str(user)) as connection:
            add(connection, user, author=self._author)
            check_exist(connection, containers)
            for container in containers:
                join(connection, container, user, author=self._author)
            insert_attributes(connection, user, values)
            return read_users(connection, user.name)[0]

    def update_user(
        self,
        name: str,
        *,
        groups: Names | None = None,
        roles: Names | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> User:
        """Replace a user's direct groups, direct roles or attributes; what is None stays.

        Raises:
            PrincipalNotFoundError: The user, a group or a role does not exist.
            StillNeededError: It would leave the lakehouse without an admin.
        """
        user = parse_of_kind(name, _USER)
        values = None if attributes is None else check_attributes(attributes)
        wanted = {
            _GROUP: None if groups is None else _all_of_kind(groups, _GROUP),
            _ROLE: None if roles is None else _all_of_kind(roles, _ROLE),
        }
        with self._administration.changing("user.update", str(user)) as connection:
            check_exist(connection, [user, *(n for names in wanted.values() for n in names or ())])
            for kind, containers in wanted.items():
                if containers is not None:
                    leave_all(connection, user, kind)
                    for container in containers:
                        join(connection, container, user, author=self._author)
            if values is not None:
                connection.execute(sa.delete(attributes_table).filter_by(principal=str(user)))
                insert_attributes(connection, user, values)
            check_admin_left(connection)
            return read_users(connection, user.name)[0]

    def enable_user(self, name: str) -> None:
        """Give a disabled user's rights back."""
        self._set_enabled(name, enabled=True)

    def disable_user(self, name: str) -> None:
        """Take all rights from a user, who stays with groups, roles and policies.

        Raises:
            StillNeededError: It would leave the lakehouse without an admin.
        """
        self._set_enabled(name, enabled=False)

    def remove_user(self, name: str) -> None:
        """Remove a user.

        Raises:
            StillNeededError: Policies name the user, the user owns tables, or is the last admin.
        """
        self._remove(parse_of_kind(name, _USER))

    def add_group(self, name: str, *, members: Names = (), groups: Names = ()) -> None:
        """Add a group.

        Args:
            name: Its name.
            members: Users and groups to put into it; a bare name is a user.
            groups: Groups to put it into.
        """
        group = check_new(parse_of_kind(name, _GROUP))
        self._add_container(group, parse_principals(members), _all_of_kind(groups, _GROUP))

    def remove_group(self, name: str) -> None:
        """Remove a group; its members stay.

        Raises:
            StillNeededError: Policies name it, or the last admin is one by it.
        """
        self._remove(parse_of_kind(name, _GROUP))

    def add_role(self, name: str, *, to: Names = (), roles: Names = ()) -> None:
        """Add a role.

        Args:
            name: Its name.
            to: Users, groups and roles that hold it; a bare name is a user.
            roles: Roles that come with it: who holds the new one holds them.
        """
        role = check_new(parse_of_kind(name, _ROLE))
        self._add_container(role, parse_principals(to), _all_of_kind(roles, _ROLE))

    def remove_role(self, name: str) -> None:
        """Remove a role; who held it stays. The role `admin` can't be removed.

        Raises:
            StillNeededError: Policies name it, or it is `admin`.
        """
        self._remove(parse_of_kind(name, _ROLE))

    def add_to_group(self, group: str, members: Names) -> None:
        """Put users and groups into a group; a bare name is a user. Twice does no harm.

        Raises:
            StillNeededError: A group would be in itself.
        """
        self._connect(parse_of_kind(group, _GROUP), parse_principals(members))

    def remove_from_group(self, group: str, members: Names) -> None:
        """Take users and groups out of a group; a bare name is a user."""
        self._disconnect(parse_of_kind(group, _GROUP), parse_principals(members))

    def grant_role(self, role: str, to: Names) -> None:
        """Give a role to users, groups and roles; a bare name is a user. Twice does no harm.

        Raises:
            StillNeededError: A role would be held by itself.
        """
        self._connect(parse_of_kind(role, _ROLE), parse_principals(to))

    def revoke_role(self, role: str, of: Names) -> None:
        """Take a role from users, groups and roles that hold it directly."""
        self._disconnect(parse_of_kind(role, _ROLE), parse_principals(of))

    def set_attribute(self, user: str, name: str, value: AttributeValue | None) -> None:
        """Set an attribute of a user; None takes it away."""
        self.set_attributes(user, {name: value})

    def set_attributes(self, user: str, values: Mapping[str, AttributeValue | None]) -> None:
        """Set some attributes of a user, None takes one away; others stay as they are."""
        who = parse_of_kind(user, _USER)
        kept = check_attributes({n: v for n, v in values.items() if v is not None})
        names = ", ".join(sorted(values))  # and not what they are
        with self._administration.changing(
            "user.set_attributes", str(who), detail=names
        ) as connection:
            check_exist(connection, [who])
            table = attributes_table
            for name in values:
                connection.execute(sa.delete(table).filter_by(principal=str(who), name=name))
            insert_attributes(connection, who, kept)

    def users(self) -> list[User]:
        """Return all users, sorted by name."""
        with self._administration.reading() as connection:
            return read_users(connection)

    def groups(self) -> list[Group]:
        """Return all groups, sorted by name."""
        with self._administration.reading() as connection:
            return read_groups(connection)

    def roles(self) -> list[Role]:
        """Return all roles, sorted by name."""
        with self._administration.reading() as connection:
            return read_roles(connection)

    def get(self, principal: str) -> User | Group | Role:
        """Return a principal; users may ask for themselves.

        Raises:
            PrincipalNotFoundError: It does not exist.
        """
        name = PrincipalName.parse(principal)
        with self._administration.reading(about=name) as connection:
            check_exist(connection, [name])
            if name.kind is _USER:
                return read_users(connection, name.name)[0]
            read = read_groups if name.kind is _GROUP else read_roles
            found = (entry for entry in read(connection) if entry.name == name.name)
            return next(found, Group(name=name.name))  # `public`, which isn't listed

    def groups_of(self, principal: str) -> list[str]:
        """Return the groups that a principal is in, directly or through others, sorted.

        The group of everyone, `public`, isn't listed.
        """
        return self._containers(principal, _GROUP)

    def roles_of(self, principal: str) -> list[str]:
        """Return the roles that a principal holds, directly or through others, sorted."""
        return self._containers(principal, _ROLE)

    @property
    def _author(self) -> str:
        return self._administration.author

    def _containers(self, principal: str, kind: PrincipalKind) -> list[str]:
        name = PrincipalName.parse(principal)
        with self._administration.reading(about=name) as connection:
            check_exist(connection, [name])
            return sorted(names_of(containers_of(connection, name), kind))

    def _add_container(
        self,
        container: PrincipalName,
        members: Iterable[PrincipalName],
        above: Iterable[PrincipalName],
    ) -> None:
        with self._administration.changing(f"{container.kind}.add", str(container)) as connection:
            add(connection, container, author=self._author)
            pairs = [*((container, m) for m in members), *((a, container) for a in above)]
            for parent, member in pairs:
                check_exist(connection, (parent, member))
                join(connection, parent, member, author=self._author)

    def _connect(self, container: PrincipalName, members: Collection[PrincipalName]) -> None:
        names = ", ".join(map(str, members))
        with self._administration.changing(
            f"{container.kind}.add_members", str(container), detail=names
        ) as connection:
            check_exist(connection, (container, *members))
            for member in members:
                join(connection, container, member, author=self._author)

    def _disconnect(self, container: PrincipalName, members: Collection[PrincipalName]) -> None:
        names = ", ".join(map(str, members))
        with self._administration.changing(
            f"{container.kind}.remove_members", str(container), detail=names
        ) as connection:
            check_exist(connection, (container, *members))
            for member in members:
                connection.execute(
                    sa.delete(memberships).filter_by(container=str(container), member=str(member))
                )
            check_admin_left(connection)

    def _set_enabled(self, name: str, *, enabled: bool) -> None:
        user = parse_of_kind(name, _USER)
        action = "user.enable" if enabled else "user.disable"
        with self._administration.changing(action, str(user)) as connection:
            check_exist(connection, [user])
            connection.execute(
                sa.update(principals).filter_by(principal=str(user)).values(enabled=enabled)
            )
            check_admin_left(connection)

    def _remove(self, name: PrincipalName) -> None:
        if name in (ADMIN, EVERYONE):
            raise StillNeededError(
                f"{name.words} can't be removed.", hint="revoke_role() takes it from someone"
            )
        with self._administration.changing(f"{name.kind}.remove", str(name)) as connection:
            check_exist(connection, [name])
            check_unused(connection, name)
            connection.execute(sa.delete(principals).filter_by(principal=str(name)))
            check_admin_left(connection)


def _all_of_kind(value: Names, kind: PrincipalKind) -> list[PrincipalName]:
    texts = [value] if isinstance(value, str) else list(value)
    return [parse_of_kind(text, kind) for text in texts]
