"""Options and properties that a table keeps reach Hadoop and its classes: nobody chooses those."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import iomete
from spark.governance.conftest import Newcomer

SECRET = "CNRY-0001"
OPTION = "IOMETE_OPTION_REFUSED"
REFUSED = {OPTION, "IOMETE_COMMAND_REFUSED", "IOMETE_SETTING_REFUSED"}


@pytest.fixture
def maker_name(newcomer: Newcomer) -> str:
    return newcomer()


@pytest.fixture
def maker(lake: iomete.Lakehouse, maker_name: str) -> SparkSession:
    return lake.as_principal(maker_name).spark


@pytest.fixture
def own(lake: iomete.Lakehouse, session_namespace: str, maker_name: str) -> str:
    """A namespace of the session catalog that belongs to the maker."""
    name = f"{session_namespace}_own"
    lake.sql(f"CREATE NAMESPACE {name}")
    lake.policies.grant("all", on=name, to=maker_name)
    return name


@pytest.fixture
def own_iceberg(lake: iomete.Lakehouse, namespace: str, maker_name: str) -> str:
    name = f"{namespace}_own"
    lake.sql(f"CREATE NAMESPACE {name}")
    lake.policies.grant("all", on=name, to=maker_name)
    return name


@pytest.fixture
def secret(lake: iomete.Lakehouse, session_namespace: str) -> Path:
    """The folder of a table on which nothing is granted."""
    lake.sql(f"CREATE TABLE {session_namespace}.secret (id INT, x STRING) USING parquet")
    lake.sql(f"INSERT INTO {session_namespace}.secret VALUES (1, '{SECRET}')")
    schema = session_namespace.split(".")[1]
    return folder_of(lake, f"spark_catalog.{schema}.secret")


def folder_of(lake: iomete.Lakehouse, table: str) -> Path:
    _, schema, name = table.split(".")
    (folder,) = (lake.folder / "warehouse").rglob(f"{schema}.db/{name}")
    return folder


def redirected(place: Path, to: Path) -> dict[str, str]:
    """Settings of Hadoop that make one folder stand for another."""
    return {
        "fs.file.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "fs.file.impl.disable.cache": "true",
        "fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        "fs.zz.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        f"fs.viewfs.mounttable.default.link.{place}": f"zz:{to}",
    }


def place_of(secret: Path, own: str, name: str) -> Path:
    return secret.parent.parent / f"{own.split('.')[1]}.db" / name


def listed(options: dict[str, str]) -> str:
    return ", ".join(f"'{key}' = '{value}'" for key, value in options.items())


def refusal(action: Callable[[], Any]) -> str | None:
    with pytest.raises(PySparkException) as caught:
        action()
    assert SECRET not in str(caught.value)
    return caught.value.getCondition()


def write_to(spark: SparkSession, table: str, properties: dict[str, str]) -> None:
    writer = spark.sql("SELECT 1 AS id, '' AS x").writeTo(table).using("parquet")
    for key, value in properties.items():
        writer = writer.tableProperty(key, value)
    writer.create()


ROADS: dict[str, Callable[[SparkSession, str, dict[str, str]], Any]] = {
    "create": lambda s, t, o: s.sql(
        f"CREATE TABLE {t} (id INT, x STRING) USING parquet OPTIONS ({listed(o)})"
    ),
    "create text": lambda s, t, o: s.sql(
        f"CREATE TABLE {t} (value STRING) USING text OPTIONS ({listed(o)})"
    ),
    "create delta": lambda s, t, o: s.sql(
        f"CREATE TABLE {t} (id INT, x STRING) USING delta OPTIONS ({listed(o)})"
    ),
    "create as": lambda s, t, o: s.sql(
        f"CREATE TABLE {t} USING parquet OPTIONS ({listed(o)}) AS SELECT 1 AS id, '' AS x"
    ),
    "replace": lambda s, t, o: s.sql(
        f"CREATE OR REPLACE TABLE {t} USING delta OPTIONS ({listed(o)}) AS SELECT 1 AS id"
    ),
    "properties": lambda s, t, o: s.sql(
        f"CREATE TABLE {t} (id INT, x STRING) USING parquet "
        f"TBLPROPERTIES ({listed({f'option.{k}': v for k, v in o.items()})})"
    ),
    "createTable": lambda s, t, o: s.catalog.createTable(
        t, source="parquet", schema=s.sql("SELECT 1 AS id, '' AS x").schema, **o
    ),
    "saveAsTable": lambda s, t, o: (
        s.sql("SELECT 1 AS id").write.format("parquet").options(**o).saveAsTable(t.split(".", 1)[1])
    ),
    "saveAsTable delta": lambda s, t, o: (
        s.sql("SELECT 1 AS id").write.format("delta").options(**o).saveAsTable(t)
    ),
    "writeTo": lambda s, t, o: write_to(s, t, {f"option.{k}": v for k, v in o.items()}),
}


@pytest.mark.parametrize("road", ROADS)
def test_no_road_stores_a_file_system(
    lake: iomete.Lakehouse, own: str, maker: SparkSession, secret: Path, road: str
) -> None:
    options = redirected(place_of(secret, own, "r"), secret)
    assert refusal(lambda: ROADS[road](maker, f"{own}.r", options)) in REFUSED
    assert not lake.spark.catalog.tableExists(f"{own}.r")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mapreduce.output.basename", "../../../evil"),
        ("parquet.crypto.factory.class", "no.such.Cls"),
        ("spark.sql.parquet.output.committer.class", "no.such.Cls"),
        ("some.other.key", "x"),
        ("avroSchemaUrl", "/etc/passwd"),
        ("compression", "no.such.Cls"),
    ],
)
@pytest.mark.parametrize("road", ["create", "create as", "createTable", "properties"])
def test_no_road_stores_what_writers_go_by(
    lake: iomete.Lakehouse, own: str, maker: SparkSession, road: str, key: str, value: str
) -> None:
    assert refusal(lambda: ROADS[road](maker, f"{own}.r", {key: value})) in REFUSED
    assert not lake.spark.catalog.tableExists(f"{own}.r")


@pytest.mark.parametrize("key", ["mapreduce.output.basename", "some.other.key"])
def test_a_write_takes_no_settings_of_hadoop(
    lake: iomete.Lakehouse, maker: SparkSession, maker_name: str, tmp_path: Path, key: str
) -> None:
    lake.policies.grant(["read", "write"], on_path=str(tmp_path), to=maker_name)
    writer = maker.sql("SELECT 1 AS id").write.option(key, "x").mode("overwrite")
    assert refusal(lambda: writer.parquet(str(tmp_path / "out"))) in REFUSED
    given = f"USING parquet OPTIONS ('{key}' = 'x')"
    directory = f"INSERT OVERWRITE DIRECTORY '{tmp_path}/out' {given} SELECT 1"
    assert refusal(lambda: maker.sql(directory)) in REFUSED


def test_options_of_formats_are_stored(own: str, maker: SparkSession) -> None:
    maker.sql(
        f"CREATE TABLE {own}.c (id INT, x STRING) USING csv "
        "OPTIONS (header 'true', delimiter '|', nullValue 'none', compression 'gzip')"
    )
    maker.sql(f"INSERT INTO {own}.c VALUES (1, 'a')")
    assert [tuple(row) for row in maker.table(f"{own}.c").collect()] == [(1, "a")]
    maker.sql(
        f"CREATE TABLE {own}.p (id INT) USING parquet OPTIONS (mergeSchema 'true', "
        "'parquet.bloom.filter.enabled#id' 'true')"
    )
    maker.sql(f"INSERT INTO {own}.p VALUES (1)")
    assert maker.table(f"{own}.p").count() == 1
    frame = maker.sql("SELECT 1 AS id")
    frame.write.format("delta").option("overwriteSchema", "true").mode("overwrite").saveAsTable(
        f"{own}.d"
    )
    assert maker.table(f"{own}.d").count() == 1


# --- tables that are there already


@pytest.fixture
def found(lake: iomete.Lakehouse, own: str, maker_name: str, secret: Path) -> str:
    """A table of the maker's, as one could be made before such options were refused."""
    table, options = f"{own}.r", redirected(place_of(secret, own, "r"), secret)
    lake.sql(f"CREATE TABLE {table} (id INT, x STRING) USING parquet OPTIONS ({listed(options)})")
    jvm: Any = lake.spark._jvm
    catalog = lake.spark._jsparkSession.sessionState().catalog()  # type: ignore[attr-defined]
    schema, name = table.split(".")[1:]
    named = jvm.org.apache.spark.sql.catalyst.TableIdentifier(name, jvm.scala.Option.apply(schema))
    stored = catalog.getTableMetadata(named)
    values = [getattr(stored, f"copy$default${n}")() for n in range(1, stored.productArity() + 1)]
    names = [stored.productElementName(n) for n in range(stored.productArity())]
    values[names.index("owner")] = maker_name
    catalog.alterTable(stored.copy(*values))
    return table


def test_a_table_that_is_there_is_judged_when_it_is_used(
    lake: iomete.Lakehouse, own: str, maker: SparkSession, found: str
) -> None:
    assert refusal(lambda: maker.sql(f"SELECT * FROM {found}").collect()) == OPTION
    assert refusal(lambda: maker.sql(f"INSERT INTO {found} VALUES (2, 'evil')")) in REFUSED
    assert refusal(lambda: maker.sql(f"CREATE TABLE {own}.c AS SELECT * FROM {found}")) == OPTION
    maker.sql(f"USE {own}")
    schema = own.split(".")[1]
    like = f"CREATE TABLE {schema}.copied LIKE {schema}.r"
    assert refusal(lambda: maker.sql(like)) == OPTION
    maker.sql(f"DROP TABLE {found}")


def test_a_table_of_an_admin_is_read_with_its_options(
    lake: iomete.Lakehouse, own: str, maker: SparkSession
) -> None:
    table = f"{own}.a"
    lake.sql(f"CREATE TABLE {table} (id INT) USING parquet OPTIONS ('fs.some.key' = 'x')")
    lake.sql(f"INSERT INTO {table} VALUES (1)")
    assert maker.table(table).count() == 1
    maker.sql(f"INSERT INTO {table} VALUES (2)")
    assert maker.table(table).count() == 2
    maker.sql(f"USE {own}")  # a copy would be the maker's own
    schema = own.split(".")[1]
    like = f"CREATE TABLE {schema}.copied LIKE {schema}.a"
    assert refusal(lambda: maker.sql(like)) == OPTION


# --- properties


PROPERTIES = [
    ("write.location-provider.impl", "no.such.Cls"),
    ("io-impl", "no.such.Cls"),
    ("anything.impl", "no.such.Cls"),
    ("encryption.key-id", "x"),
    ("parquet.crypto.factory.class", "no.such.Cls"),
    ("fs.file.impl", "no.such.Cls"),
    ("option.write.location-provider.impl", "no.such.Cls"),
    ("write.data.path", "zz:/somewhere"),
    ("write.object-storage.path", "zz:/somewhere"),
    ("write.folder-storage.path", "zz:/somewhere"),
    ("write.metadata.path", "zz:/somewhere"),
    ("any", "zz:/somewhere"),
]


@pytest.mark.parametrize(("key", "value"), PROPERTIES)
def test_properties_of_iceberg_name_no_class_and_no_place(
    own_iceberg: str, maker: SparkSession, key: str, value: str
) -> None:
    table, given = f"{own_iceberg}.t", f"('{key}' = '{value}')"
    refused = {*REFUSED, "IOMETE_ACCESS_DENIED.PATH"}
    for statement in (
        f"CREATE TABLE {table} (id INT) USING iceberg TBLPROPERTIES {given}",
        f"CREATE TABLE {table} (id INT) USING iceberg OPTIONS {given}",
        f"CREATE TABLE {table} USING iceberg TBLPROPERTIES {given} AS SELECT 1 AS id",
        f"CREATE OR REPLACE TABLE {table} USING iceberg TBLPROPERTIES {given} AS SELECT 1 AS id",
    ):
        assert refusal(lambda s=statement: maker.sql(s)) in refused  # type: ignore[misc]
    maker.sql(f"CREATE TABLE {table} (id INT) USING iceberg")
    alter = f"ALTER TABLE {table} SET TBLPROPERTIES {given}"
    assert refusal(lambda: maker.sql(alter)) in refused


def test_other_properties_are_set(own_iceberg: str, own: str, maker: SparkSession) -> None:
    maker.sql(
        f"CREATE TABLE {own_iceberg}.t (id INT) USING iceberg TBLPROPERTIES "
        "('write.format.default' = 'parquet', 'write.parquet.compression-codec' = 'zstd')"
    )
    maker.sql(f"ALTER TABLE {own_iceberg}.t SET TBLPROPERTIES ('team' = 'a: b')")
    maker.sql(f"INSERT INTO {own_iceberg}.t VALUES (1)")
    maker.sql(
        f"CREATE TABLE {own}.d (id INT) USING delta "
        "TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"
    )
    maker.sql(f"INSERT INTO {own}.d VALUES (1)")
    assert maker.table(f"{own}.d").count() == 1


@pytest.mark.parametrize(
    "key",
    [
        "delta.coordinatedCommits.commitCoordinator-preview",
        "delta.coordinatedCommits.tableConf-preview",
        "delta.managedCommitOwner",
        "delta.managedCommits.x",
    ],
)
def test_nobody_else_commits_for_a_delta_table(own: str, maker: SparkSession, key: str) -> None:
    table, given = f"{own}.d", f"('{key}' = 'x')"
    for words in ("TBLPROPERTIES", "OPTIONS"):
        create = f"CREATE TABLE {table} (id INT) USING delta {words} {given}"
        assert refusal(lambda s=create: maker.sql(s)) in REFUSED  # type: ignore[misc]
    maker.sql(f"CREATE TABLE {table} (id INT) USING delta")
    alter = f"ALTER TABLE {table} SET TBLPROPERTIES {given}"
    assert refusal(lambda: maker.sql(alter)) in REFUSED
    if key.endswith("Coordinator-preview"):  # of others Delta looks at the value before
        clone = f"CREATE TABLE {own}.e SHALLOW CLONE {table} TBLPROPERTIES {given}"
        assert refusal(lambda: maker.sql(clone)) in REFUSED
