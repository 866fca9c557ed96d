"""Machines that share a metadata database, but no folder, follow each other's changes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iomete.store import Store
from support import postgres
from support.governed_world import World

FOLLOWED_SECONDS = 10.0  # generous: it takes a quarter of a second where nothing else runs


class Server:
    """A PostgreSQL server that a test stops and starts again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._account = postgres._account()
        if self._account:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        postgres._initialise(programs, folder, self._account)
        self.address = postgres.PostgresServer(
            host="127.0.0.1",
            port=postgres._free_port(),
            user=postgres._USER,
            password=postgres._PASSWORD,
            log=folder / "server.log",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = postgres._start(self._programs, self._folder, self.address, self._account)
        postgres._wait_until_ready(self.address, self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None


@pytest.fixture
def own_server() -> Iterator[Server]:
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no initdb on PATH or in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="iomete-postgres-"))
    server = Server(programs, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + FOLLOWED_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def machine(folder: Path, store: Store) -> World:
    """A machine whose Spark runs, as far as the publisher can tell."""
    folder.mkdir()
    world = World(folder, store)
    world.publisher.ensure_published()
    world.publisher.on_publish(world.publisher.ensure_published)
    return world


def users(world: World) -> set[str]:
    return set(json.loads(world.publisher.path.read_bytes())["users"])


def followers() -> int:
    return sum(thread.name == "iomete-follow-policies" for thread in threading.enumerate())


def test_a_change_reaches_the_bundle_of_another_machine(postgres_url: str, tmp_path: Path) -> None:
    with Store.open(postgres_url) as one, Store.open(postgres_url) as other:
        here, there = machine(tmp_path / "here", one), machine(tmp_path / "there", other)
        here.principals.add_user("ann")
        eventually(lambda: "ann" in users(there))
        there.principals.add_user("bob")
        eventually(lambda: users(here) == users(there) == {here.admin, "ann", "bob"})
        assert here.publisher.path.read_bytes() == there.publisher.path.read_bytes()


def test_the_following_ends_with_spark_and_with_the_store(
    postgres_url: str, tmp_path: Path
) -> None:
    eventually(lambda: followers() == 0)  # those of tests before
    with Store.open(postgres_url) as store:
        world = machine(tmp_path / "here", store)
        assert followers() == 1
        world.publisher.on_publish(None)
        eventually(lambda: followers() == 0)
        world.publisher.on_publish(world.publisher.ensure_published)
        assert followers() == 1
    eventually(lambda: followers() == 0)


def test_a_file_is_not_followed_as_its_bundle_is_shared_too(tmp_path: Path) -> None:
    eventually(lambda: followers() == 0)  # those of tests before
    with Store.open(tmp_path / "store.db") as store:
        machine(tmp_path / "here", store)
        assert followers() == 0


def test_a_dead_server_leaves_the_last_policies_in_force_until_it_is_back(
    own_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "iomete.governance.following")
    url = own_server.address.url(own_server.address.create_database())
    with Store.open(url) as one, Store.open(url) as other:
        here, there = machine(tmp_path / "here", one), machine(tmp_path / "there", other)
        here.principals.add_user("ann")
        eventually(lambda: "ann" in users(there))
        here.publisher.on_publish(None)
        before = there.publisher.path.read_bytes()
        own_server.stop()
        eventually(lambda: len(caplog.messages) == 1)
        time.sleep(1.5)  # several looks later
        (message,) = caplog.messages
        assert "stay in force" in message
        assert "can't be reached" in message
        assert own_server.address.password not in message
        assert there.publisher.path.read_bytes() == before
        own_server.start()
        here.principals.add_user("bob")
        eventually(lambda: "bob" in users(there))
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
