"""Names that mislead: of tables, of old columns, of files; a policy holds under each of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from pyspark.errors import AnalysisException, PySparkException

import iomete
from iomete.errors import AccessDeniedError
from spark.governance.conftest import Newcomer

SECRET = "CNRY-0001"


def rows(lake: iomete.Lakehouse, query: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in lake.spark.sql(query).collect()), key=repr)


def run(lake: iomete.Lakehouse, *statements: str) -> None:
    for statement in statements:
        lake.sql(statement)


def first_snapshot(lake: iomete.Lakehouse, table: str) -> int:
    query = f"SELECT snapshot_id FROM {table}.snapshots ORDER BY committed_at LIMIT 1"
    snapshot: int = lake.sql(query).collect()[0][0]
    return snapshot


@pytest.fixture
def database(lake: iomete.Lakehouse, namespace: str) -> str:
    """A database of the session's catalog, for Delta and Parquet tables."""
    name = f"spark_catalog.{namespace.removeprefix('lake.')}"
    lake.sql(f"CREATE DATABASE {name}")
    return name


# --- tables called like parts of another table


@pytest.fixture
def nested(lake: iomete.Lakehouse, namespace: str) -> str:
    return lake.catalog.create_namespace(f"{namespace}.eu")


@pytest.mark.parametrize(
    "name", ["branch_offices", "tag_secret", "history", "files", "changes", "snapshot_id_7"]
)
def test_a_table_called_like_a_part_of_one_has_its_own_policies(
    lake: iomete.Lakehouse, namespace: str, nested: str, newcomer: Newcomer, name: str
) -> None:
    table = f"{nested}.{name}"
    run(
        lake,
        f"CREATE TABLE {table} (id INT, manager STRING) USING iceberg",
        f"INSERT INTO {table} VALUES (1, '{SECRET}')",
    )
    masked, denied = newcomer(), newcomer()
    for who in (masked, denied):
        lake.policies.grant("select", on=namespace, to=who)
    lake.policies.mask(table, "manager", "nullify", to=masked)
    lake.policies.deny("select", on=table, to=denied)
    snapshot = first_snapshot(lake, table)
    for past in ("", f" VERSION AS OF {snapshot}", " VERSION AS OF 'main'"):
        query = f"SELECT * FROM {table}{past}"
        assert rows(lake.as_principal(masked), query) == [(1, None)]
        with pytest.raises(AnalysisException) as error:
            rows(lake.as_principal(denied), query)
        assert error.value.getCondition() == "TABLE_OR_VIEW_NOT_FOUND"
    with pytest.raises(PySparkException, match="IOMETE_ACCESS_DENIED"):
        rows(lake.as_principal(masked), f"SELECT * FROM {table}.files")


def test_branches_tags_and_snapshots_have_their_tables_policies(
    lake: iomete.Lakehouse, nested: str, newcomer: Newcomer
) -> None:
    table, who = f"{nested}.offices", newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, manager STRING) USING iceberg",
        f"INSERT INTO {table} VALUES (1, '{SECRET}')",
        f"ALTER TABLE {table} CREATE BRANCH b",
        f"ALTER TABLE {table} CREATE TAG t",
    )
    lake.policies.grant("select", on=table, to=who)
    lake.policies.mask(table, "manager", "nullify", to=who)
    reader, snapshot = lake.as_principal(who), first_snapshot(lake, table)
    for part in ("branch_b", "tag_t", f"snapshot_id_{snapshot}"):
        assert rows(reader, f"SELECT * FROM {table}.{part}") == [(1, None)]


# --- files named after what they hold


@pytest.fixture(params=["iceberg", "delta", "parquet"])
def partitioned(request: pytest.FixtureRequest, lake: iomete.Lakehouse) -> str:
    """A table with the secret in the paths of its files."""
    home = request.getfixturevalue("namespace" if request.param == "iceberg" else "database")
    table = f"{home}.parts"
    run(
        lake,
        f"CREATE TABLE {table} (id INT, secret STRING) USING {request.param} "
        "PARTITIONED BY (secret)",
        f"INSERT INTO {table} VALUES (1, '{SECRET}')",
        f"INSERT INTO {table} VALUES (2, 'CNRY-0002')",
    )
    return table


PLACE = "input_file_name(), input_file_block_start(), input_file_block_length()"
NOWHERE = ("", -1, -1)


def test_files_of_restricted_tables_have_no_names(
    lake: iomete.Lakehouse, partitioned: str, newcomer: Newcomer
) -> None:
    masked, filtered, partly, plain = (newcomer() for _ in range(4))
    policies = lake.policies
    for who in (masked, filtered, plain):
        policies.grant("select", on=partitioned, to=who)
    policies.grant("select", on=partitioned, columns=["id"], to=partly)
    policies.mask(partitioned, "secret", "nullify", to=masked)
    policies.filter_rows(partitioned, "id = 1", to=filtered)

    for who in (masked, filtered, partly):
        reader = lake.as_principal(who)
        for query in (
            f"SELECT {PLACE} FROM {partitioned} WHERE id = 1",
            f"SELECT l.* FROM (SELECT {PLACE} FROM range(1)) l, {partitioned} p WHERE p.id = 1",
        ):
            assert rows(reader, query) == [NOWHERE]
        frame = reader.spark.table(partitioned).select("id")
        again = frame.localCheckpoint(eager=False).selectExpr("input_file_name()")
        assert {row[0] for row in again.collect()} == {""}
        assert frame.inputFiles() == []
        assert frame.where("id = 1").inputFiles() == []

    names = rows(lake.as_principal(plain), f"SELECT input_file_name() FROM {partitioned}")
    assert len(names) == 2
    assert SECRET in str(names)
    listed = lake.as_principal(plain).spark.table(partitioned).inputFiles()
    assert partitioned.startswith("lake.") or SECRET in str(listed)  # Spark lists none of Iceberg's


def test_files_behind_a_view_have_no_names(
    lake: iomete.Lakehouse, namespace: str, partitioned: str, newcomer: Newcomer
) -> None:
    view, who = f"{namespace}.ids", newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT id FROM {partitioned}")
    lake.policies.grant("select", on=view, to=who)
    reader = lake.as_principal(who)
    assert rows(reader, f"SELECT {PLACE} FROM {view} WHERE id = 1") == [NOWHERE]
    assert reader.spark.table(view).inputFiles() == []
    assert SECRET in str(rows(lake, f"SELECT input_file_name() FROM {view}"))


def test_places_of_rows_tell_of_hidden_ones(
    lake: iomete.Lakehouse, namespace: str, database: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    for table, format_, places in (
        (f"{namespace}.t", "iceberg", ("_pos", "_file", "_row_id", "_spec_id")),
        (f"{database}.t", "delta", ("_metadata.file_path", "_metadata.row_index")),
    ):
        version = " TBLPROPERTIES ('format-version' = '3')" if format_ == "iceberg" else ""
        run(
            lake,
            f"CREATE TABLE {table} (id INT) USING {format_}{version}",
            f"INSERT INTO {table} SELECT /*+ COALESCE(1) */ id FROM range(10)",
        )
        lake.policies.grant("select", on=table, to=who)
        reader = lake.as_principal(who)
        if format_ == "iceberg":
            assert len(rows(reader, f"SELECT _pos FROM {table}")) == 10
        lake.policies.filter_rows(table, "id % 3 = 0", to=who)
        assert len(rows(reader, f"SELECT id FROM {table}")) == 4
        for place in places:
            with pytest.raises(PySparkException):
                rows(reader, f"SELECT id, {place} FROM {table}")


# --- old names of columns


def test_a_renamed_field_is_masked_in_old_versions(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, masked, filtered = f"{namespace}.t", newcomer(), newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, home STRUCT<city: STRING, zip: STRING>, "
        "tags ARRAY<STRUCT<k: STRING, v: STRING>>) USING iceberg",
        f"INSERT INTO {table} VALUES (1, named_struct('city', 'R', 'zip', '{SECRET}'), "
        f"array(named_struct('k', 'a', 'v', '{SECRET}')))",
        f"ALTER TABLE {table} RENAME COLUMN home.zip TO postcode",
        f"ALTER TABLE {table} RENAME COLUMN tags.element.v TO value",
    )
    snapshot = first_snapshot(lake, table)
    for who in (masked, filtered):
        lake.policies.grant("select", on=table, to=who)
    lake.policies.mask(table, "home.postcode", "nullify", to=masked)
    lake.policies.mask(table, "tags.value", "nullify", to=masked)
    lake.policies.filter_rows(table, f"home.postcode <> '{SECRET}'", to=filtered)
    reader = lake.as_principal(masked)
    for past in (f"{table} VERSION AS OF {snapshot}", f"{table}.snapshot_id_{snapshot}"):
        [row] = reader.spark.sql(f"SELECT * FROM {past}").collect()
        assert row.asDict(recursive=True) == {
            "id": 1,
            "home": {"city": "R", "zip": None},
            "tags": [{"k": "a", "v": None}],
        }
        assert rows(reader, f"SELECT home.zip, home.city FROM {past}") == [(None, "R")]
        assert rows(lake.as_principal(filtered), f"SELECT id FROM {past}") == []


def test_a_renamed_column_of_a_delta_table_is_masked_in_old_versions(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer
) -> None:
    table, masked, denied, partly = f"{database}.t", newcomer(), newcomer(), newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, ssn STRING, home STRUCT<zip: STRING>) USING delta "
        "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        f"INSERT INTO {table} VALUES (1, '{SECRET}', named_struct('zip', '{SECRET}'))",
        f"ALTER TABLE {table} RENAME COLUMN ssn TO tax",
        f"ALTER TABLE {table} RENAME COLUMN home.zip TO postcode",
    )
    for who in (masked, denied):
        lake.policies.grant("select", on=table, to=who)
    lake.policies.mask(table, "tax", "nullify", to=masked)
    lake.policies.mask(table, "home.postcode", "nullify", to=masked)
    lake.policies.deny("select", on=table, columns=["tax", "home"], to=denied)
    lake.policies.grant("select", on=table, columns=["id", "tax"], to=partly)
    past = f"SELECT * FROM {table} VERSION AS OF 1"
    assert rows(lake.as_principal(masked), f"SELECT * FROM {table}") == [(1, None, (None,))]
    assert rows(lake.as_principal(masked), past) == [(1, None, (None,))]
    assert rows(lake.as_principal(denied), past) == [(1,)]
    assert rows(lake.as_principal(partly), past) == [(1, SECRET)]
    assert lake.as_principal(partly).spark.sql(past).columns == ["id", "ssn"]


def test_columns_that_swapped_names_keep_their_policies(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, masked, denied = f"{namespace}.t", newcomer(), newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, pub STRING, sec STRING) USING iceberg",
        f"INSERT INTO {table} VALUES (1, 'p', '{SECRET}')",
        f"ALTER TABLE {table} RENAME COLUMN pub TO tmp",
        f"ALTER TABLE {table} RENAME COLUMN sec TO pub",
        f"ALTER TABLE {table} RENAME COLUMN tmp TO sec",
    )
    for who in (masked, denied):
        lake.policies.grant("select", on=table, to=who)
    lake.policies.mask(table, "pub", "nullify", to=masked)
    lake.policies.deny("select", on=table, columns="pub", to=denied)
    snapshot = first_snapshot(lake, table)
    for past in ("", " VERSION AS OF 'main'"):
        query = f"SELECT * FROM {table}{past}"
        assert rows(lake.as_principal(masked), query) == [(1, "p", None)]
        assert rows(lake.as_principal(denied), query) == [(1, "p")]
    query = f"SELECT id, pub, sec FROM {table} VERSION AS OF {snapshot}"
    assert rows(lake.as_principal(masked), query) == [(1, "p", None)]


def test_tables_with_hidden_dropped_columns_are_not_handed_out(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, partly, masked, plain = f"{namespace}.t", newcomer(), newcomer(), newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, pay STRING, x STRING) USING iceberg",
        f"INSERT INTO {table} VALUES (1, '{SECRET}', 'a')",
        f"ALTER TABLE {table} DROP COLUMN pay",
        f"ALTER TABLE {table} RENAME COLUMN x TO y",
    )
    lake.policies.grant("select", on=table, columns=["id", "y"], to=partly)
    for who in (masked, plain):
        lake.policies.grant("select", on=table, to=who)
    lake.policies.mask(table, "pay", "nullify", to=masked, future=True)
    for who in (partly, masked):
        with pytest.raises(AccessDeniedError):
            lake.as_principal(who).catalog.load_table(table)
    handed = lake.as_principal(plain).catalog.load_table(table)
    assert handed.scan().to_arrow().to_pylist() == [{"id": 1, "y": "a"}]


def test_schemas_of_metadata_tables_name_no_hidden_columns(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, partly, plain = f"{namespace}.t", newcomer(), newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, hidden STRING) USING iceberg PARTITIONED BY (hidden)",
        f"INSERT INTO {table} VALUES (1, '{SECRET}')",
    )
    lake.policies.grant("select", on=table, columns=["id"], to=partly)
    lake.policies.grant("select", on=table, to=plain)
    for part in ("files", "position_deletes", "changes", "partitions", "snapshots"):
        with pytest.raises(PySparkException, match="IOMETE_ACCESS_DENIED"):
            _ = lake.as_principal(partly).spark.table(f"{table}.{part}").schema
        assert lake.as_principal(plain).spark.table(f"{table}.{part}").schema


# --- what an error or an answer tells of names


def said(
    lake: iomete.Lakehouse, action: Callable[[iomete.Lakehouse, str], object], name: str
) -> str:
    """What happens, with the name taken out."""
    with pytest.raises(PySparkException) as error:
        action(lake, name)
    text = re.sub(r"#\d+L?", "#", str(error.value))
    for part in reversed(name.split(".")):
        text = text.replace(part, "@")
    return f"{type(error.value).__name__} {error.value.getCondition()} {text}"


def changes(lake: iomete.Lakehouse, name: str) -> object:
    return lake.spark.sql(f"SELECT * FROM table_changes('{name}', 0)")


def loaded(lake: iomete.Lakehouse, name: str) -> object:
    return lake.spark.read.format("iceberg").load(name).schema


def files(lake: iomete.Lakehouse, name: str) -> object:
    return lake.spark.read.format("iceberg").load(f"{name}.files").schema


def streamed(lake: iomete.Lakehouse, name: str) -> object:
    return lake.spark.readStream.format("iceberg").load(name).schema


@pytest.mark.parametrize("action", [changes, loaded, files, streamed])
def test_a_hidden_table_is_a_missing_one(
    lake: iomete.Lakehouse,
    namespace: str,
    database: str,
    newcomer: Newcomer,
    action: Callable[[iomete.Lakehouse, str], object],
) -> None:
    run(
        lake,
        f"CREATE TABLE {namespace}.hidden (id INT) USING iceberg",
        f"CREATE TABLE {database}.hidden (id INT) USING delta",
    )
    reader = lake.as_principal(newcomer())
    for home in (namespace, database) if action is changes else (namespace,):
        hidden = said(reader, action, f"{home}.hidden")
        assert hidden == said(reader, action, f"{home}.absent")
        assert "TABLE_OR_VIEW_NOT_FOUND" in hidden


@pytest.mark.parametrize("statement", ["USE {}", "USE NAMESPACE {}"])
def test_a_hidden_namespace_is_a_missing_one(
    lake: iomete.Lakehouse, namespace: str, database: str, newcomer: Newcomer, statement: str
) -> None:
    def use(lake: iomete.Lakehouse, name: str) -> object:
        catalog, _, inside = name.partition(".")
        lake.spark.sql(f"USE {catalog}")
        return lake.spark.sql(statement.format(name if statement == "USE {}" else inside))

    name = newcomer()
    reader = lake.as_principal(name)
    for there in (namespace, database):
        hidden = said(reader, use, there)
        assert hidden == said(reader, use, f"{there.partition('.')[0]}.absent")
        assert "SCHEMA_NOT_FOUND" in hidden
        lake.policies.grant("select", on=there, to=name)
        use(reader, there)
    reader.spark.sql("USE spark_catalog.default")


@pytest.mark.parametrize("switch", ["enabled", "enabledTentatively", "dualRunWithLegacy"])
def test_sparks_other_analyser_is_refused(
    lake: iomete.Lakehouse, database: str, newcomer: Newcomer, switch: str
) -> None:
    table, who = f"{database}.t", newcomer()
    run(
        lake,
        f"CREATE TABLE {table} (id INT, wage STRING) USING parquet",
        f"INSERT INTO {table} VALUES (1, '{SECRET}')",
    )
    lake.policies.grant("select", on=table, columns=["id"], to=who)
    reader = lake.as_principal(who)
    key = f"spark.sql.analyzer.singlePassResolver.{switch}"
    with pytest.raises(PySparkException, match="IOMETE_ANALYSER_REFUSED"):
        reader.spark.sql(f"SET {key} = true")
    reader.spark.conf.set(key, "true")
    for query in (f"SELECT * FROM {table}", f"SELECT wage FROM {table}", "SELECT 1"):
        with pytest.raises(PySparkException, match="IOMETE_ANALYSER_REFUSED"):
            _ = reader.spark.sql(query).schema
    with pytest.raises(PySparkException, match="IOMETE_ANALYSER_REFUSED"):
        _ = reader.spark.table(table).schema
    reader.spark.conf.set(key, "false")
    assert rows(reader, f"SELECT * FROM {table}") == [(1,)]
