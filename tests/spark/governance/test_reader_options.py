"""Options that a reader gives choose neither what is read in a table's stead nor its columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

import iomete
from spark.governance.conftest import Newcomer

SECRET = "CNRY-0001"
REFUSED = "IOMETE_OPTION_REFUSED"
OF_HADOOP = "IOMETE_SETTING_REFUSED"


@pytest.fixture
def database(lake: iomete.Lakehouse, namespace: str) -> str:
    """A database of the session's catalog, for tables of files."""
    name = f"spark_catalog.{namespace.removeprefix('lake.')}"
    lake.sql(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def reader_name(newcomer: Newcomer) -> str:
    return newcomer()


@pytest.fixture
def reader(lake: iomete.Lakehouse, reader_name: str) -> SparkSession:
    return lake.as_principal(reader_name).spark


def made(lake: iomete.Lakehouse, table: str, kind: str, text: str) -> Path:
    """Make a table with one row, and return where its files are."""
    lake.sql(f"CREATE TABLE {table} (id INT, x STRING) USING {kind}")
    lake.sql(f"INSERT INTO {table} VALUES (1, '{text}')")
    _, schema, name = table.split(".")
    (folder,) = (lake.folder / "warehouse").rglob(f"{schema}*/{name}")
    return folder


def refusal(action: Callable[[], DataFrame]) -> str | None:
    with pytest.raises(PySparkException) as caught:
        action().collect()
    assert SECRET not in str(caught.value)
    return caught.value.getCondition()


@pytest.mark.parametrize("kind", ["parquet", "delta"])
@pytest.mark.parametrize("key", ["path", "PATH", "pAtH", "paths"])
def test_a_named_table_is_read_where_it_is(
    lake: iomete.Lakehouse,
    database: str,
    reader: SparkSession,
    reader_name: str,
    kind: str,
    key: str,
) -> None:
    shown, hidden = f"{database}.shown", f"{database}.hidden"
    made(lake, shown, kind, "open")
    folder = made(lake, hidden, kind, SECRET)
    lake.policies.grant("select", on=shown, to=reader_name)
    more = {f"option{n}": "1" for n in range(5)}  # more of them come in another order
    assert refusal(lambda: reader.read.options(**{key: str(folder)}).table(shown)) == REFUSED
    more[key] = str(folder)
    assert refusal(lambda: reader.read.options(**more).table(shown)) == REFUSED
    with_options = f"SELECT * FROM {shown} WITH (`{key}` = '{folder}')"
    assert refusal(lambda: reader.sql(with_options)) == REFUSED


def redirected(place: Path, to: Path) -> dict[str, str]:
    """Settings of Hadoop that make one folder stand for another."""
    return {
        "fs.file.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "fs.file.impl.disable.cache": "true",
        "fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        f"fs.viewfs.mounttable.default.link.{place}": f"file://{to}",
    }


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_reader_chooses_no_file_system_for_a_table(
    lake: iomete.Lakehouse, database: str, reader: SparkSession, reader_name: str, kind: str
) -> None:
    shown = f"{database}.shown"
    options = redirected(
        made(lake, shown, kind, "open"), made(lake, f"{database}.hidden", kind, SECRET)
    )
    lake.policies.grant("select", on=shown, to=reader_name)
    assert refusal(lambda: reader.read.options(**options).table(shown)) == OF_HADOOP
    assert reader.table(shown).collect()[0].x == "open"


def test_a_reader_chooses_no_file_system_for_a_path(
    lake: iomete.Lakehouse, database: str, reader: SparkSession, reader_name: str, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    lake.sql("SELECT 1 AS id, 'open' AS x").write.parquet(str(inbox))
    options = redirected(inbox, made(lake, f"{database}.hidden", "parquet", SECRET))
    lake.policies.grant("read", on_path=str(inbox), to=reader_name)
    assert refusal(lambda: reader.read.options(**options).parquet(str(inbox))) == OF_HADOOP
    given = ", ".join(f"`{key}` '{value}'" for key, value in options.items())
    view = f"CREATE TEMPORARY VIEW inbox USING parquet OPTIONS (path '{inbox}', {given})"
    assert refusal(lambda: reader.sql(view)) == OF_HADOOP
    reader.sql(f"CREATE TEMPORARY VIEW inbox USING parquet OPTIONS (path '{inbox}')")
    assert reader.table("inbox").collect()[0].x == "open"


def test_a_temporary_view_needs_the_path_before_its_files_are_looked_into(
    lake: iomete.Lakehouse, database: str, reader: SparkSession
) -> None:
    folder = made(lake, f"{database}.hidden", "csv", SECRET)
    view = f"CREATE TEMPORARY VIEW peek USING csv OPTIONS (path '{folder}', header 'true')"
    assert refusal(lambda: reader.sql(view)) == "IOMETE_ACCESS_DENIED.PATH"


# --- text is cut into columns by what the reader is told


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("csv", {"sep": "|"}),
        ("csv", {"lineSep": ","}),
        ("csv", {"mode": "FAILFAST", "sep": "|"}),
        ("csv", {"columnNameOfCorruptRecord": "x"}),
        ("json", {"lineSep": ":", "columnNameOfCorruptRecord": "x"}),
        ("json", {"multiLine": "true"}),
    ],
)
def test_options_move_no_hidden_text_into_a_visible_column(
    lake: iomete.Lakehouse,
    database: str,
    reader: SparkSession,
    reader_name: str,
    kind: str,
    options: dict[str, str],
) -> None:
    table = f"{database}.texts"
    lake.sql(f"CREATE TABLE {table} (x STRING, hidden STRING) USING {kind}")
    lake.sql(f"INSERT INTO {table} VALUES ('open', '{SECRET}')")
    lake.policies.grant("select", on=table, columns=["x"], to=reader_name)
    assert [tuple(row) for row in reader.table(table).collect()] == [("open",)]
    assert refusal(lambda: reader.read.options(**options).table(table)) == REFUSED


def test_lines_that_cannot_be_read_show_in_no_column(
    lake: iomete.Lakehouse, database: str, reader: SparkSession, reader_name: str
) -> None:
    table = f"{database}.texts"
    lake.sql(f"CREATE TABLE {table} (x STRING, hidden STRING, n INT) USING csv")
    lake.sql(f"CREATE TABLE {database}.lines (x STRING, hidden STRING, n STRING) USING csv")
    lake.sql(f"INSERT INTO {database}.lines VALUES ('open', '{SECRET}', 'no number')")
    (here,) = (lake.folder / "warehouse").rglob(f"{database.split('.')[1]}*/lines/part-*")
    (there,) = (lake.folder / "warehouse").rglob(f"{database.split('.')[1]}*/texts")
    here.rename(there / here.name)
    lake.policies.grant("select", on=table, columns=["x", "n"], to=reader_name)
    lake.sql(f"REFRESH TABLE {table}")
    assert reader.table(table).collect()[0].n is None
    reader.conf.set("spark.sql.columnNameOfCorruptRecord", "x")
    assert refusal(lambda: reader.table(table)) == REFUSED


def test_a_setting_after_planning_moves_no_line_into_a_visible_column(
    lake: iomete.Lakehouse, database: str, reader: SparkSession, reader_name: str
) -> None:
    table = f"{database}.texts"
    lake.sql(f"CREATE TABLE {table} (x STRING, hidden STRING, n INT) USING csv")
    lake.sql(f"CREATE TABLE {database}.lines (x STRING, hidden STRING, n STRING) USING csv")
    lake.sql(f"INSERT INTO {database}.lines VALUES ('open', '{SECRET}', 'no number')")
    (here,) = (lake.folder / "warehouse").rglob(f"{database.split('.')[1]}*/lines/part-*")
    (there,) = (lake.folder / "warehouse").rglob(f"{database.split('.')[1]}*/texts")
    here.rename(there / here.name)
    lake.sql(f"REFRESH TABLE {table}")
    lake.policies.grant("select", on=table, columns=["x", "n"], to=reader_name)
    planned, cached = reader.table(table), reader.table(table).cache()
    for frame in (planned, cached):
        frame._jdf.queryExecution().executedPlan()
    reader.conf.set("spark.sql.columnNameOfCorruptRecord", "x")
    for frame in (planned, cached):  # both are served from the cache, once it is filled
        assert refusal(lambda frame=frame: frame) == "IOMETE_SETTING_CHANGES_CACHE"
    reader.conf.unset("spark.sql.columnNameOfCorruptRecord")
    for frame in (planned, cached):
        assert [tuple(row) for row in frame.collect()] == [("open", None)]
    cached.unpersist()


def test_options_that_choose_nothing_else_are_taken(
    lake: iomete.Lakehouse, database: str, people: str, reader: SparkSession, reader_name: str
) -> None:
    delta, texts = f"{database}.versions", f"{database}.texts"
    made(lake, delta, "delta", "open")
    made(lake, texts, "csv", "open")
    for table in (delta, texts, people):
        lake.policies.grant("select", on=table, to=reader_name)
    lake.policies.mask(people, "ssn", "redact", to=reader_name)
    assert reader.read.option("versionAsOf", "1").table(delta).count() == 1
    cut = reader.read.option("sep", "|").table(texts)
    assert cut.collect()[0].x is None  # all of it is theirs to see
    reader.conf.set("spark.sql.columnNameOfCorruptRecord", "x")
    assert reader.table(texts).count() == 1
    options = {"split-size": "1", "vectorization-enabled": "false", "branch": "main"}
    assert reader.read.options(**options).table(people).count() == 3
    assert reader.read.format("iceberg").options(**options).load(people).count() == 3
