"""Views, views over views and temporary views, and what their errors and bodies tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import QueryError
from spark.governance.conftest import Newcomer


def rows(lake: iomete.Lakehouse, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in lake.sql(query).collect()]


class Cast(NamedTuple):
    """Who there is: the table is the admin's, bob sees two regions' rows less one, carol views."""

    namespace: str
    people: str
    bob: iomete.Lakehouse
    bob_name: str
    carol: iomete.Lakehouse
    carol_name: str


@pytest.fixture
def cast(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> Cast:
    namespace = people.rsplit(".", 1)[0]
    bob, carol = newcomer(), newcomer()
    for name in (bob, carol):
        lake.policies.grant("create", on=namespace, to=name)
    lake.policies.grant("select", on=people, to=bob)
    lake.policies.filter_rows(people, "region = 'EU'", to=bob)
    return Cast(namespace, people, lake.as_principal(bob), bob, lake.as_principal(carol), carol)


@pytest.fixture
def session_database(lake: iomete.Lakehouse) -> Iterator[str]:
    lake.sql("CREATE DATABASE spark_catalog.inner_views")
    yield "spark_catalog.inner_views"
    lake.sql("DROP DATABASE spark_catalog.inner_views CASCADE")


def test_an_inner_view_is_read_with_its_own_creators_rights(
    lake: iomete.Lakehouse, cast: Cast
) -> None:
    cast.bob.sql(f"CREATE VIEW {cast.namespace}.inner AS SELECT id, region FROM {cast.people}")
    lake.sql(f"CREATE VIEW {cast.namespace}.chain AS SELECT * FROM {cast.namespace}.inner")
    assert sorted(rows(lake, f"SELECT id FROM {cast.namespace}.chain")) == [(1,), (2,)]
    nested = f"SELECT (SELECT count(*) FROM {cast.namespace}.inner) AS n"
    lake.sql(f"CREATE VIEW {cast.namespace}.counting AS {nested}")
    assert rows(lake, f"SELECT n FROM {cast.namespace}.counting") == [(2,)]
    lake.principals.disable_user(cast.bob_name)
    for view in ("chain", "counting"):
        with pytest.raises(AnalysisException, match="IOMETE_ACCESS_DENIED"):
            rows(lake, f"SELECT * FROM {cast.namespace}.{view}")


def test_a_view_over_a_view_needs_no_more_than_the_inner_view(
    lake: iomete.Lakehouse, cast: Cast, newcomer: Newcomer, session_database: str
) -> None:
    inner = f"{cast.namespace}.inner"
    lake.sql(f"CREATE VIEW {inner} AS SELECT region, count(*) AS n FROM {cast.people} GROUP BY 1")
    lake.policies.grant("select", on=inner, to=cast.carol_name)
    lake.policies.grant("create", on=session_database, to=cast.carol_name)
    reader = newcomer()
    outside = lake.as_principal(reader)
    for outer in (f"{cast.namespace}.outer", f"{session_database}.outer"):
        lake.policies.grant("select", on=outer, to=cast.carol_name, future=True)
        cast.carol.sql(f"CREATE VIEW {outer} AS SELECT region, n FROM {inner}")
        assert rows(cast.carol, f"SELECT n FROM {outer} WHERE region = 'EU'") == [(2,)]
    lake.policies.grant("select", on=f"{cast.namespace}.outer", to=reader)
    assert rows(outside, f"SELECT n FROM {cast.namespace}.outer WHERE region = 'EU'") == [(2,)]
    # What the asker is denied, or sees filtered, is so at any depth.
    lake.policies.filter_rows(cast.people, "id = 1", to=reader)
    assert rows(outside, f"SELECT region, n FROM {cast.namespace}.outer") == [("EU", 1)]


@pytest.mark.parametrize(
    "body",
    [
        "SELECT id, (SELECT count(*) FROM {hidden} s WHERE s.id = p.id) AS n FROM {people} p",
        "SELECT id, 1 AS n FROM {people} WHERE id IN (SELECT id FROM {hidden} WHERE id < 9)",
        "SELECT id, 1 AS n FROM {people} p WHERE EXISTS (SELECT * FROM {hidden} s WHERE s.id = 1)",
        "SELECT p.id, n FROM {people} p, LATERAL (SELECT 1 AS n FROM {hidden} s WHERE s.id = p.id)",
        "WITH c AS (SELECT id FROM {hidden}) SELECT id, 1 AS n FROM c",
        "SELECT id, (SELECT max(score) FROM {people}) AS n FROM {hidden}",
    ],
    ids=["scalar", "in", "exists", "lateral", "cte", "hidden column"],
)
def test_subqueries_of_a_body_read_what_its_creator_may(
    lake: iomete.Lakehouse, cast: Cast, body: str
) -> None:
    hidden = f"{cast.namespace}.hidden"
    lake.sql(f"CREATE TABLE {hidden} AS SELECT 1 AS id")
    text = body.format(hidden=hidden, people=cast.people)
    lake.sql(f"CREATE VIEW {cast.namespace}.v AS {text}")
    lake.policies.grant("select", on=f"{cast.namespace}.v", to=cast.carol_name)
    assert rows(cast.carol, f"SELECT id FROM {cast.namespace}.v WHERE id = 1") == [(1,)]


def test_a_mask_that_nullifies_is_known_when_a_query_is_analysed(
    lake: iomete.Lakehouse, cast: Cast
) -> None:
    lake.policies.mask(cast.people, "score", "nullify", to=cast.bob_name)
    table = cast.people
    assert cast.bob.table(table).schema["score"].nullable
    assert not lake.table(table).schema["score"].nullable
    twice = (
        "WITH c AS (SELECT score, rand() AS r FROM {0}) SELECT a.score IS NULL, "
        "coalesce(a.score, -1) FROM c a JOIN c b ON a.r = b.r LIMIT 1"
    )
    for query, expected in {
        twice: [(True, -1)],
        "SELECT transform(array(score), x -> x IS NULL) FROM {0} LIMIT 1": [([True],)],
        "SELECT explode(array(score)) FROM {0} LIMIT 1": [(None,)],
        "SELECT v FROM {0} UNPIVOT INCLUDE NULLS (v FOR c IN (score)) LIMIT 1": [(None,)],
        "SELECT (SELECT first(b.score) IS NULL FROM {0} b WHERE b.id = a.id) FROM {0} a LIMIT 1": [
            (True,)
        ],
        "SELECT count(*) FROM {0} a WHERE EXISTS (SELECT 1 FROM {0} b WHERE a.id = b.id AND "
        "a.score IS NULL)": [(2,)],
        "SELECT l.n FROM {0} a, LATERAL (SELECT a.score IS NULL AS n) l LIMIT 1": [(True,)],
    }.items():
        assert rows(cast.bob, query.format(table)) == expected, query
    frame = cast.bob.table(table).select("score")
    assert frame.localCheckpoint().first()[0] is None
    assert frame.toJSON().first() == "{}"
    assert frame.toArrow().column(0).null_count == 2


def test_nulls_of_a_mask_inside_a_view(lake: iomete.Lakehouse, cast: Cast) -> None:
    lake.policies.mask(cast.people, "score", "nullify", to=cast.carol_name)
    view = f"{cast.namespace}.scores"
    lake.sql(f"CREATE VIEW {view} AS SELECT id, score FROM {cast.people}")
    lake.policies.grant("select", on=view, to=cast.carol_name)
    query = f"SELECT transform(array(score), x -> x IS NULL) FROM {view} LIMIT 1"
    assert rows(cast.carol, query) == [([True],)]
    assert rows(lake, query) == [([False],)]


@pytest.mark.parametrize("made", ["iceberg", "delta"])
def test_fields_and_elements_that_are_never_null_can_be_nullified(
    lake: iomete.Lakehouse, cast: Cast, session_database: str, made: str
) -> None:
    where = session_database if made == "delta" else cast.namespace
    table = f"{where}.nested"
    lake.sql(
        f"CREATE TABLE {table} (id INT, s STRUCT<a: STRING NOT NULL, b: INT NOT NULL> NOT NULL) "
        f"USING {made}"
    )
    lake.sql(f"INSERT INTO {table} VALUES (1, named_struct('a', 'x', 'b', 2))")
    lake.policies.grant("select", on=table, to=cast.carol_name)
    lake.policies.mask(table, "s.a", "nullify", to=cast.carol_name)
    assert rows(cast.carol, f"SELECT * FROM {table}") == [(1, (None, 2))]
    assert rows(cast.carol, f"SELECT s.a IS NULL, s.b FROM {table}") == [(True, 2)]
    assert rows(cast.carol, f"SELECT transform(array(s), x -> x.a IS NULL) FROM {table}") == [
        ([True],)
    ]


@pytest.mark.parametrize("made", ["parquet", "delta"])
def test_tables_with_char_columns_are_governed_once(
    lake: iomete.Lakehouse, cast: Cast, session_database: str, made: str
) -> None:
    table = f"{session_database}.padded"
    lake.sql(f"CREATE TABLE {table} (id INT, code CHAR(4), region STRING, tok INT) USING {made}")
    lake.sql(f"INSERT INTO {table} VALUES (1, 'ab', 'EU', 10), (2, 'cd', 'US', 20)")
    lake.policies.grant("select", on=table, columns=["id", "region", "code"], to=cast.carol_name)
    lake.policies.mask(table, "id", "custom", expression="{col} + 1", to=cast.carol_name)
    lake.policies.mask(table, "region", "nullify", to=cast.carol_name)
    lake.policies.filter_rows(table, "region = 'EU'", to=cast.carol_name)
    assert rows(cast.carol, f"SELECT * FROM {table}") == [(2, "ab  ", None)]
    assert rows(cast.carol, f"SELECT id FROM {table} WHERE code = 'ab'") == [(2,)]
    lake.audit.ingest()
    events = lake.audit.events(principal=cast.carol_name, resource=table, verdict="allowed")
    assert len({event.query for event in events}) == len(events)
    assert all(event.via == () for event in events)


def test_errors_show_nothing_of_what_a_view_is_made_of(
    lake: iomete.Lakehouse, cast: Cast, session_database: str
) -> None:
    lake.sql(f"CREATE VIEW {cast.namespace}.v AS SELECT id, upper(ssn) AS u FROM {cast.people}")
    for name, text in {"v": cast.people, "nest": f"{cast.namespace}.v"}.items():
        view = f"{cast.namespace}.{name}"
        if name != "v":
            lake.sql(f"CREATE VIEW {view} AS SELECT id FROM {text}")
        lake.policies.grant("select", on=view, to=cast.carol_name)
        with pytest.raises(QueryError) as told:
            cast.carol.sql(f"SELECT nosuch FROM {view}")
        assert told.value.condition == "UNRESOLVED_COLUMN.WITH_SUGGESTION"
        assert "people" not in str(told.value)
        assert "ssn" not in str(told.value)


def test_a_temporary_view_knows_only_what_its_reader_may(
    lake: iomete.Lakehouse, cast: Cast
) -> None:
    lake.policies.grant("select", on=cast.people, columns=["id"], to=cast.carol_name)
    run = cast.carol.sql
    run(f"CREATE TEMPORARY VIEW own AS SELECT id FROM {cast.people}")
    with pytest.raises(QueryError) as told:
        run("SELECT nosuch FROM own")
    assert "salary" not in str(told.value)
    assert "ssn" not in str(told.value)
    # A hidden column of the same name and another type has no say.
    run(f"CREATE TEMPORARY VIEW alias AS SELECT 1 AS ssn, ssn + 1 AS y FROM {cast.people}")
    assert rows(cast.carol, "SELECT DISTINCT ssn, y FROM alias") == [(1, 2)]
    lake.table(cast.people).createOrReplaceGlobalTempView("of_admin")
    with pytest.raises(QueryError) as told:
        run("SELECT nosuch FROM global_temp.of_admin")
    assert "score#" not in str(told.value)
    assert "home#" not in str(told.value)


def test_a_temporary_view_does_not_tell_hidden_tables_from_missing_ones(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    lake.sql(f"CREATE TABLE {namespace}.payroll AS SELECT 1 AS id")
    lake.sql(f"CREATE TABLE {namespace}.open AS SELECT 1 AS id")
    reader = newcomer()
    lake.policies.grant("select", on=f"{namespace}.open", to=reader)
    run, told = lake.as_principal(reader).sql, list[str]()
    run(f"USE {namespace}")
    for name in ("payroll", "missing"):
        run(f"CREATE TEMPORARY VIEW {name} AS SELECT 1 AS id")
        run(f"CREATE TEMPORARY VIEW over_{name} AS SELECT * FROM {name}")
        run(f"DROP VIEW {name}")
        with pytest.raises(QueryError) as error:
            run(f"TABLE over_{name}")
        told.append(str(error.value).replace(name, "…"))
    assert told[0] == told[1]
