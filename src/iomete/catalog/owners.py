"""Who owns a table or view: the one to ask, and whose rights a view runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable
from iomete.catalog.tables import owners
from iomete.errors import TableNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.catalog.changes import Changes, Columns


class Owners:
    """Owners of tables and views, set by admins."""

    def __init__(self, changes: Changes, columns: Columns) -> None:
        self._changes = changes
        self._columns = columns

    def set_owner(self, table: str | Sequence[str], owner: str | None) -> None:
        """Set who owns a table or view; None leaves it without an owner.

        Args:
            table: Its full name; with an owner given, it must exist.
            owner: A user, as `user:alice` or `alice`.

        Raises:
            TableNotFoundError: There is no such table.
            PrincipalNotFoundError: There is no such user.
        """
        name = GovernedTable.parse(table).full_name
        with self._changes.reading("owner.set", name):
            pass  # whoever may not gets no answer about what exists
        if owner is not None and self._columns.columns(name) is None:
            raise TableNotFoundError(f"Table or view `{name}` does not exist.")
        with self._changes.changing("owner.set", name, detail=owner) as connection:
            connection.execute(sa.delete(owners).filter_by(resource=name))
            if owner is not None:
                connection.execute(
                    sa.insert(owners).values(
                        resource=name,
                        owner=self._changes.check_user(connection, owner),
                        author=self._changes.author,
                        created_at=self._changes.now(),
                    )
                )

    def owner_of(self, table: str | Sequence[str]) -> str | None:
        """Return the user who owns a table or view, or None if nobody was set."""
        name = GovernedTable.parse(table).full_name
        with self._changes.reading() as connection:
            return connection.execute(
                sa.select(owners.c.owner).filter_by(resource=name)
            ).scalar_one_or_none()

    def owned_by(self, owner: str) -> list[str]:
        """Return the full names of what a user owns, sorted."""
        with self._changes.reading() as connection:
            user = self._changes.check_user(connection, owner)
            found = sa.select(owners.c.resource).filter_by(owner=user).order_by(owners.c.resource)
            return list(connection.execute(found).scalars())
