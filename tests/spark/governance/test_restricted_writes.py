"""UPDATE, DELETE and MERGE by those who see their target masked, filtered or in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

Rows = list[tuple[object, ...]]

RAW = [(1, "111", "EU", "a"), (2, "222", "EU", "b"), (3, "333", "US", "c")]

MODES = ("copy-on-write", "merge-on-read")


def merge(source: str, actions: str) -> str:
    return f"MERGE INTO {{t}} t USING ({source}) s ON t.id = s.id {actions}"


@pytest.fixture(params=MODES)
def target(request: pytest.FixtureRequest, lake: iomete.Lakehouse, namespace: str) -> str:
    """A table whose `ssn` is masked and whose US rows are hidden for the writer."""
    table = f"{namespace}.target"
    modes = ", ".join(
        f"'write.{c}.mode' = '{request.param}'" for c in ("update", "delete", "merge")
    )
    lake.sql(
        f"CREATE TABLE {table} (id INT, ssn STRING, region STRING, label STRING) USING iceberg "
        f"TBLPROPERTIES ('format-version' = '2', {modes})"
    )
    values = ", ".join(str(row) for row in RAW)
    lake.sql(f"INSERT INTO {table} VALUES {values}")
    return table


@pytest.fixture
def writer(lake: iomete.Lakehouse, target: str, newcomer: Newcomer) -> iomete.Lakehouse:
    name = newcomer()
    lake.policies.grant(["select", "insert", "update", "delete"], on=target, to=name)
    lake.policies.mask(target, "ssn", "redact", to=name)
    lake.policies.filter_rows(target, "region rlike '^E'", to=name)
    return lake.as_principal(name)


@pytest.fixture
def rows(lake: iomete.Lakehouse, target: str) -> Callable[[], Rows]:
    return lambda: [tuple(row) for row in lake.sql(f"SELECT * FROM {target} ORDER BY id").collect()]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        # columns that aren't assigned keep what they hold, hidden rows stay
        ("UPDATE {t} SET label = 'z'", [(1, "111", "EU", "z"), (2, "222", "EU", "z"), RAW[2]]),
        ("UPDATE {t} SET label = 'z' WHERE id >= 2", [RAW[0], (2, "222", "EU", "z"), RAW[2]]),
        ("UPDATE {t} SET label = 'z' WHERE id = 3", RAW),
        # conditions and values see what the writer sees
        ("UPDATE {t} SET label = ssn WHERE id = 1", [(1, "111", "EU", "nnn"), *RAW[1:]]),
        ("UPDATE {t} SET label = 'z' WHERE ssn = '111'", RAW),
        (
            "UPDATE {t} SET label = 'z' WHERE ssn = 'nnn' AND id = 1",
            [(1, "111", "EU", "z"), *RAW[1:]],
        ),
        ("UPDATE {t} SET ssn = '999' WHERE id = 1", [(1, "999", "EU", "a"), *RAW[1:]]),
        (
            "UPDATE {t} AS x SET x.label = x.region WHERE x.id = 2",
            [RAW[0], (2, "222", "EU", "EU"), RAW[2]],
        ),
        ("UPDATE {t} SET label = DEFAULT WHERE id = 1", [(1, "111", "EU", None), *RAW[1:]]),
        # nothing fails on a hidden row
        (
            "UPDATE {t} SET label = 'z' WHERE 1 / (id - 3) < 0",
            [(1, "111", "EU", "z"), (2, "222", "EU", "z"), RAW[2]],
        ),
        (
            "UPDATE {t} SET label = CAST(1 / (id - 3) AS STRING)",
            [(1, "111", "EU", "-0.5"), (2, "222", "EU", "-1.0"), RAW[2]],
        ),
        ("DELETE FROM {t}", [RAW[2]]),
        ("DELETE FROM {t} WHERE id IN (1, 3)", RAW[1:]),
        ("DELETE FROM {t} WHERE ssn = '111' OR region = 'US'", RAW),
        ("DELETE FROM {t} WHERE raise_error(CAST(id AS STRING)) IS NULL AND id > 5", RAW),
        ("DELETE FROM {t} WHERE 10 / (id - 3) = -10", [RAW[0], RAW[2]]),
        (
            merge(
                "SELECT * FROM VALUES (1, 'x'), (3, 'y'), (4, 'w') AS v(id, label)",
                "WHEN MATCHED THEN UPDATE SET label = s.label WHEN NOT MATCHED "
                "THEN INSERT (id, region, label) VALUES (s.id, 'EU', s.label)",
            ),
            [(1, "111", "EU", "x"), RAW[1], RAW[2], (3, None, "EU", "y"), (4, None, "EU", "w")],
        ),
        (
            merge(
                "SELECT * FROM VALUES (1), (3) AS v(id)",
                "WHEN MATCHED AND t.ssn = '111' THEN UPDATE SET label = 'raw' "
                "WHEN MATCHED THEN DELETE",
            ),
            RAW[1:],
        ),
        (
            merge(
                "SELECT 1 AS id",
                "WHEN NOT MATCHED BY SOURCE AND 1 / (t.id - 3) < 0 THEN UPDATE SET label = t.ssn",
            ),
            [RAW[0], (2, "222", "EU", "nnn"), RAW[2]],
        ),
        (
            merge("SELECT 1 AS id", "WHEN NOT MATCHED BY SOURCE THEN DELETE"),
            [RAW[0], RAW[2]],
        ),
        (
            merge(
                "SELECT * FROM VALUES (2, 'q'), (3, 'q') AS v(id, label)",
                "WHEN NOT MATCHED THEN INSERT (id, region, label) VALUES (s.id, 'US', s.label)",
            ),
            [*RAW, (3, None, "US", "q")],
        ),
        (
            merge(
                "SELECT id, label FROM {t}",
                "WHEN MATCHED THEN UPDATE SET t.label = concat(s.label, '!')",
            ),
            [(1, "111", "EU", "a!"), (2, "222", "EU", "b!"), RAW[2]],
        ),
        (
            "UPDATE {t} SET label = (SELECT max(id) FROM {t}) WHERE id = (SELECT min(id) FROM {t})",
            [(1, "111", "EU", "2"), *RAW[1:]],
        ),
    ],
)
def test_a_write_sees_what_its_author_sees(
    writer: iomete.Lakehouse,
    target: str,
    rows: Callable[[], Rows],
    statement: str,
    expected: Rows,
) -> None:
    writer.sql(statement.format(t=target))
    assert sorted(rows(), key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET ssn = ssn",
        "UPDATE {t} SET ssn = upper(ssn) WHERE id = 1",
        "UPDATE {t} SET ssn = (SELECT max(ssn) FROM {t}) WHERE id = 1",
        merge("SELECT id, ssn FROM {t}", "WHEN MATCHED THEN UPDATE SET ssn = s.ssn"),
        "MERGE INTO {t} t USING {t} s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *",
        "INSERT OVERWRITE {t} SELECT * FROM {t}",
        "INSERT OVERWRITE {t} VALUES (1, 'x', 'EU', 'y')",
        "UPDATE {t} x SET label = 'z' WHERE EXISTS (SELECT 1 WHERE 1 / (x.id - 3) < 1)",
        "UPDATE {t} x SET label = 'z' WHERE 1 / (x.id - 3) IN (SELECT -0.5 AS f)",
        "UPDATE {t} x SET label = (SELECT max(f) FROM VALUES (1) v(f) WHERE f = 1 / (x.id - 3))",
        "TRUNCATE TABLE {t}",
    ],
)
def test_what_cannot_be_kept_to_what_is_seen_changes_nothing(
    writer: iomete.Lakehouse, target: str, rows: Callable[[], Rows], statement: str
) -> None:
    with pytest.raises(QueryDeniedError) as caught:
        writer.sql(statement.format(t=target))
    assert "Hint:" in str(caught.value)
    assert rows() == RAW


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET label = spied(label) WHERE id = 1",
        "UPDATE {t} SET label = 'z' WHERE spied(label) = 'q'",
        "DELETE FROM {t} WHERE spied(label) = 'q'",
        merge("SELECT 1 AS id", "WHEN MATCHED AND spied(t.label) = 'q' THEN DELETE"),
        merge("SELECT 1 AS id", "WHEN MATCHED THEN UPDATE SET label = spied(t.label)"),
        merge("SELECT 9 AS id", "WHEN NOT MATCHED BY SOURCE AND spied(t.label) = 'q' THEN DELETE"),
    ],
)
def test_a_function_of_python_is_asked_about_no_hidden_row(
    writer: iomete.Lakehouse,
    target: str,
    rows: Callable[[], Rows],
    tmp_path: Path,
    statement: str,
) -> None:
    seen = tmp_path / "seen"

    def spied(label: str) -> str:
        with seen.open("a") as file:
            file.write(label)
        return label

    writer.spark.udf.register("spied", spied)
    with pytest.raises(QueryDeniedError):
        writer.sql(statement.format(t=target))
    assert not seen.exists()
    assert rows() == RAW


@pytest.mark.parametrize(
    ("action", "statement"),
    [
        ("update", "UPDATE {t} SET label = 'z'"),
        ("delete", "DELETE FROM {t}"),
        ("insert", "INSERT INTO {t} VALUES (1, 2)"),
        (
            "insert",
            merge("SELECT 9 AS id", "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"),
        ),
        (
            "update",
            merge("SELECT 1 AS id", "WHEN MATCHED THEN UPDATE SET label = 'z'"),
        ),
    ],
)
def test_a_write_needs_its_right(
    lake: iomete.Lakehouse,
    target: str,
    rows: Callable[[], Rows],
    newcomer: Newcomer,
    action: str,
    statement: str,
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=target, to=name)
    with pytest.raises(QueryDeniedError) as caught:
        lake.as_principal(name).sql(statement.format(t=target))
    assert f"may not {action}" in str(caught.value)
    assert rows() == RAW


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET label = 'z'",
        "DELETE FROM {t}",
        "INSERT INTO {t} VALUES (1)",
        "INSERT OVERWRITE {t} VALUES (1)",
        merge("SELECT 1 AS id", "WHEN MATCHED THEN DELETE"),
    ],
)
def test_a_target_that_nothing_is_granted_on_does_not_exist(
    lake: iomete.Lakehouse, target: str, newcomer: Newcomer, statement: str
) -> None:
    stranger = lake.as_principal(newcomer())
    told = []
    for table in (target, f"{target}x"):
        with pytest.raises(QueryError) as caught:
            stranger.sql(statement.format(t=table))
        told.append(str(caught.value).replace("targetx", "target"))
    assert told[0] == told[1]


def test_hidden_columns_keep_their_values_and_cannot_be_named(
    lake: iomete.Lakehouse, target: str, rows: Callable[[], Rows], newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=target, columns=["id", "label"], to=name)
    lake.policies.grant(["update", "delete"], on=target, to=name)
    writer = lake.as_principal(name)
    writer.sql(f"UPDATE {target} SET label = 'z' WHERE id = 1")
    assert rows() == [(1, "111", "EU", "z"), *RAW[1:]]
    for statement in (
        f"UPDATE {target} SET label = ssn",
        f"UPDATE {target} SET ssn = 'x'",
        f"DELETE FROM {target} WHERE ssn = '111'",
    ):
        with pytest.raises(QueryError) as caught:
            writer.sql(statement)
        assert caught.value.condition == "UNRESOLVED_COLUMN.WITH_SUGGESTION"
        assert "region" not in str(caught.value)
    writer.sql(f"DELETE FROM {target} WHERE id = 1")
    assert rows() == RAW[1:]


@pytest.mark.parametrize("mode", ["merge-on-read", "copy-on-write"])
@pytest.mark.parametrize("restriction", ["mask", "filter"])
def test_metadata_columns_are_no_way_to_what_is_not_seen(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, mode: str, restriction: str
) -> None:
    table, name = f"{namespace}.parts", newcomer()
    lake.sql(
        f"CREATE TABLE {table} (id INT, region STRING, label STRING) PARTITIONED BY (region) "
        f"TBLPROPERTIES ('write.delete.mode' = '{mode}', 'write.update.mode' = '{mode}', "
        f"'write.merge.mode' = '{mode}')"
    )
    lake.sql(f"INSERT INTO {table} VALUES (1, 'EU', 'a'), (2, 'US', 'b')")
    with lake.policies.batch():
        lake.policies.grant(["select", "update", "delete"], on=table, to=name)
        if restriction == "mask":
            lake.policies.mask(table, "region", "hash", to=name)
        else:
            lake.policies.filter_rows(table, "region = 'EU'", to=name)
    one, source = "(SELECT 1 AS n)", f"(SELECT 1 AS n, _file AS f FROM {table})"
    for statement in (
        f"DELETE FROM {table} WHERE _partition.region = 'US'",
        f"DELETE FROM {table} WHERE CAST(_partition.region AS INT) = 1",
        f"DELETE FROM {table} WHERE _file LIKE '%US%'",
        f"DELETE FROM {table} WHERE _pos >= 0 AND _spec_id = 0",
        f"UPDATE {table} SET label = 'x' WHERE _spec_id = 0 AND _partition.region = 'US'",
        f"UPDATE {table} SET label = _partition.region",
        f"MERGE INTO {table} USING {one} s ON _partition.region = 'US' WHEN MATCHED THEN DELETE",
        f"MERGE INTO {table} USING {source} s ON id = s.n AND _file = s.f WHEN MATCHED THEN DELETE",
    ):
        with pytest.raises(QueryError) as refused:
            lake.as_principal(name).sql(statement)
        assert "'US'" not in str(refused.value)
        assert "US" not in str(refused.value).replace(statement, "")
    rows = [tuple(row) for row in lake.sql(f"SELECT * FROM {table} ORDER BY id").collect()]
    assert rows == [(1, "EU", "a"), (2, "US", "b")]
    lake.as_principal(name).sql(f"DELETE FROM {table} WHERE id = 1")
    assert lake.sql(f"SELECT id FROM {table}").collect() == [(2,)]
