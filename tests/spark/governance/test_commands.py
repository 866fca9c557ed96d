"""Commands of those who are no administrators: what each needs, and what none of them tells."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer


@pytest.fixture
def owner_name(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> str:
    """Somebody who may do anything with the table, and sees it as it is."""
    name = newcomer()
    lake.policies.grant("all", on=people, to=name)
    return name


@pytest.fixture
def owner(lake: iomete.Lakehouse, owner_name: str) -> iomete.Lakehouse:
    return lake.as_principal(owner_name)


@pytest.fixture
def reader_name(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> str:
    name = newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name", "region"], to=name)
    lake.policies.filter_rows(people, "region = 'EU' AND 'filters are secret' <> ''", to=name)
    return name


@pytest.fixture
def reader(lake: iomete.Lakehouse, reader_name: str) -> iomete.Lakehouse:
    return lake.as_principal(reader_name)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {t} CREATE BRANCH dev",
        "ALTER TABLE {t} CREATE TAG first",
        "ALTER TABLE {t} ADD PARTITION FIELD region",
        "ALTER TABLE {t} WRITE ORDERED BY id",
        "ALTER TABLE {t} SET IDENTIFIER FIELDS id",
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} SET TBLPROPERTIES ('comment' = 'of people')",
        "COMMENT ON TABLE {t} IS 'of people'",
        "REFRESH TABLE {t}",
        "TRUNCATE TABLE {t}",
        "DELETE FROM {t}",
        "EXPLAIN SELECT * FROM {t}",
    ],
)
def test_commands_need_their_right_and_the_table_as_it_is(
    owner: iomete.Lakehouse, reader: iomete.Lakehouse, people: str, statement: str
) -> None:
    if not statement.startswith(("REFRESH", "EXPLAIN")):
        with pytest.raises(QueryDeniedError):
            reader.sql(statement.format(t=people)).collect()
    owner.sql(statement.format(t=people)).collect()


def test_what_one_branch_holds_is_governed_as_the_table_is(
    lake: iomete.Lakehouse, owner: iomete.Lakehouse, reader: iomete.Lakehouse, people: str
) -> None:
    owner.sql(f"ALTER TABLE {people} CREATE BRANCH dev")
    owner.sql(f"INSERT INTO {people}.branch_dev (id, name, region, score) VALUES (9, 'X', 'EU', 1)")
    assert lake.table(people).count() == 3
    rows = reader.sql(f"SELECT * FROM {people} VERSION AS OF 'dev' ORDER BY id").collect()
    assert [tuple(row) for row in rows] == [(1, "Ann", "EU"), (2, "Bob", "EU"), (9, "X", "EU")]
    with pytest.raises(QueryDeniedError):
        reader.sql(f"INSERT INTO {people}.branch_dev (id, score) VALUES (9, 1)")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {t} SET TBLPROPERTIES ('current-snapshot-id' = '{s}')",
        "ALTER TABLE {t} SET TBLPROPERTIES ('a' = 'b', 'cherry-pick-snapshot-id' = '{s}')",
        "ALTER TABLE {t} CREATE OR REPLACE BRANCH main AS OF VERSION {s}",
        "ALTER TABLE {t} REPLACE BRANCH main AS OF VERSION {s}",
    ],
)
def test_rows_are_not_taken_to_another_snapshot_by_the_right_to_alter(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, statement: str
) -> None:
    name = newcomer()
    (first,) = [row.snapshot_id for row in lake.sql(f"SELECT * FROM {people}.snapshots").collect()]
    lake.sql(f"DELETE FROM {people} WHERE id = 1")
    text = statement.format(t=people, s=first)
    lake.policies.grant(["select", "alter"], on=people, to=name)
    person = lake.as_principal(name)
    with pytest.raises(QueryDeniedError):
        person.sql(text)
    lake.policies.grant("insert", on=people, to=name)
    with pytest.raises(QueryDeniedError):
        person.sql(text)
    assert lake.table(people).count() == 2
    lake.policies.grant("delete", on=people, to=name)
    if "cherry" not in text:  # what is in the table's history already isn't picked again
        person.sql(text)
        assert lake.table(people).count() == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("write.data.path", "{w}/other/data"),
        ("write.metadata.path", "{w}/other/metadata"),
        ("iomete.creator", "root"),
        ("anything", "s3://bucket/key"),
    ],
)
def test_a_table_is_not_pointed_at_other_files(
    lake: iomete.Lakehouse, owner: iomete.Lakehouse, people: str, key: str, value: str
) -> None:
    text = value.format(w=lake.folder / "warehouse")
    for statement in (
        f"ALTER TABLE {people} SET TBLPROPERTIES ('{key}' = '{text}')",
        f"CREATE TABLE {people}_copy (id INT) USING iceberg TBLPROPERTIES ('{key}' = '{text}')",
    ):
        with pytest.raises(QueryDeniedError):
            owner.sql(statement)
    with pytest.raises(QueryDeniedError):
        owner.sql(f"CREATE TABLE {people}_copy (id INT) USING iceberg LOCATION '{lake.folder}/x'")


@pytest.mark.parametrize(
    "statement",
    [
        "REFRESH TABLE {t}",
        "DESCRIBE TABLE {t}",
        "TRUNCATE TABLE {t}",
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} RENAME TO lake.nowhere.x",
        "COMMENT ON TABLE {t} IS 'x'",
        "SHOW CREATE TABLE {t}",
        "SHOW COLUMNS IN {t}",
        "SHOW TBLPROPERTIES {t}",
        "ANALYZE TABLE {t} COMPUTE STATISTICS",
    ],
)
def test_what_nothing_is_granted_on_does_not_exist_for_commands(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, statement: str
) -> None:
    stranger = lake.as_principal(newcomer())
    told = []
    for table in (people, f"{people}x"):
        with pytest.raises(QueryError) as caught:
            stranger.sql(statement.format(t=table)).collect()
        told.append(str(caught.value).replace("peoplex", "people"))
    assert told[0] == told[1]
    assert "TABLE_OR_VIEW_NOT_FOUND" in told[0]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT reflect('java.lang.System', 'getProperty', 'user.name')",
        "SELECT java_method('java.lang.System', 'getProperty', 'user.name')",
        "SELECT try_reflect('java.lang.System', 'getProperty', 'user.name')",
        "SELECT id FROM {t} WHERE name = Reflect('java.lang.System', 'getProperty', 'user.name')",
        'EXECUTE IMMEDIATE \'SELECT java_method("java.lang.System", "getProperty", "a")\'',
        "SELECT TRANSFORM (id) USING 'cat' AS (line STRING) FROM {t}",
        "WITH c AS (SELECT (SELECT reflect('java.lang.System', 'lineSeparator'))) TABLE c",
    ],
)
def test_foreign_code_needs_the_right_to_execute(
    lake: iomete.Lakehouse, owner: iomete.Lakehouse, owner_name: str, people: str, query: str
) -> None:
    with pytest.raises(QueryDeniedError) as caught:
        owner.sql(query.format(t=people)).collect()
    assert caught.value.condition == "IOMETE_ACCESS_DENIED.FOREIGN_CODE"
    granted = lake.policies.grant("execute", on="spark_catalog", to=owner_name)
    owner.sql(query.format(t=people)).collect()
    lake.policies.delete(granted.id)


def test_foreign_code_in_a_view_needs_the_right_of_who_asks(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    view, name = f"{people}_home", newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT reflect('java.lang.System', 'lineSeparator') AS home")
    lake.policies.grant("select", on=view, to=name)
    with pytest.raises(AnalysisException) as caught:
        lake.as_principal(name).spark.table(view).collect()
    assert caught.value.getCondition() == "IOMETE_ACCESS_DENIED.FOREIGN_CODE"


@pytest.mark.parametrize("mode", ["", "EXTENDED", "FORMATTED", "CODEGEN", "COST"])
def test_explain_shows_no_more_than_may_be_known(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, people: str, newcomer: Newcomer, mode: str
) -> None:
    shown = reader.sql(f"EXPLAIN {mode} SELECT * FROM {people}").collect()[0].plan
    assert "region" in shown
    for hidden in ("ssn", "score", "secret", "warehouse"):
        assert hidden not in shown, shown
    plain = lake.sql(f"EXPLAIN {mode} SELECT * FROM {people}").collect()[0].plan
    assert "BatchScan" in plain or mode == "CODEGEN"
    stranger = lake.as_principal(newcomer())
    told = []
    for table in (people, f"{people}x"):
        with pytest.raises(QueryError) as caught:
            stranger.sql(f"EXPLAIN {mode} SELECT * FROM {table}").collect()
        told.append(str(caught.value).replace("peoplex", "people"))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT (SELECT max(id) FROM {t})",
        "SELECT (SELECT (SELECT max(id) FROM {t}))",
        "SELECT 1 WHERE EXISTS (SELECT 1 WHERE 1 IN (SELECT id FROM {t}))",
        "WITH c AS (SELECT (SELECT (SELECT max(id) FROM {t})) AS n) TABLE c",
    ],
)
def test_explain_looks_into_subqueries_of_subqueries(
    reader: iomete.Lakehouse, people: str, query: str
) -> None:
    shown = reader.sql(f"EXPLAIN EXTENDED {query.format(t=people)}").collect()[0].plan
    for hidden in ("ssn", "score", "secret", "warehouse"):
        assert hidden not in shown, shown


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET name = 'x'",
        "DELETE FROM {t} WHERE id = 1",
        "MERGE INTO {t} t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE",
    ],
)
def test_explain_of_a_write_shows_no_policy(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, reader_name: str, people: str, statement: str
) -> None:
    lake.policies.grant(["update", "delete"], on=people, to=reader_name)
    shown = reader.sql(f"EXPLAIN EXTENDED {statement.format(t=people)}").collect()[0].plan
    for hidden in ("ssn", "score", "secret", "EU"):
        assert hidden not in shown, shown
    assert lake.table(people).count() == 3


def test_explain_of_what_may_not_be_run_is_refused(reader: iomete.Lakehouse, people: str) -> None:
    with pytest.raises(QueryError):
        reader.sql(f"EXPLAIN SELECT ssn FROM {people}").collect()
