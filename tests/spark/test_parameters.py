"""Query parameters, past the parsers of Iceberg and Delta that know nothing of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.errors import AnalysisException, ArithmeticException, ParseException
from pyspark.sql import SparkSession
from pyspark.sql.functions import array, create_map, expr, lit

import iomete
from iomete.errors import QueryError

CONSTANTS_ONLY = "spark.sql.legacy.parameterSubstitution.constantsOnly"
BEYOND_BMP = "🦆"

HOSTILE = [
    "x' OR '1'='1",
    'double "quoted"',
    "back\\slash",
    "\\",
    "\\'",
    "'",
    "''",
    "\\u0041 \\n \\101 %_",
    "${spark.master} ${system:user.home} ${env:HOME}",
    ":text ?",
    "/* :text */ -- :text",
    "-- not a comment\nsecond line\r\n\tthird",
    "\0nul and \x1a",
    f"{BEYOND_BMP}'{BEYOND_BMP}",
    "`; DROP TABLE t; --",
    "",
    BEYOND_BMP * 20_000 + "'",
]


@pytest.fixture
def iceberg(lake: iomete.Lakehouse, namespace: str) -> str:
    """An Iceberg table with two snapshots of two rows each."""
    table = f"{namespace}.t"
    lake.sql(f"CREATE TABLE {table} AS SELECT id, concat('n', id) AS name FROM range(2)")
    lake.sql(f"INSERT INTO {table} SELECT id + 2, 'later' FROM range(2)")
    return table


@pytest.fixture
def delta(lake: iomete.Lakehouse, namespace: str) -> str:
    """A Delta table of versions 0 to 2, two rows with `part` x and one with y."""
    database = namespace.replace("lake.", "spark_catalog.")
    lake.sql(f"CREATE DATABASE {database}")
    table = f"{database}.t"
    lake.sql(f"CREATE TABLE {table} (id INT, part STRING) USING delta PARTITIONED BY (part)")
    lake.sql(f"INSERT INTO {table} VALUES (1, 'x'), (2, 'y')")
    lake.sql(f"INSERT INTO {table} VALUES (3, 'x')")
    return table


@contextmanager
def configured(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    spark.conf.set(key, value)
    try:
        yield
    finally:
        spark.conf.unset(key)


def rows(spark: SparkSession, query: str, args: Any = None) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in spark.sql(query, args=args).collect()]


# --- values ---


def test_hostile_texts_come_back_as_they_are(spark: SparkSession) -> None:
    names = {f"p{i}": text for i, text in enumerate(HOSTILE)}
    named = rows(spark, "SELECT " + ", ".join(f":{name}" for name in names), names)
    assert named == [tuple(HOSTILE)]
    for texts in (HOSTILE[i : i + 4] for i in range(0, len(HOSTILE), 4)):
        query = "SELECT " + ", ".join("?" for _ in texts)
        assert rows(spark, query, texts) == [tuple(texts)]


def test_positional_values_keep_their_order(spark: SparkSession) -> None:
    values = list(range(8))
    assert rows(spark, "SELECT " + ", ".join("?" for _ in values), values) == [tuple(values)]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.text(max_size=40), min_size=15, max_size=15))
def test_any_text_comes_back_as_it_is(spark: SparkSession, texts: list[str]) -> None:
    # markers stand behind each other, so each text moves the ones after it
    query = "SELECT " + ", ".join(f":p{i} /* '? */" for i in range(len(texts)))
    assert rows(spark, query, {f"p{i}": text for i, text in enumerate(texts)}) == [tuple(texts)]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.text(max_size=40), min_size=5, max_size=5))
def test_any_text_reaches_a_statement_that_only_iceberg_parses(
    spark: SparkSession, texts: list[str]
) -> None:
    # `CALL` with a table that doesn't exist names it in the error as it was given
    query = "CALL lake.system.rollback_to_snapshot(table => :t, snapshot_id => 1)"
    for text in texts:
        with pytest.raises(Exception, match=r".") as caught:
            rows(spark, query, {"t": "no_such." + "`" + text.replace("`", "``") + "`"})
        assert "PARSE_SYNTAX_ERROR" not in str(caught.value)
        assert "UNBOUND" not in str(caught.value)


def test_values_of_every_type_come_back_as_they_are(spark: SparkSession) -> None:
    values = [
        None,
        True,
        -3,
        2**31,
        2**63 - 1,
        -(2**63),
        1.5e300,
        float("-inf"),
        Decimal("-12345678901234567890.123456789"),
        dt.date(1500, 1, 1),
        dt.datetime(2024, 2, 29, 23, 59, 59, 123456),  # noqa: DTZ001  # Spark returns local time
        dt.timedelta(days=-1, microseconds=7),
        dt.time(1, 2, 3),
        b"\x00'\xff",
        ["a'b", ":x"],
    ]
    named = {f"p{i}": value for i, value in enumerate(values)}
    got = rows(spark, "SELECT " + ", ".join(f":{name}" for name in named), named)
    assert list(got[0]) == values
    assert rows(spark, "SELECT ?, ?", [float("nan"), b""])[0][1] == b""


def test_collections_are_values(spark: SparkSession) -> None:
    values = {
        "list": array(lit("x'"), lit(":y")),
        "map": create_map(lit("k\\"), lit(1)),
        "struct": expr("named_struct('field', 'v\"')"),
    }
    got = rows(spark, "SELECT :list[1], :map['k\\\\'], :struct.field", values)
    assert got == [(":y", 1, 'v"')]


def test_a_negative_number_is_an_operand(spark: SparkSession) -> None:
    got = rows(spark, "SELECT -(:x), - :x, 2*:x, 2+:x, 1 - - :x, -:big", {"x": -3, "big": 2**40})
    assert got == [(3, 3, -6, -1, -2, -(2**40))]


def test_a_negative_number_after_a_minus_starts_no_comment(spark: SparkSession) -> None:
    assert rows(spark, "SELECT 1 -:x, -:x", {"x": -3}) == [(4, 3)]


# --- markers ---


def test_what_looks_like_a_marker_in_quotes_and_comments_is_none(spark: SparkSession) -> None:
    query = """
        SELECT /* :no ? ' */ :a, ':no', ":no ?", r':no\\', `:c`, t.`a?` -- it's :no ?
        FROM (SELECT 1 AS `:c`, 2 AS `a?`) t"""
    assert rows(spark, query, {"a": 7}) == [(7, ":no", ":no ?", ":no\\", 1, 2)]
    assert rows(spark, query.replace(":a,", "?,"), [7]) == [(7, ":no", ":no ?", ":no\\", 1, 2)]


def test_a_path_into_a_variant_is_no_marker(spark: SparkSession) -> None:
    query = """
        SELECT payload:city::string, payload:a.b[0]::int, payload:city::string = :city,
               parse_json(:json):city::string
        FROM (SELECT parse_json(:json) AS payload)"""
    values = {"json": '{"city": "Rome", "a": {"b": [1]}}', "city": "Rome"}
    assert rows(spark, query, values) == [("Rome", 1, True, "Rome")]


def test_names_of_markers_may_be_keywords_and_tell_case(spark: SparkSession) -> None:
    assert rows(spark, "SELECT :select, :a, :A", {"select": 1, "a": 2, "A": 3}) == [(1, 2, 3)]


def test_markers_after_characters_beyond_the_bmp_are_found(
    spark: SparkSession, iceberg: str
) -> None:
    duck = BEYOND_BMP
    query = f"/* {duck} */ SELECT '{duck}{duck}', :x, '{duck}', :y /* {duck} */, :x"
    got = rows(spark, query, {"x": f"a{duck}", "y": f"{duck}b"})
    assert got == [(duck * 2, f"a{duck}", duck, f"{duck}b", f"a{duck}")]
    # and where the tokens are found without a grammar
    tag = f"ALTER TABLE {iceberg} CREATE TAG `{duck}{duck}` /* {duck} */ RETAIN :d DAYS"
    rows(spark, tag, {"d": 11})
    refs = f"SELECT max_reference_age_in_ms / 86400000 FROM {iceberg}.refs WHERE name = :name"
    assert rows(spark, refs, {"name": duck * 2}) == [(11,)]


def test_variables_are_substituted_in_the_query_and_never_in_data(
    spark: SparkSession, iceberg: str
) -> None:
    with configured(spark, "spark.test.answer", "42"):
        hostile = "${spark.test.answer}"
        query = "SELECT ${spark.test.answer}, '${spark.test.answer}', :x"
        assert rows(spark, query, {"x": hostile}) == [(42, "42", hostile)]
        alter = f"ALTER TABLE {iceberg} SET TBLPROPERTIES ('k' = :x)"
        rows(spark, alter, {"x": hostile})
        assert rows(spark, f"SHOW TBLPROPERTIES {iceberg} ('k')") == [("k", hostile)]
        assert spark.conf.get("spark.sql.variable.substitute") == "true"


# --- statements of Spark's own ---


def test_identifiers_can_be_parameters(lake: iomete.Lakehouse, iceberg: str) -> None:
    lake.sql("INSERT INTO IDENTIFIER(:t) VALUES (:id, :name)", t=iceberg, id=9, name="it's")
    found = lake.sql("SELECT name FROM IDENTIFIER(:t) WHERE IDENTIFIER(:c) = 9", t=iceberg, c="id")
    assert found.first()[0] == "it's"
    name = lake.sql("SELECT name FROM IDENTIFIER(:t) WHERE id = 9", t=iceberg)
    assert [row.name for row in name.collect()] == ["it's"]


def test_clauses_take_parameters(spark: SparkSession, iceberg: str) -> None:
    query = f"SELECT id, INTERVAL :n DAY FROM {iceberg} ORDER BY id LIMIT :n OFFSET :o"
    assert rows(spark, query, {"n": 1, "o": 2}) == [(2, dt.timedelta(days=1))]
    merge = f"""
        MERGE INTO {iceberg} t USING (SELECT :id AS id, :name AS name) s ON t.id = s.id
        WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"""
    for key in (0, 99):
        rows(spark, merge, {"id": key, "name": "m?:x'"})
    got = rows(spark, f"SELECT id FROM {iceberg} WHERE name = ? ORDER BY id", ["m?:x'"])
    assert got == [(0,), (99,)]
    rows(spark, f"UPDATE {iceberg} SET name = :n WHERE id IN (:a, :b)", {"n": ":a", "a": 0, "b": 1})
    rows(spark, f"DELETE FROM {iceberg} WHERE name <> ?", [":a"])
    assert rows(spark, f"SELECT id FROM {iceberg} ORDER BY id") == [(0,), (1,)]


def test_execute_immediate_takes_parameters(spark: SparkSession, iceberg: str) -> None:
    assert rows(spark, "EXECUTE IMMEDIATE 'SELECT :a + :b' USING 1 AS a, 2 AS b") == [(3,)]
    assert rows(spark, "EXECUTE IMMEDIATE 'SELECT ? || ?' USING 'x', 'y'") == [("xy",)]
    query = "EXECUTE IMMEDIATE :q USING :v AS v"
    assert rows(spark, query, {"q": "SELECT :v", "v": "it's ${spark.master}"}) == [
        ("it's ${spark.master}",)
    ]
    assert rows(spark, "EXECUTE IMMEDIATE ? USING ?", ["SELECT ?", ":a"]) == [(":a",)]
    alter = f"ALTER TABLE {iceberg} ADD PARTITION FIELD bucket(:n, id)"
    rows(spark, "EXECUTE IMMEDIATE :q USING :n AS n", {"q": alter, "n": 7})
    assert "bucket(7, id)" in rows(spark, f"SHOW CREATE TABLE {iceberg}")[0][0]


def test_sql_functions_take_parameters(spark: SparkSession, iceberg: str) -> None:
    spark.sql(
        "CREATE OR REPLACE TEMPORARY FUNCTION joined(x INT, y STRING DEFAULT 'none') "
        "RETURNS STRING RETURN concat(x, ':', y)"
    )
    spark.sql(
        "CREATE OR REPLACE TEMPORARY FUNCTION above(least INT COMMENT 'what''s :least?') "
        f"RETURNS TABLE(id BIGINT) RETURN SELECT id FROM {iceberg} WHERE id > least"
    )
    spark.sql(
        "CREATE OR REPLACE TEMPORARY FUNCTION fixed() RETURNS STRING RETURN :x",
        args={"x": "it's"},
    )
    assert rows(spark, "SELECT joined(:a), joined(:a, :b)", {"a": 4, "b": "'"}) == [
        ("4:none", "4:'")
    ]
    assert rows(spark, "SELECT id FROM above(:least)", {"least": 2}) == [(3,)]
    assert rows(spark, "SELECT fixed()") == [("it's",)]


def test_scripts_take_named_parameters(spark: SparkSession) -> None:
    script = """
        BEGIN
          DECLARE n INT DEFAULT :start;
          DECLARE query STRING DEFAULT 'SELECT :n, :text';
          WHILE n < :limit DO SET n = n + :step; END WHILE;
          IF n = :limit THEN EXECUTE IMMEDIATE query USING n AS n, :text AS text; END IF;
        END"""
    values = {"start": 1, "limit": 5, "step": 2, "text": "it's; END"}
    assert rows(spark, script, values) == [(5, "it's; END")]


def test_views_keep_the_values_they_were_made_with(spark: SparkSession, delta: str) -> None:
    view = delta.rpartition(".")[0] + ".v"
    value = "it's :y ? \\ ${spark.master}"
    # a name in `${…}` is substituted whenever a view's text is parsed: Spark stores text
    spark.sql(f"CREATE VIEW {view} AS SELECT :x AS x", args={"x": value.replace("$", "")})
    spark.sql("CREATE OR REPLACE TEMPORARY VIEW with_value AS SELECT :x AS x", args={"x": "it's"})
    assert rows(spark, f"SELECT * FROM {view}") == [(value.replace("$", ""),)]
    assert rows(spark, "SELECT * FROM with_value") == [("it's",)]
    spark.catalog.dropTempView("with_value")


# --- statements that only Iceberg knows ---


def test_iceberg_statements_take_parameters(spark: SparkSession, iceberg: str) -> None:
    rows(spark, f"ALTER TABLE {iceberg} ADD PARTITION FIELD bucket(:n, id)", {"n": 7})
    rows(spark, f"ALTER TABLE {iceberg} WRITE ORDERED BY truncate(?, name), id", [3])
    first = rows(spark, f"SELECT snapshot_id FROM {iceberg}.snapshots ORDER BY committed_at")[0][0]
    tag = f"ALTER TABLE {iceberg} CREATE TAG `a:b?` RETAIN :d DAYS -- :no"
    rows(spark, tag, {"d": 5})
    branch = f"ALTER TABLE {iceberg} CREATE BRANCH b AS OF VERSION :v"
    rows(spark, branch, {"v": first})
    refs = f"SELECT name, max_reference_age_in_ms, snapshot_id = :v FROM {iceberg}.refs ORDER BY 1"
    assert rows(spark, refs, {"v": first}) == [
        ("a:b?", 5 * 86_400_000, False),
        ("b", None, True),
        ("main", None, False),
    ]
    shown = rows(spark, f"SHOW CREATE TABLE {iceberg}")[0][0]
    assert "bucket(7, id)" in shown
    assert "truncate(3, name)" in shown.replace("truncate(name, 3)", "truncate(3, name)")


def test_iceberg_procedures_take_parameters(spark: SparkSession, iceberg: str) -> None:
    table = iceberg.removeprefix("lake.")
    snapshots = f"SELECT snapshot_id FROM {iceberg}.snapshots ORDER BY committed_at"
    first, second = (row[0] for row in rows(spark, snapshots))
    sort = """
        CALL lake.system.rewrite_data_files(
          table => :t, strategy => :s, sort_order => :o, where => :w,
          options => map('rewrite-all', :all))"""
    values = {"t": table, "s": "sort", "o": "name DESC NULLS LAST, id", "w": "id >= 0"}
    rewritten = rows(spark, sort, {**values, "all": "true"})
    assert rewritten[0][0] > 0
    back = "CALL lake.system.rollback_to_snapshot(table => :t, snapshot_id => :v)"
    assert rows(spark, back, {"t": table, "v": first})[0][1] == first
    assert rows(spark, f"SELECT count(*) FROM {iceberg}") == [(2,)]
    assert rows(spark, "CALL lake.system.set_current_snapshot(?, ?)", [table, second])
    assert rows(spark, f"SELECT count(*) FROM {iceberg}") == [(4,)]
    expire = "CALL lake.system.expire_snapshots(table => :t, older_than => :o, retain_last => :n)"
    rows(spark, expire, {"t": table, "o": dt.datetime(2999, 1, 1), "n": 1})  # noqa: DTZ001
    assert rows(spark, snapshots) == [(second,)]


def test_snapshots_can_be_parameters(spark: SparkSession, iceberg: str) -> None:
    snapshots = f"SELECT snapshot_id, committed_at FROM {iceberg}.snapshots ORDER BY committed_at"
    (first, _), (_, latest) = rows(spark, snapshots)
    count = f"SELECT count(*) FROM {iceberg}"
    assert rows(spark, f"{count} VERSION AS OF :v", {"v": first}) == [(2,)]
    assert rows(spark, f"{count} VERSION AS OF ?", [first]) == [(2,)]
    assert rows(spark, f"{count} TIMESTAMP AS OF :at", {"at": latest}) == [(4,)]


# --- statements that only Delta knows ---


def test_delta_statements_take_parameters(spark: SparkSession, delta: str) -> None:
    optimize = f"OPTIMIZE {delta} WHERE part = :p"
    assert rows(spark, optimize, {"p": "x' OR '1'='1"})[0][1].numFilesRemoved == 0
    assert rows(spark, optimize, {"p": "x"})[0][1].numFilesRemoved == 2
    assert len(rows(spark, f"DESCRIBE HISTORY {delta} LIMIT :n", {"n": 2})) == 2
    rows(spark, f"RESTORE TABLE {delta} TO VERSION AS OF ?", [1])
    assert rows(spark, f"SELECT count(*) FROM {delta}") == [(2,)]
    # hours that are none don't parse: so the value takes the marker's place
    with pytest.raises(ParseException):
        rows(spark, f"VACUUM {delta} RETAIN :h HOURS DRY RUN", {"h": "many"})
    rows(spark, f"VACUUM {delta} RETAIN :h HOURS DRY RUN", {"h": 200})


# --- errors ---


@pytest.mark.parametrize(
    ("query", "args", "name"),
    [
        ("SELECT :a, :b", {"a": 1}, "b"),
        ("SELECT ?, ?", [1], "_10"),
        ("SELECT :a", None, "a"),
        ("SELECT :a", {}, "a"),
        ("SELECT ?", [], "_7"),
        ("SELECT :a", {"A": 1}, "a"),
        ("ALTER TABLE lake.n.t CREATE TAG z RETAIN :d DAYS", {"e": 1}, "d"),
        ("ALTER TABLE lake.n.t CREATE TAG z RETAIN :d DAYS", None, "d"),
        ("ALTER TABLE lake.n.t CREATE TAG z RETAIN ? DAYS", [], "_41"),
        ("VACUUM lake.n.t RETAIN :h HOURS", {"e": 1}, "h"),
        ("EXECUTE IMMEDIATE 'SELECT :a' USING 1 AS b", None, "a"),
        ("EXECUTE IMMEDIATE 'SELECT ?, ?' USING 1", None, "_10"),
    ],
)
def test_a_marker_without_a_value_is_named(
    spark: SparkSession, query: str, args: Any, name: str
) -> None:
    with pytest.raises(AnalysisException) as caught:
        rows(spark, query, args)
    assert caught.value.getCondition() == "UNBOUND_SQL_PARAMETER"
    assert f"parameter: {name}." in str(caught.value)


def test_a_marker_without_a_value_is_a_query_error(lake: iomete.Lakehouse) -> None:
    with pytest.raises(QueryError) as caught:
        lake.sql("SELECT :given, :missing", given=1)
    assert caught.value.condition == "UNBOUND_SQL_PARAMETER"
    assert caught.value.sql_state == "42P02"


def test_markers_of_both_kinds_in_one_query_are_refused(spark: SparkSession) -> None:
    for args in ({"a": 1}, [1]):
        with pytest.raises(AnalysisException, match="INVALID_QUERY_MIXED_QUERY_PARAMETERS"):
            rows(spark, "SELECT :a, ?", args)


def test_the_excerpt_of_a_runtime_error_is_what_the_user_wrote(spark: SparkSession) -> None:
    with pytest.raises(ArithmeticException) as caught:
        rows(spark, "SELECT :x,\n  1 / (:z - 1) + :x", {"x": 12345, "z": 1})
    message = str(caught.value)
    assert "  1 / (:z - 1) + :x\n  ^^^^^^^^^^^^" in message
    assert "12345" not in message


def test_the_position_of_an_unknown_name_is_the_one_the_user_wrote(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException, match="line 3 pos 2"):
        rows(spark, "SELECT :x, :y,\n -- :x\n  nope", {"x": "long enough to shift", "y": 1})
    with pytest.raises(AnalysisException) as caught:
        rows(spark, "SELECT :x, nope", {"x": "long enough to shift"})
    (context,) = (caught.value.getQueryContext() or [None])[:1]
    assert context is not None
    assert context.fragment() == "nope"
    assert context.startIndex() == 11


# --- Spark's legacy mode ---


def test_constants_only_mode_binds_constants(spark: SparkSession, iceberg: str) -> None:
    with configured(spark, CONSTANTS_ONLY, "true"):
        query = "SELECT :a, count(*) FROM IDENTIFIER(:t) WHERE id < :n"
        assert rows(spark, query, {"a": "it's", "t": iceberg, "n": 2}) == [("it's", 2)]
        assert rows(spark, "SELECT ?, ?", [1, ":a"]) == [(1, ":a")]
        assert rows(spark, "EXECUTE IMMEDIATE 'SELECT :a' USING 1 AS a") == [(1,)]
        with pytest.raises(AnalysisException, match="UNBOUND_SQL_PARAMETER"):
            rows(spark, "SELECT :a, :b", {"a": 1})
        with pytest.raises(ParseException):  # what this mode doesn't support
            rows(spark, "SELECT 1 LIMIT :n FOO", {"n": 1})
    assert rows(spark, "SELECT 1 LIMIT :n", {"n": 0}) == []
