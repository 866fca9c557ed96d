"""Settings by which data, identity, classes or places could be changed are for administrators."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import QueryDeniedError
from spark.governance.conftest import Newcomer

FIXED = [
    "spark.sql.catalog.lake.uri",
    "spark.sql.catalog.another",
    "spark.hadoop.fs.s3a.access.key",
    "fs.s3a.secret.key",
    "fs.file.impl",
    "dfs.nameservices",
    "parquet.crypto.factory.class",
    "spark.sql.streaming.stateStore.providerClass",
    "spark.sql.streaming.checkpointLocation",
    "spark.sql.redaction.options.regex",
    "spark.databricks.delta.retentionDurationCheck.enabled",
    "spark.iomete.user",
]

FREE = [
    ("spark.sql.shuffle.partitions", "3"),
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.wap.branch", "audit"),
    ("pandas_on_Spark.compute.ops_on_diff_frames", "true"),
    ("spark.sql.pyspark.inferNestedDictAsStruct.enabled", "true"),
    ("a_variable", "5"),
]


@pytest.fixture
def reader(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    return lake.as_principal(name)


@pytest.mark.parametrize("key", FIXED)
def test_no_statement_sets_them(reader: iomete.Lakehouse, key: str) -> None:
    for statement in (
        f"SET `{key}` = x",
        f"EXECUTE IMMEDIATE 'SET `{key}` = x'",
    ):
        with pytest.raises(QueryDeniedError) as caught:
            reader.sql(statement)
        assert caught.value.condition == "IOMETE_SETTING_REFUSED"


@pytest.mark.parametrize("key", FIXED)
def test_with_one_set_past_statements_nothing_runs(
    reader: iomete.Lakehouse, people: str, key: str
) -> None:
    frame = reader.table(people)
    before = reader.spark.conf.get(key, None)
    reader.spark.conf.set(key, "false" if key.endswith("enabled") else "x")
    for query in (lambda: reader.spark.sql("SELECT 1"), frame.collect):
        with pytest.raises(AnalysisException) as caught:
            query()
        assert caught.value.getCondition() == "IOMETE_SETTING_REFUSED"
        assert key in str(caught.value)
    reader.spark.conf.unset(key)
    if before is not None:
        reader.spark.conf.set(key, before)
    assert reader.table(people).count() == 3


def test_one_that_is_taken_away_is_missed(reader: iomete.Lakehouse, people: str) -> None:
    key = "spark.sql.catalog.lake.cache-enabled"
    value = reader.spark.conf.get(key)
    reader.spark.conf.unset(key)
    with pytest.raises(AnalysisException) as caught:
        reader.spark.sql(f"SELECT * FROM {people}")
    assert caught.value.getCondition() == "IOMETE_SETTING_REFUSED"
    reader.spark.conf.set(key, value)
    assert reader.table(people).count() == 3


@pytest.mark.parametrize(("key", "value"), FREE)
def test_others_are_everybodys(reader: iomete.Lakehouse, people: str, key: str, value: str) -> None:
    reader.sql(f"SET {key} = {value}")
    assert reader.spark.conf.get(key) == value
    if key != "spark.wap.branch":
        assert reader.table(people).count() == 3
    reader.sql(f"RESET {key}")


def test_what_is_for_administrators_is_not_listed(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse
) -> None:
    key = "spark.sql.catalog.lake.type"
    for statement in ("SET", "SET -v", f"SET {key}"):
        assert not [row for row in reader.sql(statement).collect() if row[0] == key]
    assert lake.sql(f"SET {key}").collect()[0].value == "jdbc"
    assert "spark.sql.shuffle.partitions" in {row[0] for row in reader.sql("SET -v").collect()}


@pytest.mark.parametrize(
    "key", ["fs.s3a.secret.key", "spark.hadoop.fs.file.impl", "dfs.x", "avroSchemaUrl"]
)
def test_options_of_hadoop_are_refused_too(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, people: str, key: str
) -> None:
    for read in (
        lambda: reader.spark.read.option(key, "x").table(people),
        lambda: reader.spark.read.option(key, "x").parquet("/nowhere"),
        lambda: reader.spark.sql(f"SELECT * FROM {people} WITH (`{key}` = 'x')"),
    ):
        with pytest.raises(AnalysisException) as caught:
            read().collect()
        assert caught.value.getCondition() == "IOMETE_SETTING_REFUSED"
    assert reader.spark.read.option("split-size", "1000000").table(people).count() == 3


def test_a_temporary_view_reads_files_only_by_a_path_grant(
    lake: iomete.Lakehouse, newcomer: Newcomer, tmp_path: object
) -> None:
    name, folder = newcomer(), f"{tmp_path}/inbox"
    lake.sql("SELECT 1 AS secret_column").write.parquet(folder)
    statement = f"CREATE TEMPORARY VIEW mine USING parquet OPTIONS (path '{folder}')"
    reader = lake.as_principal(name)
    with pytest.raises(QueryDeniedError) as caught:
        reader.sql(statement)
    assert "secret_column" not in str(caught.value)
    with pytest.raises(QueryDeniedError):
        reader.sql(
            "CREATE TEMPORARY VIEW theirs USING jdbc OPTIONS (url 'jdbc:sqlite:/x', dbtable 'y')"
        )
    lake.policies.grant("read", on_path=folder, to=name)
    reader.sql(statement)
    assert reader.table("mine").count() == 1
