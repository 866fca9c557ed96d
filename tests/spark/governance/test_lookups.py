"""Row filters and masks that look things up, where a row makes them fail."""

from __future__ import annotations

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

import iomete
from iomete.errors import InvalidPolicyError, QueryError
from spark.governance.conftest import Newcomer


@pytest.fixture
def coded(lake: iomete.Lakehouse, namespace: str) -> str:
    table = f"{namespace}.coded"
    lake.sql(f"CREATE TABLE {table} (id INT, code STRING, region STRING) USING iceberg")
    lake.sql(
        f"INSERT INTO {table} VALUES (1, '10', 'EU'), (2, '20', 'EU'), (3, 'CANARY', 'EU'), "
        "(4, NULL, 'US')"
    )
    lake.sql(
        f"CREATE TABLE {namespace}.acl AS SELECT * FROM VALUES (10, 'ten'), (30, 'x') AS t(c, n)"
    )
    lake.sql(f"CREATE TABLE {namespace}.broken AS SELECT * FROM VALUES ('10'), ('CANARY') AS t(c)")
    lake.sql(f"CREATE TABLE {namespace}.nothing (c INT) USING iceberg")
    return table


@pytest.mark.parametrize(
    ("predicate", "ids"),
    [
        ("CAST(code AS INT) IN (SELECT c FROM {0}.acl)", [1]),
        ("CAST(code AS INT) NOT IN (SELECT c FROM {0}.acl)", [2]),
        ("CAST(code AS INT) NOT IN (SELECT c FROM {0}.nothing)", [1, 2, 4]),
        ("EXISTS (SELECT 1 FROM {0}.acl a WHERE a.c = CAST(code AS INT))", [1]),
        ("NOT EXISTS (SELECT 1 FROM {0}.acl a WHERE a.c = CAST(code AS INT))", [2, 4]),
        ("region = 'US' OR CAST(code AS INT) IN (SELECT c FROM {0}.acl)", [1, 4]),
        ("NOT (region = 'US' OR CAST(code AS INT) IN (SELECT c FROM {0}.acl))", [2]),
        ("CAST(code AS INT) < (SELECT max(c) FROM {0}.acl)", [1, 2]),
        ("10 / (CAST(code AS INT) - (SELECT min(c) FROM {0}.acl)) > 0", [2]),
        ("(SELECT max(n) FROM {0}.acl a WHERE a.c = CAST(code AS INT)) = 'ten'", [1]),
        ("coalesce(CAST(code AS INT) IN (SELECT c FROM {0}.acl), true)", [1]),
        ("id IN (SELECT length(n) - 2 FROM {0}.acl GROUP BY length(n) - 2)", [1]),
    ],
)
def test_a_row_on_which_a_lookup_fails_is_hidden_and_the_others_are_seen(
    lake: iomete.Lakehouse, coded: str, newcomer: Newcomer, predicate: str, ids: list[int]
) -> None:
    reader = newcomer()
    lake.policies.grant("select", on=coded, to=reader)
    lake.policies.filter_rows(coded, predicate.format(coded.rsplit(".", 1)[0]), to=reader)
    seen = lake.as_principal(reader).sql(f"SELECT id FROM {coded} ORDER BY id").collect()
    assert [row.id for row in seen] == ids


@pytest.mark.parametrize(
    "predicate",
    [
        "id IN (SELECT CAST(c AS INT) FROM {0}.broken)",
        "NOT EXISTS (SELECT 1 FROM {0}.broken b WHERE CAST(b.c AS INT) = id)",
        "id < (SELECT max(CAST(c AS INT)) FROM {0}.broken)",
        "id < (SELECT CAST(max(c) AS INT) FROM {0}.broken)",
        "id IN (SELECT CAST(c AS INT) FROM {0}.broken GROUP BY CAST(c AS INT))",
    ],
)
def test_a_lookup_that_fails_by_itself_shows_neither_rows_nor_values(
    lake: iomete.Lakehouse, coded: str, newcomer: Newcomer, predicate: str
) -> None:
    reader = newcomer()
    lake.policies.grant("select", on=coded, to=reader)
    lake.policies.filter_rows(coded, predicate.format(coded.rsplit(".", 1)[0]), to=reader)
    # Spark passes on a scalar subquery's error as it is.
    with pytest.raises((PySparkException, Py4JJavaError)) as told:
        lake.as_principal(reader).sql(f"SELECT id FROM {coded}").collect()
    assert "IOMETE_POLICY_UNUSABLE" in str(told.value)
    assert "CANARY" not in str(told.value)


def test_a_mask_that_looks_things_up_gives_null_where_an_operand_fails(
    lake: iomete.Lakehouse, coded: str, newcomer: Newcomer
) -> None:
    reader = newcomer()
    lake.policies.grant("select", on=coded, to=reader)
    acl = f"{coded.rsplit('.', 1)[0]}.acl"
    looked_up = f"(SELECT max(n) FROM {acl} a WHERE a.c = CAST({{col}} AS INT))"
    lake.policies.mask(coded, "code", "custom", expression=looked_up, to=reader)
    seen = lake.as_principal(reader).sql(f"SELECT code FROM {coded} ORDER BY id").collect()
    assert [row.code for row in seen] == ["ten", None, None, None]


@pytest.mark.parametrize(
    "predicate",
    [
        "region IN (SELECT region FROM {0}.regions)",
        "EXISTS (SELECT 1 FROM {0}.regions WHERE region = coded.region)",
        "id < (SELECT count(region) FROM {0}.regions)",
    ],
)
def test_a_lookup_whose_column_is_called_otherwise_closes_the_table(
    lake: iomete.Lakehouse, coded: str, newcomer: Newcomer, predicate: str
) -> None:
    reader, namespace = newcomer(), coded.rsplit(".", 1)[0]
    lake.sql(f"CREATE TABLE {namespace}.regions AS SELECT 'EU' AS region")
    lake.policies.grant("select", on=coded, to=reader)
    lake.policies.filter_rows(coded, predicate.format(namespace), to=reader)
    query = f"SELECT count(*) FROM {coded}"
    seen = lake.as_principal(reader).sql(query).collect()[0][0]
    assert seen < lake.sql(query).collect()[0][0]
    lake.sql(f"ALTER TABLE {namespace}.regions RENAME COLUMN region TO area")
    with pytest.raises((QueryError, PySparkException), match="IOMETE_POLICY_UNUSABLE"):
        lake.as_principal(reader).sql(query).collect()


def test_a_lookup_of_nothing_but_the_row_itself_is_no_policy(
    lake: iomete.Lakehouse, coded: str, newcomer: Newcomer
) -> None:
    reader, namespace = newcomer(), coded.rsplit(".", 1)[0]
    with pytest.raises(InvalidPolicyError, match="a lookup reads `region` of the row itself"):
        lake.policies.filter_rows(
            coded, f"region IN (SELECT region FROM {namespace}.acl)", to=reader
        )
