"""Runs a folder of scenarios in a process of its own, and tells what came of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SUITE_SECONDS = 3000

Results = dict[str, dict[str, Any]]
"""One entry per scenario, by its id."""


def run(scenarios: str, folder: Path) -> Results:
    """Run `tests/redteam/<scenarios>` on a lakehouse in `folder`."""
    found = folder / "results.json"
    command = [sys.executable, str(HERE / "run.py"), "--adapter", "adapter", "--json", str(found)]
    done = subprocess.run(
        [*command, "--dir", str(HERE / scenarios), "--root", str(folder / "world")],
        cwd=HERE,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert found.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return {each["id"]: each for each in json.loads(found.read_text(encoding="utf-8"))}


def failures(results: Results) -> list[str]:
    """Return each scenario that failed, with the reason."""
    return [f"{name}: {each['why']}" for name, each in results.items() if each["why"]]


def skips(results: Results) -> set[str]:
    """Return the reasons for which scenarios were skipped."""
    return {each["skip"] for each in results.values() if each["skip"]}
