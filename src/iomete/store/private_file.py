"""Files that only their owner may read, and that are on the disk when we say so."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from iomete.errors import StoreUnavailableError

_creating = threading.Lock()
os.register_at_fork(
    before=_creating.acquire, after_in_parent=_creating.release, after_in_child=_creating.release
)


def create_private(path: Path) -> bool:
    """Make an empty file of mode 0600, or narrow the mode of the one there is.

    Closing a descriptor of a file drops every lock that the process has on it (POSIX), SQLite's
    too. So a file is opened here only when it is new, by one thread at a time.

    Returns:
        Whether the file is new.

    Raises:
        StoreUnavailableError: It can't be made, or neither read nor written.
    """
    _require_writable_folder(path.parent)
    with _creating:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except FileExistsError:
            _narrow(path)
            _require_writable_file(path)
            return False
        except OSError as error:
            raise StoreUnavailableError(
                f"The store `{path}` can't be made ({error.strerror}).",
                hint="name a file in a folder that you may write to",
            ) from error
        try:
            os.fchmod(descriptor, 0o600)  # a umask may have taken the owner's own rights
        finally:
            os.close(descriptor)
    return True


def may(path: Path, mode: int) -> bool:
    """Whether this process may do what `mode` says (`os.R_OK`, `os.W_OK`, `os.X_OK`)."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _narrow(path: Path) -> None:
    """Take the rights of others away; SQLite gives its log the mode that its database has."""
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        try:
            state = file.stat()
        except FileNotFoundError:
            continue
        mode = stat.S_IMODE(state.st_mode)
        if stat.S_ISREG(state.st_mode) and mode & 0o077 and state.st_uid == os.geteuid():
            file.chmod(mode & 0o700)


def _require_writable_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise StoreUnavailableError(
            f"The folder `{folder}` does not exist.", hint=f'mkdir -p "{folder}"'
        )
    if not may(folder, os.W_OK | os.X_OK):
        raise StoreUnavailableError(
            f"The folder `{folder}` can't be written.",
            hint=f'SQLite keeps its log beside the store: chmod u+wx "{folder}"',
        )


def _require_writable_file(path: Path) -> None:
    if not path.is_file():
        raise StoreUnavailableError(f"The store `{path}` is not a file.", hint="name a file")
    if not may(path, os.R_OK | os.W_OK):
        raise StoreUnavailableError(
            f"The store `{path}` can't be read and written.", hint=f'chmod 600 "{path}"'
        )
