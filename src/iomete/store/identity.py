"""Which lakehouse this is."""

from __future__ import annotations

import os
import pwd
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import StoreCorruptError
from iomete.store.schema import lakehouse

if TYPE_CHECKING:
    from iomete.store.url import StoreUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class LakehouseIdentity:
    """A lakehouse's name for machines, and its origin.

    `id` is a UUID; `created_at` is in UTC; `created_by` is the operating system user who made the
    lakehouse, its first admin.
    """

    id: str
    created_at: datetime
    created_by: str


def record_identity(connection: sa.Connection) -> None:
    """Make the identity if there is none. In a write transaction, so that one process does."""
    if connection.execute(sa.select(lakehouse.c.id)).first() is None:
        connection.execute(
            sa.insert(lakehouse).values(
                id=str(uuid.uuid4()),
                created_at=datetime.now(UTC),
                created_by=_operating_system_user(),
            )
        )


def read_identity(connection: sa.Connection, url: StoreUrl) -> LakehouseIdentity:
    """Return the identity.

    Raises:
        StoreCorruptError: There is none, or more than one.
    """
    rows = connection.execute(sa.select(lakehouse)).all()
    if len(rows) != 1:
        raise StoreCorruptError(
            f"The store `{url}` has {len(rows)} identities in `lakehouse`, not one.",
            hint="put back a backup",
        )
    return LakehouseIdentity(**rows[0]._mapping)  # noqa: SLF001  # public, in spite of its name


def _operating_system_user() -> str:
    """Return who runs this process, by the kernel's word: `$USER` would name anyone."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"uid-{os.geteuid()}"
