"""The acceptance suite: what is not listed as open has to pass, and what passes is not open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SUITE_SECONDS = 3000
OPEN = HERE / "open_scenarios.txt"


def open_scenarios() -> set[str]:
    lines = OPEN.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One entry per scenario, by its id."""
    folder = tmp_path_factory.mktemp("acceptance")
    found = folder / "results.json"
    command = [sys.executable, str(HERE / "run.py"), "--adapter", "adapter", "--json", str(found)]
    done = subprocess.run(
        [*command, "--root", str(folder / "world")],
        cwd=HERE,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert found.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return {each["id"]: each for each in json.loads(found.read_text(encoding="utf-8"))}


def test_every_scenario_that_is_not_open_passes(results: dict[str, dict[str, Any]]) -> None:
    failed = {
        name: each["why"]
        for name, each in results.items()
        if each["why"] and name not in open_scenarios()
    }
    assert not failed, "\n".join(f"{name}: {why}" for name, why in failed.items())


def test_the_list_of_open_scenarios_only_shrinks(results: dict[str, dict[str, Any]]) -> None:
    passed = {name for name, each in results.items() if not each["why"] and not each["skip"]}
    assert not open_scenarios() & passed, "these pass now: take them off open_scenarios.txt"
    assert open_scenarios() <= results.keys(), "there are no such scenarios"


def test_only_what_needs_another_process_is_skipped(results: dict[str, dict[str, Any]]) -> None:
    reasons = {each["skip"] for each in results.values() if each["skip"]}
    assert reasons <= {"needs Spark Connect"}
