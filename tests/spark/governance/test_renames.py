"""Policies, tags and owners stay with what they are on, whatever it is called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from pyiceberg.table import Table
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import IometeError
from iomete.governance.tables import known_tables
from spark.governance.conftest import Newcomer

SSNS = {"111-11-1111", "222-22-2222", "333-33-3333"}
NOTICED_SECONDS = 20.0  # generous: it takes a second where nothing else runs


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + NOTICED_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rows(reader: iomete.Lakehouse, table: str) -> list[dict[str, object]]:
    """All rows, whatever happens to policies between the DataFrame and its execution."""
    while True:
        try:
            found = reader.table(table).orderBy("id").collect()
        except AnalysisException as error:
            if error.getCondition() != "IOMETE_POLICIES_CHANGED":
                raise
        else:
            return [row.asDict(recursive=True) for row in found]


def in_pyiceberg(lake: iomete.Lakehouse, table: str) -> Table:
    """The table as PyIceberg has it, for what another program does to it."""
    _, namespace, name = table.split(".")
    return lake.catalog.iceberg("lake").load_table((namespace, name))


@pytest.fixture
def asker(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> str:
    """Who may read all of the namespace, with a mask and a filter on `people`."""
    name = newcomer()
    lake.policies.grant("select", on=people.rsplit(".", 1)[0], to=name)
    lake.policies.mask(people, "ssn", "nullify", to=name)
    lake.policies.filter_rows(people, "region = 'EU'", to=name)
    return name


def met(lake: iomete.Lakehouse, people: str, asker: str) -> iomete.Lakehouse:
    """The asker's lakehouse, once the store knows the table that they have read."""
    reader = lake.as_principal(asker)
    rows(reader, people)
    eventually(lambda: is_known(lake, people))
    return reader


@contextmanager
def watched(reader: iomete.Lakehouse, *statements: str) -> Iterator[list[object]]:
    """Reads over and over, meanwhile, and gives what was read."""
    seen: list[object] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            for statement in statements:
                try:
                    seen.extend(value for row in reader.sql(statement).collect() for value in row)
                except (IometeError, AnalysisException):
                    continue

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def test_a_renamed_table_keeps_masks_filters_tags_and_owner(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    renamed = f"{people}_2"
    lake.tags.define(f"T.{asker}")
    lake.tags.attach(f"T.{asker}", f"{people}.name")
    lake.policies.mask_tag(f"T.{asker}", "redact", to=asker)
    lake.catalog.set_owner(people, asker)
    reader = lake.as_principal(asker)
    before = rows(reader, people)
    lake.sql(f"ALTER TABLE {people} RENAME TO {renamed}")
    assert rows(reader, renamed) == before
    assert {row["ssn"] for row in before} == {None}
    assert {policy.kind for policy in lake.policies.list(resource=renamed)} >= {"mask", "filter"}
    assert lake.tags.of(f"{renamed}.name") == [f"T.{asker}"]
    assert lake.tags.of(f"{people}.name") == []
    assert (lake.catalog.owner_of(renamed), lake.catalog.owner_of(people)) == (asker, None)


def test_a_move_is_a_version_of_the_policy(lake: iomete.Lakehouse, people: str, asker: str) -> None:
    (mask,) = lake.policies.list(resource=people, kind="mask")
    lake.sql(f"ALTER TABLE {people} RENAME TO {people}_2")
    last = lake.policies.history(mask.id)[-1]
    assert (last.change, last.author, last.version) == ("moved", lake.principal, 2)


def test_who_could_read_a_table_reads_it_under_its_new_name(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name"], to=name)
    lake.sql(f"ALTER TABLE {people} RENAME TO {people}_2")
    reader = lake.as_principal(name)
    assert reader.table(f"{people}_2").columns == ["id", "name"]
    assert not reader.catalog.table_exists(people)


def test_a_table_of_the_old_name_is_another_one(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    lake.sql(f"ALTER TABLE {people} RENAME TO {people}_2")
    lake.sql(f"CREATE TABLE {people} AS SELECT 1 AS id, 'open' AS ssn, 'US' AS region")
    reader = lake.as_principal(asker)
    assert rows(reader, people) == [{"id": 1, "ssn": "open", "region": "US"}]
    assert {row["ssn"] for row in rows(reader, f"{people}_2")} == {None}


def test_two_tables_that_change_names_change_policies(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    other = people.replace("people", "other")
    lake.sql(f"CREATE TABLE {other} AS SELECT 1 AS id, 'open' AS ssn, 'US' AS region")
    for old, new in ((people, f"{people}_t"), (other, people), (f"{people}_t", other)):
        lake.sql(f"ALTER TABLE {old} RENAME TO {new}")
    reader = lake.as_principal(asker)
    assert rows(reader, people) == [{"id": 1, "ssn": "open", "region": "US"}]
    assert [(row["id"], row["ssn"]) for row in rows(reader, other)] == [(1, None), (2, None)]


def test_renamed_columns_and_fields_keep_masks_denials_and_filters(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    lake.policies.deny("select", on=people, columns="name", to=asker)
    lake.policies.mask(people, "home.zip", "nullify", to=asker)
    lake.policies.mask(people, "score", "custom", expression="length(region) * 0", to=asker)
    for old, new in (
        ("ssn", "open"),
        ("name", "label"),
        ("region", "area"),
        ("home.zip", "code"),
        ("home", "house"),
    ):
        lake.sql(f"ALTER TABLE {people} RENAME COLUMN {old} TO {new}")
    reader = lake.as_principal(asker)
    assert rows(reader, people) == [
        {"id": 1, "open": None, "area": "EU", "house": {"city": "Rome", "code": None}, "score": 0},
        {"id": 2, "open": None, "area": "EU", "house": {"city": "Bonn", "code": None}, "score": 0},
    ]
    expressions = [str(p.document) for p in lake.policies.list(resource=people)]
    assert any("area = 'EU'" in text for text in expressions)


def test_a_column_that_takes_the_old_name_is_another_one(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO open")
    lake.sql(f"ALTER TABLE {people} ADD COLUMN ssn STRING")
    reader = lake.as_principal(asker)
    assert {row["open"] for row in rows(reader, people)} == {None}


def test_policies_that_a_pattern_or_a_namespace_brought_stay_with_the_table(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    elsewhere = f"{namespace}_open"
    lake.catalog.create_namespace(elsewhere)
    lake.policies.grant("select", on=elsewhere, to=name)
    lake.policies.mask(f"{namespace}.*", "ssn", "nullify", to=name)
    lake.policies.filter_rows(f"{namespace}.peo*", "region = 'EU'", to=name)
    lake.sql(f"ALTER TABLE {people} RENAME TO {elsewhere}.persons")
    seen = rows(lake.as_principal(name), f"{elsewhere}.persons")
    assert [(row["id"], row["ssn"]) for row in seen] == [(1, None), (2, None)]


def test_a_pattern_of_tables_with_a_column_follows_the_column(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=namespace, to=name)
    lake.policies.mask(f"{namespace}.*", "ssn", "nullify", to=name)
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO open")
    assert {row["open"] for row in rows(lake.as_principal(name), people)} == {None}


def test_what_a_grant_left_out_stays_hidden_by_its_new_name(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    one, other = newcomer(), newcomer()
    lake.policies.grant("select", on=f"{namespace}.*", except_columns=["ssn"], to=one)
    lake.policies.grant("select", on=people, except_columns=["ssn"], to=other)
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO open")
    for name in (one, other):
        columns = lake.as_principal(name).table(people).columns
        assert "open" not in columns
        assert "name" in columns


def test_twenty_renames_never_show_a_value_that_is_masked(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    reader = lake.as_principal(asker)
    names = [people, f"{people}_2"]
    statements = [f"SELECT ssn FROM {name}" for name in names]
    with watched(reader, *statements) as seen:
        for number in range(20):
            old, new = names[number % 2], names[1 - number % 2]
            lake.sql(f"ALTER TABLE {old} RENAME TO {new}")
    assert seen
    assert not SSNS & set(seen)


def test_renames_of_columns_never_show_a_value_that_is_masked(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    reader = lake.as_principal(asker)
    with watched(reader, f"SELECT * EXCEPT (id) FROM {people}") as seen:
        for number in range(10):
            old, new = ("ssn", "open") if number % 2 == 0 else ("open", "ssn")
            lake.sql(f"ALTER TABLE {people} RENAME COLUMN {old} TO {new}")
    assert seen
    assert not SSNS & {value for value in seen if isinstance(value, str)}


def test_policies_that_change_meanwhile_hold_under_the_new_name(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=namespace, to=name)
    mask = lake.policies.mask(people, "ssn", "nullify", to=name)
    reader = lake.as_principal(name)
    names = [people, f"{people}_2"]
    with watched(reader, *[f"SELECT ssn FROM {each}" for each in names]) as seen:
        for number in range(6):
            lake.sql(f"ALTER TABLE {names[number % 2]} RENAME TO {names[1 - number % 2]}")
            lake.policies.update(mask.id, description=f"change {number}")
    assert seen
    assert not SSNS & set(seen)


def test_a_rename_by_another_program_keeps_the_mask_at_once_and_moves_it_soon(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    _, namespace, name = people.split(".")
    reader = lake.as_principal(asker)
    before = rows(reader, people)
    eventually(lambda: is_known(lake, people))
    lake.catalog.iceberg("lake").rename_table((namespace, name), (namespace, f"{name}_2"))
    assert rows(reader, f"{people}_2") == before
    eventually(lambda: len(lake.policies.list(resource=f"{people}_2", kind="mask")) == 1)
    assert rows(reader, f"{people}_2") == before
    assert not lake.policies.list(resource=people, kind="mask")


def test_columns_renamed_by_another_program_keep_their_masks_at_once(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    reader = met(lake, people, asker)
    with in_pyiceberg(lake, people).update_schema() as update:
        update.rename_column("ssn", "open")
        update.rename_column("region", "area")
    assert [(r["id"], r["open"]) for r in rows(reader, people)] == [(1, None), (2, None)]
    eventually(
        lambda: "area = 'EU'" in str(lake.policies.list(resource=people, kind="filter")[0].document)
    )
    assert [(r["id"], r["open"]) for r in rows(reader, people)] == [(1, None), (2, None)]


def test_columns_that_another_program_swaps_swap_their_masks(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    reader = met(lake, people, asker)
    with in_pyiceberg(lake, people).update_schema() as update:
        update.rename_column("ssn", "between")
    with in_pyiceberg(lake, people).update_schema() as update:
        update.rename_column("name", "ssn")
        update.rename_column("between", "name")
    assert not SSNS & {row["name"] for row in rows(reader, people)}
    eventually(lambda: lake.policies.list(resource=f"{people}.name", kind="mask") != [])
    assert {row["name"] for row in rows(reader, people)} == {None}


def test_who_may_read_a_table_finds_it_after_another_program_renamed_it(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    eventually(lambda: is_known(lake, people))
    _, namespace, table = people.split(".")
    lake.catalog.iceberg("lake").rename_table((namespace, table), (namespace, f"{table}_2"))
    reader = lake.as_principal(name)

    def is_readable() -> bool:
        try:
            return reader.table(f"{people}_2").count() == 3
        except IometeError:
            return False

    eventually(is_readable)


def test_an_expression_that_cannot_follow_keeps_the_table_protected(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=namespace, to=name)
    lake.policies.filter_rows(
        people, f"region IN (SELECT region FROM {people} WHERE id = 1)", to=name
    )
    lake.policies.mask(people, "ssn", "nullify", to=name)
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO open")
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN region TO area")
    try:
        seen = rows(lake.as_principal(name), people)
    except (IometeError, AnalysisException):
        return
    assert {row["open"] for row in seen} == {None}
    assert len(seen) == 2


@pytest.mark.parametrize("mapping", [False, True])
def test_delta_tables_and_columns_keep_their_policies(
    lake: iomete.Lakehouse, newcomer: Newcomer, namespace: str, *, mapping: bool
) -> None:
    name = newcomer()
    database = f"spark_catalog.{namespace.split('.')[1]}"
    table = f"{database}.t"
    lake.sql(f"CREATE DATABASE {database}")
    properties = "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')" if mapping else ""
    lake.sql(f"CREATE TABLE {table} (id INT, ssn STRING) USING delta {properties}")
    lake.sql(f"INSERT INTO {table} VALUES (1, '111-11-1111')")
    lake.policies.grant("select", on=database, to=name)
    lake.policies.mask(table, "ssn", "nullify", to=name)
    reader = lake.as_principal(name)
    lake.sql(f"ALTER TABLE {table} RENAME TO {database}.u")
    assert rows(reader, f"{database}.u") == [{"id": 1, "ssn": None}]
    assert lake.policies.list(resource=f"{database}.u", kind="mask")
    if mapping:
        lake.sql(f"ALTER TABLE {database}.u RENAME COLUMN ssn TO open")
        assert rows(reader, f"{database}.u") == [{"id": 1, "open": None}]
        old = reader.sql(f"SELECT * FROM {database}.u VERSION AS OF 1").collect()
        assert [row[1] for row in old] == [None]


def test_parquet_tables_and_views_keep_their_policies(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    database = f"spark_catalog.{namespace.split('.')[1]}"
    lake.sql(f"CREATE DATABASE {database}")
    lake.sql(f"CREATE TABLE {database}.t USING parquet AS SELECT 1 AS id, '111-11-1111' AS ssn")
    lake.sql(f"CREATE VIEW {database}.v AS SELECT id, ssn FROM {people}")
    lake.sql(f"CREATE VIEW {namespace}.w AS SELECT id, ssn FROM {people}")
    for thing, new in (
        (f"{database}.t", f"{database}.t2"),
        (f"{database}.v", f"{database}.v2"),
        (f"{namespace}.w", f"{namespace}.w2"),
    ):
        lake.policies.grant("select", on=thing.rsplit(".", 1)[0], to=name)
        lake.policies.mask(thing, "ssn", "nullify", to=name)
        kind = "TABLE" if thing.endswith("t") else "VIEW"
        lake.sql(f"ALTER {kind} {thing} RENAME TO {new}")
        assert {row["ssn"] for row in rows(lake.as_principal(name), new)} == {None}
        assert lake.policies.list(resource=new, kind="mask")


def test_an_old_version_of_a_renamed_column_is_masked(
    lake: iomete.Lakehouse, people: str, asker: str
) -> None:
    snapshot = lake.sql(f"SELECT snapshot_id FROM {people}.snapshots").first()
    assert snapshot is not None
    lake.sql(f"ALTER TABLE {people} RENAME COLUMN ssn TO open")
    lake.sql(f"INSERT INTO {people} SELECT * FROM {people}")
    lake.sql(f"ALTER TABLE {people} DROP COLUMN open")
    reader = lake.as_principal(asker)
    old = reader.sql(f"SELECT * FROM {people} VERSION AS OF {snapshot[0]}").collect()
    assert not SSNS & {value for row in old for value in row if isinstance(value, str)}


def test_a_failed_rename_changes_nothing(lake: iomete.Lakehouse, people: str, asker: str) -> None:
    other = people.replace("people", "other")
    lake.sql(f"CREATE TABLE {other} (id INT)")
    with pytest.raises(IometeError):
        lake.sql(f"ALTER TABLE {people} RENAME TO {other}")
    assert lake.policies.list(resource=people, kind="mask")
    assert {row["ssn"] for row in rows(lake.as_principal(asker), people)} == {None}


def is_known(lake: iomete.Lakehouse, table: str) -> bool:
    """Whether the store has the table, which a read has it learn a moment later."""
    with lake._parts.store.read() as connection:
        names = connection.execute(
            sa.select(known_tables.c.namespace, known_tables.c.table_name)
        ).all()
    return tuple(table.split(".")[1:]) in {tuple(row) for row in names}


def test_a_new_name_is_written_with_its_catalog_or_without(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("all", on=namespace, to=name)
    spark = lake.as_principal(name).spark
    short = namespace.split(".")[1]
    now = people
    for number, new in enumerate((f"{namespace}.t0", f"{short}.t1", "t2")):
        spark.sql(f"ALTER TABLE {now} RENAME TO {new}")
        now = f"{namespace}.t{number}"
        assert spark.table(now).count() == 3
    spark.sql("USE spark_catalog")
    spark.sql(f"ALTER TABLE {now} RENAME TO {namespace}.t3")
    assert lake.table(f"{namespace}.t3").count() == 3
    lake.sql(f"CREATE VIEW {namespace}.seen AS SELECT 1 AS id")
    lake.sql("USE spark_catalog")
    try:
        lake.sql(f"ALTER VIEW {namespace}.seen RENAME TO {namespace}.shown")
    finally:
        lake.sql("USE lake")
    assert lake.table(f"{namespace}.shown").count() == 1


def test_a_namespace_called_like_its_catalog_keeps_its_name(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("all", on=namespace, to=name)
    lake.sql("CREATE NAMESPACE IF NOT EXISTS lake.lake")
    spark = lake.as_principal(name).spark
    for new in ("lake.t", "lake.lake.t"):  # neither is the namespace that is granted
        with pytest.raises(AnalysisException, match=r"may not create lake\.lake\.t"):
            spark.sql(f"ALTER TABLE {people} RENAME TO {new}")
    lake.sql(f"ALTER TABLE {people} RENAME TO lake.lake.t")
    assert lake.table("lake.lake.t").count() == 3
    lake.sql("DROP TABLE lake.lake.t")
    lake.sql("DROP NAMESPACE lake.lake")
