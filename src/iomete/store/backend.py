"""The seam between the store and a database: what SQLite and PostgreSQL each do their own way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import sqlalchemy as sa

    from iomete.errors import StoreError
    from iomete.store.url import StoreUrl

BUSY_TIMEOUT_SECONDS = 30.0
"""How long a transaction waits for another process before `StoreBusyError`."""


class Backend(Protocol):
    """A database that can hold the store. Its engines share one pool of connections.

    `reader` gives read-only transactions on one snapshot, `writer` gives write transactions of
    which one runs at a time, `migrator` is a `writer` that may change tables.
    """

    url: StoreUrl
    reader: sa.Engine
    writer: sa.Engine
    migrator: sa.Engine

    def prepare(self) -> None:
        """Make the database if that is ours to do, and refuse one that isn't ours.

        Raises:
            StoreCorruptError: The database is damaged, or belongs to another program.
            StoreUnavailableError: It can't be reached, read or written.
        """

    def back_up(self, revision: str) -> Path | None:
        """Copy the database before a migration; None where the database needs no copy.

        Raises:
            StoreError: The copy couldn't be made.
        """

    def check(self, connection: sa.Connection) -> None:
        """Verify, before the commit of a migration, that it left the database whole.

        Raises:
            StoreError: It didn't.
        """

    def translate(self, error: Exception) -> StoreError | None:
        """Return our error for a driver's, or None for one that is the caller's own affair."""
