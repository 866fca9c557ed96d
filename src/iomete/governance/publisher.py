"""Publish what the store holds to the file that Spark's policy engine reads.

A change counts once it is in force, so each is published before the call that made it returns.
The store is the truth: what a crash between commit and publication left behind is published when
the lakehouse is opened next, or with the next change.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iomete.errors import IometeError, PolicyPublishError
from iomete.governance import counters
from iomete.governance.bundle import Bundle, build_bundle
from iomete.governance.following import Follower
from iomete.governance.founding import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iomete.store import Store

BUNDLE = "bundle.json"
PREVIOUS = "bundle.previous.json"
_LOCK = "bundle.lock"


class Publisher:
    """Writes bundles into a folder; processes and threads may do so at once.

    Args:
        store: Where the truth is.
        folder: The lakehouse's `policies` folder; made on first use, for its owner only.
        after_publish: Makes this process's Spark load the file, and returns the version in force.
    """

    def __init__(
        self, store: Store, folder: Path, *, after_publish: Callable[[], int] | None = None
    ) -> None:
        self._store = store
        self._folder = folder
        self._after_publish = after_publish
        self._follower: Follower | None = None

    @property
    def path(self) -> Path:
        """The bundle's file."""
        return self._folder / BUNDLE

    def on_publish(self, after_publish: Callable[[], int] | None) -> None:
        """Set what makes this process's Spark load the file; None while no Spark runs.

        While one runs, and the store is shared by machines, changes of theirs are followed.
        """
        self._after_publish = after_publish
        if self._follower is not None:
            self._follower.stop()
        self._follower = None
        if after_publish is not None and not self._store.url.is_sqlite:
            self._follower = Follower(self._store, self.write_if_behind)
            self._follower.start()

    def publish(self) -> int:
        """Write the bundle of the store's present content, and have it loaded.

        Returns:
            The version that is in the file, which is that of the store or a later one.

        Raises:
            PolicyPublishError: It couldn't be written or loaded. What was changed is saved, and
                will be published with the next change or the next opening.
        """
        version = self._write()
        self._load(version)
        return version

    def ensure_published(self) -> int:
        """Publish if the file is missing, damaged, or older than the store; return its version.

        Raises:
            PolicyPublishError: As for `publish`.
        """
        current = self._current_version()
        return self.publish() if current is None else current

    def write_if_behind(self) -> int:
        """Write the file if it isn't the store's; Spark loads it by itself, a moment later.

        Raises:
            PolicyPublishError: It couldn't be written.
        """
        current = self._current_version()
        return self._write() if current is None else current

    def _current_version(self) -> int | None:
        """Return the version of store and file, or None where they differ."""
        found(self._store)
        with self._store.read() as connection:
            version = counters.read_version(connection)
        there = self._read()
        is_current = there is not None and there.version == version and self._is_ours(there)
        return version if is_current else None

    def _write(self) -> int:
        found(self._store)
        try:
            with self._lock():
                return self._write_if_newer()
        except OSError as error:
            raise PolicyPublishError(
                f"Policies are saved, but `{self.path}` can't be written ({error.strerror}), so "
                "that Spark still goes by the former ones.",
                hint="make room and the folder writable; then lake.policies.publish()",
            ) from error

    def _write_if_newer(self) -> int:
        there = self._read()
        if there is not None and not self._is_ours(there):
            there = None
        if there is not None:
            self._overtake(there.version)
        with self._store.read() as connection:
            bundle = build_bundle(connection, self._store.identity().id)
        if there is None or bundle.version > there.version:
            self._replace(bundle.content)
            return bundle.version
        return there.version

    def _overtake(self, published: int) -> None:
        """Go past a version that the store doesn't know, as after a backup was put back.

        What is in force never goes back to a lower version, so the restored policies get a higher.
        """
        with self._store.read() as connection:
            version = counters.read_version(connection) or 0
        if version < published:
            with self._store.write() as connection:
                counters.raise_version(connection, above=published)

    def _is_ours(self, bundle: Bundle) -> bool:
        return bundle.is_whole and bundle.lakehouse == self._store.identity().id

    def _read(self) -> Bundle | None:
        try:
            return Bundle.read(self.path.read_bytes())
        except FileNotFoundError:
            return None

    def _replace(self, content: bytes) -> None:
        """Put content in the bundle's place at once; a crash leaves the old or the new file."""
        partial = self._folder / f"{BUNDLE}.partial"
        descriptor = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a crash may have left one of another mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._keep_previous()
        partial.replace(self.path)
        _sync_folder(self._folder)

    def _keep_previous(self) -> None:
        if not self.path.exists():
            return
        copy = self._folder / f"{PREVIOUS}.partial"
        copy.unlink(missing_ok=True)
        try:
            os.link(self.path, copy)
        except OSError:  # a file system without hard links
            shutil.copy2(self.path, copy)
        copy.replace(self._folder / PREVIOUS)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _load(self, version: int) -> None:
        if self._after_publish is None:
            return
        hint = "call lake.policies.publish(), or iomete.connect() again"
        try:
            in_force = self._after_publish()
        except IometeError:
            raise
        except Exception as error:
            raise PolicyPublishError(
                f"Policies are saved and written to `{self.path}`, but Spark can't be told: "
                f"{error}",
                hint=hint,
            ) from error
        if in_force < version:
            raise PolicyPublishError(
                f"Policies of version {version} are written to `{self.path}`, but Spark still "
                f"goes by version {in_force}.",
                hint=hint,
            )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
