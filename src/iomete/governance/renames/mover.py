"""A thread that has policies follow tables as soon as Spark tells that they got other names."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from iomete.errors import EngineError, IometeError, StoreError
from iomete.governance.renames.moves import carry_out_moves, has_moves

if TYPE_CHECKING:
    from iomete.governance.publisher import Publisher
    from iomete.store import Store

LOOK_SECONDS = 0.05
"""Between two questions to Spark, each a fraction of a millisecond."""

RETRY_SECONDS = 10.0
"""Between two attempts at moves that were left, and looks for what other processes have told."""

logger = logging.getLogger(__name__)


class Renames(Protocol):
    """Spark, as it tells of renames."""

    def has_moves(self) -> bool:
        """Tell whether tables were renamed since the last call.

        Raises:
            EngineError: Spark has ended.
        """

    def moves_carried_out(self) -> None:
        """Take note that policies have followed, and are in force."""


class Mover(threading.Thread):
    """Carries out moves and puts them in force. It ends with the store, or with Spark."""

    def __init__(self, store: Store, publisher: Publisher, spark: Renames) -> None:
        super().__init__(name="iomete-move-policies", daemon=True)
        self._store = weakref.ref(store)
        self._publisher = publisher
        self._spark = spark
        self._stopped = threading.Event()
        self._stuck: set[str] = set()

    def stop(self) -> None:
        """End it; returns once it has ended, so that nobody asks a Spark that is gone."""
        self._stopped.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=LOOK_SECONDS * 20)

    def run(self) -> None:
        """Look until it is stopped, or the store is closed."""
        looks = 0
        while not self._stopped.wait(LOOK_SECONDS):
            looks += 1
            try:
                told = self._spark.has_moves()
                if told or looks * LOOK_SECONDS >= RETRY_SECONDS:
                    looks = 0
                    self._carry_out(told=told)
            except (IometeError, sa.exc.SQLAlchemyError, OSError) as error:
                if type(error) in {StoreError, EngineError}:  # closed, forked, or ended
                    return
                logger.warning("Policies can't follow a rename yet; both names hold: %s", error)

    def _carry_out(self, *, told: bool) -> None:
        store = self._store()
        if store is None:
            self._stopped.set()
            return
        if has_moves(store) and carry_out_moves(store, stuck=self._stuck):
            self._publisher.publish()
        if told:
            self._spark.moves_carried_out()
