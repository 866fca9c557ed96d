from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from iomete.engine.java import Java, find_java

NOBODY = 65534


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder that `as_nobody` can reach, and where only its owner can write."""
    folder = Path(tempfile.mkdtemp(prefix="iomete-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """Root may write everywhere, so root gives its rights up for a while; others have none."""

    @contextmanager
    def lowered() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return lowered


@pytest.fixture(scope="session")
def real_java() -> Java:
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("no Java is installed")
    return find_java()
