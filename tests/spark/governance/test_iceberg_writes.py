"""Writes to Iceberg tables besides UPDATE, DELETE and MERGE: overwriting, branches, new columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql.functions import col

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

Rows = list[tuple[object, ...]]

RAW = [(1, "111", "EU"), (2, "222", "US")]


@pytest.fixture
def target(lake: iomete.Lakehouse, namespace: str) -> str:
    table = f"{namespace}.target"
    lake.sql(
        f"CREATE TABLE {table} (id INT, ssn STRING, region STRING) USING iceberg "
        "PARTITIONED BY (region)"
    )
    lake.sql(f"INSERT INTO {table} VALUES {', '.join(str(row) for row in RAW)}")
    return table


@pytest.fixture
def rows(lake: iomete.Lakehouse, target: str) -> Callable[[], Rows]:
    return lambda: [tuple(row) for row in lake.sql(f"SELECT * FROM {target} ORDER BY id").collect()]


@pytest.fixture
def granted(
    lake: iomete.Lakehouse, target: str, newcomer: Newcomer
) -> Callable[..., iomete.Lakehouse]:
    def make(*actions: str, masked: bool = False) -> iomete.Lakehouse:
        name = newcomer()
        lake.policies.grant(list(actions), on=target, to=name)
        if masked:
            lake.policies.mask(target, "ssn", "redact", to=name)
        return lake.as_principal(name)

    return make


def overwrite_condition(lake: iomete.Lakehouse, table: str) -> None:
    frame = lake.sql("SELECT 3 AS id, '333' AS ssn, 'EU' AS region")
    frame.writeTo(table).overwrite(col("region") == "EU")


def overwrite_partitions(lake: iomete.Lakehouse, table: str) -> None:
    lake.sql("SELECT 3 AS id, '333' AS ssn, 'EU' AS region").writeTo(table).overwritePartitions()


def overwrite_static(lake: iomete.Lakehouse, table: str) -> None:
    lake.sql(f"INSERT OVERWRITE {table} PARTITION (region = 'EU') SELECT 3, '333'")


def overwrite_dynamic(lake: iomete.Lakehouse, table: str) -> None:
    lake.sql("SET spark.sql.sources.partitionOverwriteMode = dynamic")
    lake.sql(f"INSERT OVERWRITE {table} VALUES (3, '333', 'EU')")


def insert_into(lake: iomete.Lakehouse, table: str) -> None:
    lake.sql("SET spark.sql.sources.partitionOverwriteMode = dynamic")
    frame = lake.sql("SELECT 3 AS id, '333' AS ssn, 'EU' AS region")
    frame.write.insertInto(table, overwrite=True)


@pytest.mark.parametrize(
    "write",
    [overwrite_condition, overwrite_partitions, overwrite_static, overwrite_dynamic, insert_into],
)
def test_overwriting_needs_insert_delete_and_the_table_as_it_is(
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
    write: Callable[[iomete.Lakehouse, str], None],
) -> None:
    for actions, masked in (
        (["select", "insert"], False),
        (["select", "delete"], False),
        (["insert", "delete"], False),
        (["select", "insert", "delete"], True),
    ):
        with pytest.raises((AnalysisException, QueryError)):
            write(granted(*actions, masked=masked), target)
        assert rows() == RAW
    write(granted("select", "insert", "delete"), target)
    assert rows() == [(2, "222", "US"), (3, "333", "EU")]


def test_who_may_only_insert_sees_a_target_and_nothing_else(
    lake: iomete.Lakehouse,
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
) -> None:
    writer = granted("insert")
    writer.sql(f"INSERT INTO {target} VALUES (3, '333', 'EU')")
    writer.sql(f"INSERT INTO {target} (id) VALUES (4)")
    writer.sql("SELECT 5 AS id, '5' AS ssn, 'EU' AS region").writeTo(target).append()
    assert len(rows()) == len(RAW) + 3
    for statement in (
        "SELECT * FROM {t}",
        "SELECT count(*) FROM {t}",
        "INSERT INTO {t} SELECT * FROM {t}",
        (
            "MERGE INTO {t} t USING (SELECT 1 AS id) s ON t.id = s.id "
            "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
        ),
    ):
        with pytest.raises(QueryError):
            writer.sql(statement.format(t=target)).collect()
    assert len(rows()) == len(RAW) + 3
    assert lake.table(target).count() == len(RAW) + 3


@pytest.mark.parametrize(
    ("actions", "clauses"),
    [
        (["insert"], "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"),
        (["update"], "WHEN MATCHED THEN UPDATE SET ssn = 'x'"),
        (["delete"], "WHEN MATCHED THEN DELETE"),
        (["delete"], "WHEN NOT MATCHED BY SOURCE THEN DELETE"),
        (
            ["update", "insert"],
            (
                "WHEN MATCHED THEN UPDATE SET ssn = 'x' "
                "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
            ),
        ),
    ],
)
@pytest.mark.parametrize("mode", ["copy-on-write", "merge-on-read"])
def test_a_merge_needs_the_rights_of_its_own_actions(
    lake: iomete.Lakehouse,
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
    actions: list[str],
    clauses: str,
    mode: str,
) -> None:
    lake.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('write.merge.mode' = '{mode}')")
    source = "SELECT 1 AS id UNION ALL SELECT 9"
    statement = f"MERGE INTO {target} t USING ({source}) s ON t.id = s.id {clauses}"
    for missing in actions:
        others = {"select", "insert", "update", "delete"} - {missing}
        with pytest.raises(QueryDeniedError):
            granted(*others).sql(statement)
    assert rows() == RAW
    granted("select", *actions).sql(statement)
    assert rows() != RAW


def test_branches_are_written_by_rights_on_their_table(
    lake: iomete.Lakehouse,
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
) -> None:
    lake.sql(f"ALTER TABLE {target} CREATE BRANCH dev")
    lake.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('write.wap.enabled' = 'true')")
    writer = granted("select", "insert", "update", "delete")
    writer.sql(f"INSERT INTO {target}.branch_dev VALUES (3, '333', 'EU')")
    writer.sql(f"UPDATE {target}.branch_dev SET ssn = 'x' WHERE id = 3")
    writer.sql(f"DELETE FROM {target}.branch_dev WHERE id = 1")
    in_branch = f"SELECT id, ssn FROM {target} VERSION AS OF 'dev' ORDER BY id"
    assert [tuple(row) for row in lake.sql(in_branch).collect()] == [(2, "222"), (3, "x")]
    writer.sql("SET spark.wap.branch = audit")
    writer.sql(f"INSERT INTO {target} VALUES (4, '444', 'EU')")
    assert rows() == RAW
    reader = granted("select", "delete", "update", masked=True)
    for statement in (
        "INSERT INTO {t}.branch_dev VALUES (5, '5', 'EU')",
        "INSERT OVERWRITE {t}.branch_dev VALUES (5, '5', 'EU')",
        "UPDATE {t}.branch_dev SET ssn = ssn",
    ):
        with pytest.raises(QueryDeniedError):
            reader.sql(statement.format(t=target))


def test_new_columns_come_only_with_the_right_to_alter(
    lake: iomete.Lakehouse, granted: Callable[..., iomete.Lakehouse], target: str
) -> None:
    def append(lake: iomete.Lakehouse) -> None:
        frame = lake.sql("SELECT 9 AS id, '9' AS ssn, 'EU' AS region, 1 AS extra")
        frame.writeTo(target).option("mergeSchema", "true").append()

    def merge(lake: iomete.Lakehouse) -> None:
        lake.sql(
            f"MERGE WITH SCHEMA EVOLUTION INTO {target} t USING (SELECT 1 AS id, 2 AS more) s "
            "ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )

    lake.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('write.spark.accept-any-schema' = 'true')")
    for write in (append, merge):
        for writer in (
            granted("select", "insert", "update"),
            granted("select", "insert", "update", "alter", masked=True),
        ):
            with pytest.raises((AnalysisException, QueryError)):
                write(writer)
    assert lake.table(target).columns == ["id", "ssn", "region"]
    append(granted("select", "insert", "alter"))
    assert lake.table(target).columns == ["id", "ssn", "region", "extra"]


def test_a_table_is_made_from_a_query_only_by_who_may_also_insert(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant(["create", "select"], on=namespace, to=name)
    with pytest.raises(QueryDeniedError) as caught:
        lake.as_principal(name).sql(f"CREATE TABLE {namespace}.made AS SELECT 1 AS id")
    assert "may not insert" in str(caught.value)
    assert not lake.catalog.table_exists(f"{namespace}.made")
