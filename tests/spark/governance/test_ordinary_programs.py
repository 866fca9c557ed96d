"""What analysts do every day works for whoever may read: policies stand in nobody's way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

import iomete
from spark.governance.conftest import Newcomer

ACTIONS: dict[str, Callable[[DataFrame], Any]] = {
    "collect": lambda frame: sorted(row.id for row in frame.collect()),
    "toPandas": lambda frame: sorted(frame.toPandas()["id"]),
    "localCheckpoint": lambda frame: sorted(row.id for row in frame.localCheckpoint().collect()),
    "rdd": lambda frame: sorted(frame.rdd.map(lambda row: row.id).collect()),
    "select": lambda frame: sorted(row.id for row in frame.select("id").collect()),
    "count": lambda frame: list(range(1, frame.count() + 1)),
}


@pytest.fixture(params=["plainly", "in part", "masked", "filtered"])
def reader(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, request: pytest.FixtureRequest
) -> Iterator[SparkSession]:
    name = newcomer()
    columns = ["id", "name"] if request.param == "in part" else None
    lake.policies.grant("select", on=people, columns=columns, to=name)
    if request.param == "masked":
        lake.policies.mask(people, "ssn", "redact", to=name)
    if request.param == "filtered":
        lake.policies.filter_rows(people, "id > 0", to=name)
    yield lake.as_principal(name).spark
    lake.spark.catalog.clearCache()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_cached_table_is_read_by_every_action(
    reader: SparkSession, people: str, action: str
) -> None:
    cached = reader.table(people).cache()
    assert [ACTIONS[action](cached) for _ in range(2)] == [[1, 2, 3]] * 2
    assert ACTIONS[action](reader.table(people)) == [1, 2, 3]
    cached.unpersist()
    assert ACTIONS[action](cached) == [1, 2, 3]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_cached_temporary_view_is_read_by_every_action(
    reader: SparkSession, people: str, action: str
) -> None:
    reader.sql(f"CREATE TEMPORARY VIEW seen AS SELECT * FROM {people}")
    reader.catalog.cacheTable("seen")
    assert ACTIONS[action](reader.table("seen")) == [1, 2, 3]
    assert ACTIONS[action](reader.table("seen")) == [1, 2, 3]
    reader.catalog.uncacheTable("seen")
    assert not reader.catalog.isCached("seen")


def test_rows_can_be_turned_into_columns(reader: SparkSession, people: str) -> None:
    turned = reader.table(people).select("id", "name").orderBy("id").transpose()
    assert [tuple(row) for row in turned.collect()] == [("name", "Ann", "Bob", "Cid")]
