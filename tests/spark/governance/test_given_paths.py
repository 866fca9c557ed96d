"""Who may read a folder reads what lies below it, whatever the files in it say or point to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import iomete
from spark.governance.conftest import Newcomer

SECRET = "CNRY-0001"
DENIED = "IOMETE_ACCESS_DENIED.PATH"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder that people upload to, past Spark."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def reader_name(lake: iomete.Lakehouse, inbox: Path, newcomer: Newcomer) -> str:
    name = newcomer()
    lake.policies.grant("read", on_path=str(inbox), to=name)
    return name


@pytest.fixture
def reader(lake: iomete.Lakehouse, reader_name: str) -> SparkSession:
    spark = lake.as_principal(reader_name).spark
    spark.sql("USE spark_catalog")  # where `delta` stands for tables by their path
    return spark


def refusal(act: Callable[[], object]) -> str | None:
    with pytest.raises(PySparkException) as caught:
        act()
    assert SECRET not in str(caught.value)
    return caught.value.getCondition()


def folder_of(lake: iomete.Lakehouse, table: str) -> Path:
    *_, schema, name = table.split(".")
    (folder,) = (lake.folder / "warehouse").rglob(f"{schema}*/{name}")
    return folder


@pytest.fixture
def hidden(lake: iomete.Lakehouse, session_namespace: str) -> Path:
    """The folder of a Delta table that nobody has granted."""
    table = f"{session_namespace}.hidden"
    lake.sql(f"CREATE TABLE {table} USING delta AS SELECT 1 AS id, '{SECRET}' AS x")
    return folder_of(lake, table)


def leading(table: Path, to: str) -> None:
    """Have the log of a Delta table say that its files are elsewhere."""
    (log,) = (table / "_delta_log").glob("*0.json")
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "add" in action:
            action["add"]["path"] = to
            action["add"].pop("stats", None)
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))
    for checksum in table.rglob("*.crc"):
        checksum.unlink()


@pytest.fixture
def crafted(inbox: Path, hidden: Path) -> Path:
    table = inbox / "crafted"
    shutil.copytree(hidden / "_delta_log", table / "_delta_log")
    leading(table, next(hidden.glob("*.parquet")).as_uri())
    return table


@pytest.mark.parametrize("way", ["absolute", "upwards", "encoded"])
def test_a_delta_table_by_its_path_is_made_of_files_below_it(
    lake: iomete.Lakehouse, reader: SparkSession, crafted: Path, hidden: Path, way: str
) -> None:
    file = next(hidden.glob("*.parquet"))
    up = "../" * len(crafted.parts) + str(file).lstrip("/")
    ways = {"absolute": file.as_uri(), "upwards": up, "encoded": up.replace("..", "%2e%2e")}
    leading(crafted, ways[way])
    assert lake.spark.read.format("delta").load(str(crafted)).collect()[0].x == SECRET
    frame = reader.read.format("delta").load(str(crafted))
    assert refusal(frame.collect) == DENIED
    assert refusal(lambda: reader.sql(f"SELECT x FROM delta.`{crafted}`").collect()) == DENIED
    assert refusal(lambda: DeltaTable.forPath(reader, str(crafted)).toDF().collect()) == DENIED
    written = f"SELECT * FROM delta.`{crafted}`"
    assert refusal(lambda: reader.sql(f"CACHE TABLE seen AS {written}")) == DENIED


def test_a_delta_table_that_changes_under_a_reader_leads_nowhere_else(
    lake: iomete.Lakehouse, reader: SparkSession, inbox: Path, hidden: Path
) -> None:
    table = inbox / "changed"
    lake.sql("SELECT 1 AS id, 'open' AS x").write.format("delta").save(str(table))
    frame = reader.read.format("delta").load(str(table))
    frame._jdf.queryExecution().normalized()
    lake.sql("SELECT 2 AS id, 'open' AS x").write.format("delta").mode("append").save(str(table))
    log = table / "_delta_log" / "00000000000000000001.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "add" in action:
            action["add"]["path"] = next(hidden.glob("*.parquet")).as_uri()
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))
    (table / "_delta_log" / ".00000000000000000001.json.crc").unlink(missing_ok=True)
    (table / "_delta_log" / "00000000000000000001.crc").unlink(missing_ok=True)
    assert [row.x for row in frame.collect()] == ["open"]
    assert refusal(reader.read.format("delta").load(str(table)).collect) == DENIED


def test_what_a_crafted_delta_table_leads_to_is_not_taken_over(
    lake: iomete.Lakehouse,
    session_namespace: str,
    inbox: Path,
    crafted: Path,
    hidden: Path,
    reader: SparkSession,
    reader_name: str,
) -> None:
    lake.policies.grant("all", on=session_namespace, to=reader_name)
    lake.policies.grant("write", on_path=str(inbox), to=reader_name)
    lake.policies.deny("select", on=f"{session_namespace}.hidden", to=reader_name)
    clone = f"CREATE TABLE {session_namespace}.mine SHALLOW CLONE delta.`{crafted}`"
    assert refusal(lambda: reader.sql(clone)) == DENIED
    there = f"CREATE TABLE {session_namespace}.mine USING delta LOCATION '{crafted}'"
    assert refusal(lambda: reader.sql(there)) == DENIED
    assert refusal(lambda: reader.sql(f"UPDATE delta.`{crafted}` SET id = 2")) == DENIED
    log = crafted / "_delta_log" / "00000000000000000001.json"  # two files, to be made one
    (file,) = hidden.glob("*.parquet")
    lines = (crafted / "_delta_log" / "00000000000000000000.json").read_text().splitlines()
    log.write_text(next(x for x in lines if '"add"' in x).replace(file.name, f"2{file.name}"))
    shutil.copy(file, file.with_name(f"2{file.name}"))
    with pytest.raises(Py4JJavaError, match=DENIED):  # from another thread of Delta's
        reader.sql(f"OPTIMIZE delta.`{crafted}`")


def test_a_shallow_clone_is_read_by_who_may_read_both_places(
    lake: iomete.Lakehouse, reader: SparkSession, reader_name: str, tmp_path: Path, inbox: Path
) -> None:
    source, clone = tmp_path / "source", inbox / "clone"
    lake.sql("SELECT 1 AS id, 'open' AS x").write.format("delta").save(str(source))
    admin = lake.as_principal(lake.principal).spark
    admin.sql("USE spark_catalog")
    admin.sql(f"CREATE TABLE delta.`{clone}` SHALLOW CLONE delta.`{source}`")
    read = reader.read.format("delta")
    assert refusal(read.load(str(clone)).collect) == DENIED
    lake.policies.grant("read", on_path=str(source), to=reader_name)
    assert read.load(str(clone)).collect()[0].x == "open"


def test_delta_tables_by_their_path_are_read_and_changed(
    lake: iomete.Lakehouse, reader: SparkSession, reader_name: str, inbox: Path, people: str
) -> None:
    lake.policies.grant("write", on_path=str(inbox), to=reader_name)
    table, copy = f"delta.`{inbox}/t`", f"delta.`{inbox}/copy`"
    reader.range(3).selectExpr("id", "'a' AS x").write.format("delta").save(f"{inbox}/t")
    reader.sql(f"UPDATE {table} SET x = 'b' WHERE id = 1")
    reader.sql(f"DELETE FROM {table} WHERE id = 2")
    reader.sql(f"INSERT INTO {table} SELECT id + 10, x FROM {table}")
    reader.sql(
        f"MERGE INTO {table} t USING (SELECT * FROM {table} WHERE id >= 10) s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET x = 'c'"
    )
    rows = [(row.id, row.x) for row in reader.sql(f"SELECT * FROM {table} ORDER BY id").collect()]
    assert rows == [(0, "a"), (1, "b"), (10, "c"), (11, "c")]
    assert reader.sql(f"SELECT count(*) AS n FROM {table}").collect()[0].n == 4
    assert reader.sql(f"SELECT * FROM {table} VERSION AS OF 0").count() == 3
    reader.table(table).write.format("delta").save(f"{inbox}/copy")
    assert reader.table(copy).count() == 4
    own = f"{people}_own"
    lake.policies.grant("all", on=own, to=reader_name, future=True)
    reader.sql(f"CREATE TABLE {own} AS SELECT * FROM {table}")
    reader.sql(f"INSERT INTO {own} SELECT * FROM {table}")
    assert reader.table(own).count() == 8


# --- streams


def test_a_delta_table_is_streamed_by_its_path(
    lake: iomete.Lakehouse, reader: SparkSession, inbox: Path, crafted: Path
) -> None:
    table = inbox / "t"
    lake.sql("SELECT 1 AS id, 'open' AS x").write.format("delta").save(str(table))

    def streamed(path: Path) -> list[str]:
        stream = reader.readStream.format("delta").load(str(path))
        name = f"seen_{path.name}"
        sink = stream.writeStream.format("memory").queryName(name)
        sink.trigger(availableNow=True).start().awaitTermination()
        return [row.x for row in reader.table(name).collect()]

    assert streamed(table) == ["open"]
    with pytest.raises(PySparkException, match="IOMETE_ACCESS_DENIED"):
        streamed(crafted)
    outside = inbox.parent / "outside"
    lake.sql("SELECT 1 AS id, 'open' AS x").write.format("delta").save(str(outside))
    assert refusal(lambda: reader.readStream.format("delta").load(str(outside))) == DENIED


# --- Iceberg


@pytest.fixture
def led(lake: iomete.Lakehouse, inbox: Path, namespace: str) -> Path:
    """Metadata of Iceberg below the inbox whose manifests are those of a hidden table."""
    table = f"{namespace}.hidden"
    lake.sql(f"CREATE TABLE {table} USING iceberg AS SELECT 1 AS id, '{SECRET}' AS x")
    loaded = lake.catalog.iceberg("lake").load_table(table.removeprefix("lake."))
    newest = Path(loaded.metadata_location.removeprefix("file:"))
    folder = inbox / "led" / "metadata"
    folder.mkdir(parents=True)
    (folder / "v1.metadata.json").write_text(newest.read_text())
    (folder / "version-hint.text").write_text("1")
    return folder.parent


def test_an_iceberg_table_by_its_path_is_made_of_files_below_it(
    lake: iomete.Lakehouse, reader: SparkSession, led: Path
) -> None:
    ways = [str(led), str(led / "metadata" / "v1.metadata.json"), f"{led}#files"]
    for way in ways:
        assert SECRET in str(lake.spark.read.format("iceberg").load(way).collect())
        assert refusal(lambda way=way: reader.read.format("iceberg").load(way).collect()) == DENIED


def test_iceberg_tables_by_their_path_are_read(
    lake: iomete.Lakehouse, reader: SparkSession, inbox: Path
) -> None:
    jvm = lake.spark._jvm
    tables = jvm.org.apache.iceberg.hadoop.HadoopTables(lake.spark._jsc.hadoopConfiguration())
    frame = lake.sql("SELECT 1 AS id, 'open' AS x")
    schema = jvm.org.apache.iceberg.spark.SparkSchemaUtil.convert(frame._jdf.schema())
    tables.create(schema, f"file:{inbox}/own")
    frame.write.format("iceberg").mode("append").save(f"file:{inbox}/own")
    for way in (f"file:{inbox}/own", f"file:{inbox}/own/metadata/v2.metadata.json"):
        assert reader.read.format("iceberg").load(way).collect()[0].x == "open"
    assert reader.read.format("iceberg").load(f"file:{inbox}/own#files").count() == 1


# --- files


def test_a_link_leads_nobody_out_of_what_is_granted(
    lake: iomete.Lakehouse, reader: SparkSession, inbox: Path, hidden: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "note.txt").write_text(SECRET)
    (inbox / "folder").symlink_to(outside)
    (inbox / "files").mkdir()
    (inbox / "files" / "note.txt").symlink_to(outside / "note.txt")
    (inbox / "rows").mkdir()
    (inbox / "rows" / "part.parquet").symlink_to(next(hidden.glob("*.parquet")))
    for path in ("folder", "folder/note.txt", "files", "files/note.txt"):
        assert refusal(lambda path=path: reader.read.text(f"{inbox}/{path}").collect()) == DENIED
    assert refusal(lambda: reader.read.parquet(f"{inbox}/rows")) == DENIED
    (inbox / "files" / "note.txt").unlink()
    (inbox / "files" / "own.txt").write_text("open")
    (inbox / "files" / "again.txt").symlink_to(inbox / "files" / "own.txt")
    assert {row.value for row in reader.read.text(f"{inbox}/files").collect()} == {"open"}


def test_a_link_leads_no_writer_out_of_what_is_granted(
    lake: iomete.Lakehouse, reader: SparkSession, reader_name: str, inbox: Path, tmp_path: Path
) -> None:
    lake.policies.grant("write", on_path=str(inbox), to=reader_name)
    (tmp_path / "outside").mkdir()
    (inbox / "folder").symlink_to(tmp_path / "outside")
    (inbox / "new").symlink_to(tmp_path / "new")
    for path in ("folder/rows", "new", "new/rows"):
        assert refusal(lambda path=path: reader.range(1).write.parquet(f"{inbox}/{path}")) == DENIED
    assert not (tmp_path / "new").exists()


def test_a_grant_on_a_link_is_one_on_where_it_leads(
    lake: iomete.Lakehouse, newcomer: Newcomer, inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(inbox)
    (inbox / "own.txt").write_text("open")
    name = newcomer()
    lake.policies.grant("read", on_path=f"{tmp_path}/link", to=name)
    reader = lake.as_principal(name).spark
    assert reader.read.text(f"{tmp_path}/link").collect()[0].value == "open"
    assert reader.read.text(f"{tmp_path}/link/own.txt").collect()[0].value == "open"


def test_the_log_of_a_stream_of_files_leads_nowhere_else(
    lake: iomete.Lakehouse, reader: SparkSession, inbox: Path, session_namespace: str
) -> None:
    table = f"{session_namespace}.parts"
    lake.sql(f"CREATE TABLE {table} (x STRING, p INT) USING parquet PARTITIONED BY (p)")
    lake.sql(f"INSERT INTO {table} VALUES ('{SECRET}', 1)")
    (file,) = folder_of(lake, table).rglob("*.parquet")
    log = inbox / "rows" / "_spark_metadata"
    log.mkdir(parents=True)
    entry = {
        "path": file.as_uri(),
        "size": file.stat().st_size,
        "isDir": False,
        "modificationTime": 1,
        "blockReplication": 1,
        "blockSize": 1,
        "action": "add",
    }
    (log / "0").write_text("v1\n" + json.dumps(entry))
    assert lake.spark.read.parquet(f"{inbox}/rows").collect()[0].x == SECRET
    assert refusal(lambda: reader.read.parquet(f"{inbox}/rows").collect()) == DENIED
