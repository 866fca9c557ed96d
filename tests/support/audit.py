"""Audit spools for tests: lines as drivers write them, and drivers and readers to be killed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

from iomete.access import Principal
from iomete.governance.audit import spool
from iomete.governance.audit.log import AuditLog
from iomete.governance.audit.spool import SpoolReader
from iomete.governance.audit.writer import SpoolWriter
from iomete.store import Store

DRIVER = "0b0e0f8e-1111-4222-8333-444455556666"


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{DRIVER}-{number}",
        "time": "2026-01-01T00:00:00.000000Z",
        "principal": "alice",
        "action": "select",
        "resource": "lake.sales.customers",
        "columns": ["id", "email"],
        "verdict": "allowed",
        "policies": [100],
        "masks": {"email": "MASK_HASH"},
        "filters": [7],
        "snapshot": "4711",
        "query": f"q-{number}",
        "session": "s-1",
        "application": "local-1",
        "via": ["lake.mart.v"],
        "reason": None,
    } | changes


def line(number: int = 1, **changes: Any) -> bytes:
    return json.dumps(event(number, **changes)).encode() + b"\n"


def trail_in(folder: Path, principal: str = "admin", **more: Any) -> AuditLog:
    """Return what records, in a spool of that name, what somebody does through Python."""
    return AuditLog(SpoolWriter(folder, **more), Principal(principal))


def events_in(folder: Path) -> list[dict[str, Any]]:
    """Return what was written to a spool, each driver's in order."""
    files = sorted(folder.glob("audit-*.jsonl")) if folder.exists() else []
    return [json.loads(text) for file in files for text in file.read_text().splitlines()]


def spool_file(folder: Path, number: int = 1, driver: str = DRIVER) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / f"audit-{driver}-{number:06}.jsonl"


def write(folder: str, events: str, file_bytes: str, *, cut: bool = False) -> None:
    """Be a driver: lock, append a line with one write(), rotate; print each id that was taken.

    With `cut`, die by SIGKILL in the middle of a line after the last event.
    """
    driver = str(uuid.uuid4())
    number, size, current = 0, int(file_bytes), -1
    for count in range(1, int(events) + 1):
        content = line(id=f"{driver}-{count}", query=str(count))
        if size + len(content) > int(file_bytes):
            number, size, before = number + 1, 0, current
            path = spool_file(Path(folder), number, driver)
            current = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            fcntl.lockf(current, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if before >= 0:
                os.close(before)
        size += os.write(current, content)
        print(f"{driver}-{count}", flush=True)
    if cut:
        os.write(current, line()[:100])
        os.kill(os.getpid(), signal.SIGKILL)


def hold(path: str) -> None:
    """Be a driver that keeps its file open, and does nothing, until its input ends."""
    with Path(path).open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("locked", flush=True)
        sys.stdin.read()


def ingest(url: str, folder: str, rounds: str, batch_bytes: str) -> None:
    """Be a reader."""
    spool.BATCH_BYTES = int(batch_bytes)
    with Store.open(url) as store:
        for _ in range(int(rounds)):
            SpoolReader(store, folder, idle_seconds=0).ingest()


def crash(url: str, folder: str, point: str) -> None:
    """Be a reader that dies by SIGKILL before its commit, or before it deletes a file."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "before commit":
        spool.save_position = die  # type: ignore[assignment]
    else:
        Path.unlink = die  # type: ignore[assignment,method-assign]
    ingest(url, folder, "1", "1000000")


if __name__ == "__main__":
    actions = {
        "write": write,
        "write and cut": lambda *arguments: write(*arguments, cut=True),
        "hold": hold,
        "ingest": ingest,
        "crash": crash,
    }
    actions[sys.argv[1]](*sys.argv[2:])
