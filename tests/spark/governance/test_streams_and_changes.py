"""Streams and change feeds of tables: governed as the table is, and open to who may read it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

import iomete
from spark.governance.conftest import Newcomer

SECRET = "CNRY-0001"
Rows = list[tuple[object, ...]]

_numbers = itertools.count(1)


def streamed(spark: SparkSession, rows: DataFrame) -> Rows:
    """All that a stream has by now."""
    sink = f"sink{next(_numbers)}"
    query = rows.writeStream.format("memory").queryName(sink).trigger(availableNow=True).start()
    query.awaitTermination(120)
    return sorted((tuple(row) for row in spark.table(sink).collect()), key=repr)


@pytest.fixture(params=["iceberg", "delta"])
def table(lake: iomete.Lakehouse, namespace: str, request: pytest.FixtureRequest) -> str:
    """Three rows in two versions; Delta keeps a feed of the changes."""
    kind, place = request.param, namespace
    if kind == "delta":
        place = namespace.replace("lake.", "spark_catalog.")
        lake.sql(f"CREATE DATABASE {place}")
    properties = "TBLPROPERTIES (delta.enableChangeDataFeed = true)" if kind == "delta" else ""
    lake.sql(f"CREATE TABLE {place}.t (id INT, x STRING, hidden STRING) USING {kind} {properties}")
    lake.sql(f"INSERT INTO {place}.t VALUES (1, 'one', '{SECRET}'), (2, 'two', '{SECRET}')")
    lake.sql(f"INSERT INTO {place}.t VALUES (3, 'three', '{SECRET}')")
    return f"{place}.t"


def test_a_stream_of_a_table_shows_what_the_table_shows(
    lake: iomete.Lakehouse, table: str, newcomer: Newcomer
) -> None:
    plain, partly, masked = newcomer(), newcomer(), newcomer()
    lake.policies.grant("select", on=table, to=[plain, masked])
    lake.policies.grant("select", on=table, columns=["id"], to=partly)
    lake.policies.mask(table, "hidden", "nullify", to=masked)
    lake.policies.filter_rows(table, "id <> 2", to=masked)
    for who in (plain, partly, masked):
        spark = lake.as_principal(who).spark
        shown = sorted((tuple(row) for row in spark.table(table).collect()), key=repr)
        assert streamed(spark, spark.readStream.table(table)) == shown
        assert len(shown) == (2 if who == masked else 3)


def test_the_progress_of_a_stream_counts_the_rows_that_are_seen(
    lake: iomete.Lakehouse, table: str, newcomer: Newcomer
) -> None:
    plain, filtered = newcomer(), newcomer()
    lake.policies.grant("select", on=table, to=[plain, filtered])
    lake.policies.filter_rows(table, "id <> 2 AND x rlike '^t'", to=filtered)
    for who, rows in ((plain, 3), (filtered, 1)):
        stream = lake.as_principal(who).spark.readStream.table(table).writeStream
        query = stream.format("memory").queryName("counted").trigger(availableNow=True).start()
        query.awaitTermination(120)
        assert sum(progress["numInputRows"] for progress in query.recentProgress) == rows


def test_the_plan_of_a_stream_is_shown_where_no_policy_restricts_it(
    lake: iomete.Lakehouse, table: str, newcomer: Newcomer, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, filtered = newcomer(), newcomer()
    lake.policies.grant("select", on=table, to=[plain, filtered])
    lake.policies.filter_rows(table, "id <> 2", to=filtered)
    for who, is_shown in ((plain, True), (filtered, False)):
        stream = lake.as_principal(who).spark.readStream.table(table).writeStream
        query = stream.format("memory").queryName("told").trigger(availableNow=True).start()
        query.awaitTermination(120)
        query.explain(extended=True)
        printed = capsys.readouterr().out
        assert ("Physical Plan" in printed) == is_shown
        assert is_shown or "Filter" not in printed


def test_a_stream_is_opened_by_the_name_of_its_table_and_format(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    plain, masked, stranger = newcomer(), newcomer(), newcomer()
    lake.policies.grant("select", on=people, to=[plain, masked])
    lake.policies.mask(people, "ssn", "nullify", to=masked)
    for who, ssns in ((plain, 3), (masked, 0)):
        spark = lake.as_principal(who).spark
        opened = spark.readStream.format("iceberg").option("streaming-max-files-per-micro-batch", 1)
        assert len([1 for row in streamed(spark, opened.load(people)) if row[2]]) == ssns
    with pytest.raises(PySparkException) as missing:
        _ = lake.as_principal(stranger).spark.readStream.format("iceberg").load(people).schema
    assert missing.value.getCondition() == "TABLE_OR_VIEW_NOT_FOUND"


FEEDS: dict[str, Callable[[SparkSession, str], DataFrame]] = {
    "function": lambda spark, table: spark.sql(f"SELECT * FROM table_changes('{table}', 1)"),
    "option": lambda spark, table: (
        spark.read.option("readChangeFeed", "true").option("startingVersion", 1).table(table)
    ),
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("table", ["delta"], indirect=True)
def test_changes_of_a_delta_table_are_for_who_sees_all_of_it(
    lake: iomete.Lakehouse, table: str, newcomer: Newcomer, feed: str
) -> None:
    plain, partly, masked, filtered = (newcomer() for _ in range(4))
    lake.policies.grant("select", on=table, to=[plain, masked, filtered])
    lake.policies.grant("select", on=table, columns=["id", "x"], to=partly)
    lake.policies.mask(table, "hidden", "nullify", to=masked)
    lake.policies.filter_rows(table, "id = 1", to=filtered)
    read = FEEDS[feed]
    changes = read(lake.as_principal(plain).spark, table)
    assert sorted(row.id for row in changes.collect()) == [1, 2, 3]
    for who in (partly, masked, filtered):
        with pytest.raises(PySparkException) as refused:
            read(lake.as_principal(who).spark, table).collect()
        assert refused.value.getCondition() == "IOMETE_ACCESS_DENIED.METADATA"
        assert "hidden" not in str(refused.value).replace("hidden or masked", "")
