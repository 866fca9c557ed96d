from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iomete.engine.lifecycle import SPARK_VERSION, check_spark_version
from iomete.errors import UnsupportedVersionError


def test_the_installed_spark_is_the_one_that_the_jars_are_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPARK_HOME", raising=False)
    check_spark_version()


def test_a_spark_home_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-4.0.0.jar").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    with pytest.raises(UnsupportedVersionError, match="Hint: unset SPARK_HOME"):
        check_spark_version()
    (tmp_path / "jars" / f"spark-core_2.13-{SPARK_VERSION}.jar").touch()
    check_spark_version()


def test_no_session_runs_in_a_process_that_started_none() -> None:
    ask = "from iomete.engine import running_session; print(running_session())"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None"]
