"""Class-data archives: the JVM maps Spark's classes instead of loading and verifying them anew.

A first start runs with `-XX:ArchiveClassesAtExit`; when that JVM ends, after Python has, it leaves
an archive. The next start tries whether the archive is whole, gives it its final name, and later
starts map it (`-XX:SharedArchiveFile`). Source: JEP 350, Dynamic CDS Archives.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iomete.engine.java import Java

KEPT_ARCHIVES = 2
ABANDONED_SECONDS = 600
"""A part that is still not whole after this long was left by a JVM that was killed."""

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
        if self.path.is_file():
            with suppress(OSError):  # it may be somebody else's, as in an image
                os.utime(self.path)  # the least recently used ones are removed first
            return [f"-XX:SharedArchiveFile={self.path}", *QUIET]
        if self._unusable.exists() or not self._can_write():
            return list(QUIET)
        part = self.folder / f"spark-{self.key}.{os.getpid()}.part"
        return [f"-XX:ArchiveClassesAtExit={part}", *QUIET]

    def remember_class_path(self, class_path: str) -> None:
        """Note the class path of the JVM that makes the archive: it fits no other."""
        self._class_path_file.write_text(class_path, "utf-8")

    def adopt_finished(self) -> None:
        """Give an archive that an earlier JVM left its final name, if it is whole."""
        if self.path.is_file():
            return
        for part in self.folder.glob(f"spark-{self.key}.*.part"):
            with suppress(OSError):  # another start took it first, or it isn't ours to take
                if _is_finished(part):
                    self._adopt(part)
                elif time.time() - _used_at(part) > ABANDONED_SECONDS:
                    part.unlink(missing_ok=True)

    @property
    def _unusable(self) -> Path:
        """Says that this runtime can't map archives of this class path: don't make more."""
        return self.folder / f"spark-{self.key}.unusable"

    def _adopt(self, part: Path) -> None:
        if self.path.is_file():
            part.unlink(missing_ok=True)
        elif self._class_path_file.is_file() and self._can_be_mapped(part):
            part.replace(self.path)
            self._remove_old()
        elif part.is_file():  # another start may have taken it meanwhile
            part.unlink(missing_ok=True)
            self._unusable.touch()

    def _can_be_mapped(self, archive: Path) -> bool:
        """Ask the JVM itself: with this option it fails on an archive that doesn't fit."""
        command = [
            str(self.java.home / "bin" / "java"),
            f"-XX:SharedArchiveFile={archive}",
            "-Xshare:on",
            "-XX:+PrintSharedArchiveAndExit",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorFile=/dev/null",
            "-cp",
            self._class_path_file.read_text("utf-8"),
        ]
        answer = subprocess.run(command, capture_output=True, timeout=60, check=False)
        return answer.returncode == 0

    @property
    def _class_path_file(self) -> Path:
        return self.folder / f"spark-{self.key}.classpath"

    def _can_write(self) -> bool:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.folder, os.W_OK)

    def _remove_old(self) -> None:
        archives = sorted(self.folder.glob("spark-*.jsa"), key=_used_at, reverse=True)
        for archive in archives[KEPT_ARCHIVES:]:
            archive.unlink(missing_ok=True)
            archive.with_suffix(".classpath").unlink(missing_ok=True)


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


def _used_at(archive: Path) -> float:
    return archive.stat().st_mtime
