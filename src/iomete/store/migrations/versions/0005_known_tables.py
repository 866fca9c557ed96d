"""What tables are, whatever they are called, and renames that policies haven't followed yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make `known_tables` and `table_moves`."""
    op.create_table(
        "known_tables",
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("catalog", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("identity", "since", name="pk_known_tables"),
    )
    op.create_index("ix_known_tables_table_name", "known_tables", ["table_name"])
    op.create_table(
        "table_moves",
        sa.Column("move_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("from_catalog", sa.Text, nullable=False),
        sa.Column("from_namespace", sa.Text, nullable=False),
        sa.Column("from_table", sa.Text, nullable=False),
        sa.Column("to_catalog", sa.Text, nullable=False),
        sa.Column("to_namespace", sa.Text, nullable=False),
        sa.Column("to_table", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("move_id", name="pk_table_moves"),
    )
    op.create_index("ix_table_moves_identity", "table_moves", ["identity"])
