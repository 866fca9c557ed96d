"""What this process reports to the audit trail itself, in the same spool as Spark's drivers.

The file format, the rotation and the lock are those of `AuditWriter` in the jar; `spool.py`
reads both. When `write` returns, the operating system has the whole line: the end of this process
loses nothing, the end of the machine may lose the last seconds, as nothing is synced.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import struct
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.errors import AuditUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

FILE_BYTES = 64 * 1024 * 1024
FILE_SECONDS = 3600.0

_WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
"""`struct flock` of Linux on 64 bits."""


class SpoolWriter:
    """Appends events to `audit-<driver>-<number>.jsonl` in a folder; safe for threads and forks.

    Args:
        folder: The spool; made on first use, for its owner only.
        required: Whether an event that can't be written is an error, which refuses what it is
            about; otherwise it is lost, counted, and logged once an outage.
        file_bytes: A new file begins where a line would make the current one longer.
        file_seconds: A new file begins with the first event after this time.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        required: bool = False,
        file_bytes: int = FILE_BYTES,
        file_seconds: float = FILE_SECONDS,
    ) -> None:
        self._folder = Path(folder)
        self._required = required
        self._file_bytes = file_bytes
        self._file_seconds = file_seconds
        self._lost = 0
        self._is_failing = False
        self._begin()

    @property
    def lost(self) -> int:
        """How many events couldn't be written, where they aren't required."""
        return self._lost

    def write(self, event: Mapping[str, Any]) -> None:
        """Append an event, which gets an id and a time.

        Raises:
            AuditUnavailableError: It can't be written, and it must be.
        """
        if os.getpid() != self._process:  # a fork: the file, and its lock, are the parent's
            self._begin()
        with self._lock:
            self._events += 1
            now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            stamped = {"id": f"{self._driver}-{self._events}", "time": now, **event}
            line = json.dumps(stamped, separators=(",", ":")).encode() + b"\n"
            try:
                self._file_for(line).append(line)
            except OSError as error:
                self._refuse(error)
            else:
                self._is_failing = False

    def close(self) -> None:
        """End the writer; what is written later begins another file."""
        with self._lock:
            self._close_file()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._driver = str(uuid.uuid4())
        self._number = 0
        self._events = 0
        self._file: _SpoolFile | None = None

    def _file_for(self, line: bytes) -> _SpoolFile:
        file = self._file
        if file is None or not (file.is_intact() and self._has_room(file, line)):
            file = self._next()
        return file

    def _has_room(self, file: _SpoolFile, line: bytes) -> bool:
        fits = file.size + len(line) <= self._file_bytes
        return file.size == 0 or (fits and file.age_seconds < self._file_seconds)

    def _next(self) -> _SpoolFile:
        self._number += 1
        name = f"audit-{self._driver}-{self._number:06}.jsonl"
        file = _SpoolFile(self._folder / name)
        self._close_file()  # only now, so that it is never without a successor
        self._file = file
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _refuse(self, cause: OSError) -> None:
        error = AuditUnavailableError(
            f"The audit trail in `{self._folder}` can't be written: {cause.strerror or cause}.",
            hint="make room on the disk, and see that the folder is there and is this user's",
        )
        if self._required:
            raise error from cause
        self._lost += 1
        if not self._is_failing:
            logger.error("Audit events are being lost. %s", error)
        self._is_failing = True


class _SpoolFile:
    """A file of the spool, open for appending and locked for as long as it may be written to.

    The lock tells readers that its writer lives. It belongs to the open file, not to the process
    as POSIX locks do: those end when any part of the process, such as a reader, closes the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._path = path
        self._descriptor = os.open(path, flags, 0o600)
        self._began = time.monotonic()
        self.size = 0
        try:
            os.fchmod(self._descriptor, 0o600)  # a umask may have taken the owner's own rights
            _lock(self._descriptor)
        except BaseException:
            self.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def age_seconds(self) -> float:
        """How long ago it was made."""
        return time.monotonic() - self._began

    def is_intact(self) -> bool:
        """Tell whether what is written next will be found: it is there, and is what we wrote."""
        try:
            there = self._path.lstat()
        except OSError:
            return False
        return there.st_ino == os.fstat(self._descriptor).st_ino and there.st_size == self.size

    def append(self, line: bytes) -> None:
        """Append a line, or leave the file as it was."""
        written = os.write(self._descriptor, line)
        if written != len(line):  # a full disk takes part of it
            os.ftruncate(self._descriptor, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def close(self) -> None:
        """End the lock, too."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file for as long as it is open, whatever else of this process opens and closes it."""
    if hasattr(fcntl, "F_OFD_SETLK"):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    else:  # not Linux: ends early, and then only `is_intact` tells that a reader took the file away
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
