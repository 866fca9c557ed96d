"""What a step of the demo is, and what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iomete.engine import translate_errors

if TYPE_CHECKING:
    from pyspark.sql import Row

    from iomete.demo.narrator import Narrator
    from iomete.lakehouse import Lakehouse

NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """A lakehouse to show, and the voice that shows it."""

    lake: Lakehouse
    narrator: Narrator

    def sql(self, query: str, **parameters: Any) -> list[Row]:
        """Show a statement, run it as `lake.sql` does, show what came back, and return it."""
        self.narrator.code(query, "sql")
        if parameters:
            self.narrator.note(", ".join(f":{name} = {v!r}" for name, v in parameters.items()))
        began = time.perf_counter()
        with self.narrator.working("Running"):
            frame = self.lake.sql(query, **parameters)
            with translate_errors():
                rows = frame.collect()
        seconds = time.perf_counter() - began
        if frame.columns:
            right = [kind.startswith(NUMBERS) for _, kind in frame.dtypes]
            self.narrator.rows(frame.columns, rows, right=right)
        self.narrator.note(f"{seconds:.1f} s")
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the demo shows.

    To add one, write a module in `iomete.demo.steps` with a `STEP`, and name it in `STEPS`.
    A step finds the tables as they were loaded, but for what the steps before it have changed.
    """

    title: str
    run: Callable[[Tour], None]
