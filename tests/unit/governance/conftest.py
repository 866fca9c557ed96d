from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomete.store import Store
from support.governed_world import World


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "store.db"
    Store.open(path).close()
    return path


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Iterator[Store]:
    path = tmp_path / "store.db"
    shutil.copy2(empty_store, path)
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path, store: Store) -> World:
    return World(tmp_path, store)
