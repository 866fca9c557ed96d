"""Where a store is: a SQLite file, or a PostgreSQL database. Passwords never print."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from iomete.errors import ConfigurationError

_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")

_JDBC_NAMES = {
    "application_name": "ApplicationName",
    "connect_timeout": "connectTimeout",
    "options": "options",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
}
"""libpq's parameters that the PostgreSQL JDBC driver knows, and what it calls them. Those that are
secrets stay behind: a JDBC URL gets printed.

Source: https://jdbc.postgresql.org/documentation/use/#connection-parameters
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JdbcAddress:
    """What a Java process needs to reach the store; `password` stays out of the repr."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class StoreUrl:
    """The address of a store. `str` and `repr` mask every password in it."""

    __slots__ = ("_url",)

    def __init__(self, url: sa.URL) -> None:
        self._url = url

    @classmethod
    def parse(cls, value: str | os.PathLike[str] | StoreUrl) -> StoreUrl:
        """Read `postgresql://user:password@host/database`, `sqlite:///path`, or a file's path.

        Raises:
            ConfigurationError: The URL can't be read, or names a database of another kind.
        """
        if isinstance(value, StoreUrl):
            return value
        text = os.fspath(value)
        if "://" not in text:
            return cls._of_file(text)
        scheme = text.partition("://")[0]
        if scheme not in (*_POSTGRES_SCHEMES, "sqlite"):
            raise ConfigurationError(
                f"A store can't be a `{scheme}` database.",
                hint="use `postgresql://user:password@host/database`, or a file's path for SQLite",
            )
        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            url = None
        if url is None:  # raised outside of `except`: the cause would print the password
            raise ConfigurationError(
                f"The `{scheme}://` URL of the store can't be read.",
                hint="percent-encode `@`, `:`, `/`, `%` and `#` in the user name and the password",
            )
        if scheme == "sqlite":
            return cls._of_file(url.database)
        return cls(_normalised_postgres(url))

    @classmethod
    def _of_file(cls, path: str | None) -> StoreUrl:
        if not path or path == ":memory:" or "\0" in path:
            raise ConfigurationError(
                f"A store needs a file, not `{path or ''}`.", hint="name a file, such as `store.db`"
            )
        return cls(sa.URL.create("sqlite", database=str(Path(path).absolute())))

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is a SQLite file."""
        return self._url.drivername == "sqlite"

    @property
    def path(self) -> Path:
        """The SQLite file, as an absolute path.

        Raises:
            ConfigurationError: The store isn't a file.
        """
        if not self.is_sqlite or self._url.database is None:
            raise ConfigurationError(f"`{self}` is not a file.", hint="a file has no URL scheme")
        return Path(self._url.database)

    @property
    def sqlalchemy(self) -> sa.URL:
        """The URL as SQLAlchemy's value; it holds the password."""
        return self._url

    def jdbc(self, *, busy_timeout_seconds: float) -> JdbcAddress:
        """Return the address as the SQLite and PostgreSQL JDBC drivers read it.

        Raises:
            ConfigurationError: JDBC can't express the address: a path with a question mark, or a
                PostgreSQL that is reached through a unix socket.
        """
        return self._jdbc_sqlite(busy_timeout_seconds) if self.is_sqlite else self._jdbc_postgres()

    def _jdbc_sqlite(self, busy_timeout_seconds: float) -> JdbcAddress:
        if "?" in str(self.path):  # the driver takes what follows for parameters
            raise ConfigurationError(
                f"Java can't open the store `{self.path}`, whose path has a question mark.",
                hint="move the lakehouse to a folder without `?` in its name",
            )
        pragmas = {
            "journal_mode": "WAL",
            "busy_timeout": str(round(busy_timeout_seconds * 1000)),
            "transaction_mode": "IMMEDIATE",
        }
        return JdbcAddress(url=f"jdbc:sqlite:{self.path}?{urlencode(pragmas)}")

    def _jdbc_postgres(self) -> JdbcAddress:
        host = self._url.host
        if not host or host.startswith("/"):
            raise ConfigurationError(
                f"Java can't reach `{self}`: it connects by TCP only.",
                hint="name a host in the store's URL, such as `postgresql://user@127.0.0.1/db`",
            )
        if ":" in host:  # IPv6
            host = f"[{host}]"
        parameters = [
            (_JDBC_NAMES[name], value)
            for name, value in self._url.query.items()
            if name in _JDBC_NAMES and isinstance(value, str)
        ]
        database = quote(self._url.database or self._url.username or "", safe="")
        suffix = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        return JdbcAddress(
            url=f"jdbc:postgresql://{host}:{self._url.port or 5432}/{database}{suffix}",
            user=self._url.username,
            password=self._url.password,
        )

    def __str__(self) -> str:
        shown = self._url.set(drivername=self._url.get_backend_name())
        secret = [name for name in shown.query if "password" in name]
        masked = shown.update_query_dict(dict.fromkeys(secret, "***"))
        return masked.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"StoreUrl({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoreUrl) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)


def _normalised_postgres(url: sa.URL) -> sa.URL:
    """Name the driver, and move what libpq takes as parameters to where SQLAlchemy has it."""
    query = dict(url.query)

    def taken(name: str) -> str | None:
        value = query.pop(name, None)
        return value if isinstance(value, str) else None

    user, password = taken("user"), taken("password")
    host, port, database = taken("host"), taken("port"), taken("dbname")
    return sa.URL.create(
        "postgresql+psycopg",
        username=url.username or user,
        password=url.password or password,
        host=url.host or host,
        port=url.port or (int(port) if port and port.isdigit() else None),
        database=url.database or database,
        query=query,
    )
