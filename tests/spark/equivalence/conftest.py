from __future__ import annotations

import pytest

import iomete
from support.tpch import world
from support.tpch.world import World


@pytest.fixture(scope="session")
def tpch(lake: iomete.Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> World:
    """TPC-H, governed and as copies; nothing changes it, so all tests share it."""
    return world.build(lake, tmp_path_factory.mktemp("tpch"))
