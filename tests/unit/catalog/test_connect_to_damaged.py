from __future__ import annotations

from pathlib import Path

import pytest

from iomete import session
from iomete.errors import CatalogUnavailableError, outcome_of


def test_connect_names_a_damaged_catalog_database_before_spark_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_current", None)
    damaged = tmp_path / "catalog.db"
    damaged.write_bytes(b"\xa5" * 9000)
    with pytest.raises(CatalogUnavailableError, match=r"catalog\.db") as caught:
        session.connect(tmp_path)
    assert caught.value.hint
    assert outcome_of(caught.value).exit_code == 7
    assert damaged.read_bytes() == b"\xa5" * 9000
