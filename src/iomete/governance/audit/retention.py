"""How events leave the audit trail: in batches, and not without an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.governance.audit.tables import AUDIT_TABLE, audit_events, audit_rejects

if TYPE_CHECKING:
    from datetime import datetime

    from iomete.access import Trail
    from iomete.store import Store

BATCH_ROWS = 5_000
"""Rows of one transaction: other writers of the store wait for it."""


def expire(store: Store, trail: Trail, *, before: datetime) -> int:
    """Delete events, and rejected lines, from before a time; return how many events it were.

    The event about it, whose action is `expire`, comes first: it stays if the rest fails. Where
    nothing is old enough, there is none. Several processes may do this at once.

    Raises:
        AuditUnavailableError: The event can't be written, and it must be; nothing is deleted.
        StoreError: The store can't be written.
    """
    if not _is_any(store, before):
        return 0
    trail.allowed("expire", AUDIT_TABLE, detail=f"events before {before.isoformat()}")
    _delete(store, audit_rejects.c.reject_id, audit_rejects.c.rejected_at < before)
    return _delete(store, audit_events.c.event_id, audit_events.c.occurred_at < before)


def _is_any(store: Store, before: datetime) -> bool:
    old = (audit_events.c.occurred_at < before, audit_rejects.c.rejected_at < before)
    with store.read() as connection:
        return any(
            connection.execute(sa.select(condition.left).where(condition).limit(1)).first()
            for condition in old
        )


def _delete(store: Store, key: sa.Column[object], condition: sa.ColumnElement[bool]) -> int:
    table = key.table
    some = sa.select(key).where(condition).limit(BATCH_ROWS)
    total = 0
    while True:
        with store.write() as connection:
            deleted = connection.execute(sa.delete(table).where(key.in_(some))).rowcount
        total += deleted
        if deleted < BATCH_ROWS:
            return total
