from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.evaluator.engine import RangerEngine


@pytest.fixture(scope="session")
def ranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RangerEngine]:
    engine = RangerEngine(tmp_path_factory.mktemp("ranger"))
    yield engine
    engine.close()
