"""The objects of Spark's session catalog, which the Java side writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make `session_objects`."""
    op.create_table(
        "session_objects",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("database_name", sa.Text, nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=True),
        sa.Column("updated_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "database_name", "object_name", name="pk_session_objects"),
    )
