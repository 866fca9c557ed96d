"""Scenarios of our own, of kinds that the acceptance suite lacks: every one has to pass."""

from __future__ import annotations

from pathlib import Path

from redteam.suite import failures, run, skips


def test_every_scenario_passes(tmp_path: Path) -> None:
    results = run("own", tmp_path)
    assert len(results) > 100
    assert not failures(results), "\n".join(failures(results))
    assert not skips(results)
