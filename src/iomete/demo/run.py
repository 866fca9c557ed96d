"""Run the demo from start to end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from iomete.demo import people, sources
from iomete.demo.narrator import Narrator
from iomete.demo.steps import STEPS
from iomete.demo.tour import Step, Tour
from iomete.session import connect


def run_demo(folder: Path | None = None, *, steps: Sequence[Step] = STEPS) -> None:
    """Build the demo's tables in a lakehouse and show, step by step, what can be done with them.

    It may be run again on the same lakehouse: tables that are there are put back to how they
    were loaded. Tables of the same names that the demo didn't make are left alone.

    Args:
        folder: The lakehouse folder, as `connect()` takes it.
        steps: What to show, in order.

    Raises:
        MissingExtraError: If the packages with the demo's data aren't installed.
        AlreadyExistsError: If a table is in the way.

    Cost: about a minute on two cores; half of it when the tables are there.
    """
    sources.check_installed()
    people.check_installed()
    narrator = Narrator.for_terminal()
    began = time.perf_counter()
    with narrator.working("Starting Spark"):
        lake = connect(folder)
    with lake:
        narrator.headline(
            "A lakehouse in one folder",
            f"{lake.folder}\nopened as {lake.principal} in {time.perf_counter() - began:.1f} s",
        )
        tour = Tour(lake=lake, narrator=narrator)
        for number, step in enumerate(steps, start=1):
            narrator.title(f"{number}/{len(steps)}", step.title)
            step.run(tour)
        where = shown_path(lake.folder)
    _say_goodbye(narrator, where, time.perf_counter() - began)


def shown_path(folder: Path) -> str:
    """Return a path as a person here would type it: relative if it is below."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _say_goodbye(narrator: Narrator, where: str, seconds: float) -> None:
    narrator.headline(
        f"Done in {seconds:.0f} seconds",
        f"Everything is in the folder {where}; running the demo again puts its tables back.",
    )
    narrator.say("Try next:")
    query = "SELECT * FROM lake.nyc.flights.snapshots"
    there = f"-l {shlex.quote(where)}"
    narrator.code(
        f"iomete shell {there}\niomete shell --python {there}\niomete sql {there} '{query}'",
        "bash",
    )
