"""Who a Spark session belongs to, and whose name `current_user()` is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  # its usual name

import iomete

WHO = ("current_user()", "user()", "session_user()")

SessionOf = Callable[[str], SparkSession]


@pytest.fixture
def session_of(lake: iomete.Lakehouse, spark: SparkSession, jvm: Any) -> SessionOf:
    """Makes a session of a principal, who may do everything: rights are tested elsewhere."""

    def make(principal: str) -> SparkSession:
        if principal not in {user.name for user in lake.principals.users()}:
            lake.principals.add_user(principal, roles=["admin"])
        session = jvm.io.iomete.spark.Sessions.newSession(spark._jsparkSession, principal)
        return SparkSession(spark.sparkContext, session)

    return make


@pytest.fixture
def alice(session_of: SessionOf) -> SparkSession:
    return session_of("alice")


@pytest.fixture
def bob(session_of: SessionOf) -> Iterator[SparkSession]:
    bob = session_of("bob")
    yield bob
    bob.catalog.clearCache()


@pytest.fixture
def database(lake: iomete.Lakehouse, namespace: str) -> str:
    """A database of the session catalog."""
    name = namespace.replace("lake.", "spark_catalog.")
    lake.sql(f"CREATE DATABASE {name}")
    return name


def principal_of(session: SparkSession) -> str | None:
    sessions = session.sparkContext._jvm.io.iomete.spark.Sessions
    return sessions.principalOf(session._jsparkSession)


def bind(session: SparkSession, principal: str | None) -> None:
    sessions = session.sparkContext._jvm.io.iomete.spark.Sessions
    sessions.bindPrincipal(session._jsparkSession, principal)


def column(session: SparkSession, query: str) -> list[Any]:
    return [row[0] for row in session.sql(query).collect()]


# --- binding ---


def test_a_session_is_bound_once(spark: SparkSession) -> None:
    session = spark.newSession()
    bind(session, "bob")
    bind(session, "bob")
    assert principal_of(session) == "bob"
    for other in ("alice", "Bob", "bob "):
        with pytest.raises(AnalysisException) as caught:
            bind(session, other)
        assert caught.value.getCondition() == "IOMETE_PRINCIPAL_ALREADY_BOUND"
        assert caught.value.getSqlState() == "28000"
        assert f"cannot be bound to `{other}`" in str(caught.value)
    assert principal_of(session) == "bob"
    assert column(session, "SELECT current_user()") == ["bob"]


@pytest.mark.parametrize("name", [None, "", " ", "\t\n", "\u2003"])
def test_a_blank_principal_is_refused(spark: SparkSession, name: str | None) -> None:
    session = spark.newSession()
    with pytest.raises(AnalysisException, match="IOMETE_INVALID_PRINCIPAL"):
        bind(session, name)
    assert principal_of(session) is None
    bind(session, "bob")


@pytest.mark.parametrize("_", range(3))
def test_one_of_many_threads_binds_a_session(spark: SparkSession, _: int) -> None:
    session = spark.newSession()
    start = threading.Barrier(6)

    def attempt(name: str) -> str | None:
        start.wait()
        try:
            bind(session, name)
        except AnalysisException:
            return None
        return name

    with ThreadPoolExecutor(6) as pool:
        bound = [name for name in pool.map(attempt, [f"user{i}" for i in range(6)]) if name]
    assert [principal_of(session)] == bound


def test_a_new_session_has_no_principal_and_a_clone_has_the_same(bob: SparkSession) -> None:
    assert principal_of(bob.newSession()) is None
    clone = SparkSession(bob.sparkContext, bob._jsparkSession.cloneSession())
    assert principal_of(clone) == "bob"
    assert column(clone, "SELECT current_user()") == ["bob"]
    with pytest.raises(AnalysisException, match="ALREADY_BOUND"):
        bind(clone, "alice")


def test_sessions_of_principals_share_nothing_of_their_own(
    bob: SparkSession, alice: SparkSession
) -> None:
    bob.sql("CREATE TEMPORARY VIEW mine AS SELECT 1 AS n")
    bob.sql("DECLARE VARIABLE secret = 1")
    bob.conf.set("spark.test.mine", "1")
    assert not alice.catalog.tableExists("mine")
    assert alice.conf.get("spark.test.mine", None) is None
    with pytest.raises(AnalysisException, match="UNRESOLVED_COLUMN"):
        alice.sql("SELECT secret")


def test_nothing_that_a_query_can_set_changes_the_principal(bob: SparkSession) -> None:
    keys = ["iomete.principal", "user.name", "spark.iomete.principal", "current_user"]
    for key in keys:
        bob.sql(f"SET {key}=mallory")
        bob.conf.set(key, "mallory")
        bob.sparkContext.setLocalProperty(key, "mallory")
    bob.sql("EXECUTE IMMEDIATE 'SET iomete.principal=mallory'")
    bob.sql("DECLARE OR REPLACE VARIABLE current_user STRING DEFAULT 'mallory'")
    bob.sql("CREATE TEMPORARY FUNCTION whoami() RETURNS STRING RETURN current_user()")
    try:
        assert column(bob, "SELECT current_user()") == ["bob"]
        bob.sql("RESET")
        assert principal_of(bob) == "bob"
        assert column(bob, "SELECT current_user()") == ["bob"]
        assert column(bob, "SELECT whoami()") == ["bob"]
    finally:
        for key in keys:
            bob.sparkContext.setLocalProperty(key, None)


def test_a_temporary_function_does_not_take_the_place_of_current_user(bob: SparkSession) -> None:
    for name in ("current_user", "session_user", "user"):
        try:
            bob.sql(f"CREATE TEMPORARY FUNCTION {name}() RETURNS STRING RETURN 'mallory'")
        except AnalysisException:
            continue
        assert column(bob, f"SELECT {name}()") == ["bob"], name


# --- current_user() ---


@pytest.mark.parametrize(
    "query",
    [
        *(f"SELECT {who}" for who in WHO),
        "SELECT current_user",
        "SELECT (SELECT current_user())",
        "SELECT max(current_user()) FROM range(3) HAVING max(current_user()) = current_user()",
        "SELECT who FROM (SELECT current_user() AS who FROM range(2) LIMIT 1)",
        "WITH w AS (SELECT current_user() AS who) SELECT who FROM w",
        "SELECT * FROM VALUES (current_user())",
        "SELECT 'bob' FROM range(1) WHERE EXISTS (SELECT 1 WHERE current_user() = 'bob')",
        "SELECT 'bob' FROM range(1) WHERE current_user() IN (SELECT concat('bo', 'b'))",
        "SELECT transform(array(1), x -> concat(current_user(), ''))[0]",
        "SELECT explode(array(current_user()))",
        "SELECT first(current_user()) OVER () FROM range(1)",
        "SELECT coalesce(CAST(NULL AS STRING), current_user())",
        "EXECUTE IMMEDIATE 'SELECT current_user()'",
        "BEGIN DECLARE who STRING DEFAULT current_user(); SELECT who; END",
        "BEGIN DECLARE who STRING; SET who = current_user(); SELECT who; END",
        "FROM range(1) |> SELECT current_user()",
    ],
)
def test_current_user_is_the_principal(bob: SparkSession, query: str) -> None:
    assert column(bob, query) == ["bob"]


def test_current_user_is_the_principal_in_variables(bob: SparkSession) -> None:
    bob.sql("DECLARE OR REPLACE VARIABLE by_default STRING DEFAULT current_user()")
    bob.sql("DECLARE OR REPLACE VARIABLE by_set STRING")
    bob.sql("SET VARIABLE by_set = current_user()")
    assert bob.sql("SELECT by_default, by_set").first()[:] == ("bob", "bob")


def test_current_user_is_the_principal_in_dataframes(bob: SparkSession) -> None:
    frame = bob.range(1).select(F.current_user().alias("a"), F.expr("user()").alias("b"))
    assert [tuple(r) for r in frame.collect()] == [("bob", "bob")]
    assert frame.toArrow().to_pydict() == {"a": ["bob"], "b": ["bob"]}
    assert frame.where("a = current_user()").count() == 1
    assert [r.a for r in frame.toLocalIterator()] == ["bob"]
    assert frame.observe("seen", F.max("a").alias("who")).collect()


def test_without_a_principal_nothing_runs(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException, match="IOMETE_NO_PRINCIPAL"):
        spark.newSession().sql("SELECT current_user()")


def test_functions_and_views_are_of_who_runs_them(
    alice: SparkSession, bob: SparkSession, spark: SparkSession, database: str
) -> None:
    who = ", ".join(f"{call} AS w{i}" for i, call in enumerate(WHO))
    alice.sql(f"CREATE VIEW {database}.v AS SELECT {who}")
    alice.sql(f"CREATE FUNCTION {database}.f() RETURNS STRING RETURN current_user()")
    alice.sql(f"CREATE VIEW {database}.nested AS SELECT {database}.f() AS f, w0 FROM {database}.v")
    for session, name in ((alice, "alice"), (bob, "bob"), (alice, "alice")):
        assert session.sql(f"SELECT * FROM {database}.v").first()[:] == (name,) * 3
        assert session.sql(f"SELECT * FROM {database}.nested").first()[:] == (name,) * 2
    assert spark.table(f"{database}.v").first().w0 == principal_of(spark)


def test_a_global_temporary_view_is_of_who_reads_it(alice: SparkSession, bob: SparkSession) -> None:
    alice.sql("CREATE OR REPLACE GLOBAL TEMPORARY VIEW seen_by AS SELECT current_user() AS who")
    alice.range(1).select(F.current_user().alias("who")).createOrReplaceGlobalTempView("by_frame")
    for view in ("seen_by", "by_frame"):
        query = f"SELECT who FROM global_temp.{view}"
        assert (column(alice, query), column(bob, query)) == (["alice"], ["bob"])


# --- caches ---


def test_cached_rows_of_one_principal_are_not_served_to_another(
    alice: SparkSession, bob: SparkSession, database: str
) -> None:
    alice.sql(f"CREATE VIEW {database}.v AS SELECT current_user() AS who FROM range(1)")
    alice.sql(f"CACHE TABLE {database}.v")
    frame = alice.sql("SELECT id, current_user() AS who FROM range(1)").cache()
    assert frame.count() == 1
    for session, name in ((alice, "alice"), (bob, "bob"), (alice, "alice")):
        assert column(session, f"SELECT who FROM {database}.v") == [name]
        assert session.sql("SELECT id, current_user() AS who FROM range(1)").first().who == name
    # alice's own rows do come from the cache
    cached = frame._jdf.queryExecution().withCachedData().toString()
    assert "InMemoryRelation" in cached
    bob.catalog.clearCache()
    assert column(alice, f"SELECT who FROM {database}.v") == ["alice"]
    assert column(bob, f"SELECT who FROM {database}.v") == ["bob"]


def test_a_filter_by_principal_over_cached_rows_is_of_who_reads(
    alice: SparkSession, bob: SparkSession, database: str
) -> None:
    alice.sql(f"CREATE TABLE {database}.t USING parquet AS SELECT * FROM VALUES ('alice'), ('bob')")
    alice.sql(
        f"CREATE VIEW {database}.own AS SELECT col1 AS who FROM {database}.t "
        "WHERE col1 = current_user()"
    )
    alice.sql(f"CACHE TABLE {database}.own")
    assert column(bob, f"SELECT who FROM {database}.own") == ["bob"]
    assert column(alice, f"SELECT who FROM {database}.own") == ["alice"]
    bob.sql(f"CACHE TABLE {database}.own")
    bob.sql(f"REFRESH TABLE {database}.t")
    assert column(alice, f"SELECT who FROM {database}.own") == ["alice"]
    assert column(bob, f"SELECT who FROM {database}.own") == ["bob"]


# --- writes ---


@pytest.mark.parametrize("kind", ["iceberg", "delta"])
def test_writes_store_the_principal(
    bob: SparkSession, namespace: str, database: str, kind: str
) -> None:
    table = f"{namespace if kind == 'iceberg' else database}.t"
    bob.sql(f"CREATE TABLE {table} USING {kind} AS SELECT 1 AS id, current_user() AS who")
    bob.sql(f"INSERT INTO {table} VALUES (2, session_user()), (3, 'nobody'), (4, 'other')")
    bob.sql(f"UPDATE {table} SET who = user() WHERE id = 3 AND current_user() = 'bob'")
    bob.sql(
        f"MERGE INTO {table} t USING (SELECT 5 AS id) s ON t.id = s.id "
        "WHEN NOT MATCHED THEN INSERT (id, who) VALUES (s.id, current_user())"
    )
    assert bob.sql(f"SELECT id, who FROM {table} ORDER BY id").collect() == [
        (1, "bob"),
        (2, "bob"),
        (3, "bob"),
        (4, "other"),
        (5, "bob"),
    ]
    bob.sql(f"DELETE FROM {table} WHERE who = current_user()")
    assert column(bob, f"SELECT id FROM {table}") == [4]


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_column_default_is_the_principal(bob: SparkSession, database: str, kind: str) -> None:
    properties = "TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"
    bob.sql(
        f"CREATE TABLE {database}.t (id INT, who STRING DEFAULT current_user()) USING {kind} "
        + (properties if kind == "delta" else "")
    )
    bob.sql(f"INSERT INTO {database}.t (id) VALUES (1)")
    bob.sql(f"INSERT INTO {database}.t VALUES (2, DEFAULT)")
    assert column(bob, f"SELECT who FROM {database}.t") == ["bob", "bob"]


# --- streaming ---


def test_a_stream_runs_as_the_principal_of_its_session(
    alice: SparkSession, bob: SparkSession, namespace: str, tmp_path: Path
) -> None:
    source, target = f"{namespace}.source", f"{namespace}.target"
    alice.sql(f"CREATE TABLE {source} AS SELECT id FROM range(3)")
    alice.sql(f"CREATE TABLE {target} (id BIGINT, who STRING)")
    batches: list[tuple[str | None, list[str], list[str]]] = []

    def seen(batch: DataFrame, _: int) -> None:
        session = batch.sparkSession
        asked = column(session, "SELECT current_user()")
        batches.append((principal_of(session), asked, [r.who for r in batch.collect()]))

    stream = bob.readStream.table(source).withColumn("who", F.current_user())
    by_batch = stream.writeStream.foreachBatch(seen)
    by_batch = by_batch.option("checkpointLocation", str(tmp_path / "a"))
    query = by_batch.trigger(availableNow=True).start()
    assert query.awaitTermination(60)
    assert batches == [("bob", ["bob"], ["bob"] * 3)]
    to_table = stream.writeStream.option("checkpointLocation", str(tmp_path / "b"))
    query = to_table.trigger(availableNow=True).toTable(target)
    assert query.awaitTermination(60)
    assert column(alice, f"SELECT DISTINCT who FROM {target}") == ["bob"]


# --- threads ---


def test_threads_keep_sessions_apart(session_of: SessionOf) -> None:
    sessions = {f"user{i}": session_of(f"user{i}") for i in range(3)}

    def ask(name: str) -> tuple[str, str]:
        frame = sessions[name].sql("SELECT current_user() FROM range(1)")
        return name, frame.first()[0]

    with ThreadPoolExecutor(2) as pool:  # each thread serves several principals, in turns
        for name, answer in pool.map(ask, list(sessions) * 5):
            assert answer == name
    answers: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(ask(n))) for n in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(name, name) for name in sorted(sessions)]


def test_a_frame_is_of_the_session_that_made_it_whoever_is_active(
    alice: SparkSession, bob: SparkSession
) -> None:
    frame = alice.sql("SELECT current_user()")
    bob.sql("SELECT 1").collect()
    assert SparkSession.getActiveSession() is not alice
    assert frame.first()[0] == "alice"
