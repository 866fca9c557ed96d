from __future__ import annotations

import pytest

from iomete import session


@pytest.fixture(autouse=True)
def _no_lakehouse_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """These run commands in this process, which may hold the lakehouse of the Spark tests."""
    monkeypatch.setattr(session, "_current", None)
