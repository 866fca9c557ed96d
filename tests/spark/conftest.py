from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import iomete

_numbers = itertools.count(1)

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[iomete.Lakehouse]:
    """The one lakehouse that most tests share; each works in a namespace of its own."""
    with iomete.connect(tmp_path_factory.mktemp("shared") / "lakehouse", master="local[2]") as lake:
        yield lake


@pytest.fixture
def spark(lake: iomete.Lakehouse) -> SparkSession:
    return lake.spark


@pytest.fixture
def jvm(spark: SparkSession) -> Any:
    return spark._jvm


@pytest.fixture
def namespace(lake: iomete.Lakehouse) -> str:
    return lake.catalog.create_namespace(f"lake.test_{next(_numbers)}")


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Run Python in a process of its own, with its own Spark, in a temporary working folder."""

    def run(
        source: str, *arguments: object, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", source, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}")
        return done

    return run
