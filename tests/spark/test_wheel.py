"""The wheel as a user installs it: in an empty environment, with nothing of this checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--out-dir", str(output)],
        cwd=PROJECT,
        check=True,
        timeout=300,
    )
    return next(output.glob("iomete-*.whl"))


def test_the_wheel_carries_the_jar_the_types_and_the_migrations(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith(".jar")] == [
        "iomete/jars/iomete-spark-4.1_2.13-0.1.0.jar"
    ]
    assert "iomete/py.typed" in names
    assert "iomete/engine/log4j2.properties" in names
    assert any(name.startswith("iomete/store/migrations/versions/0001") for name in names)
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names}
    assert not [name for name in names if name.startswith("tests")]


def test_the_wheel_runs_the_demo_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run(
        [UV, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True
    )
    python = environment / "bin" / "python"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", str(python), f"{wheel}[demo]"],
        check=True,
        timeout=600,
    )
    done = subprocess.run(
        [str(environment / "bin" / "iomete"), "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "336,776" in done.stdout
    assert (tmp_path / "lakehouse" / "store.db").is_file()
