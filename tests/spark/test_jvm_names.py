"""Names that lead out of the warehouse, past the statements that check names themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

import iomete

Create = Callable[[SparkSession, str], object]

WAYS: dict[str, Create] = {
    "snapshot": lambda spark, namespace: spark.sql(
        "CALL lake.system.snapshot(source_table => :source, table => :table)",
        args={"source": _parquet(spark, namespace), "table": f"{namespace}.`../../evil`"},
    ),
    "register_table": lambda spark, namespace: spark.sql(
        "CALL lake.system.register_table(concat(:namespace, '.`..', '/../evil`'), 'any.json')",
        args={"namespace": namespace.removeprefix("lake.")},
    ),
    "clone": lambda spark, namespace: spark.sql(
        f"CREATE TABLE spark_catalog.default.`../../evil` SHALLOW CLONE {_delta(spark, namespace)}"
    ),
    "writeTo": lambda spark, namespace: (
        spark.range(1).writeTo(f"{namespace}.`../../evil`").create()
    ),
    "saveAsTable": lambda spark, namespace: (
        spark.range(1).write.format("iceberg").saveAsTable(f"{namespace}.`../../evil`")
    ),
}


def _parquet(spark: SparkSession, namespace: str) -> str:
    table = f"spark_catalog.default.{namespace.removeprefix('lake.')}_parquet"
    spark.sql(f"CREATE TABLE {table} USING parquet AS SELECT id FROM range(2)")
    return table


def _delta(spark: SparkSession, namespace: str) -> str:
    table = f"spark_catalog.default.{namespace.removeprefix('lake.')}_delta"
    spark.sql(f"CREATE TABLE {table} USING delta AS SELECT id FROM range(2)")
    return table


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_create_a_table_leads_out_of_the_warehouse(
    lake: iomete.Lakehouse, spark: SparkSession, namespace: str, way: str
) -> None:
    with pytest.raises(AnalysisException) as refused:
        WAYS[way](spark, namespace)
    assert refused.value.getCondition() == "IOMETE_UNSAFE_NAME.SEPARATOR"
    assert refused.value.getSqlState() == "42602"
    assert not list(lake.folder.parent.rglob("evil"))


def test_an_error_of_ours_shows_no_plan_and_knows_its_message(
    spark: SparkSession, namespace: str
) -> None:
    with pytest.raises(AnalysisException) as refused:
        spark.sql(f"CREATE TABLE {namespace}.`a/b` AS SELECT 1 AS id")
    assert "SELECT" not in str(refused.value).split("JVM stacktrace")[0]
    assert "OneRowRelation" not in str(refused.value)
    assert "path separator" in refused.value.getMessage()


def test_procedures_with_computed_arguments_run_once(spark: SparkSession, namespace: str) -> None:
    source = _parquet(spark, namespace)
    spark.sql(
        "CALL lake.system.snapshot(:source, concat(:namespace, '.', 'copy'))",
        args={"source": source, "namespace": namespace},
    )
    assert spark.table(f"{namespace}.copy").count() == 2
    plan = spark.sql(f"EXPLAIN CALL lake.system.rewrite_manifests('{namespace}.copy')").first()
    assert "rewrite_manifests" in str(plan)


def test_temporary_views_have_no_files_and_any_name(spark: SparkSession) -> None:
    spark.sql("CREATE OR REPLACE TEMPORARY VIEW `a/b` AS SELECT 1 AS id")
    assert spark.table("`a/b`").count() == 1
    spark.catalog.dropTempView("a/b")
