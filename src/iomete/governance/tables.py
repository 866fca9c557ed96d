"""Governance's tables in the store: who there is, what they may do, and what was published.

A principal is written with its kind, `user:alice`, wherever a row refers to one.
"""

from __future__ import annotations

import sqlalchemy as sa

from iomete.store import UtcDateTime, metadata

principals = sa.Table(
    "principals",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""One row per user, group and role. Only users can be disabled."""

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column(
        "container",
        sa.Text,
        sa.ForeignKey("principals.principal", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column(
        "member",
        sa.Text,
        sa.ForeignKey("principals.principal", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""One row per direct membership: of users and groups in groups; of users, groups and roles in
roles, where a member of a role holds it. No row of these closes a circle."""

attributes = sa.Table(
    "principal_attributes",
    metadata,
    sa.Column(
        "principal",
        sa.Text,
        sa.ForeignKey("principals.principal", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""One row per attribute of a user; `value` is JSON: text, number, boolean, or a list of one."""

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("policy_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False, index=True),
    sa.Column("is_pattern", sa.Boolean, nullable=False, index=True),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
"""One row per policy in being. `document` is its Ranger policy as JSON, as the bundle holds it.
`target` is what it is on, as `Target.text` writes it, `is_pattern` whether other targets can be
under it; `author` made this `version`."""

policy_principals = sa.Table(
    "policy_principals",
    metadata,
    sa.Column(
        "policy_id",
        sa.BigInteger,
        sa.ForeignKey("policies.policy_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column(
        "principal",
        sa.Text,
        sa.ForeignKey("principals.principal"),
        primary_key=True,
        index=True,
    ),
)
"""One row per principal that a policy names. Keeps principals from going while policies stay: a
later namesake would inherit them."""

policy_history = sa.Table(
    "policy_history",
    metadata,
    sa.Column("policy_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)
"""One row per change of a policy, deletions included; outlives the policy. `document` is what the
change left, or for a deletion, what it took away."""

counters = sa.Table(
    "governance_counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""One row per counter: the bundle's version, and the last id of each kind given out. Ids are never
given out twice, not even after a deletion."""

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
"""One row per secret of the lakehouse, such as the key of hash masks."""
