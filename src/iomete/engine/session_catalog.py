"""Spark's session catalog (Delta, Parquet, views of `spark_catalog`), kept in the store.

Spark's own in-memory catalog forgets names at restart. Ours writes each change through to the
store's table `session_objects` and reads it back at start; see `DurableCatalog` in the jar.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iomete.engine.lifecycle import Engine
    from iomete.store import JdbcAddress

logger = logging.getLogger(__name__)


def install_session_catalog(engine: Engine, store: JdbcAddress, *, warehouse: Path) -> None:
    """Make the session catalog durable, and bring back what the store knows.

    What can't be brought back (a definition that is damaged, or of a newer version) stays in the
    store and is logged as a warning.

    Args:
        engine: A running Spark.
        store: Where a JVM finds the metadata database.
        warehouse: Locations below this folder are kept relative, so the folder can be moved.
    """
    report = engine.jvm.io.iomete.spark.SessionCatalogStore.install(
        engine.spark._jsparkSession,  # noqa: SLF001  # PySpark has no public road to it
        store.url,
        store.user,
        store.password,
        None,  # the schema that the connection starts in
        str(warehouse),
    )
    for problem in report.problems():
        logger.warning("session catalog: %s", problem)
