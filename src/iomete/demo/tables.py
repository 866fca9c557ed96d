"""The demo's tables: their columns, what they mean, and where their rows come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from iomete.demo import people, sources

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]  # it has no types
    from pyspark.sql.types import StructType

MARK = "iomete.demo"
"""Property of every table that the demo has made; its value is the version of the data."""
DATA_VERSION = "1"
AS_LOADED = "as_loaded"
"""Iceberg tag on the snapshot that a table was loaded with."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its Spark SQL type, and what is in it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTable:
    """A table that the demo loads; `rows` reads or makes its rows."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    rows: Callable[[pa.Schema], pa.Table]
    is_synthetic: bool = False

    def arrow_schema(self) -> pa.Schema:
        """Return the columns as Arrow has them."""
        import pyarrow as pa

        types = {
            "int": pa.int32(),
            "bigint": pa.int64(),
            "double": pa.float64(),
            "string": pa.string(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us", tz="UTC"),
            "decimal(8,2)": pa.decimal128(8, 2),
        }
        return pa.schema([(column.name, types[column.type]) for column in self.columns])

    def spark_schema(self) -> StructType:
        """Return the columns as Spark has them, with their comments."""
        from pyspark.sql.types import (
            DateType,
            DecimalType,
            DoubleType,
            IntegerType,
            LongType,
            StringType,
            StructField,
            StructType,
            TimestampType,
        )

        types = {
            "int": IntegerType(),
            "bigint": LongType(),
            "double": DoubleType(),
            "string": StringType(),
            "date": DateType(),
            "timestamp": TimestampType(),
            "decimal(8,2)": DecimalType(8, 2),
        }
        return StructType(
            [
                StructField(column.name, types[column.type], metadata={"comment": column.comment})
                for column in self.columns
            ]
        )

    def read(self) -> pa.Table:
        """Return the table's rows."""
        return self.rows(self.arrow_schema())


@cache
def _flights() -> pa.Table:
    # bookings need them a second time
    return sources.read_csv("flights", FLIGHTS.arrow_schema())


FLIGHTS = DemoTable(
    name="lake.nyc.flights",
    comment="Flights out of New York City in 2013",
    rows=lambda _: _flights(),
    columns=(
        Column("year", "int", "Year of departure, local time"),
        Column("month", "int", "Month of departure, local time"),
        Column("day", "int", "Day of departure, local time"),
        Column("dep_time", "int", "Actual departure, local, HHMM; null: cancelled"),
        Column("sched_dep_time", "int", "Scheduled departure, local, HHMM"),
        Column("dep_delay", "int", "Minutes late at departure; negative: early"),
        Column("arr_time", "int", "Actual arrival, local, HHMM"),
        Column("sched_arr_time", "int", "Scheduled arrival, local, HHMM"),
        Column("arr_delay", "int", "Minutes late at arrival; negative: early"),
        Column("carrier", "string", "Airline, see airlines"),
        Column("flight", "int", "Flight number"),
        Column("tailnum", "string", "Plane, see planes"),
        Column("origin", "string", "Airport of departure, see airports"),
        Column("dest", "string", "Airport of arrival, see airports"),
        Column("air_time", "int", "Minutes in the air"),
        Column("distance", "int", "Miles flown"),
        Column("hour", "int", "Hour of scheduled departure, local"),
        Column("minute", "int", "Minute of scheduled departure"),
        Column("time_hour", "timestamp", "Scheduled departure, to the hour"),
    ),
)

AIRLINES = DemoTable(
    name="lake.nyc.airlines",
    comment="Airlines by their two-letter code",
    rows=lambda schema: sources.read_csv("airlines", schema),
    columns=(
        Column("carrier", "string", "Two-letter code"),
        Column("name", "string", "Full name"),
    ),
)

AIRPORTS = DemoTable(
    name="lake.nyc.airports",
    comment="Airports of the United States",
    rows=lambda schema: sources.read_csv("airports", schema),
    columns=(
        Column("faa", "string", "FAA code"),
        Column("name", "string", "Usual name"),
        Column("lat", "double", "Latitude, degrees"),
        Column("lon", "double", "Longitude, degrees"),
        Column("alt", "int", "Altitude, feet"),
        Column("tz", "int", "Hours from GMT"),
        Column("dst", "string", "Daylight saving: A United States, U unknown, N none"),
        Column("tzone", "string", "IANA time zone"),
    ),
)

PLANES = DemoTable(
    name="lake.nyc.planes",
    comment="Planes by tail number",
    rows=lambda schema: sources.read_csv("planes", schema),
    columns=(
        Column("tailnum", "string", "Tail number"),
        Column("year", "int", "Year of manufacture"),
        Column("type", "string", "Type of plane"),
        Column("manufacturer", "string", "Manufacturer"),
        Column("model", "string", "Model"),
        Column("engines", "int", "Number of engines"),
        Column("seats", "int", "Number of seats"),
        Column("speed", "int", "Average cruising speed, mph"),
        Column("engine", "string", "Type of engine"),
    ),
)

WEATHER = DemoTable(
    name="lake.nyc.weather",
    comment="Hourly weather at New York's airports",
    rows=lambda schema: sources.read_csv("weather", schema),
    columns=(
        Column("origin", "string", "Weather station, an airport"),
        Column("year", "int", "Year, local time"),
        Column("month", "int", "Month, local time"),
        Column("day", "int", "Day, local time"),
        Column("hour", "int", "Hour, local time"),
        Column("temp", "double", "Temperature, Fahrenheit"),
        Column("dewp", "double", "Dew point, Fahrenheit"),
        Column("humid", "double", "Relative humidity, percent"),
        Column("wind_dir", "int", "Wind direction, degrees"),
        Column("wind_speed", "double", "Wind speed, mph"),
        Column("wind_gust", "double", "Wind gust speed, mph"),
        Column("precip", "double", "Precipitation, inches"),
        Column("pressure", "double", "Sea level pressure, millibars"),
        Column("visib", "double", "Visibility, miles"),
        Column("time_hour", "timestamp", "The hour"),
    ),
)

CUSTOMERS = DemoTable(
    name="lake.crm.customers",
    comment="Synthetic: made with Faker, nobody real",
    rows=people.make_customers,
    is_synthetic=True,
    columns=(
        Column("customer_id", "bigint", "Number of the customer"),
        Column("name", "string", "First and last name (synthetic)"),
        Column("email", "string", "E-mail address (synthetic)"),
        Column("phone", "string", "Phone number as they wrote it (synthetic)"),
        Column("country", "string", "ISO 3166-1 code"),
        Column("date_of_birth", "date", "Date of birth (synthetic)"),
        Column("loyalty_tier", "string", "basic, silver, gold or platinum"),
        Column("home_airport", "string", "Airport they mostly leave from"),
    ),
)

BOOKINGS = DemoTable(
    name="lake.crm.bookings",
    comment="Synthetic: seats booked on real flights",
    rows=lambda schema: people.make_bookings(schema, _flights()),
    is_synthetic=True,
    columns=(
        Column("booking_id", "bigint", "Number of the booking, one seat"),
        Column("customer_id", "bigint", "Who booked, see customers"),
        Column("flight_day", "date", "Day of departure, local time"),
        Column("time_hour", "timestamp", "Scheduled departure, to the hour"),
        Column("carrier", "string", "Airline"),
        Column("flight", "int", "Flight number"),
        Column("origin", "string", "Airport of departure"),
        Column("dest", "string", "Airport of arrival"),
        Column("seat_class", "string", "economy, premium or business"),
        Column("price", "decimal(8,2)", "Price paid, US dollars"),
    ),
)

TABLES = (FLIGHTS, AIRLINES, AIRPORTS, PLANES, WEATHER, CUSTOMERS, BOOKINGS)
