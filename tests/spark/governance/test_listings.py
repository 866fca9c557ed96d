"""What SHOW and `spark.catalog` list: what the principal may know of, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import QueryError
from spark.governance.conftest import Newcomer


@pytest.fixture
def stranger(lake: iomete.Lakehouse, newcomer: Newcomer) -> iomete.Lakehouse:
    """Somebody whom nothing is granted."""
    return lake.as_principal(newcomer())


@pytest.fixture
def reader(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    """Somebody who reads two columns of a table, and knows nothing of another."""
    name = newcomer()
    lake.sql(f"CREATE TABLE {people}_hidden (id INT, secret STRING) USING iceberg")
    lake.sql(f"CREATE VIEW {people}_view AS SELECT id FROM {people}")
    lake.sql(f"CREATE VIEW {people}_hidden_view AS SELECT id FROM {people}")
    lake.policies.grant("select", on=people, columns=["id", "name"], to=name)
    lake.policies.grant("select", on=f"{people}_view", to=name)
    return lake.as_principal(name)


def names(lake: iomete.Lakehouse, statement: str, column: int = 1) -> set[str]:
    return {row[column] for row in lake.sql(statement).collect()}


def told(body: Callable[[], Any]) -> str:
    with pytest.raises((QueryError, AnalysisException, Py4JJavaError)) as caught:
        body()
    return re.sub(r"calling o[0-9]+|\n\s+at .*", "", str(caught.value))


def test_tables_are_listed_if_something_is_granted_on_them(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, namespace: str
) -> None:
    assert "people" in names(reader, f"SHOW TABLES IN {namespace}")
    assert "people_hidden" not in names(reader, f"SHOW TABLES IN {namespace} LIKE '*'")
    assert {"people", "people_hidden"} <= names(lake, f"SHOW TABLES IN {namespace}")


def test_views_are_listed_if_something_is_granted_on_them(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, namespace: str
) -> None:
    assert names(reader, f"SHOW VIEWS IN {namespace}") == {"people_view"}
    shown = lake.sql(f"SHOW VIEWS IN {namespace}").collect()  # the session's own are shown as well
    of_all = {view.viewName for view in shown if not view.isTemporary}
    assert of_all == {"people_view", "people_hidden_view"}


def test_namespaces_are_listed_if_something_in_them_is_granted(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, stranger: iomete.Lakehouse, namespace: str
) -> None:
    own = namespace.split(".")[1]
    assert names(reader, "SHOW NAMESPACES IN lake", 0) == {own}
    assert own in names(lake, "SHOW NAMESPACES IN lake", 0)
    assert own not in names(stranger, "SHOW NAMESPACES", 0)
    assert [each.name for each in reader.spark.catalog.listDatabases()] == [own]


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES IN lake.{n}",
        "SHOW VIEWS IN lake.{n}",
        "SHOW NAMESPACES IN lake.{n}",
        "SHOW TABLE EXTENDED IN lake.{n} LIKE '*'",
        "SHOW USER FUNCTIONS IN lake.{n}",
        "DESCRIBE NAMESPACE lake.{n}",
        "DESCRIBE NAMESPACE EXTENDED lake.{n}",
        "USE lake.{n}",
        "SHOW TABLES IN spark_catalog.{n}",
        "DESCRIBE NAMESPACE spark_catalog.{n}",
    ],
)
def test_a_namespace_in_which_nothing_is_granted_does_not_exist(
    lake: iomete.Lakehouse,
    reader: iomete.Lakehouse,
    namespace: str,
    newcomer: Newcomer,
    statement: str,
) -> None:
    lake.sql(f"CREATE NAMESPACE IF NOT EXISTS spark_catalog.{namespace.split('.')[1]}_other")
    lake.catalog.create_namespace(f"{namespace}_other")
    hidden, missing = (
        told(lambda n=name: reader.sql(statement.format(n=n)).collect())
        for name in (f"{namespace.split('.')[1]}_other", f"{namespace.split('.')[1]}_nowhere")
    )
    assert hidden.replace("_other", "") == missing.replace("_nowhere", "")


def test_extended_listings_describe_tables_to_their_owners(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, namespace: str
) -> None:
    listed = reader.sql(f"SHOW TABLE EXTENDED IN {namespace} LIKE '*'").collect()
    assert [row.tableName for row in listed if row.tableName == "people"] == ["people"]
    for row in listed:
        for hidden in ("ssn", "hidden", "warehouse", "Location"):
            assert hidden not in str(row), row
    told_admin = str(lake.sql(f"SHOW TABLE EXTENDED IN {namespace} LIKE 'people'").collect())
    assert "warehouse" in told_admin


def test_the_catalog_answers_as_statements_do(
    reader: iomete.Lakehouse, people: str, namespace: str
) -> None:
    catalog = reader.spark.catalog
    assert "people" in {table.name for table in catalog.listTables(namespace)}
    assert not [t for t in catalog.listTables(namespace) if "hidden" in t.name]
    assert catalog.tableExists(people)
    assert not catalog.tableExists(f"{people}_hidden")
    assert not catalog.tableExists(f"{people}_nowhere")
    assert [column.name for column in catalog.listColumns(people)] == ["id", "name"]
    assert catalog.getTable(people).name == "people"
    for ask in (catalog.getTable, catalog.listColumns):
        hidden = told(lambda ask=ask: ask(f"{people}_hidden"))
        missing = told(lambda ask=ask: ask(f"{people}_nowher"))
        assert hidden.replace("hidden", "nowher") == missing


def test_the_catalog_knows_no_hidden_namespaces(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, namespace: str
) -> None:
    lake.catalog.create_namespace(f"{namespace}_other")
    catalog = reader.spark.catalog
    assert catalog.databaseExists(namespace)
    assert not catalog.databaseExists(f"{namespace}_other")
    assert catalog.getDatabase(namespace).locationUri is None
    short = namespace.split(".")[1]
    catalog.setCurrentCatalog("lake")
    hidden = told(lambda: catalog.setCurrentDatabase(f"{short}_other"))
    missing = told(lambda: catalog.setCurrentDatabase(f"{short}_nothe"))
    assert hidden.replace("_other", "_nothe") == missing
    catalog.setCurrentDatabase(short)
    assert catalog.currentDatabase() == short


def test_a_catalog_in_which_nothing_is_granted_does_not_exist(
    lake: iomete.Lakehouse, stranger: iomete.Lakehouse
) -> None:
    catalog = stranger.spark.catalog
    assert {each.name for each in catalog.listCatalogs()} == {"spark_catalog"}
    assert names(stranger, "SHOW CATALOGS", 0) == {"spark_catalog"}
    for use in (catalog.setCurrentCatalog, lambda name: stranger.sql(f"SET CATALOG {name}")):
        hidden, missing = told(lambda use=use: use("lake")), told(lambda use=use: use("fake"))
        assert hidden.replace("lake", "fake") == missing
    assert "lake" in {each.name for each in lake.spark.catalog.listCatalogs()}


def test_functions_of_hidden_namespaces_are_missing(
    lake: iomete.Lakehouse, stranger: iomete.Lakehouse, namespace: str
) -> None:
    own = f"{namespace.split('.')[1]}_fn"
    lake.sql(f"CREATE NAMESPACE spark_catalog.{own}")
    lake.sql(f"CREATE FUNCTION spark_catalog.{own}.one() RETURNS INT RETURN 1")
    assert "abs" in names(stranger, "SHOW SYSTEM FUNCTIONS", 0)
    assert not stranger.spark.catalog.functionExists(f"spark_catalog.{own}.one")
    for text in ("DESCRIBE FUNCTION spark_catalog.{}", "SELECT spark_catalog.{}()"):
        one, non = text.format(f"{own}.one"), text.format(f"{own}.non")
        hidden = told(lambda s=one: stranger.sql(s).collect())
        missing = told(lambda s=non: stranger.sql(s).collect())
        assert hidden.replace(".one", ".non").replace("`one`", "`non`") == missing
    lake.sql(f"DROP NAMESPACE spark_catalog.{own} CASCADE")
