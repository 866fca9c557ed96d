"""The demo's rows are real where they say so, and the same at each run."""

import datetime as dt

import pyarrow.compute as pc
import pytest

from iomete.demo.people import COUNTRIES, email_of
from iomete.demo.tables import BOOKINGS, CUSTOMERS, FLIGHTS, TABLES, DemoTable

ROWS = {
    "lake.nyc.flights": 336_776,
    "lake.nyc.airlines": 16,
    "lake.nyc.airports": 1_458,
    "lake.nyc.planes": 3_322,
    "lake.nyc.weather": 26_115,
    "lake.crm.customers": 1_000,
    "lake.crm.bookings": 20_000,
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_have_the_declared_columns(table: DemoTable) -> None:
    rows = table.read()
    assert rows.num_rows == ROWS[table.name]
    assert rows.schema.equals(table.arrow_schema())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_spark_and_arrow_agree_on_columns(table: DemoTable) -> None:
    schema = table.spark_schema()
    assert schema.names == table.arrow_schema().names
    assert [field.dataType.simpleString() for field in schema] == [c.type for c in table.columns]
    assert all(field.metadata["comment"] for field in schema)


def test_na_is_null_and_times_are_utc() -> None:
    flights = FLIGHTS.read()
    assert flights["dep_time"].null_count == 8255  # cancelled
    assert flights["tailnum"].null_count == 2512
    assert flights["time_hour"][0].as_py() == dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize("table", [CUSTOMERS, BOOKINGS], ids=lambda table: table.name)
def test_synthetic_rows_are_the_same_each_time_and_say_so(table: DemoTable) -> None:
    assert table.read().equals(table.read())
    assert table.is_synthetic
    assert table.comment.startswith("Synthetic")


def test_customers_are_adults_of_all_countries_with_example_addresses() -> None:
    customers = CUSTOMERS.read()
    assert set(customers["country"].to_pylist()) == set(COUNTRIES)
    assert pc.max(customers["date_of_birth"]).as_py() < dt.date(1996, 1, 1)
    assert pc.all(pc.ends_with(customers["email"], "@example.com")).as_py()
    assert pc.count_distinct(customers["email"]).as_py() == customers.num_rows


def test_bookings_are_of_real_flights_and_known_customers() -> None:
    bookings, flights = BOOKINGS.read(), FLIGHTS.read()
    key = ["time_hour", "carrier", "flight", "origin", "dest"]
    met = bookings.join(flights.select(key), keys=key, join_type="left semi")
    assert met.num_rows == bookings.num_rows
    assert pc.max(bookings["customer_id"]).as_py() <= CUSTOMERS.read().num_rows
    assert pc.min(bookings["price"]).as_py() > 20


@pytest.mark.parametrize(
    ("first", "last", "email"),
    [
        ("Ana-María", "Núñez Gil", "anamaria.nunezgil7@example.com"),
        ("Jürgen", "Weiß", "jurgen.wei7@example.com"),
    ],
)
def test_addresses_are_plain_ascii(first: str, last: str, email: str) -> None:
    assert email_of(first, last, 7) == email
