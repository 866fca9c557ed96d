from __future__ import annotations

from collections.abc import Iterator

import pytest

import iomete
from support.tpch import world
from support.tpch.world import World


@pytest.fixture(scope="session")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("fuzz")
    with iomete.connect(folder / "lakehouse", master="local[2]") as lake:
        yield world.build(lake, tmp_path_factory.mktemp("tpch"))
