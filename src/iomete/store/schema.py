"""What the store's schema is made of: the shared metadata, its types, and the revisions.

A package declares its tables in its own `tables.py`, on the `metadata` from here:

    from iomete.store import metadata

    runs = sa.Table("runs", metadata, sa.Column("run_id", sa.Text, primary_key=True))

and adds a migration that makes them (`iomete.store.migrations` says how). The store itself
never imports those packages: migrations are written out, not derived, so opening a store needs
no table but the ones below. A contract test imports every `iomete.*.tables` and holds the two
accounts of the schema, declared and migrated, to each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every revision of the schema, oldest first. A constant, so that opening a current store needs
no Alembic; a test holds it to the files in `migrations/versions`."""

HEAD_REVISION = REVISIONS[-1]

VERSION_TABLE = "iomete_schema_version"
"""Where Alembic keeps the revision. Not Alembic's own name for it, which other programs use too:
this table is what tells our database from theirs."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The tables of every package. Constraints are named, so that a migration can address them."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, stored as ISO 8601 text in UTC with microseconds.

    Text of one width sorts as time does, and reads the same on SQLite, on PostgreSQL and through
    JDBC. Takes aware datetimes only; gives aware datetimes in UTC.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Write a datetime as text.

        Raises:
            ValueError: The datetime is naive, so it names no point in time.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"`{value.isoformat()}` has no time zone.")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Read text as an aware datetime."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


lakehouse = sa.Table(
    "lakehouse",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)
"""One row: which lakehouse this is, and the operating system user who made it, its first admin."""
