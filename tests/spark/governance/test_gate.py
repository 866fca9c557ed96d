"""Each execution passes the gate: it is judged and recorded, however Spark has changed its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

import iomete
from spark.governance.conftest import Newcomer

Change = Callable[[iomete.Lakehouse, str, str], Any]

CHANGES: dict[str, tuple[Change, str]] = {
    "mask": (lambda lake, t, who: lake.policies.mask(t, "ssn", "redact", to=who), "CHANGED"),
    "deny": (
        lambda lake, t, who: lake.policies.deny("select", on=t, columns="ssn", to=who),
        "CHANGED",
    ),
    "filter": (lambda lake, t, who: lake.policies.filter_rows(t, "id > 1", to=who), "CHANGED"),
    "disabled": (lambda lake, _, who: lake.principals.disable_user(who), "NOT_FOUND"),
}


def events(lake: iomete.Lakehouse, who: str, verdict: str = "allowed") -> list[tuple[str, ...]]:
    found = lake.audit.events(principal=who, verdict=verdict)
    return [
        (event.resource, *(("?",) if event.columns is None else event.columns)) for event in found
    ]


def refused(action: Callable[[], Any], condition: str) -> None:
    with pytest.raises((AnalysisException, Py4JJavaError)) as caught:
        action()
    shown = str(caught.value)
    if isinstance(caught.value, AnalysisException):
        shown += str(caught.value.getCondition())
    assert condition in shown


@pytest.mark.parametrize("change", CHANGES)
def test_a_cached_frame_is_refused_once_its_rights_change(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, change: str
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    reader = lake.as_principal(who)
    query = f"SELECT id AS a, ssn FROM {people}"
    frame = reader.sql(query).cache()
    part = frame.where("a > 1").select("ssn")
    try:
        assert [frame.count(), len(frame.collect()), len(frame.collect())] == [3, 3, 3]
        assert len(part.collect()) == 2
        whole = (people, "id", "ssn")
        assert events(lake, who) == [(people,), whole, whole, whole]
        lake.sql(
            f"DELETE FROM {people} WHERE id = 1"
        )  # Spark makes its caches anew, as somebody else
        again = reader.sql(query)
        assert "InMemoryRelation" in again._jdf.queryExecution().optimizedPlan().toString()
        assert len(again.collect()) == 2
        assert events(lake, who)[4:] == [whole]
        change_it, condition = CHANGES[change]
        change_it(lake, people, who)
        for action in (frame.collect, again.collect, part.collect):
            refused(action, condition)
    finally:
        frame.unpersist()


def test_a_frame_that_never_ran_is_judged_by_what_counts_when_it_does(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    reader = lake.as_principal(who)
    whole = reader.sql(f"SELECT * FROM {people} WHERE id < 3")
    one = whole.where("ssn LIKE '1%'")
    lake.policies.mask(people, "ssn", "redact", to=who)
    assert {row.ssn for row in whole.collect()} == {"nnn-nn-nnnn"}
    lake.policies.deny("select", on=people, columns="ssn", to=who)
    again = reader.sql(f"SELECT * FROM {people}")
    assert "ssn" not in again.columns
    for action in (one.collect, whole.select("ssn").collect, whole.where("ssn > ''").count):
        refused(action, "IOMETE_ACCESS_DENIED.COLUMN")
    ids = whole.select("id")
    assert sorted(row.id for row in ids.collect()) == [1, 2]
    joined = ids.join(again.select("id", "name"), "id").alias("a").crossJoin(ids.alias("b"))
    assert joined.count() == 4


def test_a_cache_serves_who_sees_the_same_whatever_became_of_who_made_it(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    maker, other = newcomer(), newcomer()
    # Sessions have catalogs of their own, and so an Iceberg table is another one in each.
    database = people.split(".")[1]
    lake.sql(f"CREATE DATABASE spark_catalog.{database}")
    table = f"spark_catalog.{database}.people"
    lake.sql(f"CREATE TABLE {table} USING delta AS SELECT id, ssn FROM {people}")
    for who in (maker, other):
        lake.policies.grant("select", on=table, to=who)
    query = f"SELECT id + 1 AS b, ssn FROM {table}"
    frame = lake.as_principal(maker).sql(query).cache()
    reader = lake.as_principal(other)
    stored = reader.sql(query)
    assert "InMemoryRelation" in stored._jdf.queryExecution().optimizedPlan().toString()
    lake.principals.disable_user(maker)
    try:
        assert len(stored.collect()) == 3
        assert events(lake, other) == [(table, "id", "ssn")]
        assert events(lake, maker) == []
        refused(frame.collect, "NOT_FOUND")
        lake.policies.mask(table, "ssn", "nullify", to=other)
        refused(stored.collect, "CHANGED")
        assert {row.ssn for row in reader.sql(query).collect()} == {None}
    finally:
        lake.spark.catalog.clearCache()


def test_a_cached_temporary_view_can_be_uncached(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    spark = lake.as_principal(who).spark
    spark.sql(f"CREATE TEMPORARY VIEW seen AS SELECT id, ssn FROM {people}")
    spark.sql("CACHE TABLE seen")
    assert spark.catalog.isCached("seen")
    stored = spark.table("seen").select("ssn")
    assert len(stored.collect()) == 3
    lake.policies.mask(people, "ssn", "nullify", to=who)
    refused(stored.collect, "CHANGED")
    assert {row.ssn for row in spark.table("seen").collect()} == {None}
    lake.policies.update(lake.policies.list(principal=who, kind="mask")[0].id, priority="override")
    spark.sql("UNCACHE TABLE seen")
    assert not spark.catalog.isCached("seen")


RDD_ACTIONS: dict[str, Callable[[DataFrame], Any]] = {
    "rdd": lambda frame: frame.rdd.collect(),
    "toLocalIterator": lambda frame: list(frame.toLocalIterator()),
    "foreach": lambda frame: frame.foreach(print),
}


@pytest.mark.parametrize("action", RDD_ACTIONS)
def test_rdds_pass_the_gate_whichever_session_is_active(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, action: str
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    reader = lake.as_principal(who)
    run = RDD_ACTIONS[action]

    def others_turn() -> None:
        lake.spark.sql("SELECT 1").collect()
        lake.spark._jvm.SparkSession.setActiveSession(lake.spark._jsparkSession)

    fresh, used = (reader.sql(f"SELECT id, ssn FROM {people}") for _ in range(2))
    used.collect()
    reader.sql(f"SELECT ssn FROM {people}").toJSON().collect()
    others_turn()
    run(reader.sql(f"SELECT ssn FROM {people}"))
    assert events(lake, who) == [(people, "id", "ssn"), *[(people, "ssn")] * 2]
    lake.policies.mask(people, "ssn", "nullify", to=who)
    others_turn()
    refused(lambda: run(used), "CHANGED")
    others_turn()
    lake.principals.disable_user(who)
    refused(lambda: run(fresh), "NOT_FOUND")


def test_executions_cant_be_hidden_behind_the_id_of_another(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    reader = lake.as_principal(who)
    context = reader.spark.sparkContext
    context.setLocalProperty("spark.sql.execution.id", "77777")
    try:
        for column in ("id", "ssn", "name"):
            assert reader.sql(f"SELECT {column} FROM {people}").rdd.count() == 3
    finally:
        context.setLocalProperty("spark.sql.execution.id", None)
    assert events(lake, who) == [(people, "id"), (people, "ssn"), (people, "name")]
    assert len({event.query for event in lake.audit.events(principal=who)}) == 3


def test_what_only_subqueries_read_is_judged_and_recorded(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    reader = lake.as_principal(who)
    alone = reader.sql(f"SELECT (SELECT max(ssn) FROM {people}) AS top").limit(2)
    derived = reader.sql(
        f"SELECT id, (SELECT max(name) FROM {people} WHERE region = 'EU') AS top FROM range(2)"
    ).select("*")
    for frame in (alone, derived):
        frame.collect()
    assert events(lake, who) == [(people, "ssn"), (people, "name", "region")]
    lake.policies.mask(people, "ssn", "nullify", to=who)
    for frame in (alone, derived):
        refused(frame.collect, "CHANGED")


def test_conditions_of_scripts_are_recorded(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    lake.policies.grant("select", on=people, to=who)
    spark = lake.as_principal(who).spark
    spark.sql(
        f"BEGIN IF (SELECT max(ssn) FROM {people}) > '3' THEN SELECT 1; END IF; "
        f"CASE WHEN (SELECT max(name) FROM {people}) > 'C' THEN SELECT 2; END CASE; "
        f"WHILE (SELECT max(score) FROM {people}) < 3 DO SELECT 3; END WHILE; END"
    ).collect()
    assert events(lake, who) == [(people, "ssn"), (people, "name"), (people, "score")]


def test_views_are_recorded_also_where_nothing_is_left_of_them(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer()
    view = f"{people.rsplit('.', 1)[0]}.names"
    lake.sql(f"CREATE VIEW {view} AS SELECT id, name AS called, ssn FROM {people}")
    lake.policies.grant("select", on=view, to=who)
    reader = lake.as_principal(who)
    frame = reader.table(view).select("called", "ssn").select("*")
    for query in (frame, reader.sql(f"SELECT called FROM {view} WHERE 1 = 0").select("*")):
        query.collect()
    found = lake.audit.events(principal=who)
    assert sorted((e.resource, e.columns, e.via) for e in found) == [
        (view, ("called",), ()),
        (view, ("called", "ssn"), ()),
        (people, ("name",), (view,)),
        (people, ("name", "ssn"), (view,)),
    ]
    lake.policies.grant("select", on=people.rsplit(".", 1)[0], to=newcomer())
    assert len(frame.collect()) == 3  # that was somebody else's


def test_columns_are_those_that_the_query_uses(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, tmp_path: Path
) -> None:
    who = newcomer(attributes={"region": "EU"})
    table, lookup = f"{namespace}.t", f"{namespace}.lookup"
    lake.sql(
        f"CREATE TABLE {table} (id INT, part INT, x STRING) USING iceberg PARTITIONED BY (part)"
    )
    lake.sql(f"INSERT INTO {table} VALUES (1, 10, 'a'), (2, 20, 'b')")
    lake.sql(f"CREATE TABLE {lookup} AS SELECT 1 AS id, 'EU' AS region")
    lake.policies.grant("select", on=table, to=who)
    reader = lake.as_principal(who)

    def used(query: str) -> list[tuple[str, ...]]:
        before = len(events(lake, who))
        reader.sql(query).collect()
        return events(lake, who)[before:]

    assert used(f"SELECT count(*) FROM {table} WHERE part = 10") == [(table, "part")]
    assert used(f"SELECT id FROM (SELECT * FROM {table} ORDER BY x)") == [(table, "id", "x")]
    assert used(
        f"WITH c AS (SELECT * FROM {table}) SELECT a.id FROM c a JOIN c b ON a.x = b.x"
    ) == [(table, "id", "x")]
    assert used(f"SELECT x FROM {table} UNION ALL SELECT string(part) FROM {table}") == [
        (table, "part", "x")
    ]
    lake.policies.grant(["read", "write"], on_path=str(tmp_path), to=who)
    stream = (
        reader.spark.readStream.table(table)
        .writeStream.format("memory")
        .queryName("seen")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    stream.awaitTermination()
    assert events(lake, who)[-1] == (table, "id", "part", "x")
    lake.policies.filter_rows(
        table,
        f"id IN (SELECT l.id FROM {lookup} l WHERE l.region = ${{{{USER.region}}}})",
        to=who,
    )
    assert used(f"SELECT x FROM {table}") == [(table, "x")]
    assert used(f"SELECT part FROM {table} WHERE x > '' LIMIT 1") == [(table, "part", "x")]


def test_a_stored_frame_is_refused_after_a_change_of_the_attributes_that_it_asks_for(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    who = newcomer(attributes={"region": "EU", "level": 1})
    lake.policies.grant("select", on=people, to=who)
    lake.policies.filter_rows(people, "region = ${{USER.region}}", to=who)
    frame = lake.as_principal(who).sql(f"SELECT id FROM {people}")
    assert len(frame.collect()) == 2
    lake.principals.set_attribute(who, "level", 2)
    assert len(frame.collect()) == 2
    lake.principals.set_attribute(who, "region", "US")
    refused(frame.collect, "CHANGED")
    masked = "concat(${{USER.region}}, {col})"
    lake.policies.mask(people, "name", "custom", expression=masked, to=who)
    frame = lake.as_principal(who).sql(f"SELECT name FROM {people}")
    assert [row.name for row in frame.collect()] == ["USCid"]
    lake.principals.set_attribute(who, "region", "EU")
    refused(frame.collect, "CHANGED")
