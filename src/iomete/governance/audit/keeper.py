"""Keeps the audit trail in the background: takes events in, and lets old ones go."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import IometeError
from iomete.governance.audit.retention import expire

if TYPE_CHECKING:
    from iomete.access import Trail
    from iomete.governance.audit.spool import SpoolReader
    from iomete.store import Store

EXPIRY_SECONDS = 3600.0
"""How often old events are looked for."""

KEEPER = "{system}"
"""The principal of events about what the keeper does; no user's name holds a brace."""

_STOP_SECONDS = 30.0
logger = logging.getLogger(__name__)


class AuditKeeper(threading.Thread):
    """Takes the spool's events into the store, again and again, and deletes old ones.

    While the spool or the store can't be used, one warning says so, and it is tried again.

    Args:
        store: Where events are kept.
        reader: Takes them in.
        trail: Where deletions are recorded.
        ingest_seconds: The time between two looks at the spool.
        retention_days: Events that are older are deleted; None keeps all.
    """

    def __init__(
        self,
        store: Store,
        reader: SpoolReader,
        trail: Trail,
        *,
        ingest_seconds: float,
        retention_days: int | None,
    ) -> None:
        super().__init__(name="iomete-audit", daemon=True)
        self._store = store
        self._reader = reader
        self._trail = trail
        self._ingest_seconds = ingest_seconds
        self._retention_days = retention_days
        self._expired_at: float | None = None
        self._is_failing = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End it, and take in what is there: the last events of a session, too."""
        self._stopped.set()
        if self.is_alive():
            self.join(_STOP_SECONDS)
        self._look()

    def run(self) -> None:
        """Look until it is stopped; not at once, while Spark starts."""
        while not self._stopped.wait(self._ingest_seconds):
            self._look()

    def _look(self) -> None:
        try:
            self._reader.ingest()
            self._expire()
        except (IometeError, sa.exc.SQLAlchemyError, OSError) as error:
            self._tell(error)
        else:
            self._is_failing = False

    def _expire(self) -> None:
        now = time.monotonic()
        is_due = self._expired_at is None or now - self._expired_at >= EXPIRY_SECONDS
        if self._retention_days is not None and is_due:
            before = datetime.now(UTC) - timedelta(days=self._retention_days)
            expire(self._store, self._trail, before=before)
            self._expired_at = now

    def _tell(self, error: Exception) -> None:
        if not self._is_failing and not self._stopped.is_set():
            logger.warning("Audit events wait in the spool, and it is tried again: %s", error)
        self._is_failing = True
