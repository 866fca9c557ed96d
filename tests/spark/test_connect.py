from __future__ import annotations

from pathlib import Path

import pytest

import iomete
from iomete.errors import (
    LakehouseFolderError,
    QueryError,
    SessionConflictError,
    SettingsError,
)


def test_named_parameters_are_bound_as_literals(lake: iomete.Lakehouse) -> None:
    hostile = "x' OR '1'='1"
    row = lake.sql("SELECT :text AS text, :number + 1 AS number", text=hostile, number=41).first()
    assert row is not None
    assert (row.text, row.number) == (hostile, 42)


def test_names_without_a_catalog_mean_lake(lake: iomete.Lakehouse, namespace: str) -> None:
    lake.sql(f"CREATE TABLE {namespace}.t AS SELECT 7 AS n")
    assert lake.table(f"{namespace.removeprefix('lake.')}.t").first()["n"] == 7


def test_same_arguments_give_the_same_lakehouse(lake: iomete.Lakehouse) -> None:
    assert iomete.connect(lake.folder, master="local[2]") is lake


def test_other_settings_in_one_process_are_refused(lake: iomete.Lakehouse) -> None:
    with pytest.raises(SessionConflictError, match=r"engine\.master") as caught:
        iomete.connect(lake.folder, master="local[1]")
    assert "close()" in str(caught.value.hint)


def test_another_folder_in_one_process_is_refused(lake: iomete.Lakehouse, tmp_path: Path) -> None:
    with pytest.raises(SessionConflictError, match="folder"):
        iomete.connect(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_another_principal_in_one_process_is_refused(lake: iomete.Lakehouse) -> None:
    with pytest.raises(SessionConflictError, match="principal"):
        iomete.connect(lake.folder, master="local[2]", principal="somebody-else")


def test_wrong_settings_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ui_port"):
        iomete.connect(tmp_path / "new", engine={"ui_port": 70_000})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("path", ["", " ", "a\0b", "s3://bucket/lake", "a#b", "what?"])
def test_what_is_no_folder_is_refused(path: str) -> None:
    with pytest.raises(LakehouseFolderError):
        iomete.connect(path)


def test_the_session_is_bound_to_the_principal(lake: iomete.Lakehouse) -> None:
    assert lake.sql("SELECT current_user()").first()[0] == lake.principal


def test_setting_configuration_does_not_change_the_principal(lake: iomete.Lakehouse) -> None:
    session = lake.spark.newSession()
    assert lake.spark._jvm.io.iomete.spark.Sessions.principalOf(session._jsparkSession) is None
    for key in ("iomete.principal", "spark.iomete.principal", "user.name"):
        lake.sql(f"SET {key}=mallory")
    assert lake.sql("SELECT current_user()").first()[0] == lake.principal


def test_a_refused_statement_raises_a_query_error_with_its_condition(
    lake: iomete.Lakehouse,
) -> None:
    with pytest.raises(QueryError) as caught:
        lake.sql("SELECT * FROM lake.nowhere.nothing")
    assert caught.value.condition == "TABLE_OR_VIEW_NOT_FOUND"
    assert caught.value.sql_state == "42P01"
    assert "\tat " not in str(caught.value)


def test_the_folder_is_readable_by_its_owner_only(lake: iomete.Lakehouse) -> None:
    lake.sql("SELECT 1").collect()
    assert lake.folder.stat().st_mode & 0o077 == 0
    assert (lake.folder / "store.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "..", "a\\b", "tab\there", "a.b", "x?y", "x:y", " x"]
)
def test_a_table_name_that_would_leave_the_warehouse_is_refused(
    lake: iomete.Lakehouse, namespace: str, name: str
) -> None:
    before = sorted(lake.folder.parent.rglob("*evil*"))
    with pytest.raises(QueryError, match="IOMETE_UNSAFE_NAME"):
        lake.sql(f"CREATE TABLE {namespace}.`{name}` AS SELECT 1 AS n")
    assert sorted(lake.folder.parent.rglob("*evil*")) == before
    assert lake.catalog.list_tables(namespace) == []


@pytest.mark.parametrize("name", ["plain", "with space", "ünïcode", "select", "5days", "🦆"])
def test_unusual_names_work_from_creation_to_pyiceberg(
    lake: iomete.Lakehouse, namespace: str, name: str
) -> None:
    from iomete.names import TableName

    table = TableName.parse((*namespace.split("."), name))
    lake.sql(f"CREATE TABLE {table} AS SELECT 1 AS n")
    assert lake.catalog.list_tables(namespace) == [table.full_name]
    assert lake.catalog.table_exists(table.full_name)
    assert lake.catalog.load_table(table.full_name).scan().to_arrow().num_rows == 1
