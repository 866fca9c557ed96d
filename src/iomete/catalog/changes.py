"""What tags and owners need of whoever answers for changes; governance does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    import sqlalchemy as sa


class Changes(Protocol):
    """Lets a principal read or change what is administered, and puts changes in force."""

    @property
    def author(self) -> str:
        """The name that changes are recorded under."""

    def reading(self, action: str = ..., on: str = ..., /) -> AbstractContextManager[sa.Connection]:
        """Give a connection to read with; `action` on `on` is recorded if it is refused.

        Raises:
            AccessDeniedError: The principal may not.
        """

    def changing(
        self, action: str, on: str = ..., *, detail: str | None = None
    ) -> AbstractContextManager[sa.Connection]:
        """Give a connection to change with; what was changed is in force afterwards.

        `action` on `on` is recorded, with `detail`, done or refused.

        Raises:
            AccessDeniedError: The principal may not.
        """

    def next_id(self, connection: sa.Connection, counter: str, /) -> int:
        """Return an id that `counter` never gave out before."""

    def now(self) -> datetime:
        """Return the time that a change is recorded at, in UTC."""

    def check_user(self, connection: sa.Connection, name: str, /) -> str:
        """Return the bare name of a user.

        Raises:
            PrincipalNotFoundError: There is none of this name.
        """

    def check_tag_unused(self, connection: sa.Connection, tag: str, /) -> None:
        """Refuse to remove a tag that something goes by.

        Raises:
            StillNeededError: Something does.
        """


class Columns(Protocol):
    """Tells what tables there are, and their columns."""

    def columns(self, table: str, /) -> Sequence[tuple[str, str]] | None:
        """Return name and type of a table's or view's columns; None if there is no such table."""

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of the fields of a table's structs, in lower case: `contact.email`."""
