"""Principals, policies, tags, owners, and what is published of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of governance, and those of the catalog's tags and owners."""
    _make_principals()
    _make_policies()
    _make_tags_and_owners()
    op.create_table(
        "governance_counters",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_governance_counters"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )


def _make_principals() -> None:
    op.create_table(
        "principals",
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("principal", name="pk_principals"),
    )
    op.create_table(
        "memberships",
        sa.Column("container", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("container", "member", name="pk_memberships"),
        sa.ForeignKeyConstraint(
            ["container"],
            ["principals.principal"],
            name="fk_memberships_container",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["member"], ["principals.principal"], name="fk_memberships_member", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_memberships_member", "memberships", ["member"])
    op.create_table(
        "principal_attributes",
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("principal", "name", name="pk_principal_attributes"),
        sa.ForeignKeyConstraint(
            ["principal"],
            ["principals.principal"],
            name="fk_principal_attributes_principal",
            ondelete="CASCADE",
        ),
    )


def _make_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("policy_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("is_pattern", sa.Boolean, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", name="pk_policies"),
        sa.UniqueConstraint("name", name="uq_policies_name"),
    )
    op.create_index("ix_policies_target", "policies", ["target"])
    op.create_index("ix_policies_is_pattern", "policies", ["is_pattern"])
    op.create_table(
        "policy_principals",
        sa.Column("policy_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "principal", name="pk_policy_principals"),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.policy_id"],
            name="fk_policy_principals_policy_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["principal"], ["principals.principal"], name="fk_policy_principals_principal"
        ),
    )
    op.create_index("ix_policy_principals_principal", "policy_principals", ["principal"])
    op.create_table(
        "policy_history",
        sa.Column("policy_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version", name="pk_policy_history"),
    )


def _make_tags_and_owners() -> None:
    op.create_table(
        "tags",
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("tag_id", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tag", name="pk_tags"),
        sa.UniqueConstraint("tag_id", name="uq_tags_tag_id"),
    )
    op.create_table(
        "tag_attachments",
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tag", "resource", name="pk_tag_attachments"),
        sa.ForeignKeyConstraint(["tag"], ["tags.tag"], name="fk_tag_attachments_tag"),
    )
    op.create_index("ix_tag_attachments_resource", "tag_attachments", ["resource"])
    op.create_table(
        "owners",
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("resource", name="pk_owners"),
    )
    op.create_index("ix_owners_owner", "owners", ["owner"])
