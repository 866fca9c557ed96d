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
