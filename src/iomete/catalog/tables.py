"""The catalog's tables in the store: tags, what they are attached to, and owners.

Resources are written by their full name, in the case that makes equal resources equal texts:
names of the session catalog and columns in lower case, all others exact.
"""

from __future__ import annotations

import sqlalchemy as sa

from iomete.store import UtcDateTime, metadata

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("tag_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=True),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""One row per defined tag; `attributes` is a JSON object of texts."""

tag_attachments = sa.Table(
    "tag_attachments",
    metadata,
    sa.Column("tag", sa.Text, sa.ForeignKey("tags.tag"), primary_key=True),
    sa.Column("resource", sa.Text, primary_key=True, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""One row per tag on a table or column; `parts` is a JSON object of `catalog`, `namespace` (joined
by dots), `table` and, for a column, `column` (a path joined by dots)."""

owners = sa.Table(
    "owners",
    metadata,
    sa.Column("resource", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""One row per table or view whose owner was set; `owner` is the name of a user."""
