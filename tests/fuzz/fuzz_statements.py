"""The long run of generated statements, by people who may see and change little.

Whatever they run, no value comes back that they may not see, and what they may not change stays as
it is. `make fuzz` runs it; FUZZ_MINUTES says how long, FUZZ_SEED where it begins.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.statement_grammar import statement

SUITE = Path(__file__).parents[1] / "redteam"
sys.path.insert(0, str(SUITE))
import adapter  # noqa: E402  # modules of the acceptance suite
import run as suite  # noqa: E402

MINUTES = float(os.environ.get("FUZZ_MINUTES", "120"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
REPORT = Path("build/fuzz-statements.txt")
PEOPLE = ("ana", "cole", "nora", "gina", "vera", "ines", "dean", "exie")
MAY_CHANGE = {"dean": "lake.eng.", "ines": "lake.ops.intake"}
"""Where a person may write; what they write there they may read in part."""
LONGEST = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[suite.World]:
    made = suite.World(str(SUITE / "world.yaml"), str(tmp_path_factory.mktemp("fuzz")))
    adapter.setup(made.spec)
    try:
        made.create(adapter.session("admin"))
        adapter.set_up_policies(made.spec)
        yield made
    finally:
        adapter.teardown()


def test_generated_statements_show_and_change_nothing_that_they_may_not(
    world: suite.World,
) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("")
    fuzz = StatementFuzz(world)
    end, seed = time.monotonic() + 60 * MINUTES, SEED
    while time.monotonic() < end:
        fuzz.try_one(seed)
        seed += 1
        if seed % 50 == 0:
            print(f"{seed - SEED} sequences, {len(fuzz.found)} findings", flush=True)
    print(f"{seed - SEED} sequences, {len(fuzz.found)} findings")
    assert not fuzz.found, f"see {REPORT}:\n" + "\n\n".join(fuzz.found[:5])


class StatementFuzz:
    """Runs sequences of statements, each as one person in a session of their own."""

    def __init__(self, world: suite.World) -> None:
        self._world = world
        self._admin = adapter.session("admin")
        self._tables = list(world.spec["tables"])
        self._states = {table: world.state(self._admin, table) for table in self._tables}
        self.found: list[str] = []

    def try_one(self, seed: int) -> None:
        """Run the sequence that a seed gives; note what it shows or changes."""
        draw = random.Random(seed)  # noqa: S311  # the same again from the same seed
        person = draw.choice(PEOPLE)
        statements = [statement(draw) for _ in range(draw.randint(1, LONGEST))]
        outcome = self._outcome(person, statements)
        canaries = self._world.canaries
        seen = canaries.find("\n".join(outcome.texts), outcome.blobs)
        wrong = sorted(canaries.forbidden(seen, person))
        wrong += [f"changed {table}" for table in self._changed(person)]
        if wrong:
            self._note(f"seed {seed} as {person}: {', '.join(wrong)}", statements)
        self._world.sweep(self._admin)

    def _outcome(self, person: str, statements: list[str]) -> suite.Outcome:
        outcome, spark = suite.Outcome(), adapter.session(person)
        for text in statements:
            try:
                outcome.emit(spark.sql(text))
            except Exception as error:  # noqa: BLE001  # refusals are what most of them get
                outcome.error(error)
        return outcome

    def _changed(self, person: str) -> list[str]:
        """Return the tables that a person changed and may not; all that changed are made anew."""
        wrong, anew = [], False
        for table in self._tables:
            if self._world.state(self._admin, table) == self._states[table]:
                continue
            if not table.startswith(MAY_CHANGE.get(person, " ")):
                wrong.append(table)
            self._world.restore(self._admin, table, adapter)
            self._states[table] = self._world.state(self._admin, table)
            anew = True
        if anew:
            with suppress(Exception):
                self._admin.sql("USE lake")
            adapter.set_up_policies(self._world.spec)
        return wrong

    def _note(self, what: str, statements: list[str]) -> None:
        report = "\n  ".join([what, *statements])
        self.found.append(report)
        with REPORT.open("a") as file:  # at once: the run is long
            print(report, end="\n\n", file=file)
