import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import iomete.store
from iomete.errors import MissingExtraError
from iomete.store import Store, UtcDateTime

DIALECT = sa.create_engine("sqlite://").dialect
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=zones,
)


def stored(moment: datetime) -> str:
    text = UtcDateTime().process_bind_param(moment, DIALECT)
    assert text is not None
    return text


@given(moment=moments)
def test_a_point_in_time_comes_back_in_utc(moment: datetime) -> None:
    read = UtcDateTime().process_result_value(stored(moment), DIALECT)
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


@given(one=moments, other=moments)
def test_stored_times_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert (stored(one) < stored(other)) == (one < other)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        stored(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


def test_none_stays_none() -> None:
    assert UtcDateTime().process_bind_param(None, DIALECT) is None
    assert UtcDateTime().process_result_value(None, DIALECT) is None


def test_what_the_package_exports_is_sorted_and_there() -> None:
    assert iomete.store.__all__ == sorted(iomete.store.__all__)
    assert all(hasattr(iomete.store, name) for name in iomete.store.__all__)


def test_a_current_store_opens_without_alembic_and_without_the_postgresql_driver(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    Store.open(path).close()
    program = (
        "import sys; from iomete.store import Store; Store.open(sys.argv[1]).close(); "
        "print(sorted({'alembic', 'mako', 'psycopg', 'pyspark'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_a_missing_driver_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"A PostgreSQL store .*iomete\[postgres\]"):
        Store.open("postgresql://bob@db/lake")
