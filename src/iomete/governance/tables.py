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

known_tables = sa.Table(
    "known_tables",
    metadata,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("catalog", sa.Text, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False, index=True),
    sa.Column("columns", sa.Text, nullable=False),
)
"""One row per table that Spark has met and name that policies had for it: `since` is the version of
governance from which on. `identity` is what the table's format calls it for life (`iceberg:<uuid>`,
`delta:<id>`); `columns` is a JSON object of lower-case paths by the ids that columns keep. Spark
writes rows of version 0, and columns that come later; all else is written here."""

table_moves = sa.Table(
    "table_moves",
    metadata,
    sa.Column("move_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("identity", sa.Text, nullable=True, index=True),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("from_catalog", sa.Text, nullable=False),
    sa.Column("from_namespace", sa.Text, nullable=False),
    sa.Column("from_table", sa.Text, nullable=False),
    sa.Column("to_catalog", sa.Text, nullable=False),
    sa.Column("to_namespace", sa.Text, nullable=False),
    sa.Column("to_table", sa.Text, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
)
"""One row per rename that policies, tags and owners haven't followed yet; written by Spark.
`state` is `begun` or `done`; `kind` is `statement`, or `found` for what another program did.
`since` is that of the known table it is about; views, and formats that know no identity, have none.
`columns` are as in `known_tables`, as they are by now."""
