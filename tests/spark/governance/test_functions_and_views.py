"""Commands on functions, views, statistics and resources, by rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer


@pytest.fixture
def database(lake: iomete.Lakehouse, namespace: str) -> Iterator[str]:
    name = f"spark_catalog.{namespace.split('.')[1]}_db"
    lake.sql(f"CREATE NAMESPACE {name}")
    yield name
    lake.sql(f"DROP NAMESPACE {name} CASCADE")


def test_sql_functions_need_create_and_drop_on_their_namespace(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    person = lake.as_principal(name)
    create = f"CREATE FUNCTION {database}.twice(n INT) RETURNS INT RETURN 2 * n"
    with pytest.raises(QueryDeniedError):
        person.sql(create)
    lake.policies.grant("create", on=database, to=name)
    person.sql(create)
    assert person.sql(f"SELECT {database}.twice(4) AS n").collect()[0].n == 8
    with pytest.raises(QueryDeniedError):
        person.sql(create.replace("CREATE", "CREATE OR REPLACE"))
    with pytest.raises(QueryDeniedError):
        person.sql(f"DROP FUNCTION {database}.twice")
    lake.policies.grant("drop", on=database, to=name)
    person.sql(f"DROP FUNCTION {database}.twice")


def test_a_function_reads_with_the_rights_of_who_calls_it(
    lake: iomete.Lakehouse, database: str, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.sql(
        f"CREATE FUNCTION {database}.top() RETURNS STRING RETURN (SELECT max(ssn) FROM {people})"
    )
    lake.policies.grant("create", on=database, to=name)
    with pytest.raises(QueryError):
        lake.as_principal(name).sql(f"SELECT {database}.top()").collect()


def test_a_global_temporary_view_is_replaced_and_dropped_by_who_made_it(
    lake: iomete.Lakehouse, newcomer: Newcomer
) -> None:
    maker, other = lake.as_principal(newcomer()), lake.as_principal(newcomer())
    create = "CREATE OR REPLACE GLOBAL TEMPORARY VIEW kept AS SELECT '{}' AS whose"
    maker.sql(create.format("maker"))
    maker.sql(create.format("made"))
    attempts = [
        lambda: other.sql(create.format("other")),
        lambda: other.sql("DROP VIEW global_temp.kept"),
        lambda: other.sql("DROP VIEW global_temp.KEPT"),
        lambda: other.spark.catalog.dropGlobalTempView("kept"),
        lambda: other.spark.range(1).createOrReplaceGlobalTempView("kept"),
        lambda: other.spark.range(1).createGlobalTempView("kept"),
    ]
    for attempt in attempts:
        with pytest.raises((QueryError, AnalysisException)):
            attempt()
    assert other.sql("SELECT whose FROM global_temp.kept").collect()[0].whose == "made"
    assert maker.spark.catalog.dropGlobalTempView("kept")
    other.sql(create.format("other"))
    lake.sql(create.format("admin"))
    with pytest.raises(QueryDeniedError):
        other.sql("DROP VIEW global_temp.kept")
    lake.sql("DROP VIEW global_temp.kept")
    other.sql("CREATE TEMPORARY VIEW own AS SELECT 1 AS n")
    other.sql("DROP VIEW own")
    assert not other.spark.catalog.dropGlobalTempView("nothing")


@pytest.fixture(params=["session catalog", "Iceberg"])
def view(request: pytest.FixtureRequest, namespace: str, database: str) -> str:
    return f"{namespace if request.param == 'Iceberg' else database}.by_function"


def test_a_function_inside_a_view_reads_with_the_rights_of_who_asks(
    lake: iomete.Lakehouse, database: str, people: str, view: str, newcomer: Newcomer
) -> None:
    author, reader = newcomer(), newcomer()
    create = f"CREATE OR REPLACE FUNCTION {database}.clean() RETURNS STRING RETURN "
    lake.sql(create + "upper('clean')")
    lake.sql(f"CREATE VIEW {view} AS SELECT id, {database}.clean() AS c FROM {people} WHERE id = 1")
    lake.policies.grant(["create", "drop"], on=database, to=author)
    for name in (author, reader):
        lake.policies.grant("select", on=view, to=name)
        assert lake.as_principal(name).table(view).collect()[0].c == "CLEAN"
    body = f"(SELECT max(ssn) FROM {people})"
    lake.as_principal(author).sql(create + "upper('mine')")
    with pytest.raises(QueryError):
        lake.as_principal(author).sql(create + body)
    lake.sql(create + body)
    for name in (author, reader):
        with pytest.raises(QueryError) as caught:
            lake.as_principal(name).table(view).collect()
        assert caught.value.condition == "TABLE_OR_VIEW_NOT_FOUND"
    lake.policies.grant("select", on=people, to=reader)
    lake.policies.filter_rows(people, "region = 'EU'", to=reader)
    frame = lake.as_principal(reader).table(view)
    assert frame.collect()[0].c == "222-22-2222"
    assert lake.table(view).collect()[0].c == "333-33-3333"
    lake.policies.mask(people, "ssn", "redact", to=reader)
    assert lake.as_principal(reader).table(view).collect()[0].c == "nnn-nn-nnnn"


def test_a_function_reads_a_view_as_who_asks_may(
    lake: iomete.Lakehouse, database: str, people: str, view: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT max(ssn) AS top FROM {people}")
    lake.sql(f"CREATE FUNCTION {database}.top() RETURNS STRING RETURN (SELECT top FROM {view})")
    lake.sql(f"CREATE VIEW {view}_2 AS SELECT {database}.top() AS top")
    lake.policies.grant("select", on=f"{view}_2", to=name)
    lake.policies.grant("use", on=database, to=name)
    person = lake.as_principal(name)
    with pytest.raises(QueryError):
        person.table(f"{view}_2").collect()
    lake.policies.grant("select", on=view, to=name)
    person.sql(
        f"CREATE TEMPORARY FUNCTION tops() RETURNS TABLE(top STRING) RETURN SELECT top FROM {view}"
    )
    for query in (
        f"SELECT {database}.top() AS top",
        "SELECT top FROM tops()",
        f"SELECT top FROM {view}_2",
    ):
        assert person.sql(query).collect()[0].top == "333-33-3333", query


def test_a_function_inside_a_view_reads_no_path_and_no_column_for_its_author(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer, tmp_path: Path
) -> None:
    name = newcomer()
    table, view = f"{database}.versions", f"{database}.by_function"
    lake.sql(f"CREATE TABLE {table} USING delta AS SELECT 1 AS id, 7 AS x")
    lake.sql("SELECT 7 AS x").write.parquet(str(tmp_path / "files"))
    create = f"CREATE OR REPLACE FUNCTION {database}.sevens() RETURNS INT RETURN "
    lake.sql(create + "abs(-7)")
    lake.sql(f"CREATE VIEW {view} AS SELECT {database}.sevens() AS x")
    lake.policies.grant("select", on=view, to=name)
    lake.policies.grant("select", on=table, columns="id", to=name)
    person, admin = lake.as_principal(name), lake.as_principal(lake.principal)
    for each in (person, admin):
        each.sql("USE spark_catalog")  # where paths stand for tables
    for source in (f"parquet.`{tmp_path}/files`", table):
        admin.sql(create + f"(SELECT max(x) FROM {source})")
        assert admin.table(view).collect()[0].x == 7
        with pytest.raises(QueryError):
            person.table(view).collect()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION {d}.evil AS 'org.example.Evil'",
        "CREATE TEMPORARY FUNCTION evil AS 'org.example.Evil'",
        "CREATE TEMPORARY FUNCTION evil AS 'org.example.Evil' USING JAR '/x.jar'",
        "ADD JAR '/x.jar'",
        "ADD FILE '/etc/passwd'",
        "ADD ARCHIVE '/x.zip'",
        "LIST JARS",
        "LIST FILES",
        "LIST ARCHIVES",
        "LOAD DATA INPATH '/x' INTO TABLE {d}.t",
    ],
)
def test_code_and_files_of_ones_own_are_refused(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer, statement: str
) -> None:
    name = newcomer()
    lake.policies.grant("all", on=database, to=name)
    with pytest.raises(QueryError) as caught:
        lake.as_principal(name).sql(statement.format(d=database))
    assert "Exception" not in str(caught.value)


def test_properties_of_views_need_alter_and_leave_the_body_alone(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    view, name = f"{people}_view", newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT id FROM {people}")
    lake.policies.grant("select", on=view, to=name)
    person = lake.as_principal(name)
    with pytest.raises(QueryDeniedError):
        person.sql(f"ALTER VIEW {view} SET TBLPROPERTIES ('comment' = 'x')")
    lake.policies.grant("alter", on=view, to=name)
    person.sql(f"ALTER VIEW {view} SET TBLPROPERTIES ('comment' = 'x')")
    person.sql(f"ALTER VIEW {view} UNSET TBLPROPERTIES ('comment')")
    for key in ("iomete.creator", "view.query.out.col.0"):
        with pytest.raises(QueryDeniedError):
            person.sql(f"ALTER VIEW {view} SET TBLPROPERTIES ('{key}' = 'x')")
    with pytest.raises(QueryError):
        person.sql(f"ALTER VIEW {view} AS SELECT ssn FROM {people}")
    assert lake.as_principal(name).table(view).columns == ["id"]


def test_statistics_need_alter_and_the_table_as_it_is(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer
) -> None:
    table, name = f"{database}.staff", newcomer()
    lake.sql(f"CREATE TABLE {table} USING parquet AS SELECT 1 AS id, 2 AS wage")
    lake.policies.grant(["select", "alter"], on=table, to=name)
    person = lake.as_principal(name)
    person.sql("USE spark_catalog")  # Spark looks the columns up by a name without a catalog
    statements = [
        f"ANALYZE TABLE {table} COMPUTE STATISTICS",
        f"ANALYZE TABLE {table} COMPUTE STATISTICS FOR COLUMNS id",
    ]
    for statement in statements:
        person.sql(statement)
    assert "max" in str(person.sql(f"DESCRIBE EXTENDED {table} id").collect())
    lake.policies.mask(table, "wage", "nullify", to=name)
    for statement in statements:
        with pytest.raises(QueryDeniedError):
            person.sql(statement)
    assert "max" not in str(person.sql(f"DESCRIBE EXTENDED {table} id").collect())
