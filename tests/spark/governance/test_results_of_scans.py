"""What is read below a filter, a mask or a view is what the application reads, cached or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

import iomete
from spark.governance.conftest import Newcomer

CHANGED = "IOMETE_SETTING_CHANGES_RESULTS"
NOT_CACHED = "IOMETE_SETTING_CHANGES_CACHE"


def condition_of(action: object) -> str | None:
    with pytest.raises(PySparkException) as caught:
        action()  # type: ignore[operator]
    return caught.value.getCondition()


@pytest.fixture(autouse=True)
def nothing_cached(lake: iomete.Lakehouse) -> Iterator[None]:
    yield
    lake.sql("CLEAR CACHE")


def of_files(
    lake: iomete.Lakehouse,
    table: str,
    columns: str,
    rows: str,
    folder: Path,
    source: str = "parquet",
) -> None:
    """A table over files that somebody else has written."""
    lake.spark.sql(rows).coalesce(1).write.format(source).save(str(folder))
    lake.sql(f"CREATE TABLE {table} ({columns}) USING {source} LOCATION '{folder}'")


@pytest.fixture(params=["parquet", "orc"])
def mixed(
    lake: iomete.Lakehouse, session_namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> str:
    """A table whose files spell a column in another way."""
    table = f"{session_namespace}.mixed"
    rows = "SELECT * FROM VALUES (1, 'pub', false), (2, 'CANARY', true) AS t (id, name, Secret)"
    columns = "id INT, name STRING, secret BOOLEAN"
    of_files(lake, table, columns, rows, tmp_path / "m", request.param)
    return table


def test_the_spelling_of_columns_opens_no_filter_mask_or_view(
    lake: iomete.Lakehouse, namespace: str, mixed: str, newcomer: Newcomer
) -> None:
    filtered, masked, viewer = newcomer(), newcomer(), newcomer()
    view = f"{namespace}.public"
    lake.sql(f"CREATE VIEW {view} AS SELECT * FROM {mixed} WHERE secret IS NOT TRUE")
    lake.policies.grant("select", on=mixed, to=[filtered, masked])
    lake.policies.grant("select", on=view, to=viewer)
    lake.policies.filter_rows(mixed, "secret IS NOT TRUE", to=filtered)
    mask = "CASE WHEN secret THEN NULL ELSE {col} END"
    lake.policies.mask(mixed, "name", "custom", expression=mask, to=masked)
    for who, table, shown in (
        (filtered, mixed, {"pub"}),
        (viewer, view, {"pub"}),
        (masked, mixed, {"pub", None}),
    ):
        one = lake.as_principal(who)
        query = f"SELECT name FROM {table}"
        assert {row.name for row in one.sql(query).collect()} == shown
        one.spark.sql("SET spark.sql.caseSensitive=true")
        assert condition_of(lambda: one.spark.sql(query).collect()) == CHANGED  # noqa: B023
        one.spark.sql("SET spark.sql.caseSensitive=false")
        assert {row.name for row in one.spark.sql(query).collect()} == shown


@pytest.mark.parametrize(
    "key",
    [
        "spark.sql.parquet.int96TimestampConversion",
        "spark.sql.parquet.binaryAsString",
        "spark.sql.parquet.fieldId.read.ignoreMissing",
        "spark.sql.orc.mergeSchema",
        "spark.sql.legacy.charVarcharAsString",
        "spark.databricks.delta.columnMapping.allowRemoval",
    ],
)
def test_settings_of_readers_are_compared_and_those_of_speed_are_free(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, key: str
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    lake.policies.filter_rows(people, "region = 'EU'", to=who)
    spark = lake.as_principal(who).spark
    for speed in (
        "spark.sql.shuffle.partitions=3",
        "spark.sql.adaptive.enabled=true",
        "spark.sql.files.maxPartitionBytes=1000000",
        "spark.sql.parquet.filterPushdown=false",
        "spark.sql.parquet.enableVectorizedReader=false",
        "spark.sql.orc.filterPushdown=false",
        "spark.sql.session.timeZone=Asia/Tokyo",
    ):
        spark.sql(f"SET {speed}")
    assert spark.table(people).count() == 2
    other = "false" if spark.conf.get(key) == "true" else "true"
    spark.conf.set(key, other)
    assert condition_of(spark.table(people).count) == CHANGED
    spark.conf.unset(key)
    assert spark.table(people).count() == 2


@pytest.fixture
def times(lake: iomete.Lakehouse, session_namespace: str, tmp_path: Path) -> str:
    table = f"{session_namespace}.times"
    rows = (
        "SELECT * FROM VALUES (1, '2025-12-31 20:00:00'), (2, '2026-01-01 05:00:00') AS t (id, ts)"
    )
    of_files(lake, table, "id INT, ts TIMESTAMP", rows, tmp_path / "t", "csv")
    return table


def test_the_time_zone_of_text_opens_no_filter(
    lake: iomete.Lakehouse, times: str, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    for table in (times, people):
        lake.policies.grant("select", on=table, to=who)
    lake.policies.filter_rows(times, "ts < TIMESTAMP'2026-01-01 00:00:00Z'", to=who)
    lookup = f"id IN (SELECT t.id FROM {times} t WHERE t.ts < TIMESTAMP'2026-01-01 00:00:00Z')"
    lake.policies.filter_rows(people, lookup, to=who)
    spark = lake.as_principal(who).spark

    def ids(table: str) -> list[int]:
        return [row.id for row in spark.sql(f"SELECT id FROM {table}").collect()]

    planned = spark.sql(f"SELECT id FROM {times}")
    assert ids(times) == ids(people) == [1]
    spark.sql("SET spark.sql.session.timeZone=Pacific/Kiritimati")
    assert condition_of(planned.collect) == CHANGED
    assert condition_of(lambda: ids(times)) == CHANGED
    assert condition_of(lambda: ids(people)) == CHANGED
    spark.sql("RESET spark.sql.session.timeZone")
    assert ids(times) == ids(people) == [1]


def test_what_is_read_with_other_settings_is_cached_for_nobody(
    lake: iomete.Lakehouse, namespace: str, mixed: str, newcomer: Newcomer
) -> None:
    ann, bob = newcomer(), newcomer()
    docs = f"{namespace}.docs"
    lake.sql(f"CREATE TABLE {docs} AS SELECT 1 AS id UNION ALL SELECT 2")
    lake.policies.grant("select", on=mixed, to=[ann, bob])
    lake.policies.grant("select", on=docs, to=bob)
    lake.policies.filter_rows(mixed, "secret IS NOT TRUE", to=bob)
    lake.policies.filter_rows(
        docs, f"id NOT IN (SELECT m.id FROM {mixed} m WHERE m.secret)", to=bob
    )
    mine, others = lake.as_principal(ann).spark, lake.as_principal(bob).spark

    def bobs() -> tuple[list[int], ...]:
        return tuple([r.id for r in others.table(t).collect()] for t in (mixed, docs))

    def admins() -> set[object]:
        return {row.secret for row in lake.table(mixed).collect()}

    for session in (mine, lake.spark):
        session.sql("SET spark.sql.caseSensitive=true")
        try:
            assert condition_of(lambda: session.sql(f"CACHE TABLE {mixed}")) == NOT_CACHED  # noqa: B023
            assert condition_of(lambda: session.catalog.cacheTable(mixed)) == NOT_CACHED  # noqa: B023
            assert condition_of(lambda: session.table(mixed).cache()) == NOT_CACHED  # noqa: B023
        finally:
            session.sql("SET spark.sql.caseSensitive=false")
        assert bobs() == ([1], [1])
        assert admins() == {True, False}
    # what fills later is filled as it was cached, and not from a session that has changed meanwhile
    mine.sql(f"CACHE LAZY TABLE {mixed}")
    mine.sql("SET spark.sql.caseSensitive=true")
    assert bobs() == ([1], [1])
    assert admins() == {True, False}
    mine.sql("SET spark.sql.caseSensitive=false")
    # nor anew, when somebody else has it read again
    mine.sql(f"CACHE TABLE {mixed}")
    lake.spark.sql("SET spark.sql.caseSensitive=true")
    lake.spark.sql(f"REFRESH TABLE {mixed}")
    assert bobs() == ([1], [1])
    lake.spark.sql("SET spark.sql.caseSensitive=false")
    assert bobs() == ([1], [1])
    assert admins() == {True, False}
    # and what nobody has changed is cached
    mine.sql(f"CACHE TABLE {mixed}")
    assert mine.catalog.isCached(mixed)
    assert admins() == {True, False}
    assert bobs() == ([1], [1])


def test_timestamps_of_text_are_cached_in_the_time_zone_of_the_application(
    lake: iomete.Lakehouse, people: str, times: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    for table in (times, people):
        lake.policies.grant("select", on=table, to=who)
    spark = lake.as_principal(who).spark
    before = [row.ts for row in lake.table(times).orderBy("id").collect()]
    spark.sql("SET spark.sql.session.timeZone=Pacific/Kiritimati")
    assert condition_of(lambda: spark.sql(f"CACHE TABLE {times}")) == NOT_CACHED
    assert [row.ts for row in lake.table(times).orderBy("id").collect()] == before
    spark.sql(f"CACHE TABLE {people}")  # whose columns are of no zone
    assert spark.catalog.isCached(people)
    assert spark.table(people).count() == 3


def levels(lake: iomete.Lakehouse, table: str, source: str) -> None:
    """Values of CHAR that Spark has written."""
    lake.sql(f"CREATE TABLE {table} (id INT, lvl CHAR(10), v STRING) USING {source}")
    lake.sql(f"INSERT INTO {table} VALUES (1, 'OPEN', 'fine'), (2, 'SECRET', 'CANARY')")


@pytest.mark.parametrize("source", ["parquet", "orc", "delta"])
def test_a_policy_on_char_means_what_a_query_means(
    lake: iomete.Lakehouse, session_namespace: str, newcomer: Newcomer, source: str
) -> None:
    table = f"{session_namespace}.levels"
    levels(lake, table, source)
    for predicate in (
        "lvl <> 'SECRET'",
        "lvl = 'OPEN'",
        "lvl IN ('OPEN', 'OTHER')",
        "NOT (lvl <=> 'SECRET')",
        "lvl = 'OPEN   '",
        "length(lvl) = 10 AND id = 1",
        f"id IN (SELECT o.id FROM {table} o WHERE o.lvl = levels.lvl AND o.lvl = 'OPEN')",
    ):
        who = newcomer()
        lake.policies.grant("select", on=table, to=who)
        lake.policies.filter_rows(table, predicate, to=who)
        one = lake.as_principal(who)
        asked = [r.id for r in lake.sql(f"SELECT id FROM {table} WHERE {predicate}").collect()]
        assert asked == [1], predicate
        assert [(r.id, r.lvl) for r in one.table(table).collect()] == [(1, "OPEN      ")], predicate
        assert one.sql(f"SELECT id FROM {table} WHERE lvl = 'OPEN'").count() == 1
        assert one.sql(f"SELECT id FROM {table} WHERE lvl = 'SECRET'").count() == 0
    who = newcomer()
    lake.policies.grant("select", on=table, to=who)
    mask = "CASE WHEN lvl = 'SECRET' THEN NULL ELSE {col} END"
    lake.policies.mask(table, "v", "custom", expression=mask, to=who)
    one = lake.as_principal(who)
    assert [r.v for r in one.table(table).orderBy("id").collect()] == ["fine", None]
    who = newcomer()
    lake.policies.grant("select", on=table, to=who)
    mask = "CASE WHEN {col} = 'SECRET' THEN 'hidden' ELSE {col} END"
    lake.policies.mask(table, "lvl", "custom", expression=mask, to=who)
    one = lake.as_principal(who)
    shown = [r.lvl.rstrip() for r in one.table(table).orderBy("id").collect()]
    assert shown == ["OPEN", "hidden"]


def test_a_policy_on_char_of_files_that_are_not_padded(
    lake: iomete.Lakehouse, session_namespace: str, tmp_path: Path, newcomer: Newcomer
) -> None:
    table, who = f"{session_namespace}.given", newcomer()
    rows = "SELECT * FROM VALUES (1, 'OPEN'), (2, 'SECRET'), (3, 'SECRET  ') AS t (id, lvl)"
    of_files(lake, table, "id INT, lvl CHAR(10)", rows, tmp_path / "given")
    lake.policies.grant("select", on=table, to=who)
    lake.policies.filter_rows(table, "lvl <> 'SECRET'", to=who)
    assert lake.sql(f"SELECT id FROM {table} WHERE lvl <> 'SECRET'").count() == 1
    assert [r.id for r in lake.as_principal(who).table(table).collect()] == [1]


@pytest.mark.parametrize("catalog", ["lake", "spark_catalog"])
def test_a_policy_on_char_of_a_view_means_what_a_query_means(
    lake: iomete.Lakehouse,
    session_namespace: str,
    namespace: str,
    newcomer: Newcomer,
    catalog: str,
) -> None:
    table, who = f"{session_namespace}.levels", newcomer()
    levels(lake, table, "parquet")
    view = f"{namespace if catalog == 'lake' else session_namespace}.seen"
    lake.sql(f"CREATE VIEW {view} AS SELECT * FROM {table}")
    for name in (view, table):
        lake.policies.grant("select", on=name, to=who)
    for predicate in ("lvl <> 'SECRET'", "rtrim(lvl) = 'OPEN'"):
        policy = lake.policies.filter_rows(view, predicate, to=who)
        asked = [r.id for r in lake.sql(f"SELECT id FROM {view} WHERE {predicate}").collect()]
        seen = [r.id for r in lake.as_principal(who).table(view).collect()]
        assert sorted(seen) == sorted(asked), predicate
        lake.policies.delete(policy.id)


def test_an_error_of_the_optimiser_shows_no_policy(
    lake: iomete.Lakehouse, namespace: str, people: str, newcomer: Newcomer
) -> None:
    who, view, plain = newcomer(), f"{namespace}.eu", f"{namespace}.plain"
    lake.sql(f"CREATE TABLE {namespace}.acl AS SELECT 2 AS id")
    lake.sql(f"CREATE TABLE {plain} AS SELECT 'EU' AS region")
    lake.sql(f"CREATE VIEW {view} AS SELECT name FROM {people} WHERE ssn <> 'OF_VIEW'")
    for name in (people, view, plain):
        lake.policies.grant("select", on=name, to=who)
    lake.policies.filter_rows(
        people,
        f"region <> 'OF_FILTER' AND id NOT IN (SELECT a.id FROM {namespace}.acl a)",
        to=who,
    )
    lake.policies.mask(people, "ssn", "custom", expression="concat('OF_MASK', {col})", to=who)
    spark = lake.as_principal(who).spark
    spark.sql("SET spark.sql.crossJoin.enabled=false")
    for joined in (
        f"{people} a, {people} b",
        f"{people} a JOIN {people} b ON a.id > 0",
        f"{view} a, {view} b",
        f"{people} a JOIN {plain} p ON a.region = p.region, {people} b",
    ):
        with pytest.raises(PySparkException) as caught:
            spark.sql(f"SELECT * FROM {joined}").collect()
        told = str(caught.value)
        assert "cartesian" in told
        assert "OF_" not in told
        assert "acl" not in told
        assert "people" not in told


@pytest.mark.parametrize("kind", ["filter", "mask", "view"])
def test_what_goes_by_the_time_is_not_cached(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, kind: str
) -> None:
    who, table = newcomer(), f"{namespace}.expiring"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    lake.sql(
        f"CREATE TABLE {table} AS SELECT 1 AS id, TIMESTAMP'{later:%Y-%m-%d %H:%M:%S}Z' AS until"
    )
    seen = table
    if kind == "filter":
        lake.policies.filter_rows(table, "until > current_timestamp()", to=who)
    elif kind == "mask":
        mask = "CASE WHEN until > now() THEN {col} END"
        lake.policies.mask(table, "id", "custom", expression=mask, to=who)
    else:
        seen = f"{namespace}.valid"
        lake.sql(f"CREATE VIEW {seen} AS SELECT * FROM {table} WHERE until > current_timestamp()")
    lake.policies.grant("select", on=seen, to=who)
    spark = lake.as_principal(who).spark
    assert condition_of(lambda: spark.sql(f"CACHE TABLE {seen}")) == "IOMETE_TIME_CACHED"
    assert condition_of(spark.table(seen).cache) == "IOMETE_TIME_CACHED"
    assert [row.id for row in spark.table(seen).collect()] == [1]
    lake.sql(f"CACHE TABLE {table}")  # as it is
