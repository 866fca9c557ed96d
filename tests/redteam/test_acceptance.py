"""The acceptance suite: every scenario has to pass."""

from __future__ import annotations

import pytest

from redteam.suite import Results, failures, run, skips


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run("scenarios", tmp_path_factory.mktemp("acceptance"))


def test_every_scenario_passes(results: Results) -> None:
    assert len(results) == 360
    assert not failures(results), "\n".join(failures(results))


def test_only_what_needs_another_process_is_skipped(results: Results) -> None:
    assert skips(results) <= {"needs Spark Connect"}
