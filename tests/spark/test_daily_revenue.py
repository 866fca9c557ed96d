"""The example job, on the lakehouse that tests share: what it writes, and how it ends."""

import datetime as dt
import importlib
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import iomete

SOURCE = Path(__file__).parents[2] / "examples" / "daily_revenue" / "src"
DAY, NEXT_DAY = dt.date(2013, 7, 4), dt.date(2013, 7, 5)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(SOURCE)
    yield importlib.import_module("daily_revenue.job")
    for name in [name for name in sys.modules if name.partition(".")[0] == "daily_revenue"]:
        del sys.modules[name]


@pytest.fixture
def bookings(lake: iomete.Lakehouse, namespace: str) -> str:
    name = f"{namespace}.bookings"
    lake.sql(
        f"CREATE TABLE {name} (flight_day DATE, origin STRING, dest STRING, price DECIMAL(8, 2))"
    )
    lake.sql(
        f"INSERT INTO {name} VALUES (:day, 'JFK', 'LAX', 100.00), (:day, 'JFK', 'LAX', 50.25), "
        "(:day, 'EWR', 'ORD', 80.00), (:next, 'LGA', 'ORD', 70.00)",
        day=DAY,
        next=NEXT_DAY,
    )
    return name


def rows(lake: iomete.Lakehouse, target: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lake.sql(f"SELECT * FROM {target} ORDER BY ALL").collect()]


JULY_4 = [
    (DAY, "EWR", "ORD", 1, Decimal("80.00")),
    (DAY, "JFK", "LAX", 2, Decimal("150.25")),
]
JULY_5 = [(NEXT_DAY, "LGA", "ORD", 1, Decimal("70.00"))]


def test_running_a_day_again_leaves_it_there_once(
    job: Any, lake: iomete.Lakehouse, namespace: str, bookings: str
) -> None:
    target = f"{namespace}.daily_revenue"
    first = job.publish(lake, bookings, target, DAY)
    job.publish(lake, bookings, target, NEXT_DAY)
    assert job.publish(lake, bookings, target, DAY) == first
    assert (first.routes, first.bookings, first.revenue) == (2, 3, Decimal("230.25"))
    assert rows(lake, target) == [*JULY_4, *JULY_5]


def test_route_that_lost_its_bookings_is_gone_after_the_next_run(
    job: Any, lake: iomete.Lakehouse, namespace: str, bookings: str
) -> None:
    target = f"{namespace}.daily_revenue"
    job.publish(lake, bookings, target, DAY)
    lake.sql(f"DELETE FROM {bookings} WHERE origin = 'EWR'")
    job.publish(lake, bookings, target, DAY)
    assert rows(lake, target) == JULY_4[1:]


def test_day_without_bookings_is_refused_and_stays_as_it_was(
    job: Any, lake: iomete.Lakehouse, namespace: str, bookings: str
) -> None:
    target = f"{namespace}.daily_revenue"
    job.publish(lake, bookings, target, DAY)
    lake.sql(f"DELETE FROM {bookings} WHERE flight_day = :day", day=DAY)
    with pytest.raises(iomete.IometeError, match="has nothing on 2013-07-04"):
        job.publish(lake, bookings, target, DAY)
    assert rows(lake, target) == JULY_4


@pytest.mark.parametrize("arguments", [[], ["--day", "4.7.2013"], ["--day", "2013-02-30"]])
def test_wrong_arguments_end_with_2_before_spark_starts(
    job: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        job.main(arguments)
    assert ended.value.code == 2
    assert "--day" in capsys.readouterr().err
