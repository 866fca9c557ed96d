"""Class-data archives: the JVM maps Spark's classes instead of loading and verifying them anew.

A first start runs with `-XX:ArchiveClassesAtExit`; when that JVM ends, after Python has, it leaves
an archive. The next start tries whether the archive is whole, gives it its final name, and later
starts map it (`-XX:SharedArchiveFile`). Source: JEP 350, Dynamic CDS Archives.
"""

from __future__ import annotations

import hashlib
import math
import os
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iomete.engine.jars import is_trusted, make_guarded, tighten

if TYPE_CHECKING:
    from iomete.engine.java import Java

KEPT_ARCHIVES = 2
ABANDONED_SECONDS = 600
"""A part that is still not whole after this long was left by a JVM that was killed."""

FORGOTTEN_SECONDS = 7 * 24 * 3600
"""For so long a runtime counts as unable to map archives, and what belongs to no archive stays."""

PROBE_SECONDS = 20
"""A JVM that takes longer to look at an archive is asked again at another start."""

OPTION_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""With these a JVM takes options from the environment, and may answer another question."""

QUIET = ("-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")
"""An archive that doesn't fit is passed over; the JVM's remarks on it don't reach stdout."""


DYNAMIC_ARCHIVE_MAGIC = 0xF00BABA8
"""First bytes of a finished archive, written last (OpenJDK, `cds.h`): a JVM that maps a half
written one may crash, so this is looked at before any JVM is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassArchive:
    """The archive of one class path under one Java runtime; `folder` is in the user's cache."""

    folder: Path
    key: str
    java: Java

    @property
    def path(self) -> Path:
        """The archive, once one was made and found whole."""
        return self.folder / f"spark-{self.key}.jsa"

    def java_options(self) -> list[str]:
        """Return the JVM options that use the archive, or that make it when this JVM ends."""
        if self._is_usable():
            with suppress(OSError):  # it may be somebody else's, as in an image
                os.utime(self.path)  # the least recently used ones are removed first
            return [f"-XX:SharedArchiveFile={self.path}", *QUIET]
        if _age(self._unusable) < FORGOTTEN_SECONDS or not self._can_write():
            return list(QUIET)
        part = self.folder / f"spark-{self.key}.{os.getpid()}.part"
        return [f"-XX:ArchiveClassesAtExit={part}", *QUIET]

    def remember_class_path(self, class_path: str) -> None:
        """Note the class path of the JVM that makes the archive: it fits no other.

        Where it can't be noted, there will be no archive: that is not worth an error.
        """
        with suppress(OSError):
            handle, noted = tempfile.mkstemp(
                dir=self.folder, prefix=f"spark-{self.key}.", suffix=".tmp"
            )
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(class_path)
                Path(noted).replace(self._class_path_file)  # others may be reading the one before
            finally:
                Path(noted).unlink(missing_ok=True)

    def adopt_finished(self) -> None:
        """Give an archive that an earlier JVM left its final name, if it is whole; then tidy up."""
        with suppress(OSError):
            self._discard_what_others_could_write()
        if not is_trusted(self.folder):
            return
        for part in self.folder.glob(f"spark-{self.key}.*.part"):
            with suppress(OSError):  # another start took it first, or it isn't ours to take
                if _is_finished(part):
                    self._adopt(part)
        self._sweep()

    @property
    def _unusable(self) -> Path:
        """Says that this runtime can't map archives of this class path: don't make more."""
        return self.folder / f"spark-{self.key}.unusable"

    @property
    def _class_path_file(self) -> Path:
        return self.folder / f"spark-{self.key}.classpath"

    def _is_usable(self) -> bool:
        """Tell whether there is an archive that nobody else could have written: it is code."""
        return self.path.is_file() and is_trusted(self.folder) and is_trusted(self.path)

    def _can_write(self) -> bool:
        try:
            make_guarded(self.folder)
        except OSError:
            return False
        return os.access(self.folder, os.W_OK) and is_trusted(self.folder)

    def _discard_what_others_could_write(self) -> None:
        """Close a folder of ours that was open to others; nothing tells what they left in it."""
        if tighten(self.folder):
            for path in self.folder.glob("spark-*"):
                path.unlink(missing_ok=True)

    def _adopt(self, part: Path) -> None:
        if self._is_usable() or not self._class_path_file.is_file():
            part.unlink(missing_ok=True)
            return
        fits = self._can_be_mapped(part)
        if fits:
            tighten(part)  # whatever the umask is: what others can write is not used
            part.replace(self.path)
        elif fits is False and part.is_file():  # another start may have taken it meanwhile
            part.unlink(missing_ok=True)
            self._unusable.touch()

    def _can_be_mapped(self, archive: Path) -> bool | None:
        """Ask the JVM itself: with this option it fails on an archive that doesn't fit.

        Returns:
            None if it could not be asked now.
        """
        try:
            answer = subprocess.run(
                self._probe(archive),
                capture_output=True,
                timeout=PROBE_SECONDS,
                check=False,
                env={k: v for k, v in os.environ.items() if k not in OPTION_VARIABLES},
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        return None if answer.returncode == -signal.SIGKILL else answer.returncode == 0

    def _probe(self, archive: Path) -> list[str]:
        return [
            str(self.java.home / "bin" / "java"),
            f"-XX:SharedArchiveFile={archive}",
            "-Xshare:on",
            "-XX:+PrintSharedArchiveAndExit",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorFile=/dev/null",
            "-cp",
            self._class_path_file.read_text("utf-8"),
        ]

    def _sweep(self) -> None:
        """Remove what was left by JVMs that were killed, and by class paths that changed."""
        kept = self._sweep_archives()
        self._sweep_parts()
        for pattern in ("spark-*.classpath", "spark-*.unusable"):
            for path in self.folder.glob(pattern):
                if _key_of(path) not in kept:  # a JVM that still runs may need its class path
                    _remove(path, older_than=FORGOTTEN_SECONDS)

    def _sweep_archives(self) -> set[str]:
        """Keep this archive and those used last; return their keys."""
        others = [path for path in self.folder.glob("spark-*.jsa") if path != self.path]
        room = KEPT_ARCHIVES - self.path.is_file()
        latest = _latest_first(others)
        for archive in latest[room:]:
            _remove(archive)
            _remove(archive.with_suffix(".classpath"))
        return {self.key, *map(_key_of, latest[:room])}

    def _sweep_parts(self) -> None:
        parts = list(self.folder.glob("spark-*.part"))
        waiting = _latest_first(part for part in parts if self._may_be_adopted(part))
        for path in (*parts, *self.folder.glob("spark-*.tmp")):
            if path not in waiting[:KEPT_ARCHIVES]:
                _remove(path, older_than=ABANDONED_SECONDS)

    def _may_be_adopted(self, part: Path) -> bool:
        """Tell whether a later start may make an archive of this part."""
        if _age(part) > FORGOTTEN_SECONDS or (_key_of(part) == self.key and self._is_usable()):
            return False
        try:
            return _is_finished(part)
        except OSError:
            return False


def class_archive(
    java: Java, jars: Sequence[Path], *, spark_home: Path, cache: Path
) -> ClassArchive:
    """Return the archive for a class path; a jar that changes makes it another one.

    Args:
        java: The runtime; archives belong to one build of it.
        jars: What is on the class path before Spark's own jars.
        spark_home: Where Spark is installed.
        cache: The user's cache folder.
    """
    digest = hashlib.sha256(f"{java.home}\n{java.version}\n".encode())
    for entry in (*jars, spark_home / "jars"):
        found = entry.stat()
        digest.update(f"{entry}\n{found.st_size}\n{found.st_mtime_ns}\n".encode())
    return ClassArchive(folder=cache / "class-archives", key=digest.hexdigest()[:16], java=java)


def _is_finished(part: Path) -> bool:
    with part.open("rb") as file:
        start = file.read(4)
    return len(start) == 4 and struct.unpack("=I", start)[0] == DYNAMIC_ARCHIVE_MAGIC


def _key_of(path: Path) -> str:
    return path.name.removeprefix("spark-").partition(".")[0]


def _used_at(path: Path) -> float:
    """Return when a file was last used; long ago, if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


def _age(path: Path) -> float:
    return time.time() - _used_at(path)


def _latest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=_used_at, reverse=True)


def _remove(path: Path, *, older_than: float = -math.inf) -> None:
    with suppress(OSError):  # it may be somebody else's
        if _age(path) > older_than:
            path.unlink(missing_ok=True)
