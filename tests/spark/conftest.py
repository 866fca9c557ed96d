from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import iomete
from support.scripts import RunScript

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[iomete.Lakehouse]:
    """The one lakehouse that most tests share, in any order.

    Each works in a namespace of its own, with people of its own names.
    """
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
    return RunScript(tmp_path)
