"""Change feeds, clones and histories of Delta tables tell old versions under today's policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession

import iomete
from iomete.errors import QueryError
from spark.governance.conftest import Newcomer
from spark.governance.test_streams_and_changes import FEEDS, streamed

SECRET = "CNRY-0001"

ACTIONS = ["select", "insert", "update", "delete", "alter", "drop"]

PROPERTIES = (
    "TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableChangeDataFeed' = 'true')"
)


@pytest.fixture
def table(lake: iomete.Lakehouse, session_namespace: str) -> str:
    """A version 1 with a secret in a column and in a field."""
    name = f"{session_namespace}.t"
    lake.sql(
        f"CREATE TABLE {name} (id INT, ssn STRING, c STRUCT<ssn: STRING>) USING delta {PROPERTIES}"
    )
    lake.sql(f"INSERT INTO {name} VALUES (1, '{SECRET}', named_struct('ssn', '{SECRET}'))")
    return name


@pytest.fixture
def own(lake: iomete.Lakehouse, session_namespace: str) -> str:
    """Where clones go."""
    name = f"{session_namespace}_own"
    lake.sql(f"CREATE NAMESPACE {name}")
    return name


def granted(lake: iomete.Lakehouse, table: str, own: str, who: str) -> iomete.Lakehouse:
    lake.policies.grant(ACTIONS, on=table, to=who)
    lake.policies.grant("all", on=own, to=who)
    return lake.as_principal(who)


def mask(lake: iomete.Lakehouse, table: str, who: str) -> None:
    lake.policies.mask(table, "ssn", "nullify", to=who)


def mask_field(lake: iomete.Lakehouse, table: str, who: str) -> None:
    lake.policies.mask(table, "c.ssn", "nullify", to=who)


def deny(lake: iomete.Lakehouse, table: str, who: str) -> None:
    lake.policies.deny("select", on=table, columns="ssn", to=who)


RENAME, DROP = "RENAME COLUMN ssn TO code", "DROP COLUMN code"
RESTRICTED: dict[str, tuple[Callable[[iomete.Lakehouse, str, str], None], list[str]]] = {
    "masked, renamed": (mask, [RENAME]),
    "masked, renamed, dropped": (mask, [RENAME, DROP]),
    "field masked, renamed": (mask_field, ["RENAME COLUMN c.ssn TO code"]),
    "denied, renamed": (deny, [RENAME]),
    "denied, dropped": (deny, ["DROP COLUMN ssn"]),
}


def of_version(spark: SparkSession, table: str, feed: str) -> list[Row]:
    if feed == "function":
        return spark.sql(f"SELECT * FROM table_changes('{table}', 0, 1)").collect()
    reader = spark.read.option("readChangeFeed", "true").option("startingVersion", 0)
    return reader.option("endingVersion", 1).table(table).collect()


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises((PySparkException, QueryError)) as refused:
        read()
    assert SECRET not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("case", RESTRICTED)
def test_what_an_old_version_held_is_refused_to_who_does_not_see_it_as_it_is(
    lake: iomete.Lakehouse, table: str, own: str, newcomer: Newcomer, case: str
) -> None:
    restrict, changes = RESTRICTED[case]
    name = newcomer()
    reader = granted(lake, table, own, name)
    restrict(lake, table, name)
    for change in changes:
        lake.sql(f"ALTER TABLE {table} {change}")
    for feed in FEEDS:
        said = refusal(partial(of_version, reader.spark, table, feed))
        assert "IOMETE_ACCESS_DENIED.METADATA" in said
    clone = f"CREATE TABLE {own}.k SHALLOW CLONE {table} VERSION AS OF 1"
    assert "IOMETE_ACCESS_DENIED.RESTRICTED_WRITE" in refusal(lambda: reader.sql(clone))


def test_where_a_move_is_left_both_names_count(
    lake: iomete.Lakehouse, namespace: str, table: str, own: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    reader = granted(lake, table, own, name)
    lake.sql(f"CREATE TABLE {namespace}.looked AS SELECT 'x' AS id, 'y' AS v")
    lookup = f"(SELECT max(l.v) FROM {namespace}.looked l WHERE l.id = ssn)"
    lake.policies.mask(table, "ssn", "custom", expression=lookup, to=name)
    lake.sql(f"ALTER TABLE {table} {RENAME}")
    lake.sql(f"INSERT INTO {table} VALUES (2, '{SECRET}', NULL)")
    assert {row.code for row in reader.sql(f"SELECT * FROM {table}").collect()} == {None}
    changes = refusal(lambda: reader.sql(f"SELECT * FROM table_changes('{table}', 3)").collect())
    assert "IOMETE_ACCESS_DENIED.METADATA" in changes
    for statement in (
        f"CREATE TABLE {own}.k SHALLOW CLONE {table}",
        f"DESCRIBE HISTORY {table}",
        f"DESCRIBE DETAIL {table}",
        f"RESTORE TABLE {table} TO VERSION AS OF 2",
        f"UPDATE {table} SET id = 3 WHERE code = '{SECRET}'",
    ):
        assert "RESTRICTED_WRITE" in refusal(partial(reader.sql, statement)), statement


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_a_history_tells_nothing_of_a_column_that_was_denied_and_dropped(
    lake: iomete.Lakehouse, table: str, own: str, newcomer: Newcomer, limit: int | None
) -> None:
    name, plain = newcomer(), newcomer()
    reader, other = granted(lake, table, own, name), granted(lake, table, own, plain)
    deny(lake, table, name)
    lake.sql(f"DELETE FROM {table} WHERE ssn = '{SECRET}'")
    lake.sql(f"ALTER TABLE {table} DROP COLUMN ssn")
    history = f"DESCRIBE HISTORY {table}" + (f" LIMIT {limit}" if limit else "")
    assert "RESTRICTED_WRITE" in refusal(lambda: reader.sql(history))
    shown = [row.operation for row in other.sql(history).collect()]
    assert shown[:2] == ["DROP COLUMNS", "DELETE"][:limit]


def test_who_sees_all_of_a_table_reads_its_old_versions(
    lake: iomete.Lakehouse, table: str, own: str, newcomer: Newcomer
) -> None:
    reader = granted(lake, table, own, newcomer())
    lake.sql(f"ALTER TABLE {table} {RENAME}")
    lake.sql(f"ALTER TABLE {table} {DROP}")
    for feed in FEEDS:
        assert [row.ssn for row in of_version(reader.spark, table, feed)] == [SECRET]
    reader.sql(f"CREATE TABLE {own}.k SHALLOW CLONE {table} VERSION AS OF 1")
    history = reader.sql(f"DESCRIBE HISTORY {table}").collect()
    assert history[-1].operation == "CREATE TABLE"
    assert reader.sql(f"DESCRIBE DETAIL {table}").count() == 1


def test_a_stream_of_changes_shows_what_the_table_shows(
    lake: iomete.Lakehouse, namespace: str, table: str, own: str, newcomer: Newcomer
) -> None:
    name, left = newcomer(), newcomer()
    mask(lake, table, name)
    lake.sql(f"CREATE TABLE {namespace}.looked AS SELECT 'x' AS id, 'y' AS v")
    lookup = f"(SELECT max(l.v) FROM {namespace}.looked l WHERE l.id = ssn)"
    lake.policies.mask(table, "ssn", "custom", expression=lookup, to=left)
    readers = [granted(lake, table, own, who) for who in (name, left)]

    def check(*readers: iomete.Lakehouse) -> None:
        for reader in readers:
            for options in ({}, {"readChangeFeed": "true", "startingVersion": "0"}):
                stream = reader.spark.readStream.options(**options).table(table)
                assert [row[:2] for row in streamed(reader.spark, stream)] == [(1, None)]

    check(*readers)
    lake.sql(f"ALTER TABLE {table} {RENAME}")
    for reader in readers:
        key = "spark.databricks.delta.streaming.unsafeReadOnIncompatibleColumnMappingSchemaChanges"
        reader.sql(f"SET {key}.enabled=true")
    masked, looked_up = readers
    check(masked)
    with pytest.raises(PySparkException, match="IOMETE_SETTING_CHANGES_RESULTS"):
        check(looked_up)


def test_a_table_is_made_like_one_whose_columns_are_all_seen(
    lake: iomete.Lakehouse, table: str, own: str, newcomer: Newcomer
) -> None:
    name, plain = newcomer(), newcomer()
    reader, other = granted(lake, table, own, name), granted(lake, table, own, plain)
    deny(lake, table, name)
    lake.sql(f"ALTER TABLE {table} {RENAME}")
    like = f"CREATE TABLE {own}.l LIKE {table}".replace("spark_catalog.", "")
    for who in (reader, other):
        who.sql("USE spark_catalog")
    assert "IOMETE_ACCESS_DENIED" in refusal(lambda: reader.sql(like))
    other.sql(like)
    assert other.sql(f"SELECT * FROM {own}.l").columns == ["id", "code", "c"]
