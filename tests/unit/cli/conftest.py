from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iomete import session
from iomete.folder import LakehouseFolder
from iomete.store import Store
from support.governed_world import World


@pytest.fixture(autouse=True)
def _no_lakehouse_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """These run commands in this process, which may hold the lakehouse of the Spark tests."""
    monkeypatch.setattr(session, "_current", None)


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A lakehouse in ./lakehouse, where nobody is but its first admin."""
    monkeypatch.chdir(tmp_path)
    folder = LakehouseFolder.at("lakehouse")
    folder.make()
    with Store.open(folder.store_database) as store:
        yield World(folder.root, store)
