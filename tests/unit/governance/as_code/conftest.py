from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for policy files; it isn't made yet."""
    return tmp_path / "files"


@pytest.fixture
def write(folder: Path) -> Write:
    """Write the text of a policy file, and return the folder."""

    def written(text: str, name: str = "policies.yaml") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return folder

    return written
