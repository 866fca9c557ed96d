"""A real PostgreSQL server for tests: made in a temporary folder, ended with the session.

Its superuser logs in by TCP with a password, as the Iceberg JDBC catalog and the Java side do.
PostgreSQL refuses to run as root, so under root the server runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

_START_SECONDS = 30
_STOP_SECONDS = 20
_USER = "lake admin"
_PASSWORD = "p@ss:w/rd %1"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server. The user's name and password need quoting in a URL, on purpose."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    log: Path

    def create_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and whoever is still connected to it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, database: str, *, password: str | None = None) -> str:
        """Return a `postgresql://` URL, with the password in it."""
        secret = quote(self.password if password is None else password, safe="")
        user = quote(self.user, safe="")
        return f"postgresql://{user}:{secret}@{self.host}:{self.port}/{database}"

    def jdbc_url(self, database: str) -> str:
        """Return a `jdbc:postgresql://` URL, without user and password."""
        return f"jdbc:postgresql://{self.host}:{self.port}/{database}"


def find_programs() -> Path | None:
    """Return the folder that has `initdb` and `postgres`, or None."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def running_server(programs: Path) -> Iterator[PostgresServer]:
    """Start a server on a free port of the loopback; stop it and delete its files at the end."""
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="iomete-postgres-"))
    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        _initialise(programs, folder, account)
        server = PostgresServer(
            host="127.0.0.1",
            port=_free_port(),
            user=_USER,
            password=_PASSWORD,
            log=folder / "server.log",
        )
        process = _start(programs, folder, server, account)
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: it disconnects its clients
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """Return whom to run the server as; None for the user of this process."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _initialise(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    secret = folder / "password"
    secret.write_text(_PASSWORD + "\n")
    if account:
        os.chown(secret, account.pw_uid, account.pw_gid)
    command = [programs / "initdb", "--pgdata", folder / "data", "--username", _USER]
    command += ["--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8"]
    command += ["--no-locale", "--no-sync"]
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, **_as(account)
    )
    secret.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def _start(
    programs: Path, folder: Path, server: PostgresServer, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": server.host,
        "port": server.port,
        "unix_socket_directories": folder,
        "fsync": "off",  # the server's files don't outlive the tests
    }
    command: list[object] = [programs / "postgres", "-D", folder / "data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with server.log.open("wb") as log:
        return subprocess.Popen(
            [str(part) for part in command], cwd=folder, stdout=log, stderr=log, **_as(account)
        )


def _as(account: pwd.struct_passwd | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL didn't start: {server.log.read_text()}") from error
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
