"""A real S3 server, with an Iceberg REST catalog, for tests: SeaweedFS on the loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.ports import free_ports
from support.processes import end

START_SECONDS = 60
ACCESS_KEY = "lake-key"
SECRET_KEY = "lake/secret+key"
BUCKET = "lake"
TABLE_BUCKET = "tables"

_PORT_OPTIONS = (
    "master.port",
    "master.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "s3.port.iceberg",
    "s3.port.lance",
    "admin.port",
    "admin.port.grpc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server; credentials that don't match are refused."""

    endpoint: str
    rest_catalog: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    bucket: str = BUCKET

    def settings(self) -> dict[str, object]:
        """Return the `s3` section of a catalog."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "path_style": True,
        }


def find_program() -> Path | None:
    """Return the `weed` program that the test group of dependencies installs."""
    installed = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(installed) if installed.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def running_server(program: Path) -> Iterator[S3Server]:
    """Start a server on free ports, and end it and its files with the block."""
    folder = Path(tempfile.mkdtemp(prefix="iomete-seaweed-"))
    identities = folder / "s3.json"
    identity = {
        "name": "lake",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    identities.write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(_PORT_OPTIONS, free_ports(len(_PORT_OPTIONS)), strict=True))
    command = [
        str(program),
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={identities}",
        f"-bucket={BUCKET}",
        f"-tableBucket={TABLE_BUCKET}",
        "-webdav=false",
        "-admin.ui=false",
        "-master.volumeSizeLimitMB=128",
        *(f"-{option}={port}" for option, port in ports.items()),
    ]
    (folder / "data").mkdir()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        server = S3Server(
            endpoint=f"http://127.0.0.1:{ports['s3.port']}",
            rest_catalog=f"http://127.0.0.1:{ports['s3.port.iceberg']}",
        )
        _wait_until_ready(process, log, server)
        yield server
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, server: S3Server) -> None:
    """Wait for both services, and for the buckets that are made last."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        text = log.read_text("utf-8", "replace")
        if "All enabled components are running" in text and all(
            _answers(url) for url in (server.endpoint, server.rest_catalog + "/v1/config")
        ):
            return
        time.sleep(0.2)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True  # refused, but it is there
    except OSError:
        return False
