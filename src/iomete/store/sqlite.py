"""The store in a SQLite file, shared by several processes of one machine.

How processes share it, and what each choice guards against:

- WAL: readers see a snapshot and neither wait for a writer nor hold one up. WAL needs memory that
  processes share, so a store on a network file system (NFS, SMB) that several machines open will
  lose data; use PostgreSQL there. Source: https://www.sqlite.org/wal.html
- A write transaction begins with BEGIN IMMEDIATE. It waits for the lock before it reads, so it
  never has to be refused at its first write because its snapshot has aged (SQLITE_BUSY_SNAPSHOT).
- `synchronous=FULL`: each commit reaches the disk before it returns. NORMAL would survive
  `kill -9` too, but not a power failure: a revoked grant could come back. The store writes
  seldom, and a commit costs one fsync.
- SQLite ignores its own busy timeout while another connection recovers the log, switches to WAL
  or closes the file as the last one. Only those are tried again here, within the same timeout.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from iomete.errors import StoreBusyError, StoreCorruptError, StoreError, StoreUnavailableError
from iomete.store.private_file import create_private, may, sync
from iomete.store.schema import VERSION_TABLE

if TYPE_CHECKING:
    from iomete.store.url import StoreUrl

_BEGIN = {
    # The SELECT takes the snapshot now: a bare BEGIN would take it at the first read.
    "read": ("PRAGMA query_only=ON", "BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1"),
    "write": ("PRAGMA query_only=OFF", "BEGIN IMMEDIATE"),
    # Rebuilding a table drops the old one, which mustn't cascade to the rows that refer to it.
    "migrate": ("PRAGMA query_only=OFF", "PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE"),
}

_RETRY_SECONDS = 0.005

_NEEDS_ROLLBACK = 776  # SQLITE_READONLY_ROLLBACK, which Python 3.11's sqlite3 has no name for


class SqliteBackend:
    """A store in a file; see the module for how processes share it."""

    def __init__(
        self, url: StoreUrl, *, backup_folder: Path | None, busy_timeout_seconds: float
    ) -> None:
        self.url = url
        self._path = url.path
        self._backups = backup_folder or self._path.parent / "backups"
        self._timeout_seconds = busy_timeout_seconds
        engine = sa.create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, hide_parameters=True
        )
        sa.event.listen(engine, "begin", self._begin)
        self.reader: sa.Engine = engine.execution_options(store_mode="read")
        self.writer: sa.Engine = engine.execution_options(store_mode="write")
        self.migrator: sa.Engine = engine.execution_options(store_mode="migrate")

    def prepare(self) -> None:
        """Make the file, readable by its owner only; refuse one that isn't ours, untouched."""
        if not create_private(self._path):
            self._refuse_foreign()

    def back_up(self, revision: str) -> Path | None:
        """Copy the file to `<name>-<revision>-<UTC time>.db`, whole or not at all."""
        target = self._backups / f"{self._path.stem}-{revision}-{_timestamp()}.db"
        partial = target.with_suffix(".partial")
        try:
            self._backups.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            # VACUUM INTO leaves a file in rollback mode: it can be read where nothing may be
            # written, and it has no log that could be forgotten beside it.
            with closing(self._open_file("ro")) as source:
                self._refuse_damaged(source)
                source.execute("VACUUM INTO ?", (str(partial),))
            sync(partial)
            partial.replace(target)
            sync(self._backups)
        except OSError as error:
            raise StoreUnavailableError(
                f"The store `{self._path}` was not migrated: it could not be copied to "
                f"`{self._backups}` ({error.strerror}).",
                hint="make that folder writable, and see that the disk has room",
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return target

    def check(self, connection: sa.Connection) -> None:
        """Verify that every foreign key still leads somewhere: they are off in a migration."""
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StoreError(f"Rows of table `{broken[0]}` refer to rows that are gone.")

    def translate(self, error: Exception) -> StoreError | None:
        """Return our error for SQLite's."""
        original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if not isinstance(original, sqlite3.Error):
            return None
        code = getattr(original, "sqlite_errorcode", None)
        if code is None:
            return None
        return self._translate(code & 0xFF, original)  # the low byte is the error, the rest detail

    def _translate(self, code: int, error: sqlite3.Error) -> StoreError | None:
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._corrupt(f"is damaged ({error})")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            return StoreBusyError(
                f"Another process held the store `{self._path}` for more than "
                f"{self._timeout_seconds:g} seconds.",
                hint="try again; `fuser` on the file names who has it open",
            )
        if code == sqlite3.SQLITE_READONLY and may(self._path, os.W_OK):
            return StoreError(
                "A read transaction can't write to the store.", hint="use `Store.write()`"
            )
        if code in (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_READONLY,
        ):
            return StoreUnavailableError(
                f"The store `{self._path}` can't be read or written ({error}).",
                hint="check the file, its folder's permissions, and that the disk has room",
            )
        return None

    def _corrupt(self, what: str) -> StoreCorruptError:
        found = self._backups.glob(f"{self._path.stem}-*.db") if self._backups.is_dir() else ()
        newest = max(found, key=lambda file: file.stat().st_mtime, default=None)
        recover = f'save what can be read with `sqlite3 "{self._path}" ".recover"`'
        return StoreCorruptError(
            f"The store `{self._path}` {what}.",
            hint=f"put back the backup `{newest}`, or {recover}" if newest else recover,
        )

    def _connect(self) -> sqlite3.Connection:
        connection = self._open_file("rw")
        try:
            self._use_wal(connection)
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                self._execute(connection, f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        if self._execute(connection, "PRAGMA journal_mode=WAL") != [("wal",)]:
            raise StoreUnavailableError(
                f"The file system of the store `{self._path}` has no shared memory.",
                hint="keep the lakehouse on a local disk, or the store in PostgreSQL",
            )

    def _open_file(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(os.fsencode(self._path))}?mode={mode}",
            uri=True,
            timeout=self._timeout_seconds,
            isolation_level=None,  # no BEGIN behind our back: we begin, on every Python version
            check_same_thread=False,  # the pool gives a connection to one thread at a time
        )

    def _begin(self, connection: sa.Connection) -> None:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101  # for the type checker
        for statement in _BEGIN[connection.get_execution_options().get("store_mode", "read")]:
            self._execute(raw, statement)

    def _execute(self, connection: sqlite3.Connection, statement: str) -> Sequence[object]:
        """Run a statement, again where SQLite gave up sooner than its busy timeout."""
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                return connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode & 0xFF
                if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL):
                    raise
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _refuse_foreign(self) -> None:
        # Read-only first: closing the last connection that may write folds the log into the file.
        # What a crash left of a rollback journal can only be read by rolling it back.
        for mode in ("ro", "rw"):
            try:
                with closing(self._open_file(mode)) as connection:
                    rows = self._execute(connection, "SELECT name FROM sqlite_master")
                break
            except sqlite3.Error as error:
                if mode == "ro" and error.sqlite_errorcode == _NEEDS_ROLLBACK:
                    continue
                translated = self.translate(error)
                if translated is None:
                    raise
                raise translated from error
        if rows and (VERSION_TABLE,) not in rows:
            raise self._corrupt("is a SQLite database of another program")

    def _refuse_damaged(self, connection: sqlite3.Connection) -> None:
        rows = self._execute(connection, "PRAGMA quick_check(1)")
        if rows != [("ok",)]:
            raise self._corrupt(f"is damaged ({rows[0]})")


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
