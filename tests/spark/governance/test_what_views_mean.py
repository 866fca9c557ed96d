"""A view means what its text meant to who made it, whoever reads it, and with whichever session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import iomete
from iomete.errors import QueryDeniedError
from spark.governance.conftest import Newcomer

CATALOGS = pytest.mark.parametrize("catalog", ["iceberg", "session"])


@pytest.fixture
def reader(lake: iomete.Lakehouse, newcomer: Newcomer) -> str:
    return newcomer()


@pytest.fixture
def places(namespace: str, session_namespace: str) -> dict[str, str]:
    return {"iceberg": namespace, "session": session_namespace}


def made(lake: iomete.Lakehouse, reader: str, name: str, text: str) -> SparkSession:
    """Make a view and return a session of somebody who may read it, and nothing below."""
    lake.sql(f"CREATE VIEW {name} AS {text}")
    lake.policies.grant("select", on=name, to=reader)
    return lake.as_principal(reader).spark


@CATALOGS
def test_a_function_of_ones_own_does_not_take_the_place_of_spark_s(
    lake: iomete.Lakehouse, people: str, places: dict[str, str], reader: str, catalog: str
) -> None:
    view = f"{places[catalog]}.hashed"
    text = f"SELECT md5(ssn) AS h FROM {people} WHERE region = upper('eu')"
    spark = made(lake, reader, view, text)
    assert spark.table(view).count() == 2
    spark.udf.register("md5", lambda value: value)
    with pytest.raises(PySparkException) as caught:
        spark.table(view).collect()
    assert caught.value.getCondition() == "IOMETE_FUNCTION_OVERRIDDEN"
    assert "111-11" not in str(caught.value)


@CATALOGS
def test_a_table_function_of_ones_own_does_not_take_the_place_of_spark_s(
    lake: iomete.Lakehouse, people: str, places: dict[str, str], reader: str, catalog: str
) -> None:
    view = f"{places[catalog]}.ranged"
    text = f"SELECT p.ssn FROM {people} p JOIN range(2) r ON p.id = r.id"
    spark = made(lake, reader, view, text)
    assert [row.ssn for row in spark.table(view).collect()] == ["111-11-1111"]

    class Everything:
        def eval(self, _: int) -> Iterator[tuple[int]]:
            yield from ((n,) for n in range(10))

    from pyspark.sql.functions import udtf

    spark.udtf.register("range", udtf(Everything, returnType="id: bigint"))  # type: ignore[type-var]
    with pytest.raises(PySparkException) as caught:
        spark.table(view).collect()
    assert caught.value.getCondition() == "IOMETE_FUNCTION_OVERRIDDEN"


def test_functions_of_ones_own_with_names_of_their_own_are_fine(
    lake: iomete.Lakehouse, people: str, namespace: str, reader: str
) -> None:
    view = f"{namespace}.plain"
    spark = made(lake, reader, view, f"SELECT lower(name) AS n FROM {people} ORDER BY id")
    spark.udf.register("shout", lambda value: value.upper())
    found = spark.sql(f"SELECT shout(n) AS n FROM {view} LIMIT 1").collect()
    assert [row.n for row in found] == ["ANN"]


@CATALOGS
@pytest.mark.parametrize(
    ("where", "settings"),
    [
        ('region = "EU"', {"spark.sql.ansi.doubleQuotedIdentifiers": "true"}),
        (r"NOT ssn RLIKE '^\\d+-22'", {"spark.sql.parser.escapedStringLiterals": "true"}),
        (
            "id IN (SELECT 1 UNION SELECT 2 INTERSECT SELECT 2)",
            {"spark.sql.legacy.setopsPrecedence.enabled": "true"},
        ),
        (
            "CAST('2026-01-01' AS TIMESTAMP) < TIMESTAMP '2026-01-01 00:00:00 UTC' OR id = 1",
            {"spark.sql.session.timeZone": "Asia/Tokyo"},
        ),
        ("CAST(score - 100 AS TINYINT) + 0 > -128", {"spark.sql.ansi.enabled": "false"}),
    ],
)
def test_settings_of_its_reader_do_not_change_a_view(
    lake: iomete.Lakehouse,
    people: str,
    places: dict[str, str],
    reader: str,
    catalog: str,
    where: str,
    settings: dict[str, str],
) -> None:
    view = f"{places[catalog]}.some"
    spark = made(lake, reader, view, f"SELECT id FROM {people} WHERE {where}")
    lake.policies.grant("use", on="lake", to=reader)
    expected = {row.id for row in lake.sql(f"SELECT id FROM {view}").collect()}
    spark.sql("DECLARE VARIABLE EU STRING DEFAULT 'US'")
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        assert {row.id for row in spark.table(view).collect()} == expected
    finally:
        spark.sql("DROP TEMPORARY VARIABLE EU")
        for key in settings:
            spark.conf.unset(key)


def test_views_go_by_their_own_settings_whatever_a_session_wants(
    lake: iomete.Lakehouse, people: str, session_namespace: str, reader: str
) -> None:
    spark = made(lake, reader, f"{session_namespace}.v", f"SELECT id FROM {people}")
    with pytest.raises(PySparkException, match="IOMETE_SETTING_REFUSED"):
        spark.sql("SET spark.sql.legacy.useCurrentConfigsForView = true")


@CATALOGS
def test_what_has_another_owner_gets_no_other_body(
    lake: iomete.Lakehouse, people: str, places: dict[str, str], newcomer: Newcomer, catalog: str
) -> None:
    mallory, chief = newcomer(), newcomer()
    place = places[catalog]
    view = f"{place}.owned"
    lake.sql(f"CREATE VIEW {view} AS SELECT id FROM {people}")
    lake.policies.grant("select", on=people, to=chief)
    lake.policies.grant("select", on=people, columns="id", to=mallory)
    lake.policies.grant(["create", "drop", "select", "alter"], on=place, to=mallory)
    lake.catalog.set_owner(view, chief)
    person = lake.as_principal(mallory)
    body = f"VIEW {view} AS SELECT to_json(struct(*)) AS j FROM {people}"
    with pytest.raises(QueryDeniedError, match="owner"):
        person.sql(f"CREATE OR REPLACE {body}")
    person.sql(f"DROP VIEW {view}")
    with pytest.raises(QueryDeniedError, match="owner"):
        person.sql(f"CREATE {body}")
    own = f"{place}.mine"
    person.sql(body.replace("VIEW", "CREATE VIEW", 1).replace(view, own))
    with pytest.raises(QueryDeniedError):
        person.sql(f"ALTER VIEW {own} RENAME TO {view}")
    lake.policies.grant(["create", "drop"], on=place, to=chief)
    lake.as_principal(chief).sql(f"CREATE {body}")
    assert "111-11" in lake.as_principal(mallory).sql(f"SELECT min(j) FROM {view}").collect()[0][0]
