"""The store in a PostgreSQL database, shared by any number of machines.

Write transactions run one at a time, as they do on SQLite: each takes an advisory lock that
PostgreSQL frees at its end. So what is read in a write transaction still holds when it is
written, on both databases, and no caller has to retry a serialisation failure. The store's writes
are short and few. The lock also lets exactly one process migrate.

Migrations are transactional, so a failed one leaves nothing behind, and no copy of the database is
made. Take your own before an upgrade: `pg_dump --format=custom --file=store.dump <url>`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.errors import (
    MissingExtraError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from iomete.store.url import StoreUrl

_WRITE_LOCK = int.from_bytes(b"iomete")
"""Key of the advisory lock; such locks are a database's own."""

_CONNECT_TIMEOUT_SECONDS = 10

_BUSY = {"55P03", "57014", "40P01", "40001"}
_READ_ONLY = "25006"
_NO_PRIVILEGE = {"42501", "3F000"}
_CORRUPT = {"XX001", "XX002"}
_UNAVAILABLE_CLASSES = {"08", "28", "3D", "53", "57", "58"}
# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html


class PostgresBackend:
    """A store in a database of a server; see the module for how processes share it."""

    def __init__(self, url: StoreUrl, *, busy_timeout_seconds: float) -> None:
        self.url = url
        self._timeout_seconds = busy_timeout_seconds
        try:
            engine = sa.create_engine(
                url.sqlalchemy,
                connect_args=_defaults(url.sqlalchemy),
                hide_parameters=True,
                pool_pre_ping=True,  # a server that restarted costs no failed transaction
            )
        except ImportError as error:
            raise MissingExtraError("A PostgreSQL store", extra="postgres") from error
        sa.event.listen(engine, "connect", self._limit_waiting)
        self.reader: sa.Engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.writer: sa.Engine = engine.execution_options(isolation_level="READ COMMITTED")
        sa.event.listen(self.writer, "begin", _take_write_lock)
        self.migrator: sa.Engine = self.writer

    def prepare(self) -> None:
        """Do nothing: the database is made by whoever runs the server."""

    def back_up(self, revision: str) -> Path | None:  # noqa: ARG002  # the seam's signature
        """Make no copy: migrations are transactional here, and backups are the server's."""
        return None

    def check(self, connection: sa.Connection) -> None:
        """Do nothing: PostgreSQL enforces its constraints in a migration too."""

    def translate(self, error: Exception) -> StoreError | None:
        """Return our error for PostgreSQL's, by its SQLSTATE."""
        if not isinstance(error, sa.exc.DBAPIError):
            return None
        state: str | None = getattr(error.orig, "sqlstate", None)
        detail = " ".join(str(error.orig).split())
        if state in _BUSY:
            return StoreBusyError(
                f"Another process held the store `{self.url}` for more than "
                f"{self._timeout_seconds:g} seconds.",
                hint="try again; `pg_stat_activity` names who holds it",
            )
        if state == _READ_ONLY:
            return StoreError(
                "A read transaction can't write to the store.", hint="use `Store.write()`"
            )
        if state in _NO_PRIVILEGE:
            return StoreUnavailableError(
                f"The store `{self.url}` refused its user ({detail}).",
                hint="the user needs USAGE and CREATE on the schema, and to own the store's tables",
            )
        if state in _CORRUPT:
            return StoreCorruptError(
                f"The store `{self.url}` is damaged ({detail}).", hint="restore a `pg_dump` of it"
            )
        lost = error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
        if (state is None and lost) or (state or "")[:2] in _UNAVAILABLE_CLASSES:
            return StoreUnavailableError(
                f"The store `{self.url}` can't be reached ({detail}).",
                hint="see that PostgreSQL runs, and that the URL's host, port, user, password and "
                "database are right",
            )
        return None

    def _limit_waiting(self, connection: Any, _record: object) -> None:
        milliseconds = round(self._timeout_seconds * 1000)
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.commit()


def _defaults(url: sa.URL) -> dict[str, Any]:
    """Return the connection parameters that the URL leaves open."""
    defaults = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, "application_name": "iomete"}
    return {name: value for name, value in defaults.items() if name not in url.query}


def _take_write_lock(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
