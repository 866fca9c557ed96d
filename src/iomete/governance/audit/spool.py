"""From the audit spool into the store: each event exactly once.

A driver appends lines to `audit-<driver>-<number>.jsonl` (`AuditWriter` in the jar) and holds a
POSIX lock on the file that it may still write to. Readers, in any number of processes, take turns:

1. Lines are read and parsed outside of a transaction.
2. One write transaction stores the events and how far the file was read, if no other reader has
   moved that since step 1; otherwise the lines are dropped and read again from where it is now.
3. A file is deleted when all of it is in the store and nobody will write to it: its lock is free,
   and its driver has begun another file or has left it alone for a while.

A crash between any two of these loses nothing and repeats nothing. Ids of events are unique in the
store as well: where a file was replaced and has to be read anew, that tells old events from new.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iomete.errors import LakehouseFolderError
from iomete.governance.audit.intake import (
    Ingestion,
    Line,
    Position,
    Reject,
    parse_lines,
    read_position,
    save_position,
    store_events,
    store_rejects,
)

if TYPE_CHECKING:
    from iomete.store import Store

logger = logging.getLogger(__name__)

BATCH_BYTES = 4 * 1024 * 1024
"""Lines of one transaction, about: other writers of the store wait for it."""

IDLE_SECONDS = 60.0

_NAME = re.compile(r"audit-(?P<driver>[0-9A-Za-z_-]+)-(?P<number>[0-9]{6,})\.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class _SpoolFile:
    path: Path
    driver: str
    number: int


class SpoolReader:
    """Takes the events of a spool folder into the store; safe for threads and processes.

    Args:
        store: Where the events go.
        folder: The spool; it may not exist yet.
        idle_seconds: A driver's last file counts as finished when it wasn't written to for this
            long, and its lock is free.
    """

    def __init__(
        self, store: Store, folder: str | os.PathLike[str], *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._store = store
        self._folder = Path(folder)
        self._idle_seconds = idle_seconds

    def ingest(self) -> Ingestion:
        """Take in every event that was written before this call, and delete finished files.

        Damaged lines go to `audit_rejects` and are logged; they never hold up the others.

        Raises:
            LakehouseFolderError: A file of the spool can't be read.
            StoreError: The store can't be written.
        """
        files = self._files()
        if not files:
            return Ingestion()
        with self._store.read() as connection:
            positions = {file: read_position(connection, file.path.name) for file in files}
        newest: dict[str, int] = {}
        for file in files:
            newest[file.driver] = max(file.number, newest.get(file.driver, 0))
        total = Ingestion()
        for file in files:
            with _opened(file.path, os.O_RDONLY) as descriptor:
                if descriptor is None:
                    continue
                taken, position = self._drain(file, descriptor, positions[file])
            is_superseded = file.number < newest[file.driver]
            total += taken + self._finish(file, position, is_superseded=is_superseded)
        return total

    def _files(self) -> list[_SpoolFile]:
        """Return the spool's files, each driver's in the order in which it wrote them."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    name = _NAME.fullmatch(entry.name)
                    if name and entry.is_file(follow_symlinks=False):
                        file = _SpoolFile(
                            path=Path(entry.path), driver=name["driver"], number=int(name["number"])
                        )
                        found.append(file)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        return sorted(found, key=lambda file: (file.driver, file.number))

    def _drain(
        self, file: _SpoolFile, descriptor: int, position: Position | None
    ) -> tuple[Ingestion, Position | None]:
        """Take in what the file holds now; what is appended meanwhile waits for the next call."""
        total = Ingestion()
        state = os.fstat(descriptor)
        while True:
            is_other = position is not None and _is_other_file(descriptor, state, position)
            start = position.byte_offset if position and not is_other else 0
            lines, end = _read_lines(descriptor, start, state.st_size)
            if not (lines or is_other):
                return total, position
            events, rejects = parse_lines(lines)
            following = Position(inode=str(state.st_ino), byte_offset=end)
            with self._store.write() as connection:
                current = read_position(connection, file.path.name)
                if current != position:  # another reader was faster
                    position = current
                    continue
                stored, clashes = store_events(connection, events)
                store_rejects(connection, file.path.name, rejects + clashes)
                save_position(connection, file.path.name, following, is_new=position is None)
            if is_other:
                logger.warning(
                    "audit spool: `%s` was cut or replaced, and was read from its start", file.path
                )
            total += stored + _report(file, stored.duplicates, rejects + clashes)
            position = following

    def _finish(
        self, file: _SpoolFile, position: Position | None, *, is_superseded: bool
    ) -> Ingestion:
        """Delete the file if all of it is in the store and nobody will write to it."""
        with _opened(file.path, os.O_RDWR) as descriptor:
            if descriptor is None or not _lock(descriptor):
                return Ingestion()
            state = os.fstat(descriptor)
            is_idle = time.time() - state.st_mtime > self._idle_seconds
            if not (is_superseded or is_idle):
                return Ingestion()
            if position and _is_other_file(descriptor, state, position):
                return Ingestion()
            done = position.byte_offset if position else 0
            tail = os.pread(descriptor, state.st_size - done, done)
            taken = Ingestion()
            if tail:
                # A whole line was written since the file was read.
                if b"\n" in tail or not self._reject_tail(file, state, position, tail):
                    return Ingestion()
                taken = Ingestion(rejects=1)
            file.path.unlink(missing_ok=True)
            return taken + Ingestion(deleted_files=1)

    def _reject_tail(
        self, file: _SpoolFile, state: os.stat_result, position: Position | None, tail: bytes
    ) -> bool:
        """Keep what a driver's end left of a line; False if another reader was faster."""
        line = Line(offset=state.st_size - len(tail), content=tail)
        reject = Reject(line=line, reason="cut off by the end of its driver")
        following = Position(inode=str(state.st_ino), byte_offset=state.st_size, is_cut_off=True)
        with self._store.write() as connection:
            if read_position(connection, file.path.name) != position:
                return False
            store_rejects(connection, file.path.name, [reject])
            save_position(connection, file.path.name, following, is_new=position is None)
        _report(file, 0, [reject])
        return True


def _read_lines(descriptor: int, start: int, end: int) -> tuple[list[Line], int]:
    """Return a batch of whole lines of `[start, end)`, and where the last of them ends."""
    size = BATCH_BYTES
    while True:
        data = os.pread(descriptor, min(size, end - start), start)
        whole = data.rfind(b"\n") + 1
        if whole or len(data) < size:
            break
        size *= 4  # a line longer than a batch
    lines = []
    offset = start
    for content in data[:whole].split(b"\n")[:-1]:
        lines.append(Line(offset=offset, content=content))
        offset += len(content) + 1
    return lines, start + whole


def _is_other_file(descriptor: int, state: os.stat_result, position: Position) -> bool:
    """Tell whether this isn't the file, or no longer holds the lines, that the position is of."""
    if str(state.st_ino) != position.inode or state.st_size < position.byte_offset:
        return True
    if position.byte_offset == 0 or position.is_cut_off:
        return False
    return os.pread(descriptor, 1, position.byte_offset - 1) != b"\n"


def _report(file: _SpoolFile, duplicates: int, rejects: list[Reject]) -> Ingestion:
    """Log what went wrong with a batch; return how many lines were rejected."""
    if duplicates:
        logger.warning(
            "audit spool: %d events of `%s` were in the store already", duplicates, file.path
        )
    if rejects:
        logger.warning(
            "audit spool: %d lines of `%s` are no events, the first at byte %d: %s; "
            "they are kept in `audit_rejects`",
            len(rejects),
            file.path,
            rejects[0].line.offset,
            rejects[0].reason,
        )
    return Ingestion(rejects=len(rejects))


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int | None]:
    """Open a file of the spool; None if another reader has deleted it."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Tell whether the file's driver has let go of it. Closing the descriptor ends the lock."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held; or the file system has no locks, and nobody can tell
        return False
    return True


def _unreadable(path: Path, error: OSError) -> LakehouseFolderError:
    return LakehouseFolderError(
        f"The audit spool `{path}` can't be read: {error.strerror}.",
        hint=f"make it readable and writable for this user; see `ls -ld {path}`",
    )
