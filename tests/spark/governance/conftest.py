from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import iomete

Newcomer = Callable[..., str]

_numbers = itertools.count(1)


@pytest.fixture
def newcomer(lake: iomete.Lakehouse) -> Newcomer:
    """Makes users that nobody has granted anything."""

    def make(**more: Any) -> str:
        name = f"person{next(_numbers)}"
        lake.principals.add_user(name, **more)
        return name

    return make


@pytest.fixture
def session_namespace(lake: iomete.Lakehouse, namespace: str) -> str:
    """A namespace of the session catalog, where tables of Delta and of files are."""
    name = f"spark_catalog.{namespace.removeprefix('lake.')}"
    lake.sql(f"CREATE NAMESPACE {name}")
    return name


@pytest.fixture
def people(lake: iomete.Lakehouse, namespace: str) -> str:
    """A table of people in two regions."""
    table = f"{namespace}.people"
    lake.sql(
        f"CREATE TABLE {table} (id INT NOT NULL, name STRING, ssn STRING, region STRING, "
        "home STRUCT<city: STRING, zip: STRING>, score INT NOT NULL) USING iceberg"
    )
    lake.sql(
        f"INSERT INTO {table} VALUES "
        "(1, 'Ann', '111-11-1111', 'EU', named_struct('city', 'Rome', 'zip', '00100'), 7), "
        "(2, 'Bob', '222-22-2222', 'EU', named_struct('city', 'Bonn', 'zip', '53111'), 8), "
        "(3, 'Cid', '333-33-3333', 'US', named_struct('city', 'Reno', 'zip', '89501'), 9)"
    )
    return table
