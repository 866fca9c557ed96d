"""The metadata database as its users see it: open it, read a snapshot, write a transaction."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from iomete.errors import StoreBusyError, StoreError
from iomete.store.backend import BUSY_TIMEOUT_SECONDS, Backend
from iomete.store.forking import Connections
from iomete.store.identity import LakehouseIdentity, read_identity, record_identity
from iomete.store.migration import read_revision, upgrade
from iomete.store.postgres import PostgresBackend
from iomete.store.schema import HEAD_REVISION
from iomete.store.sqlite import SqliteBackend
from iomete.store.url import JdbcAddress, StoreUrl


class Store:
    """An open metadata database; safe to share between threads, and across `os.fork()`.

        with Store.open("lakehouse/store.db") as store:
            with store.write() as connection:
                connection.execute(sa.insert(runs).values(run_id="1"))
            with store.read() as connection:
                rows = connection.execute(sa.select(runs)).all()

    Both databases behave the same: a write transaction is alone with the database, from its first
    statement to its commit; a read transaction sees one snapshot and can't write. Keep both short:
    other writers wait, and SQLite's log grows while a snapshot is in use. What a statement does
    wrong (a duplicate key, a missing table) raises SQLAlchemy's error; what is wrong with the
    database raises a `StoreError`.
    """

    def __init__(self, backend: Backend, *, busy_timeout_seconds: float) -> None:
        self._backend = backend
        self._busy_timeout_seconds = busy_timeout_seconds
        self._connections = Connections(backend.writer, backend.url)
        self._thread = threading.local()

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | StoreUrl,
        *,
        backup_folder: str | os.PathLike[str] | None = None,
        busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    ) -> Self:
        """Open a store, make it if it is new, and migrate it if it is older than this code.

        Any number of processes may do this at once: one migrates, the others wait. Before an older
        SQLite file is migrated, it is copied to `backup_folder` as
        `store-<old revision>-<UTC time>.db`. PostgreSQL rolls a failed migration back and needs no
        copy; use `pg_dump` if you want one. Stop programs of the older version before a migration.

        Args:
            url: `postgresql://user:password@host/database`, or the path of a SQLite file on a
                local disk, in a folder that exists.
            backup_folder: Where copies of a SQLite file go: `backups` beside it by default.
            busy_timeout_seconds: How long a transaction waits for another process.

        Raises:
            ConfigurationError: The URL can't be read.
            MissingExtraError: The PostgreSQL driver isn't installed.
            StoreBusyError: Another process held the database for longer than the timeout.
            StoreCorruptError: The file is damaged, or is a database of another program. It is
                left as it was.
            StoreSchemaError: A newer version of iomete wrote the database. It is left as it was.
            StoreUnavailableError: The database can't be reached, read or written.
            StoreError: A migration failed. The database is left as it was.
        """
        parsed = StoreUrl.parse(url)
        folder = None if backup_folder is None else Path(backup_folder)
        backend = _backend(parsed, backup_folder=folder, busy_timeout_seconds=busy_timeout_seconds)
        store = cls(backend, busy_timeout_seconds=busy_timeout_seconds)
        try:
            store._bring_up_to_date()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def url(self) -> StoreUrl:
        """Where the store is; prints without its password."""
        return self._backend.url

    @property
    def schema_revision(self) -> str:
        """The revision of the schema, which opening made that of this code."""
        return HEAD_REVISION

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that reads one snapshot and can't write.

        The snapshot is taken by the first statement at the latest.

        Raises:
            StoreError: One of its subclasses, as for `open`.
        """
        with self._transaction(self._backend.reader) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection for a write transaction; commit unless the body raises.

        Other writers wait from the first line of the body until the commit, so what the body reads
        is still true when it writes. When this returns, the transaction is on the disk.

        Raises:
            StoreBusyError: Another process wrote for longer than the timeout.
            StoreError: This thread is in a write transaction already; or one of its subclasses, as
                for `open`.
        """
        if getattr(self._thread, "is_writing", False):
            raise StoreError(
                "This thread is in a write transaction of the store already.",
                hint="pass its connection on, or end it first",
            )
        self._thread.is_writing = True
        try:
            with self._transaction(self._backend.writer) as connection:
                yield connection
        finally:
            self._thread.is_writing = False

    def identity(self) -> LakehouseIdentity:
        """Return which lakehouse this is; recorded when the store was made, and never changed.

        Raises:
            StoreCorruptError: The record is gone.
        """
        with self.read() as connection:
            return read_identity(connection, self.url)

    def jdbc(self) -> JdbcAddress:
        """Return what a Java process needs to reach the store, its password included.

        Raises:
            ConfigurationError: JDBC can't express the address, such as a unix socket.
        """
        return self.url.jdbc(busy_timeout_seconds=self._busy_timeout_seconds)

    def close(self) -> None:
        """Close the connections. Closing twice does nothing."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.url)!r})"

    @contextmanager
    def _transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with self._connections.transaction(engine) as connection:
                yield connection
        except sa.exc.TimeoutError as error:
            raise StoreBusyError(
                f"Every connection to the store `{self.url}` is in use by another thread.",
                hint="keep transactions short, or use fewer threads",
            ) from error
        except Exception as error:
            translated = self._backend.translate(error)
            if translated is None:
                raise
            raise translated from error

    def _bring_up_to_date(self) -> None:
        self._backend.prepare()
        with self.read() as connection:
            revision = read_revision(connection, self.url)
        if revision != HEAD_REVISION:
            self._migrate()

    def _migrate(self) -> None:
        with self._transaction(self._backend.migrator) as connection:
            # Asked again: another process may have migrated while this one waited.
            revision = read_revision(connection, self.url)
            if revision == HEAD_REVISION:
                return
            backup = self._backend.back_up(revision) if revision else None
            try:
                upgrade(connection)
                record_identity(connection)
                self._backend.check(connection)
            except Exception as error:
                if backup:
                    backup.unlink()  # the database stays as it is, so the copy serves nobody
                if self._backend.translate(error):
                    raise  # busy, full or damaged: that is not the migration's fault
                raise StoreError(
                    f"The store `{self.url}` could not be migrated from revision "
                    f"`{revision or 'none'}` to `{HEAD_REVISION}`; it is left as it was.",
                    hint="go back to the version of iomete that wrote it, and report the cause",
                ) from error
        self._backend.migrator.dispose()  # its connections have foreign keys off


def _backend(url: StoreUrl, *, backup_folder: Path | None, busy_timeout_seconds: float) -> Backend:
    if url.is_sqlite:
        return SqliteBackend(
            url, backup_folder=backup_folder, busy_timeout_seconds=busy_timeout_seconds
        )
    return PostgresBackend(url, busy_timeout_seconds=busy_timeout_seconds)
