"""What policies and views give doesn't hang on the settings of who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import iomete
from spark.governance.conftest import Newcomer

CHANGED = "IOMETE_SETTING_CHANGES_RESULTS"
SECRET = "ssn-"


@pytest.fixture
def documents(lake: iomete.Lakehouse, namespace: str) -> str:
    table = f"{namespace}.documents"
    lake.sql(f"CREATE TABLE {table} (id INT, doc STRING, day STRING) USING iceberg")
    lake.sql(
        f"INSERT INTO {table} VALUES (1, 'Rome,ssn-1', '2019-05-01'), "
        "(2, 'Oslo,ssn-2', '2019-05-01x')"
    )
    return table


def refused(action: Callable[[], Any]) -> None:
    with pytest.raises(PySparkException) as caught:
        action()
    assert caught.value.getCondition() == CHANGED
    assert SECRET not in str(caught.value)


def a_mask(lake: iomete.Lakehouse, documents: str, who: str) -> str:
    lake.policies.grant("select", on=documents, to=who)
    parsed = "from_csv({col}, 'city STRING, ssn STRING').city"
    lake.policies.mask(documents, "doc", "custom", expression=parsed, to=who)
    return f"SELECT doc FROM {documents} ORDER BY id"


def a_view(lake: iomete.Lakehouse, documents: str, who: str) -> str:
    view = f"{documents}_cities"
    lake.sql(
        f"CREATE VIEW {view} AS SELECT from_csv(doc, 'city STRING, ssn STRING').city AS doc "
        f"FROM {documents}"
    )
    lake.policies.grant("select", on=view, to=who)
    return f"SELECT doc FROM {view} ORDER BY doc DESC"


def a_filter(lake: iomete.Lakehouse, documents: str, who: str) -> str:
    lake.policies.grant("select", on=documents, to=who)
    lake.policies.filter_rows(documents, "to_date(day, 'yyyy-MM-dd') < DATE '2020-01-01'", to=who)
    return f"SELECT split(doc, ',')[0] AS doc FROM {documents}"


@pytest.mark.parametrize(
    ("made", "key", "value", "shown"),
    [
        (a_mask, "spark.sql.columnNameOfCorruptRecord", "city", ["Rome", "Oslo"]),
        (a_view, "spark.sql.columnNameOfCorruptRecord", "city", ["Rome", "Oslo"]),
        (a_filter, "spark.sql.legacy.timeParserPolicy", "LEGACY", ["Rome"]),
    ],
)
def test_settings_that_change_what_an_expression_gives_are_refused_with_it(
    lake: iomete.Lakehouse,
    people: str,
    documents: str,
    newcomer: Newcomer,
    made: Callable[[iomete.Lakehouse, str, str], str],
    key: str,
    value: str,
    shown: list[str],
) -> None:
    who = newcomer()
    query = made(lake, documents, who)
    lake.policies.grant("select", on=people, to=who)
    spark = lake.as_principal(who).spark

    def read() -> list[str]:
        return [row.doc for row in spark.sql(query).collect()]

    assert read() == shown
    planned, never_ran = spark.sql(query), spark.sql(query)
    planned.collect()
    spark.sql(f"SET `{key}` = {value}")
    for action in (read, planned.collect, never_ran.collect, planned.count):
        refused(action)
    # what no policy or view computes is the asker's own
    assert spark.sql(f"SELECT from_csv(name, 'city STRING') AS c FROM {people}").count() == 3
    spark.sql(f"RESET `{key}`")
    assert read() == shown


def test_tasks_get_none_of_these_settings_past_the_session(
    lake: iomete.Lakehouse, documents: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    query = a_mask(lake, documents, who)
    spark: SparkSession = lake.as_principal(who).spark
    context = spark.sparkContext
    context.setLocalProperty("spark.sql.columnNameOfCorruptRecord", "city")
    try:
        refused(spark.sql(query).collect)
    finally:
        context.setLocalProperty("spark.sql.columnNameOfCorruptRecord", None)
    assert [row.doc for row in spark.sql(query).collect()] == ["Rome", "Oslo"]
