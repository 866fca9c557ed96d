"""The Spark configuration of a lakehouse, as a pure function of settings, paths and jars."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from iomete.engine.iceberg import file_location
from iomete.settings import SECRET_WORDS

if TYPE_CHECKING:
    from iomete.engine.iceberg import IcebergCatalog
    from iomete.settings import EngineSettings

EXTENSIONS = (
    # rules run in this order: ours come before Delta's
    "io.iomete.spark.IometeExtension",
    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "io.delta.sql.DeltaSparkSessionExtension",
    # parsers wrap each other, the last one outermost: ours carries query parameters past the others
    "io.iomete.spark.IometeParserExtension",
)
PLUGIN = "io.iomete.spark.IometePlugin"
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
DEFAULT_CATALOG = "lake"
GIBIBYTE = 1 << 30
REDACTION = (
    "(?i)"
    + "|".join(re.escape(word).replace(r"\-", "-") for word in SECRET_WORDS)
    # an address may hold user and password
    + r"|access[.]?key|^spark\.sql\.catalog\.\w+\.uri$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkConfiguration:
    """Spark configuration in two parts, and what a shell has to know of it."""

    required: dict[str, str]
    """Without these, or with other values, a session is not this lakehouse's."""
    defaults: dict[str, str] = field(default_factory=dict)
    """What serves well unless someone says otherwise."""
    jars: tuple[Path, ...] = ()

    def merged(self) -> dict[str, str]:
        """Return everything that a new Spark process is started with."""
        return {**self.defaults, **self.required}


def build_configuration(
    engine: EngineSettings,
    *,
    catalogs: Sequence[IcebergCatalog],
    warehouse: Path,
    jars: Sequence[Path],
) -> SparkConfiguration:
    """Return the configuration that makes a Spark process part of this lakehouse.

    Args:
        engine: How Spark starts.
        catalogs: Iceberg catalogs; the one named `lake` is the default.
        warehouse: Local folder of the session catalog's tables (Delta, Parquet).
        jars: Everything that goes on the class path beside Spark's own.
    """
    required = {
        "spark.sql.extensions": ",".join(EXTENSIONS),
        "spark.plugins": PLUGIN,
        "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
        "spark.sql.defaultCatalog": DEFAULT_CATALOG,
        "spark.sql.warehouse.dir": file_location(warehouse / "spark_catalog"),
        # what Spark masks in SET and in its web interface: its own pattern and ours
        "spark.redaction.regex": REDACTION,
        # partitions come from files: the session catalog would forget them at restart
        "spark.sql.hive.manageFilesourcePartitions": "false",
    }
    for catalog in catalogs:
        required |= catalog.spark_properties()
    defaults = {
        "spark.master": engine.master,
        "spark.app.name": "iomete",
        "spark.driver.memory": engine.driver_memory or default_driver_memory(),
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in jars),
        "spark.ui.enabled": str(engine.ui).lower(),
        "spark.ui.port": str(engine.ui_port),
        "spark.ui.showConsoleProgress": str(engine.progress).lower(),
        "spark.log.level": engine.log_level,
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        **_master_defaults(engine.master, jars),
        **engine.spark,
    }
    for key, separator in (("spark.driver.extraClassPath", os.pathsep), ("spark.jars", ",")):
        # somebody's own jars come beside ours, behind them
        if key in engine.spark and (key != "spark.jars" or not is_local(engine.master)):
            defaults[key] = separator.join([*map(str, jars), engine.spark[key]])
    if plugins := engine.spark.get("spark.plugins"):
        required["spark.plugins"] = _joined((PLUGIN, *plugins.split(",")))
    if extensions := engine.spark.get("spark.sql.extensions"):
        # somebody's own extensions come between ours: first rules, last parser
        others = (name for name in extensions.split(",") if name.strip() not in EXTENSIONS)
        required["spark.sql.extensions"] = _joined((*EXTENSIONS[:-1], *others, EXTENSIONS[-1]))
    return SparkConfiguration(required=required, defaults=defaults, jars=tuple(jars))


def default_driver_memory() -> str:
    """Return a quarter of this machine's memory, at least 1g and at most 8g."""
    total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{min(8, max(1, total_bytes // 4 // GIBIBYTE))}g"


def is_local(master: str) -> bool:
    """Tell whether executors run inside the driver."""
    return master == "local" or master.startswith("local[")


def is_on_this_machine(master: str) -> bool:
    """Tell whether nothing of the cluster is reached over a network."""
    return is_local(master) or bool(
        re.match(r"spark://(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:|$)", master)
    )


def local_cores(master: str) -> int:
    """Return how many tasks run at once under a `local` master.

    Source: Spark documentation, "Submitting Applications", "Master URLs".
    """
    found = re.match(r"local\[(\d+|\*)", master)
    if not found:
        return 1
    return (os.cpu_count() or 1) if found[1] == "*" else int(found[1])


def _master_defaults(master: str, jars: Sequence[Path]) -> dict[str, str]:
    defaults: dict[str, str] = {}
    if is_on_this_machine(master):
        defaults |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    if not is_local(master):
        # executors fetch the jars from the driver
        return defaults | {"spark.jars": ",".join(str(jar) for jar in jars)}
    cores = str(max(2, local_cores(master)))
    return defaults | {
        # made for large clusters, Spark's own numbers (200, 50, 32) only cost time here
        "spark.sql.shuffle.partitions": cores,
        "spark.default.parallelism": cores,
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    }


def _joined(names: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(name.strip() for name in names if name.strip()))
