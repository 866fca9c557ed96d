"""A namespace is dropped with what is in it by who may drop that, and tells of nothing hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkException

import iomete
from iomete.errors import IometeError
from spark.governance.conftest import Newcomer

DENIED = "IOMETE_ACCESS_DENIED.ACTION"


def refusal(person: iomete.Lakehouse, statement: str) -> PySparkException:
    with pytest.raises(PySparkException) as caught:
        person.spark.sql(statement)
    return caught.value


@pytest.fixture
def dropper(lake: iomete.Lakehouse, session_namespace: str, newcomer: Newcomer) -> str:
    name = newcomer()
    lake.policies.grant("drop", on=session_namespace, to=name)
    return name


def test_cascade_needs_drop_on_each_table(
    lake: iomete.Lakehouse, session_namespace: str, dropper: str
) -> None:
    table = f"{session_namespace}.kept"
    lake.sql(f"CREATE TABLE {table} USING parquet AS SELECT 1 AS id")
    lake.sql(f"CREATE TABLE {session_namespace}.open USING delta AS SELECT 1 AS id")
    lake.policies.deny("all", on=table, to=dropper)
    person = lake.as_principal(dropper)
    for cascade in ("CASCADE", ""):
        error = refusal(person, f"DROP NAMESPACE {session_namespace} {cascade}")
        assert error.getCondition() == DENIED
        assert not any(word in str(error) for word in ("kept", " 1 ", " 2 "))
    assert lake.sql(f"SELECT * FROM {table}").count() == 1


def test_cascade_needs_drop_on_each_view(
    lake: iomete.Lakehouse, session_namespace: str, dropper: str
) -> None:
    lake.sql(f"CREATE VIEW {session_namespace}.seen AS SELECT 1 AS id")
    lake.policies.deny("drop", on=f"{session_namespace}.seen", to=dropper)
    person = lake.as_principal(dropper)
    statement = f"DROP NAMESPACE {session_namespace} CASCADE"
    assert refusal(person, statement).getCondition() == DENIED
    assert lake.sql(f"SELECT * FROM {session_namespace}.seen").count() == 1


def test_who_may_drop_everything_drops_the_namespace(
    lake: iomete.Lakehouse, session_namespace: str, dropper: str
) -> None:
    lake.sql(f"CREATE TABLE {session_namespace}.t USING parquet AS SELECT 1 AS id")
    lake.sql(f"CREATE VIEW {session_namespace}.v AS SELECT 1 AS id")
    person = lake.as_principal(dropper)
    person.sql(f"DROP NAMESPACE {session_namespace} CASCADE")
    assert not lake.spark.catalog.databaseExists(session_namespace)


def test_an_iceberg_namespace_tells_of_no_hidden_table(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.sql(f"CREATE TABLE {namespace}.kept (id INT) USING iceberg")
    lake.policies.grant("drop", on=namespace, to=name)
    lake.policies.deny("all", on=f"{namespace}.kept", to=name)
    for cascade in ("CASCADE", ""):
        error = refusal(lake.as_principal(name), f"DROP NAMESPACE {namespace} {cascade}")
        assert error.getCondition() == DENIED
        assert "kept" not in str(error)
    assert lake.spark.catalog.tableExists(f"{namespace}.kept")


def test_an_empty_namespace_is_dropped(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.sql(f"CREATE NAMESPACE {namespace}_empty")
    lake.policies.grant("drop", on=f"{namespace}_empty", to=name)
    lake.as_principal(name).sql(f"DROP NAMESPACE {namespace}_empty")
    assert not lake.spark.catalog.databaseExists(f"{namespace}_empty")


def test_purge_drops_a_table_with_its_files(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    name, table = newcomer(), f"{namespace}.gone"
    lake.policies.grant("all", on=namespace, to=name)
    person = lake.as_principal(name)
    person.sql(f"CREATE TABLE {table} (id INT) USING iceberg")
    person.sql(f"INSERT INTO {table} VALUES (1)")
    folder = Path(lake.folder) / "warehouse"
    assert any(folder.rglob("*/gone/data/*.parquet"))
    assert [row.id for row in person.sql(f"SELECT * FROM {table}").collect()] == [1]
    person.sql(f"DROP TABLE {table} PURGE")
    assert not person.spark.catalog.tableExists(table)
    assert not any(folder.rglob("*/gone/data/*.parquet"))
    person.sql(f"DROP TABLE IF EXISTS {table} PURGE")
    assert refusal(person, f"SELECT * FROM {table}").getCondition() == "TABLE_OR_VIEW_NOT_FOUND"


def test_files_of_another_table_are_not_purged(
    lake: iomete.Lakehouse, session_namespace: str, namespace: str, newcomer: Newcomer
) -> None:
    name, source, copy = newcomer(), f"{session_namespace}.source", f"{namespace}.copied"
    lake.sql(f"CREATE TABLE {source} USING parquet AS SELECT 1 AS id")
    lake.sql(f"CALL lake.system.snapshot('{source}', '{copy}')")
    lake.policies.grant("all", on=namespace, to=name)
    person = lake.as_principal(name)
    for change in (
        "SET TBLPROPERTIES ('gc.enabled' = 'true')",
        "UNSET TBLPROPERTIES ('gc.enabled')",
    ):
        error = refusal(person, f"ALTER TABLE {copy} {change}")
        assert error.getCondition() == "IOMETE_COMMAND_REFUSED"
    with pytest.raises(IometeError, match="GC is disabled"):
        person.sql(f"DROP TABLE {copy} PURGE")
    assert [row.id for row in lake.sql(f"SELECT id FROM {source}").collect()] == [1]


def test_purge_needs_drop(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    error = refusal(lake.as_principal(name), f"DROP TABLE {people} PURGE")
    assert error.getCondition() == DENIED
    assert lake.sql(f"SELECT * FROM {people}").count() == 3
