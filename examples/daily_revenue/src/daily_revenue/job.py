"""Publish one day's revenue by route."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

import iomete

BOOKINGS = "lake.crm.bookings"
TARGET = "lake.mart.daily_revenue"

REVENUE = """
SELECT flight_day AS day, origin, dest, count(*) AS bookings, sum(price) AS revenue
FROM IDENTIFIER(:bookings)
WHERE flight_day = :day
GROUP BY flight_day, origin, dest
"""

CREATE_TARGET = """
CREATE TABLE IF NOT EXISTS IDENTIFIER(:target) (
    day      DATE           COMMENT 'Day of departure, local time',
    origin   STRING         COMMENT 'Airport of departure',
    dest     STRING         COMMENT 'Airport of arrival',
    bookings BIGINT         COMMENT 'Seats booked',
    revenue  DECIMAL(18, 2) COMMENT 'Sum of prices, US dollars'
)
USING iceberg
PARTITIONED BY (day)
COMMENT 'Revenue by route and day, from bookings'
"""


class NoBookingsError(iomete.IometeError):
    """The day has no bookings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What one run has written."""

    routes: int
    bookings: int
    revenue: Decimal


def daily_revenue(lake: iomete.Lakehouse, bookings: str, day: date) -> DataFrame:
    """Return revenue by route on one day: one row a route that has bookings."""
    return lake.sql(REVENUE, bookings=bookings, day=day)


def publish(lake: iomete.Lakehouse, bookings: str, target: str, day: date) -> Published:
    """Replace one day of the target table, in one commit; running it twice changes nothing.

    A day without bookings is refused: more often than not, the input is late.
    """
    revenue = daily_revenue(lake, bookings, day)
    if revenue.isEmpty():
        raise NoBookingsError(f"`{bookings}` has nothing on {day}; `{target}` stays as it was.")
    lake.catalog.create_namespace(target.rpartition(".")[0])
    lake.sql(CREATE_TARGET, target=target)
    is_day = sf.col("day") == sf.lit(day)
    revenue.writeTo(target).overwrite(is_day)  # also what isn't in the new result
    (written,) = (
        lake.table(target)
        .where(is_day)
        .agg(sf.count("*"), sf.sum("bookings"), sf.sum("revenue"))
        .collect()
    )
    return Published(routes=written[0], bookings=written[1], revenue=written[2])


def parser() -> argparse.ArgumentParser:
    """Return the command line of the job."""
    arguments = argparse.ArgumentParser(prog="daily_revenue", description=__doc__)
    arguments.add_argument(
        "--day", required=True, type=_day, help="day of departure, such as 2013-07-04"
    )
    arguments.add_argument("--bookings", default=BOOKINGS, help="table to read (%(default)s)")
    arguments.add_argument("--target", default=TARGET, help="table to write (%(default)s)")
    return arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; return 0, or 1 after saying what failed. A wrong argument ends with 2."""
    given = parser().parse_args(arguments)
    try:
        with iomete.connect() as lake:
            done = publish(lake, given.bookings, given.target, given.day)
    except (iomete.IometeError, PySparkException) as error:
        print(f"daily_revenue: {error}", file=sys.stderr)
        return 1
    print(
        f"{given.target}: {given.day} has {done.routes} routes, {done.bookings} bookings, "
        f"revenue {done.revenue:,.2f}"
    )
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is not a day like 2013-07-04") from None
