"""What is asked of the JVM is asked of the real one; scripts stand in for JVMs that misbehave."""

from __future__ import annotations

import os
import struct
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from iomete.engine import class_archive as module
from iomete.engine.class_archive import (
    ABANDONED_SECONDS,
    DYNAMIC_ARCHIVE_MAGIC,
    FORGOTTEN_SECONDS,
    KEPT_ARCHIVES,
    QUIET,
    ClassArchive,
    class_archive,
)
from iomete.engine.java import Java

FINISHED = struct.pack("=I", DYNAMIC_ARCHIVE_MAGIC) + b"\0" * 4000


class Installation:
    """Jars, Spark and a cache in one folder, and the archive that belongs to them."""

    def __init__(self, folder: Path, java: Java) -> None:
        self.java = java
        self.spark_home = folder / "spark"
        (self.spark_home / "jars").mkdir(parents=True)
        self.cache = folder / "cache"
        self.jars = [folder / "a.jar", folder / "b.jar"]
        for jar in self.jars:
            with zipfile.ZipFile(jar, "w") as content:
                content.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")

    @property
    def archive(self) -> ClassArchive:
        return class_archive(self.java, self.jars, spark_home=self.spark_home, cache=self.cache)

    @property
    def class_path(self) -> str:
        return os.pathsep.join(map(str, self.jars))

    def part(self, content: bytes, *, age_seconds: float = 0, pid: int = 4711) -> Path:
        """Leave what another JVM of the same class path would leave."""
        archive = self.archive
        archive.folder.mkdir(parents=True, exist_ok=True)
        part = archive.folder / f"spark-{archive.key}.{pid}.part"
        part.write_bytes(content)
        archive.remember_class_path(self.class_path)
        then = time.time() - age_seconds
        os.utime(part, (then, then))
        return part

    def finished(self) -> Path:
        return self.part(FINISHED)


def scripted_java(home: Path, script: str) -> Java:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Java(home=home, version="17.0.1")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """With a Java that maps whatever it is given."""
    return Installation(tmp_path, scripted_java(tmp_path / "jdk", "exit 0"))


@pytest.fixture
def real(tmp_path: Path, real_java: Java) -> Installation:
    return Installation(tmp_path, real_java)


def start_java(installation: Installation) -> subprocess.CompletedProcess[str]:
    """Start and end a JVM as Spark's is: with the options, on the class path."""
    options = installation.archive.java_options()
    command = [str(installation.java.home / "bin" / "java"), *options]
    command += ["-cp", installation.class_path, "-version"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


def test_nothing_changed_is_the_same_archive(installation: Installation) -> None:
    assert installation.archive == installation.archive
    assert installation.archive.folder == installation.cache / "class-archives"


def test_a_jar_of_another_time_is_another_archive(installation: Installation) -> None:
    before = installation.archive.key
    os.utime(installation.jars[1], ns=(0, 1))
    assert installation.archive.key != before


def test_a_jar_of_another_size_is_another_archive(installation: Installation) -> None:
    before, jar = installation.archive.key, installation.jars[0]
    found = jar.stat()
    jar.write_bytes(jar.read_bytes() + b"x")
    os.utime(jar, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert installation.archive.key != before


def test_another_java_spark_or_order_of_jars_is_another_archive(
    installation: Installation, tmp_path: Path
) -> None:
    keys = {installation.archive.key}
    java = installation.java
    for other in (replace(java, version="17.0.2"), replace(java, home=tmp_path / "other")):
        installation.java = other
        keys.add(installation.archive.key)
    installation.jars.reverse()
    keys.add(installation.archive.key)
    (installation.spark_home / "jars" / "new.jar").touch()
    os.utime(installation.spark_home / "jars", ns=(0, 1))
    keys.add(installation.archive.key)
    assert len(keys) == 5


def test_the_first_start_makes_an_archive(installation: Installation) -> None:
    archive = installation.archive
    part = archive.folder / f"spark-{archive.key}.{os.getpid()}.part"
    assert archive.java_options() == [f"-XX:ArchiveClassesAtExit={part}", *QUIET]
    assert archive.folder.is_dir()


def test_a_later_start_maps_it_and_counts_as_use(installation: Installation) -> None:
    part = installation.part(FINISHED, age_seconds=5000)
    archive = installation.archive
    archive.adopt_finished()
    assert archive.path.read_bytes() == FINISHED
    assert not part.exists()
    assert archive.java_options() == [f"-XX:SharedArchiveFile={archive.path}", *QUIET]
    assert archive.path.stat().st_mtime > time.time() - 60


def test_a_cache_that_can_not_be_made_costs_time_only(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    installation.cache = tmp_path / "file"
    installation.archive.adopt_finished()
    assert installation.archive.java_options() == [*QUIET]


def test_a_cache_that_can_not_be_written_costs_time_only(
    installation: Installation, foreign_folder: Path, as_nobody: Callable
) -> None:
    archive = replace(installation.archive, folder=foreign_folder)
    foreign_folder.chmod(0o555)
    with as_nobody():
        archive.adopt_finished()
        assert archive.java_options() == [*QUIET]


def test_an_archive_that_somebody_else_owns_is_mapped(
    installation: Installation, foreign_folder: Path, as_nobody: Callable
) -> None:
    archive = replace(installation.archive, folder=foreign_folder)
    if os.geteuid() == 0:
        archive.path.write_bytes(FINISHED)
    else:
        archive.path.symlink_to("/bin/sh")  # of root, as a prepared image's cache is
    with as_nobody():
        assert archive.java_options()[0] == f"-XX:SharedArchiveFile={archive.path}"


def test_a_finished_part_in_a_cache_of_somebody_else_stays(
    installation: Installation, foreign_folder: Path, as_nobody: Callable
) -> None:
    archive = replace(installation.archive, folder=foreign_folder)
    part = foreign_folder / f"spark-{archive.key}.4711.part"
    part.write_bytes(FINISHED)
    archive.remember_class_path("")
    foreign_folder.chmod(0o555)
    with as_nobody():
        archive.adopt_finished()
        assert archive.java_options() == [*QUIET]
    assert part.exists()


@pytest.mark.parametrize("content", [b"", b"\xa8", b"\0" * 4096])
def test_a_part_that_is_being_written_is_left_alone(
    installation: Installation, content: bytes
) -> None:
    part = installation.part(content, age_seconds=ABANDONED_SECONDS - 60)
    installation.archive.adopt_finished()
    assert part.read_bytes() == content
    assert not installation.archive.path.exists()


def test_a_part_of_a_killed_jvm_is_removed_in_time(installation: Installation) -> None:
    part = installation.part(b"\0" * 4096, age_seconds=ABANDONED_SECONDS + 60)
    installation.archive.adopt_finished()
    assert not part.exists()
    assert installation.archive.java_options()[0].startswith("-XX:ArchiveClassesAtExit=")


def test_parts_of_other_class_paths_are_left_alone(installation: Installation) -> None:
    part = installation.finished()
    os.utime(installation.jars[0], ns=(0, 1))
    installation.archive.adopt_finished()
    assert part.exists()


def test_of_several_finished_parts_one_is_taken_and_none_is_left(
    installation: Installation,
) -> None:
    parts = [installation.part(FINISHED, pid=pid) for pid in (1, 2, 3)]
    installation.archive.adopt_finished()
    assert installation.archive.path.exists()
    assert not any(part.exists() for part in parts)


def test_what_the_jvm_can_not_map_is_removed_and_not_made_again(real: Installation) -> None:
    part = real.finished()
    real.archive.adopt_finished()
    assert not part.exists()
    assert not real.archive.path.exists()
    assert real.archive.java_options() == [*QUIET]


def test_a_part_whose_class_path_is_not_known_is_not_tried(installation: Installation) -> None:
    part = installation.finished()
    next(installation.archive.folder.glob("*.classpath")).unlink()
    installation.archive.adopt_finished()
    assert not part.exists()
    assert not installation.archive.path.exists()
    assert installation.archive.java_options()[0].startswith("-XX:ArchiveClassesAtExit=")


def test_only_the_archives_used_last_are_kept(installation: Installation) -> None:
    made = []
    for age in range(KEPT_ARCHIVES + 2):
        os.utime(installation.jars[0], ns=(0, age))
        installation.part(FINISHED, age_seconds=1000 - age)
        archive = installation.archive
        archive.adopt_finished()
        made.append(archive)
    assert [archive.path.exists() for archive in made] == [False, False, True, True]
    names = {path.suffix: 0 for path in made[0].folder.iterdir()}
    for path in made[0].folder.iterdir():
        names[path.suffix] += 1
    assert names == {".jsa": KEPT_ARCHIVES, ".classpath": KEPT_ARCHIVES}


@pytest.mark.parametrize("answer", ["0", "1"])
def test_two_starts_at_once_may_find_the_same_part(tmp_path: Path, answer: str) -> None:
    # the other start is quicker: it takes the part while this one asks Java about it
    takes = (
        f'part="${{1#-XX:SharedArchiveFile=}}"; mv "$part" "${{part%.*.part}}.jsa"; exit {answer}'
    )
    installation = Installation(tmp_path, scripted_java(tmp_path / "jdk", takes))
    installation.finished()
    installation.archive.adopt_finished()
    assert installation.archive.path.read_bytes() == FINISHED
    assert installation.archive.java_options()[0].startswith("-XX:SharedArchiveFile=")
    assert not list(installation.archive.folder.glob("*.unusable"))


def test_a_real_archive_is_made_adopted_and_mapped(real: Installation) -> None:
    start_java(real)
    (part,) = real.archive.folder.glob("*.part")
    real.archive.remember_class_path(real.class_path)
    real.archive.adopt_finished()
    assert not part.exists()
    assert real.archive.java_options()[0] == f"-XX:SharedArchiveFile={real.archive.path}"
    required = ["-Xshare:on", f"-XX:SharedArchiveFile={real.archive.path}"]
    java = str(real.java.home / "bin" / "java")
    mapped = subprocess.run(
        [java, *required, "-cp", real.class_path, "-version"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert mapped.returncode == 0


def test_java_says_nothing_about_an_archive_that_does_not_fit(real: Installation) -> None:
    plain = start_java(real)
    real.archive.path.write_bytes(FINISHED)
    assert real.archive.java_options()[0].startswith("-XX:SharedArchiveFile=")
    with_bad_archive = start_java(real)
    assert with_bad_archive.stdout == plain.stdout == ""
    assert len(with_bad_archive.stderr.splitlines()) == len(plain.stderr.splitlines())


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def left(
    installation: Installation, name: str, *, age_seconds: float, content: bytes = b""
) -> Path:
    """Leave a file of another class path."""
    folder = installation.archive.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return aged(folder / name, age_seconds)


@pytest.mark.parametrize("adopted", [True, False])
def test_unfinished_parts_of_all_class_paths_are_removed_in_time(
    installation: Installation, *, adopted: bool
) -> None:
    if adopted:
        installation.finished()
        installation.archive.adopt_finished()
    names = ["spark-other.1.part", f"spark-{installation.archive.key}.1.part", "spark-x.abc.tmp"]
    old = [left(installation, n, age_seconds=ABANDONED_SECONDS + 60) for n in names]
    new = left(installation, "spark-other.2.part", age_seconds=ABANDONED_SECONDS - 60)
    installation.archive.adopt_finished()
    assert not any(part.exists() for part in old)
    assert new.exists()


def test_finished_parts_of_other_class_paths_wait_but_not_many_and_not_for_ever(
    installation: Installation,
) -> None:
    ages = [ABANDONED_SECONDS * factor for factor in (2, 3, 4)] + [FORGOTTEN_SECONDS + 60]
    parts = [
        left(installation, f"spark-o{age}.1.part", age_seconds=age, content=FINISHED)
        for age in ages
    ]
    installation.archive.adopt_finished()
    assert [part.exists() for part in parts] == [True, True, False, False]
    aged(parts[0], FORGOTTEN_SECONDS + 60)
    installation.archive.adopt_finished()
    assert not parts[0].exists()


def test_a_finished_part_is_of_no_use_beside_the_archive(installation: Installation) -> None:
    installation.finished()
    installation.archive.adopt_finished()
    part = installation.finished()
    installation.archive.adopt_finished()
    assert not part.exists()


def test_too_many_archives_are_removed_but_never_the_own(installation: Installation) -> None:
    own = installation.part(FINISHED, age_seconds=9000)
    installation.archive.adopt_finished()
    others = [
        left(installation, f"spark-{age}.jsa", age_seconds=age) for age in range(KEPT_ARCHIVES + 1)
    ]
    installation.archive.adopt_finished()
    assert not own.exists()
    assert installation.archive.path.exists()
    assert [path.exists() for path in others] == [True] * (KEPT_ARCHIVES - 1) + [False] * 2


@pytest.mark.parametrize("suffix", ["classpath", "unusable"])
def test_what_belongs_to_no_archive_is_removed_in_time(
    installation: Installation, suffix: str
) -> None:
    old = FORGOTTEN_SECONDS + 60
    orphan = left(installation, f"spark-gone.{suffix}", age_seconds=old)
    running = left(installation, f"spark-running.{suffix}", age_seconds=old - 120)
    left(installation, "spark-kept.jsa", age_seconds=10)
    kept = left(installation, f"spark-kept.{suffix}", age_seconds=old)
    own = left(installation, f"spark-{installation.archive.key}.{suffix}", age_seconds=old)
    installation.archive.adopt_finished()
    assert [p.exists() for p in (orphan, running, kept, own)] == [False, True, True, True]


def with_java(tmp_path: Path, script: str) -> Installation:
    return Installation(tmp_path, scripted_java(tmp_path / "jdk", script))


def assert_was_not_decided(installation: Installation, part: Path) -> None:
    """Not by what happened, nor by a start a while later that finds a Java that works."""
    assert part.exists()
    assert not list(installation.archive.folder.glob("*.unusable"))
    aged(part, ABANDONED_SECONDS + 60)
    program = installation.java.home / "bin" / "java"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    installation.archive.adopt_finished()
    assert installation.archive.path.exists()


def test_a_jvm_that_takes_too_long_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = with_java(tmp_path, "exec sleep 30")
    part = installation.finished()
    with monkeypatch.context() as patched:
        patched.setattr(module, "PROBE_SECONDS", 0.2)
        installation.archive.adopt_finished()
    assert_was_not_decided(installation, part)


def test_a_jvm_that_was_killed_is_asked_again(tmp_path: Path) -> None:
    installation = with_java(tmp_path, "kill -9 $$")
    part = installation.finished()
    installation.archive.adopt_finished()
    assert_was_not_decided(installation, part)


def test_a_jvm_that_can_not_be_started_is_asked_again(installation: Installation) -> None:
    part = installation.finished()
    aged(part, ABANDONED_SECONDS + 60)
    (installation.java.home / "bin" / "java").unlink()
    installation.archive.adopt_finished()
    assert_was_not_decided(installation, part)


def test_a_class_path_that_is_no_text_is_no_error(installation: Installation) -> None:
    part = installation.finished()
    next(installation.archive.folder.glob("*.classpath")).write_bytes(b"\xff")
    installation.archive.adopt_finished()
    assert part.exists()
    assert not installation.archive.path.exists()


def test_a_runtime_that_can_not_map_archives_gets_another_try_in_time(tmp_path: Path) -> None:
    installation = with_java(tmp_path, "exit 1")
    installation.finished()
    installation.archive.adopt_finished()
    (mark,) = installation.archive.folder.glob("*.unusable")
    aged(mark, FORGOTTEN_SECONDS - 60)
    assert installation.archive.java_options() == [*QUIET]
    aged(mark, FORGOTTEN_SECONDS + 60)
    assert installation.archive.java_options()[0].startswith("-XX:ArchiveClassesAtExit=")


def test_options_from_the_environment_do_not_reach_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-Xshare:off")
    monkeypatch.setenv("KEPT", "1")
    script = 'test -z "$JAVA_TOOL_OPTIONS$JDK_JAVA_OPTIONS$_JAVA_OPTIONS" && test -n "$KEPT"'
    installation = with_java(tmp_path, script)
    installation.finished()
    installation.archive.adopt_finished()
    assert installation.archive.path.exists()


def test_a_class_path_is_replaced_in_one_step(installation: Installation) -> None:
    installation.part(b"")
    (noted,) = installation.archive.folder.glob("*.classpath")
    with noted.open() as reader:
        installation.archive.remember_class_path("other")
        assert reader.read() == installation.class_path
    assert noted.read_text() == "other"
    assert not list(installation.archive.folder.glob("*.tmp"))


def test_a_class_path_that_can_not_be_noted_is_no_error(
    installation: Installation, foreign_folder: Path, as_nobody: Callable
) -> None:
    installation.archive.remember_class_path("the folder is gone")
    foreign_folder.chmod(0o555)
    archive = replace(installation.archive, folder=foreign_folder)
    with as_nobody():
        archive.remember_class_path("read-only")
    assert not installation.archive.folder.exists()
    assert list(foreign_folder.iterdir()) == []


def test_folders_are_made_for_the_user_alone(installation: Installation) -> None:
    installation.archive.java_options()
    folder = installation.archive.folder
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o755] * 2


def test_archives_that_others_could_write_are_made_again(installation: Installation) -> None:
    installation.finished()
    installation.archive.adopt_finished()
    archive = installation.archive
    archive.folder.chmod(0o775)
    assert archive.java_options() == [*QUIET]
    archive.adopt_finished()
    assert list(archive.folder.iterdir()) == []
    assert archive.folder.stat().st_mode & 0o777 == 0o755
    assert archive.java_options()[0].startswith("-XX:ArchiveClassesAtExit=")


def test_an_archive_does_not_depend_on_the_umask(installation: Installation) -> None:
    installation.finished().chmod(0o666)
    installation.archive.adopt_finished()
    assert installation.archive.java_options()[0].startswith("-XX:SharedArchiveFile=")
