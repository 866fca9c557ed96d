"""How governance begins in a lakehouse: one admin, everyone else without rights, and a secret."""

from __future__ import annotations

import secrets as randomness
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.governance import counters
from iomete.governance.principals.names import ADMIN, EVERYONE, PrincipalKind, PrincipalName
from iomete.governance.tables import memberships, principals, secrets

if TYPE_CHECKING:
    from iomete.store import Store

HASH_KEY = "hash_key"
HASH_KEY_BYTES = 32


def found(store: Store) -> None:
    """Make whoever created the lakehouse its first admin, unless that was done before."""
    with store.read() as connection:
        if counters.read_version(connection) is not None:
            return
    creator = store.identity().created_by
    with store.write() as connection:
        if counters.read_version(connection) is None:  # another process may have been first
            _found(connection, PrincipalName(PrincipalKind.USER, creator))


def hash_key(store: Store) -> bytes:
    """Return the 32 bytes that keys the hash masks of this lakehouse.

    Whoever has it can test guesses against hashed values.
    """
    found(store)
    with store.read() as connection:
        value = connection.execute(sa.select(secrets.c.value).filter_by(name=HASH_KEY)).scalar_one()
    return bytes(value)


def _found(connection: sa.Connection, creator: PrincipalName) -> None:
    now = datetime.now(UTC)
    by_creator = {"author": creator.name, "created_at": now}
    connection.execute(
        sa.insert(principals),
        [
            {
                "principal": str(name),
                "kind": str(name.kind),
                "name": name.name,
                "enabled": True,
                **by_creator,
            }
            for name in (creator, ADMIN, EVERYONE)
        ],
    )
    connection.execute(
        sa.insert(memberships).values(container=str(ADMIN), member=str(creator), **by_creator)
    )
    connection.execute(
        sa.insert(secrets).values(name=HASH_KEY, value=randomness.token_bytes(HASH_KEY_BYTES))
    )
    counters.start(connection)
