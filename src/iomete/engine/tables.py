"""The engine's table in the store: the objects of Spark's session catalog.

The Java side writes it by JDBC, so every column is plain text: SQLite, PostgreSQL, Python and
Java read the same value.
"""

from __future__ import annotations

import sqlalchemy as sa

from iomete.store import metadata

session_objects = sa.Table(
    "session_objects",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("database_name", sa.Text, primary_key=True),
    sa.Column("object_name", sa.Text, primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=True),
    sa.Column("updated_at", sa.Text, nullable=False),
)
"""One row per database, table, view or function.

`kind` is one of `database`, `table`, `view`, `function`; `definition` is JSON; `updated_at` is
ISO 8601 in UTC.
"""
