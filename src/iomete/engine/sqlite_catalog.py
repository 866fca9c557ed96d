"""The SQLite file of a JDBC Iceberg catalog, looked at before Spark is: damage is told by its name.

Only SQLite itself opens the file: closing a plain `open()` would drop the locks that other
connections of this process hold on it. Source: https://www.sqlite.org/howtocorrupt.html, 2.2.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from iomete.errors import CatalogUnavailableError

_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def check_catalog_database(path: Path) -> None:
    """Look whether the database of a catalog can be read; none is fine, Iceberg makes it.

    Raises:
        CatalogUnavailableError: If the file is damaged, isn't SQLite's, or can't be read.

    Cost: a few pages are read, and nothing is written.
    """
    if not path.exists():
        return
    try:
        _read_schema(path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _IN_USE:
            raise CatalogUnavailableError(
                f"The catalog's database `{path}` can't be read: {error}.",
                hint="if it is damaged, move it away (with its -wal and -shm files) and restore a "
                "copy; without one, tables' files are still in the warehouse, and "
                "CALL lake.system.register_table registers them again",
            ) from error


def _read_schema(path: Path) -> None:
    """Read the schema and the first row of each of Iceberg's tables."""
    # without a log nobody has it open, and `immutable` keeps SQLite from making one
    immutable = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    address = f"{path.absolute().as_uri()}?mode=ro{immutable}"
    with closing(sqlite3.connect(address, uri=True, timeout=0)) as database:
        database.execute("PRAGMA schema_version").fetchone()
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (name,) in database.execute(tables).fetchall():
            if name in ("iceberg_tables", "iceberg_namespace_properties"):
                database.execute(f"SELECT * FROM {name} LIMIT 1").fetchone()  # noqa: S608
