"""DESCRIBE and SHOW of one table or view, by what its reader sees of it."""

from __future__ import annotations

import json

import pytest

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

KINDS = ("none", "columns", "masked", "plain", "alter", "admin")


@pytest.fixture
def as_kind(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> dict[str, iomete.Lakehouse]:
    """One person of each kind: from somebody who knows nothing to the administrator."""
    people_of = {kind: newcomer() for kind in KINDS[:-1]}
    with lake.policies.batch():
        lake.policies.grant("select", on=people, columns=["id", "name"], to=people_of["columns"])
        for kind in ("masked", "plain", "alter"):
            lake.policies.grant("select", on=people, to=people_of[kind])
        lake.policies.mask(people, "ssn", "redact", to=people_of["masked"])
        lake.policies.filter_rows(people, "region = 'EU'", to=people_of["masked"])
        lake.policies.grant("alter", on=people, to=people_of["alter"])
    made = {kind: lake.as_principal(name) for kind, name in people_of.items()}
    return {**made, "admin": lake}


def columns(lake: iomete.Lakehouse, statement: str) -> list[str]:
    rows = [row.col_name for row in lake.sql(statement).collect()]
    return rows[: rows.index("")] if "" in rows else rows


ALL = ["id", "name", "ssn", "region", "home", "score"]


def test_describe_shows_the_columns_that_are_seen(
    as_kind: dict[str, iomete.Lakehouse], people: str
) -> None:
    assert columns(as_kind["columns"], f"DESCRIBE {people}") == ["id", "name"]
    assert columns(as_kind["columns"], f"DESCRIBE TABLE EXTENDED {people}") == ["id", "name"]
    for kind in ("masked", "plain", "alter", "admin"):
        assert columns(as_kind[kind], f"DESCRIBE TABLE {people}")[:6] == ALL


def test_where_a_table_is_is_told_to_who_may_alter_it(
    as_kind: dict[str, iomete.Lakehouse], people: str
) -> None:
    for kind in KINDS[1:]:
        shown = str(as_kind[kind].sql(f"DESCRIBE TABLE EXTENDED {people}").collect())
        assert ("Location" in shown) == (kind in ("alter", "admin")), kind
        assert ("warehouse" in shown) == (kind in ("alter", "admin")), kind


@pytest.mark.parametrize("statement", ["SHOW TBLPROPERTIES {t}", "SHOW CREATE TABLE {t}"])
def test_definitions_are_for_who_may_alter(
    as_kind: dict[str, iomete.Lakehouse], people: str, statement: str
) -> None:
    for kind in ("columns", "masked", "plain"):
        with pytest.raises(QueryDeniedError) as caught:
            as_kind[kind].sql(statement.format(t=people)).collect()
        assert caught.value.condition == "IOMETE_ACCESS_DENIED.ACTION"
        assert "ssn" not in str(caught.value)
    for kind in ("alter", "admin"):
        assert as_kind[kind].sql(statement.format(t=people)).collect()


def test_a_hidden_column_is_described_as_a_missing_one(
    as_kind: dict[str, iomete.Lakehouse], people: str
) -> None:
    reader = as_kind["columns"]
    assert reader.sql(f"DESCRIBE {people} name").collect()[0][1] == "name"
    answers = []
    for column in ("ssn", "sss"):
        with pytest.raises(QueryError) as caught:
            reader.sql(f"DESCRIBE {people} {column}").collect()
        answers.append(str(caught.value).replace("sss", "ssn"))
    assert answers[0] == answers[1]


def test_describe_as_json_tells_what_is_seen(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    database, name = f"{namespace.split('.')[1]}_json", newcomer()
    lake.sql(f"CREATE NAMESPACE spark_catalog.{database}")
    table = f"spark_catalog.{database}.staff"
    lake.sql(f"CREATE TABLE {table} USING parquet AS SELECT 1 AS id, 2 AS wage")
    lake.policies.grant("select", on=table, columns=["id"], to=name)
    shown = lake.as_principal(name).sql(f"DESCRIBE TABLE EXTENDED {table} AS JSON").collect()[0][0]
    assert [column["name"] for column in json.loads(shown)["columns"]] == ["id"]
    assert "wage" not in shown
    assert "warehouse" not in shown
    lake.sql(f"DROP NAMESPACE spark_catalog.{database} CASCADE")


@pytest.mark.parametrize("using", ["parquet", "delta"])
def test_tables_of_the_session_catalog_are_described_as_they_are_seen(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, using: str
) -> None:
    database, name = f"{namespace.split('.')[1]}_{using}", newcomer()
    lake.sql(f"CREATE NAMESPACE spark_catalog.{database}")
    table = f"spark_catalog.{database}.staff"
    lake.sql(f"CREATE TABLE {table} (id INT, wage INT, p STRING) USING {using} PARTITIONED BY (p)")
    lake.sql(f"INSERT INTO {table} VALUES (1, 2, 'private')")
    lake.policies.grant("select", on=table, columns=["id"], to=name)
    reader = lake.as_principal(name)
    assert columns(reader, f"DESCRIBE EXTENDED {table}") == ["id"]
    assert columns(reader, f"SHOW COLUMNS IN {table}") == ["id"]
    assert [c.name for c in reader.spark.catalog.listColumns(table)] == ["id"]
    with pytest.raises(QueryDeniedError):
        reader.sql(f"SHOW PARTITIONS {table}").collect()
    lake.sql(f"DROP NAMESPACE spark_catalog.{database} CASCADE")


def test_views_show_their_columns_and_their_text_to_who_may_alter_them(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    view, reader_name, owner_name = f"{people}_short", newcomer(), newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT id, name FROM {people} WHERE region <> 'secret'")
    lake.policies.grant("select", on=view, columns=["id"], to=reader_name)
    lake.policies.grant(["select", "alter"], on=view, to=owner_name)
    reader, owner = lake.as_principal(reader_name), lake.as_principal(owner_name)
    for statement in (f"DESCRIBE {view}", f"DESCRIBE TABLE EXTENDED {view}"):
        assert columns(reader, statement) == ["id"]
    with pytest.raises(QueryDeniedError):
        reader.sql(f"SHOW CREATE TABLE {view}").collect()
    assert "secret" in str(owner.sql(f"SHOW CREATE TABLE {view}").collect())


def test_what_a_query_gives_is_described_as_it_is_seen(
    as_kind: dict[str, iomete.Lakehouse], people: str
) -> None:
    assert columns(as_kind["columns"], f"DESCRIBE QUERY SELECT * FROM {people}") == ["id", "name"]


def test_a_temporary_view_is_described_for_who_reads_it(
    lake: iomete.Lakehouse, as_kind: dict[str, iomete.Lakehouse], people: str
) -> None:
    lake.sql(
        f"CREATE OR REPLACE GLOBAL TEMPORARY VIEW staff_of_all AS SELECT id, name FROM {people}"
    )
    assert columns(as_kind["columns"], "DESCRIBE global_temp.staff_of_all") == ["id", "name"]
    with pytest.raises(QueryError):
        as_kind["none"].sql("DESCRIBE global_temp.staff_of_all").collect()
    lake.sql("DROP VIEW global_temp.staff_of_all")


def test_a_namespace_shows_its_place_to_who_may_alter_it(
    lake: iomete.Lakehouse, as_kind: dict[str, iomete.Lakehouse], namespace: str
) -> None:
    shown = {
        row[0] for row in as_kind["plain"].sql(f"DESCRIBE NAMESPACE EXTENDED {namespace}").collect()
    }
    assert shown <= {"Catalog Name", "Namespace Name", "Comment"}
    assert shown
