"""The audit trail: events, what of the spool was taken in, and lines that couldn't be read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make `audit_events`, `audit_spool_files` and `audit_rejects`."""
    op.create_table(
        "audit_events",
        sa.Column("event_id", _exact_text(), nullable=False),
        sa.Column("occurred_at", sa.Text, nullable=False),
        sa.Column("principal", _exact_text(), nullable=False),
        sa.Column("action", _exact_text(), nullable=False),
        sa.Column("resource", _exact_text(), nullable=False),
        sa.Column("resource_key", _exact_text(), nullable=False),
        sa.Column("columns", sa.Text, nullable=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("masks", sa.Text, nullable=False),
        sa.Column("filters", sa.Text, nullable=False),
        sa.Column("snapshot", _exact_text(), nullable=True),
        sa.Column("query_id", _exact_text(), nullable=False),
        sa.Column("session_id", _exact_text(), nullable=False),
        sa.Column("application_id", _exact_text(), nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("reason", _exact_text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_occurred_at", "audit_events", ["occurred_at"])
    for first in ("principal", "resource_key"):
        op.create_index(
            f"ix_audit_events_{first}_occurred_at", "audit_events", [first, "occurred_at"]
        )
    op.create_table(
        "audit_spool_files",
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("inode", sa.Text, nullable=False),
        sa.Column("byte_offset", sa.BigInteger, nullable=False),
        sa.Column("is_cut_off", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("file_name", name="pk_audit_spool_files"),
    )
    op.create_table(
        "audit_rejects",
        sa.Column("reject_id", sa.Integer, nullable=False),
        sa.Column("rejected_at", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("byte_offset", sa.BigInteger, nullable=False),
        sa.Column("reason", _exact_text(), nullable=False),
        sa.Column("line", _exact_text(), nullable=False),
        sa.PrimaryKeyConstraint("reject_id", name="pk_audit_rejects"),
    )


def _exact_text() -> sa.types.TypeEngine[str]:
    """Text that compares by its bytes on PostgreSQL, as it does on SQLite."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
