"""Attributes that are lists, in row filters."""

from __future__ import annotations

import pytest

import iomete


@pytest.mark.parametrize(
    ("attributes", "visible"),
    [({"tpch_zones": ["ASIA", "EUROPE"]}, ["ASIA", "EUROPE"]), ({"tpch_zones": []}, []), ({}, [])],
)
def test_filter_by_a_list_shows_rows_whose_value_is_in_it(
    lake: iomete.Lakehouse, namespace: str, attributes: dict[str, list[str]], visible: list[str]
) -> None:
    table, user = f"{namespace}.zones", namespace.rpartition(".")[2]
    lake.sql(f"CREATE TABLE {table} AS SELECT explode(array('ASIA', 'EUROPE', 'AFRICA')) AS zone")
    lake.principals.add_user(user, attributes=attributes)
    lake.policies.grant("select", on=table, to=user)
    lake.policies.filter_rows(table, "array_contains(${{USER.tpch_zones}}, zone)", to=user)
    rows = lake.as_principal(user).sql(f"SELECT zone FROM {table} ORDER BY zone").collect()
    assert [row.zone for row in rows] == visible


@pytest.mark.parametrize(
    "predicate",
    [
        "array_contains(${{USER.nobody_has_it}}, zone)",
        "zone = ${{USER.nobody_has_it}}",
        "number < ${{USER.nobody_has_it}}",
        "array_contains(${{USER.nobody_has_it}}, number)",
        "${{USER.nobody_has_it}} OR number < 0",
    ],
)
def test_an_attribute_that_nobody_has_is_null_of_the_type_that_the_filter_takes(
    lake: iomete.Lakehouse, namespace: str, predicate: str
) -> None:
    table, user = f"{namespace}.zones", namespace.rpartition(".")[2]
    lake.sql(f"CREATE TABLE {table} AS SELECT 'ASIA' AS zone, 1L AS number")
    lake.principals.add_user(user)
    lake.policies.grant("select", on=table, to=user)
    lake.policies.filter_rows(table, predicate, to=user)
    assert lake.as_principal(user).table(table).collect() == []
