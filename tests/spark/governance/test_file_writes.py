"""Writes to tables of plain files, and to paths: by rights on the table, by grants on the path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql.functions import lit

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

Rows = list[tuple[object, ...]]

RAW = [(1, "111", "EU"), (2, "222", "US")]

FORMATS = ("parquet", "orc", "csv", "json", "delta")


@pytest.fixture
def table(lake: iomete.Lakehouse, session_namespace: str) -> str:
    name = f"{session_namespace}.files"
    lake.sql(f"CREATE TABLE {name} (id INT, ssn STRING, region STRING) USING parquet")
    lake.sql(f"INSERT INTO {name} VALUES {', '.join(str(row) for row in RAW)}")
    return name


@pytest.fixture
def rows(lake: iomete.Lakehouse, table: str) -> Callable[[], Rows]:
    def read() -> Rows:
        lake.sql(f"REFRESH TABLE {table}")  # sessions remember which files there are
        return [tuple(row) for row in lake.sql(f"SELECT * FROM {table} ORDER BY id").collect()]

    return read


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def loader(lake: iomete.Lakehouse, outbox: Path, newcomer: Newcomer) -> iomete.Lakehouse:
    """Somebody who may write below a folder, and read there."""
    name = newcomer()
    lake.policies.grant(["read", "write"], on_path=str(outbox), to=name)
    return lake.as_principal(name)


@pytest.mark.parametrize(
    ("actions", "statement", "expected"),
    [
        (["insert"], "INSERT INTO {t} VALUES (3, '333', 'EU')", [*RAW, (3, "333", "EU")]),
        (
            ["select", "insert", "delete"],
            "INSERT OVERWRITE {t} VALUES (3, '333', 'EU')",
            [(3, "333", "EU")],
        ),
        (["select", "delete"], "TRUNCATE TABLE {t}", []),
    ],
)
def test_rows_of_files_are_written_by_rights_on_the_table(
    lake: iomete.Lakehouse,
    table: str,
    rows: Callable[[], Rows],
    newcomer: Newcomer,
    actions: list[str],
    statement: str,
    expected: Rows,
) -> None:
    for missing in set(actions) - {"select"}:
        name = newcomer()
        others = {"select", "insert", "update", "delete", "alter"} - {missing}
        lake.policies.grant(list(others), on=table, to=name)
        with pytest.raises(QueryDeniedError) as caught:
            lake.as_principal(name).sql(statement.format(t=table))
        assert f"may not {missing}" in str(caught.value)
    assert rows() == RAW
    name = newcomer()
    lake.policies.grant(actions, on=table, to=name)
    lake.as_principal(name).sql(statement.format(t=table))
    assert rows() == expected


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OVERWRITE {t} VALUES (3, '333', 'EU')",
        "TRUNCATE TABLE {t}",
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} SET TBLPROPERTIES ('a' = 'b')",
        "ALTER TABLE {t} RENAME TO {t}_renamed",
        "CREATE OR REPLACE TABLE {t} USING parquet AS SELECT 1 AS id",
    ],
)
def test_who_sees_a_part_of_the_files_keeps_them_as_they_are(
    lake: iomete.Lakehouse,
    table: str,
    rows: Callable[[], Rows],
    newcomer: Newcomer,
    statement: str,
) -> None:
    name = newcomer()
    lake.policies.grant("all", on=table.rpartition(".")[0], to=name)
    lake.policies.mask(table, "ssn", "redact", to=name)
    with pytest.raises(QueryError):
        lake.as_principal(name).sql(statement.format(t=table))
    assert rows() == RAW


def test_tables_of_files_are_made_and_changed_by_rights(
    lake: iomete.Lakehouse, session_namespace: str, newcomer: Newcomer
) -> None:
    name, made = newcomer(), f"{session_namespace}.made"
    lake.policies.grant("all", on=session_namespace, to=name)
    owner = lake.as_principal(name)
    owner.sql("USE spark_catalog")
    for statement in (
        "CREATE TABLE {t} (id INT, label STRING) USING parquet",
        "INSERT INTO {t} VALUES (1, 'a')",
        "ALTER TABLE {t} ADD COLUMN extra INT",
        "ALTER TABLE {t} SET TBLPROPERTIES ('a' = 'b')",
        "ALTER TABLE {t} UNSET TBLPROPERTIES ('a')",
        "CREATE TABLE {t}_as USING parquet AS SELECT * FROM {t}",
        "ALTER TABLE {t} RENAME TO {t}_renamed",
        "DROP TABLE {t}_renamed",
    ):
        owner.sql(statement.format(t=made))
    frame = owner.sql("SELECT 1 AS id")
    frame.write.format("parquet").saveAsTable(f"{made}_saved")
    frame.write.format("parquet").mode("append").saveAsTable(f"{made}_saved")
    assert lake.table(f"{made}_saved").count() == 2
    frame.write.format("parquet").mode("overwrite").saveAsTable(f"{made}_saved")
    frame.write.insertInto(f"{made}_saved")
    lake.sql(f"REFRESH TABLE {made}_saved")  # each session remembers which files there are
    assert lake.table(f"{made}_saved").count() == 2
    stranger = lake.as_principal(newcomer())
    told = []
    for known in (f"{made}_saved", f"{made}_nothing"):
        with pytest.raises(AnalysisException) as caught:
            stranger.sql("SELECT 1 AS id").write.format("parquet").mode("append").saveAsTable(known)
        told.append(str(caught.value).replace("nothing", "saved"))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {t}_x (id INT) USING parquet LOCATION '{p}'",
        "CREATE TABLE {t}_x (id INT) USING delta LOCATION '{p}'",
        "CREATE TABLE {t}_x USING parquet LOCATION '{p}' AS SELECT 1 AS id",
        "CREATE TABLE {t}_x USING parquet OPTIONS (path '{p}') AS SELECT 1 AS id",
        "CREATE TABLE delta.`{p}` (id INT) USING delta",
        "ALTER TABLE {t} SET LOCATION '{p}'",
        "CREATE TABLE {t}_x USING jdbc OPTIONS (url 'jdbc:sqlite:{p}', dbtable 't')",
        "INSERT OVERWRITE DIRECTORY '{p}' USING parquet SELECT 1 AS id",
        "INSERT OVERWRITE LOCAL DIRECTORY '{p}' USING csv SELECT 1 AS id",
        "INSERT INTO delta.`{p}` VALUES (1)",
        "CONVERT TO DELTA parquet.`{p}`",
        "VACUUM '{p}' RETAIN 200 HOURS",
        "OPTIMIZE delta.`{p}`",
        "DESCRIBE DETAIL '{p}'",
    ],
)
def test_rights_on_tables_are_no_rights_on_paths(
    lake: iomete.Lakehouse,
    table: str,
    tmp_path: Path,
    newcomer: Newcomer,
    statement: str,
) -> None:
    name = newcomer()
    lake.policies.grant("all", on="spark_catalog", to=name)
    place = tmp_path / "place"
    writer = lake.as_principal(name)
    writer.sql("USE spark_catalog")
    with pytest.raises(QueryDeniedError):
        writer.sql(statement.format(t=table, p=place)).collect()
    assert not place.exists()


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("mode", ["error", "append", "overwrite"])
def test_a_path_is_written_by_its_grant(
    lake: iomete.Lakehouse, loader: iomete.Lakehouse, outbox: Path, format_: str, mode: str
) -> None:
    place = outbox / format_
    loader.sql("SELECT 1 AS id").write.format(format_).mode(mode).save(str(place))
    assert lake.spark.read.format(format_).load(str(place)).count() == 1
    elsewhere = outbox.parent / "elsewhere" / format_
    with pytest.raises(AnalysisException) as caught:
        loader.sql("SELECT 1 AS id").write.format(format_).mode(mode).save(str(elsewhere))
    assert caught.value.getCondition() == "IOMETE_ACCESS_DENIED.PATH"
    assert not elsewhere.exists()


def test_tables_by_their_path_need_the_path(loader: iomete.Lakehouse, outbox: Path) -> None:
    place = outbox / "table"
    loader.sql("SELECT 1 AS id, 'a' AS label").write.format("delta").save(str(place))
    by_path = DeltaTable.forPath(loader.spark, str(place))
    by_path.update("id = 1", {"label": lit("z")})
    source = loader.sql("SELECT 2 AS id, 'n' AS label")
    by_path.alias("t").merge(source.alias("s"), "t.id = s.id").whenNotMatchedInsertAll().execute()
    loader.sql("USE spark_catalog")
    for statement in (
        "INSERT INTO delta.`{p}` VALUES (3, 'c')",
        "UPDATE delta.`{p}` SET label = 'y' WHERE id = 3",
        "DELETE FROM delta.`{p}` WHERE id = 2",
        "OPTIMIZE delta.`{p}`",
        "VACUUM '{p}' RETAIN 200 HOURS",
        "DESCRIBE HISTORY delta.`{p}`",
        "DESCRIBE DETAIL '{p}'",
        "INSERT OVERWRITE DIRECTORY '{p}_dir' USING parquet SELECT 1 AS id",
    ):
        loader.sql(statement.format(p=place)).collect()
    found = loader.sql(f"SELECT * FROM delta.`{place}` ORDER BY id").collect()
    assert [tuple(row) for row in found] == [(1, "z"), (3, "y")]


def test_no_grant_on_a_path_reaches_the_lakehouse_or_a_table(
    lake: iomete.Lakehouse, session_namespace: str, newcomer: Newcomer, tmp_path: Path
) -> None:
    name, external = newcomer(), tmp_path / "external"
    lake.policies.grant(["read", "write"], on_path="/", to=name)
    lake.policies.grant("all", on=session_namespace, to=name)
    lake.sql(f"CREATE TABLE {session_namespace}.a (id INT) USING parquet LOCATION '{external}'")
    iceberg = tmp_path / "iceberg"
    lake.sql(
        f"CREATE TABLE {session_namespace.replace('spark_catalog', 'lake')}.b (id INT) "
        f"USING iceberg LOCATION '{iceberg}'"
    )
    link = tmp_path / "link"
    link.symlink_to(lake.folder / "warehouse")
    writer = lake.as_principal(name)
    for place in (
        lake.folder / "policies",
        lake.folder / "warehouse" / "spark_catalog" / "x",
        lake.folder / "new",
        lake.folder,
        lake.folder.parent,
        link / "x",
        external / "part=1",
        iceberg / "data",
    ):
        with pytest.raises(AnalysisException) as caught:
            writer.sql("SELECT 1 AS id").write.mode("overwrite").parquet(str(place))
        assert caught.value.getCondition() == "IOMETE_ACCESS_DENIED.PATH", place
        with pytest.raises(QueryDeniedError):
            writer.sql(f"CREATE TABLE {session_namespace}.x (id INT) USING csv LOCATION '{place}'")
    writer.sql("SELECT 1 AS id").write.parquet(str(tmp_path / "free"))


def test_no_grant_on_a_path_shows_the_lakehouse(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, tmp_path: Path
) -> None:
    name, free = newcomer(), tmp_path / "free"
    lake.policies.grant("read", on_path="/", to=name)
    lake.policies.grant("select", on=people, to=name)
    lake.policies.mask(people, "ssn", "redact", to=name)
    free.mkdir()
    (free / "notes.txt").write_text("open")
    (tmp_path / "link").symlink_to(lake.folder)
    spark = lake.as_principal(name).spark
    table = f"{lake.folder}/warehouse/{people.replace('.', '/')}"
    for read in (
        lambda: spark.read.text(f"{lake.folder}/policies/bundle.json"),
        lambda: spark.read.text(f"{lake.folder}/pol*/*.json"),
        lambda: spark.read.text([str(free), f"{tmp_path}/link/policies"]),
        lambda: spark.read.format("binaryFile").load(f"{lake.folder}/*.db"),
        lambda: spark.read.option("recursiveFileLookup", "true").text(str(lake.folder.parent)),
        lambda: spark.read.parquet(f"{table}/data"),
        lambda: spark.sql(f"SELECT * FROM parquet.`{table}/data`"),
        lambda: spark.sql(
            f"CREATE TEMPORARY VIEW stolen USING text OPTIONS (path '{lake.folder}/policies')"
        ),
        lambda: spark.read.format("iceberg").load(table),
        lambda: spark.readStream.text(f"{lake.folder}/spool"),
    ):
        with pytest.raises(AnalysisException) as caught:
            read()
        assert caught.value.getCondition() == "IOMETE_ACCESS_DENIED.PATH"
    assert spark.read.text(str(free)).first().value == "open"


def test_options_of_a_write_do_not_reach_the_file_system(
    loader: iomete.Lakehouse, outbox: Path
) -> None:
    with pytest.raises(AnalysisException):
        loader.sql("SELECT 1 AS id").write.option("fs.defaultFS", "file:///").parquet(str(outbox))
