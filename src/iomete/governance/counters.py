"""The version of what is published, and ids that are given out once."""

from __future__ import annotations

import sqlalchemy as sa

from iomete.governance.tables import counters

VERSION = "version"
POLICY_ID = "policy_id"
FIRST_POLICY_ID = 100
"""Ids below are those of built-in policies."""


def read_version(connection: sa.Connection) -> int | None:
    """Return the version of governance; None before it was first used."""
    return connection.execute(sa.select(counters.c.value).filter_by(name=VERSION)).scalar()


def start(connection: sa.Connection) -> None:
    """Make the counters that a lakehouse begins with."""
    rows = [{"name": VERSION, "value": 1}, {"name": POLICY_ID, "value": FIRST_POLICY_ID - 1}]
    connection.execute(sa.insert(counters), rows)


def next_value(connection: sa.Connection, name: str) -> int:
    """Count one on, and return the new value; in a write transaction, which is alone."""
    changed = connection.execute(
        sa.update(counters).filter_by(name=name).values(value=counters.c.value + 1)
    )
    if not changed.rowcount:
        connection.execute(sa.insert(counters).values(name=name, value=1))
    return int(connection.execute(sa.select(counters.c.value).filter_by(name=name)).scalar_one())


def raise_version(connection: sa.Connection, above: int) -> int:
    """Make the version one more than `above`, if it isn't greater already; return it."""
    version = connection.execute(sa.select(counters.c.value).filter_by(name=VERSION)).scalar_one()
    if version <= above:
        version = above + 1
        connection.execute(sa.update(counters).filter_by(name=VERSION).values(value=version))
    return int(version)
