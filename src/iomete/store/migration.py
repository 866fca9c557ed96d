"""Bring a database to the revision of the schema that this version of iomete knows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import StoreCorruptError, StoreSchemaError
from iomete.store import schema

if TYPE_CHECKING:
    from iomete.store.url import StoreUrl

SCRIPTS = "iomete.store:migrations"
"""Package and folder, which is how Alembic finds them in an installed wheel."""

_running = threading.Lock()  # Alembic's context is one for the whole process

_version = sa.table(schema.VERSION_TABLE, sa.column("version_num", sa.Text))


def read_revision(connection: sa.Connection, url: StoreUrl) -> str | None:
    """Return the revision that a database is at; None before the first migration.

    Raises:
        StoreSchemaError: A newer version of iomete wrote the database.
        StoreCorruptError: The record of the revision is damaged.
    """
    if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    found = connection.execute(sa.select(_version)).scalars().all()
    if len(found) != 1:
        raise StoreCorruptError(
            f"The store `{url}` has {len(found)} revisions in `{schema.VERSION_TABLE}`, not one.",
            hint="put back a backup",
        )
    if found[0] not in schema.REVISIONS:
        raise StoreSchemaError(
            f"The schema of the store `{url}` is at revision `{found[0]}`; this version of iomete "
            f"knows `{schema.HEAD_REVISION}` and older.",
            hint="pip install --upgrade iomete",
        )
    return str(found[0])


def upgrade(connection: sa.Connection, revision: str = schema.HEAD_REVISION) -> None:
    """Run the migrations that a database lacks, in the transaction that is open."""
    # Loaded here: it takes longer than everything else, and a current database needs none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    with _running:
        command.upgrade(config, revision)
