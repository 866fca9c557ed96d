"""The long run of the generated queries: all disagreements are collected and told at the end.

`make fuzz` runs it; FUZZ_EXAMPLES says how many queries there are at most, FUZZ_MINUTES how long.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.tpch.frames import Program, programs
from support.tpch.judging import judge
from support.tpch.statements import Statement, statements
from support.tpch.world import World

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5000"))
MINUTES = float(os.environ.get("FUZZ_MINUTES", "120"))
REPORT = Path(os.environ.get("FUZZ_REPORT", "build/fuzz.txt"))


def test_generated_queries_give_what_they_give_on_copies(tpch: World) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("")
    end = time.monotonic() + 60 * MINUTES
    found: list[str] = []
    tried = 0

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(statements(), statements(), programs()))
    def judge_one(case: Statement | Program) -> None:
        nonlocal tried
        if time.monotonic() > end:
            return
        tried += 1
        if tried % 100 == 0:
            print(f"{tried} queries, {len(found)} disagreements", flush=True)
        if report := judge(tpch, case):
            found.append(report)
            with REPORT.open("a") as file:  # at once: the run is long
                print(report, end="\n\n", file=file)

    judge_one()
    print(f"{tried} queries, {len(found)} disagreements")
    assert not found, f"{len(found)} of {tried} disagree, see {REPORT}:\n" + "\n\n".join(found[:5])
