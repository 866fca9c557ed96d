"""The acceptance suite, and scenarios of our own beside it.

Every one of the suite has to pass, and of ours all but those in `open_scenarios.txt`, which only
gets shorter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
OPEN = set((HERE / "open_scenarios.txt").read_text(encoding="utf-8").split())
SUITE_SECONDS = 3000

Results = dict[str, dict[str, Any]]
"""One entry per scenario, by its id."""


@pytest.fixture(scope="module", params=["scenarios", "own"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("acceptance")
    found = folder / "results.json"
    command = [sys.executable, str(HERE / "run.py"), "--adapter", "adapter", "--json", str(found)]
    done = subprocess.run(
        [*command, "--dir", str(HERE / request.param), "--root", str(folder / "world")],
        cwd=HERE,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert found.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return {each["id"]: each for each in json.loads(found.read_text(encoding="utf-8"))}


def test_every_scenario_passes_that_is_not_open(results: Results) -> None:
    failed = {name: each["why"] for name, each in results.items() if each["why"]}
    wrong = [f"{name}: {why}" for name, why in failed.items() if name not in OPEN]
    assert not wrong, "\n".join(wrong)


def test_only_what_needs_another_process_is_skipped(results: Results) -> None:
    reasons = {each["skip"] for each in results.values() if each["skip"]}
    assert reasons <= {"needs Spark Connect"}
