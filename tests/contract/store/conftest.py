import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iomete.store import Store, StoreUrl
from iomete.store.backend import BUSY_TIMEOUT_SECONDS
from iomete.store.identity import record_identity
from iomete.store.migration import upgrade
from iomete.store.store import _backend

RunWorkers = Callable[..., list[str]]
MakeStoreAt = Callable[[str, str], None]

_WORKER = Path(__file__).with_name("worker.py")
_WORKER_SECONDS = 120


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / "store.db")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def make_store_at() -> MakeStoreAt:
    def make(url: str, revision: str) -> None:
        backend = _backend(
            StoreUrl.parse(url), backup_folder=None, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS
        )
        backend.prepare()
        with backend.migrator.begin() as connection:
            upgrade(connection, revision)
            record_identity(connection)
        backend.migrator.dispose()

    return make


@pytest.fixture
def run_workers() -> RunWorkers:
    def run(action: str, *arguments: object, processes: int) -> list[str]:
        command = [sys.executable, "-W", "error", _WORKER, action, *map(str, arguments)]
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        results = [process.communicate(timeout=_WORKER_SECONDS) for process in running]
        failures = [
            err for process, (_, err) in zip(running, results, strict=True) if process.returncode
        ]
        assert not failures, "\n".join(failures)
        return [out.strip() for out, _ in results]

    return run
