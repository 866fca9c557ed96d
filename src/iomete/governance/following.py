"""Follow what other machines change in a metadata database that is shared with them.

Each machine has a bundle of its own, which it writes with each change that it makes itself. Of the
others' changes it learns by looking: PostgreSQL's NOTIFY would need a connection kept open for it,
and a look at the version all the same after each time that the connection was lost.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import IometeError, StoreError
from iomete.governance import counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from iomete.store import Store

LOOK_SECONDS = 0.25
logger = logging.getLogger(__name__)


class Follower(threading.Thread):
    """Looks for other versions in a store, and has what they say written to the bundle.

    While the store can't be reached, the last policies stay in force: one warning says so, and the
    looking goes on. It ends with the store, which it doesn't keep alive.

    Args:
        store: Where the truth is.
        write: Writes the bundle if it is behind the store, and returns its version.
    """

    def __init__(self, store: Store, write: Callable[[], int]) -> None:
        super().__init__(name="iomete-follow-policies", daemon=True)
        self._store = weakref.ref(store)
        self._write = weakref.WeakMethod(write)
        self._written: int | None = None
        self._is_failing = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End it, after the present look."""
        self._stopped.set()

    def run(self) -> None:
        """Look until the store is closed."""
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self._look()
            except (IometeError, sa.exc.SQLAlchemyError, OSError) as error:
                if type(error) is StoreError:  # closed, or another process's since a fork
                    return
                self._tell(error)
            else:
                self._tell(None)

    def _look(self) -> None:
        store, write = self._store(), self._write()
        if store is None or write is None:
            self.stop()
            return
        with store.read() as connection:
            version = counters.read_version(connection)
        if version != self._written:
            self._written = write()

    def _tell(self, error: Exception | None) -> None:
        if error is not None and not self._is_failing:
            logger.warning(
                "Changes that other machines make to policies can't be followed; the last known "
                "ones stay in force, and it is tried again: %s",
                error,
            )
        elif error is None and self._is_failing:
            logger.info("Changes that other machines make to policies are followed again.")
        self._is_failing = error is not None
