"""Settings of Spark that anyone may change: they move work around, and never what a query gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession

_OPTIMIZER = "org.apache.spark.sql.catalyst.optimizer."

CONFIGURATIONS: list[dict[str, str]] = [
    {},
    {"spark.sql.adaptive.enabled": "false"},
    {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"},
    {"spark.sql.autoBroadcastJoinThreshold": "-1", "spark.sql.join.preferSortMergeJoin": "false"},
    {"spark.sql.ansi.enabled": "false"},
    {"spark.sql.caseSensitive": "true"},
    {"spark.sql.session.timeZone": "Pacific/Auckland"},
    {"spark.sql.constraintPropagation.enabled": "false"},
    {"spark.sql.cbo.enabled": "true", "spark.sql.cbo.joinReorder.enabled": "true"},
    {"spark.sql.optimizer.excludedRules": f"{_OPTIMIZER}ColumnPruning"},
    {"spark.sql.optimizer.excludedRules": f"{_OPTIMIZER}PushDownPredicates"},
    {"spark.sql.optimizer.excludedRules": f"{_OPTIMIZER}CollapseProject"},
    {"spark.sql.optimizer.excludedRules": f"{_OPTIMIZER}RemoveNoopOperators"},
    {
        "spark.sql.optimizer.excludedRules": f"{_OPTIMIZER}ConvertToLocalRelation,"
        f"{_OPTIMIZER}PropagateEmptyRelation,{_OPTIMIZER}ConstantFolding"
    },
    {
        "spark.sql.optimizer.runtime.bloomFilter.enabled": "true",
        "spark.sql.optimizer.runtime.bloomFilter.applicationSideScanSizeThreshold": "0",
        "spark.sql.optimizer.dynamicPartitionPruning.reuseBroadcastOnly": "false",
        "spark.sql.autoBroadcastJoinThreshold": "-1",
    },
    {"spark.sql.subexpressionElimination.enabled": "false"},
    {
        "spark.sql.parquet.filterPushdown": "false",
        "spark.sql.iceberg.vectorization.enabled": "false",
    },
]

RUNTIME_FILTERS = next(
    number for number, each in enumerate(CONFIGURATIONS) if any("runtime" in key for key in each)
)
"""The one under which Spark filters a side of a join by copies of the other."""


@contextmanager
def configured(spark: SparkSession, configuration: Mapping[str, str]) -> Iterator[None]:
    """Set a session so inside the block, and back again."""
    before = {key: spark.conf.get(key, None) for key in configuration}
    try:
        for key, value in configuration.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)
