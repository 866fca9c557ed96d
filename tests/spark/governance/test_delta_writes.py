"""Writes to Delta tables: by whoever holds the rights and sees the table as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from delta.tables import DeltaTable
from pyspark.sql.functions import col, lit

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

Rows = list[tuple[object, ...]]

RAW = [(1, "111", "EU", "a"), (2, "222", "EU", "b"), (3, "333", "US", "c")]

ALL = ["select", "insert", "update", "delete", "alter", "create", "drop"]


def merge(source: str, actions: str) -> str:
    return f"MERGE INTO {{t}} t USING ({source}) s ON t.id = s.id {actions}"


def make(lake: iomete.Lakehouse, table: str) -> str:
    lake.sql(f"CREATE TABLE {table} (id INT, ssn STRING, region STRING, label STRING) USING delta")
    lake.sql(f"INSERT INTO {table} VALUES {', '.join(str(row) for row in RAW)}")
    return table


@pytest.fixture
def target(lake: iomete.Lakehouse, session_namespace: str) -> str:
    return make(lake, f"{session_namespace}.target")


@pytest.fixture(scope="module")
def kept(lake: iomete.Lakehouse) -> str:
    """A table that all of the refused writes leave as it is."""
    lake.sql("CREATE NAMESPACE spark_catalog.delta_kept")
    return make(lake, "spark_catalog.delta_kept.target")


@pytest.fixture
def rows(lake: iomete.Lakehouse, target: str) -> Callable[[], Rows]:
    return lambda: rows_of(lake, target)


def rows_of(lake: iomete.Lakehouse, table: str) -> Rows:
    return [tuple(row) for row in lake.sql(f"SELECT * FROM {table} ORDER BY id").collect()]


@pytest.fixture
def granted(
    lake: iomete.Lakehouse, target: str, newcomer: Newcomer
) -> Callable[..., iomete.Lakehouse]:
    """Makes the lakehouse of somebody with these rights on the table."""

    def make(*actions: str) -> iomete.Lakehouse:
        return somebody(lake, target, newcomer(), *actions)

    return make


def somebody(lake: iomete.Lakehouse, table: str, name: str, *actions: str) -> iomete.Lakehouse:
    lake.policies.grant(list(actions), on=table, to=name)
    return lake.as_principal(name)


REWRITING = (["select", "update"], ["select", "delete"])
"""What deletion vectors change."""

WRITES = [
    (["insert"], "INSERT INTO {t} VALUES (4, '444', 'EU', 'd')", [*RAW, (4, "444", "EU", "d")]),
    (
        ["select", "insert", "delete"],
        "INSERT OVERWRITE {t} VALUES (4, '444', 'EU', 'd')",
        [(4, "444", "EU", "d")],
    ),
    (
        ["select", "insert", "delete"],
        "INSERT INTO {t} REPLACE WHERE region = 'US' VALUES (5, '5', 'US', 'e')",
        [*RAW[:2], (5, "5", "US", "e")],
    ),
    (
        ["select", "update"],
        "UPDATE {t} SET label = 'z' WHERE id = 1",
        [(1, "111", "EU", "z"), *RAW[1:]],
    ),
    (
        ["select", "update"],
        "UPDATE {t} SET label = concat(ssn, label) WHERE region = 'US'",
        [*RAW[:2], (3, "333", "US", "333c")],
    ),
    (["select", "delete"], "DELETE FROM {t} WHERE id = 2", [RAW[0], RAW[2]]),
    (["select", "delete"], "DELETE FROM {t}", []),
    (["select", "delete"], "TRUNCATE TABLE {t}", []),
    (
        ["select", "update", "insert"],
        merge(
            "SELECT 1 AS id, 'y' AS label UNION ALL SELECT 9, 'n'",
            "WHEN MATCHED THEN UPDATE SET label = s.label "
            "WHEN NOT MATCHED THEN INSERT (id, label) VALUES (s.id, s.label)",
        ),
        [(1, "111", "EU", "y"), *RAW[1:], (9, None, None, "n")],
    ),
    (
        ["select", "delete"],
        merge("SELECT 1 AS id", "WHEN NOT MATCHED BY SOURCE THEN DELETE"),
        RAW[:1],
    ),
    (
        ["select", "insert"],
        merge("SELECT 9 AS id", "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"),
        [*RAW, (9, None, None, None)],
    ),
    (
        ["select", "update"],
        (
            "MERGE INTO {t} t USING {t} s ON t.id = s.id "
            "WHEN MATCHED AND s.region = 'US' THEN UPDATE SET label = s.ssn"
        ),
        [*RAW[:2], (3, "333", "US", "333")],
    ),
]


WITH_VECTORS = [(True, *write) for write in WRITES if write[0][:2] in REWRITING]


@pytest.mark.parametrize(
    ("vectors", "actions", "statement", "expected"),
    [*((False, *write) for write in WRITES), *WITH_VECTORS],
)
def test_a_write_is_allowed_by_its_rights(
    lake: iomete.Lakehouse,
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
    actions: list[str],
    statement: str,
    expected: Rows,
    *,
    vectors: bool,
) -> None:
    if vectors:
        vectored = "'delta.enableDeletionVectors' = 'true'"
        lake.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ({vectored})")
    granted(*actions).sql(statement.format(t=target))
    assert rows() == expected


@pytest.mark.parametrize(("actions", "statement", "_expected"), WRITES)
def test_a_write_without_one_of_its_rights_changes_nothing(
    lake: iomete.Lakehouse,
    kept: str,
    newcomer: Newcomer,
    actions: list[str],
    statement: str,
    _expected: Rows,
) -> None:
    for missing in set(actions) - {"select"}:
        others = set(ALL) - {missing}
        with pytest.raises(QueryDeniedError) as caught:
            somebody(lake, kept, newcomer(), *others).sql(statement.format(t=kept))
        assert f"may not {missing}" in str(caught.value)
    assert rows_of(lake, kept) == RAW


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        *(statement for _, statement, _ in WRITES[1:]),
        "UPDATE {t} SET ssn = ssn",
        "UPDATE {t} SET label = ssn",
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} SET TBLPROPERTIES ('a' = 'b')",
        "OPTIMIZE {t}",
        "VACUUM {t} RETAIN 200 HOURS",
        "DESCRIBE HISTORY {t}",
        "DESCRIBE DETAIL {t}",
        "RESTORE TABLE {t} TO VERSION AS OF 0",
        "REORG TABLE {t} APPLY (PURGE)",
        "CREATE TABLE {t}_clone SHALLOW CLONE {t}",
        "CREATE OR REPLACE TABLE {t} USING delta AS SELECT 1 AS id",
    ],
)
def test_who_sees_a_part_of_a_table_changes_nothing(
    lake: iomete.Lakehouse, kept: str, newcomer: Newcomer, statement: str, *, masked: bool
) -> None:
    name = newcomer()
    if masked:
        lake.policies.mask(kept, "ssn", "redact", to=name)
    else:
        lake.policies.filter_rows(kept, "region = 'EU'", to=name)
    writer = somebody(lake, kept.rpartition(".")[0], name, *ALL)
    with pytest.raises(QueryDeniedError) as caught:
        writer.sql(statement.format(t=kept)).collect()
    assert "Hint:" in str(caught.value)
    assert rows_of(lake, kept) == RAW
    history = lake.sql(f"DESCRIBE HISTORY {kept}").collect()
    assert [row.operation for row in history] == ["WRITE", "CREATE TABLE"]


def test_maintenance_is_for_those_who_may_alter(
    granted: Callable[..., iomete.Lakehouse], target: str, rows: Callable[[], Rows]
) -> None:
    owner, writer = (
        granted("select", "alter", "delete"),
        granted("select", "insert", "update", "delete"),
    )
    for statement in (
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "ALTER TABLE {t} RENAME COLUMN extra TO more",
        "ALTER TABLE {t} DROP COLUMN more",
        "ALTER TABLE {t} ADD CONSTRAINT positive CHECK (id > 0)",
        "ALTER TABLE {t} DROP CONSTRAINT positive",
        "ALTER TABLE {t} ALTER COLUMN label COMMENT 'of it'",
        "ALTER TABLE {t} CLUSTER BY (id)",
        "OPTIMIZE {t}",
        "VACUUM {t} RETAIN 200 HOURS DRY RUN",
        "DESCRIBE HISTORY {t}",
        "DESCRIBE DETAIL {t}",
        "REORG TABLE {t} APPLY (PURGE)",
    ):
        if not statement.startswith("DESCRIBE"):
            with pytest.raises(QueryDeniedError) as caught:
                writer.sql(statement.format(t=target))
            assert "may not alter" in str(caught.value), statement
        owner.sql(statement.format(t=target)).collect()
    assert rows() == RAW


def test_who_sees_a_part_of_a_table_still_adds_rows(
    lake: iomete.Lakehouse, target: str, rows: Callable[[], Rows], newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.mask(target, "ssn", "redact", to=name)
    lake.policies.filter_rows(target, "region = 'EU'", to=name)
    writer = somebody(lake, target, name, "select", "insert")
    writer.sql(f"INSERT INTO {target} VALUES (4, '444', 'US', 'd')")
    writer.sql(f"INSERT INTO {target} SELECT id + 10, ssn, region, label FROM {target}")
    added = [(4, "444", "US", "d"), (11, "nnn", "EU", "a"), (12, "nnn", "EU", "b")]
    assert rows() == [*RAW, *added]


def test_a_table_is_restored_by_who_may_alter_and_rewrite_it(
    lake: iomete.Lakehouse,
    granted: Callable[..., iomete.Lakehouse],
    target: str,
    rows: Callable[[], Rows],
) -> None:
    lake.sql(f"DELETE FROM {target}")
    owner = granted("select", "alter", "insert", "delete")
    owner.sql(f"RESTORE TABLE {target} TO VERSION AS OF 1").collect()
    assert rows() == RAW


def test_the_source_of_a_merge_is_governed(
    lake: iomete.Lakehouse, target: str, rows: Callable[[], Rows], newcomer: Newcomer
) -> None:
    source, name = f"{target}_source", newcomer()
    lake.sql(f"CREATE TABLE {source} USING delta AS SELECT * FROM {target}")
    lake.policies.grant(["select", "update"], on=target, to=name)
    lake.policies.grant("select", on=source, to=name)
    lake.policies.mask(source, "ssn", "redact", to=name)
    lake.policies.filter_rows(source, "region = 'EU'", to=name)
    lake.as_principal(name).sql(
        f"MERGE INTO {target} t USING (SELECT *, input_file_name() AS f FROM {source}) s "
        "ON t.id = s.id WHEN MATCHED THEN UPDATE SET label = concat(s.ssn, s.f)"
    )
    assert rows() == [(1, "111", "EU", "nnn"), (2, "222", "EU", "nnn"), RAW[2]]


def test_the_interface_of_delta_writes_by_the_same_rights(
    granted: Callable[..., iomete.Lakehouse], target: str, rows: Callable[[], Rows]
) -> None:
    owner = granted("select", "update", "insert", "delete")
    table = DeltaTable.forName(owner.spark, target)
    table.update("id = 1", {"label": lit("z")})
    table.delete("id = 2")
    source = owner.sql("SELECT 3 AS id, 'm' AS label UNION ALL SELECT 4, 'n'")
    table.alias("t").merge(source.alias("s"), "t.id = s.id").whenMatchedUpdate(
        set={"label": "s.label"}
    ).whenNotMatchedInsert(values={"id": "s.id", "label": "s.label"}).execute()
    assert rows() == [(1, "111", "EU", "z"), (3, "333", "US", "m"), (4, None, None, "n")]
    reader = DeltaTable.forName(granted("select").spark, target)
    with pytest.raises(Exception, match="may not update"):
        reader.update("id = 1", {"label": lit("y")})
    with pytest.raises(Exception, match="may not delete"):
        reader.delete()


def test_a_frame_is_written_in_every_way(
    lake: iomete.Lakehouse, session_namespace: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant(ALL, on=session_namespace, to=name)
    owner = lake.as_principal(name)
    saved, created = f"{session_namespace}.saved", f"{session_namespace}.created"
    frame = owner.sql("SELECT 7 AS id, 'v' AS label")
    frame.write.format("delta").saveAsTable(saved)
    frame.write.format("delta").mode("append").saveAsTable(saved)
    assert lake.table(saved).count() == 2
    frame.write.format("delta").mode("overwrite").saveAsTable(saved)
    frame.write.format("delta").insertInto(saved)
    assert lake.table(saved).count() == 2
    frame.write.format("delta").insertInto(saved, overwrite=True)
    frame.writeTo(created).using("delta").create()
    frame.writeTo(created).append()
    frame.writeTo(created).overwrite(col("id") == 7)
    assert lake.table(created).count() == 1
    frame.writeTo(created).using("delta").replace()
    frame.writeTo(created).using("delta").createOrReplace()
    owner.sql(f"CREATE OR REPLACE TABLE {created} USING delta AS SELECT * FROM {saved}")
    assert [tuple(row) for row in lake.table(created).collect()] == [(7, "v")]


def test_new_columns_come_only_with_the_right_to_alter(
    granted: Callable[..., iomete.Lakehouse], target: str
) -> None:
    def evolve(lake: iomete.Lakehouse) -> None:
        frame = lake.sql("SELECT 9 AS id, 1 AS extra")
        frame.write.format("delta").mode("append").option("mergeSchema", "true").saveAsTable(target)

    with pytest.raises(Exception, match="may not alter"):
        evolve(granted("select", "insert"))
    evolve(granted("select", "insert", "alter"))


def test_what_nothing_is_granted_on_is_missing_for_commands_of_delta(
    lake: iomete.Lakehouse, target: str, newcomer: Newcomer
) -> None:
    stranger = lake.as_principal(newcomer())
    for statement in (
        "OPTIMIZE {t}",
        "VACUUM {t} RETAIN 200 HOURS",
        "DESCRIBE HISTORY {t}",
        "DESCRIBE DETAIL {t}",
        "RESTORE TABLE {t} TO VERSION AS OF 0",
        "CREATE TABLE spark_catalog.default.copy SHALLOW CLONE {t}",
        "UPDATE {t} SET label = 'z'",
        "INSERT OVERWRITE {t} VALUES (1)",
    ):
        told = []
        for table in (target, f"{target}x"):
            with pytest.raises(QueryError) as caught:
                stranger.sql(statement.format(t=table)).collect()
            told.append(str(caught.value).replace("targetx", "target"))
        assert told[0] == told[1], statement
