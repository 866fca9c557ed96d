"""The jars that Spark needs beside its own: fetched once, verified, kept per user, then offline."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path

from iomete.errors import JarCorruptError, JarUnavailableError

TIMEOUT_SECONDS = 60
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OWN_JAR = "iomete-spark-4.1_2.13-0.1.0.jar"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A jar by its Maven coordinates, with the size and checksum that it must have."""

    group: str
    name: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file, in a repository and in the cache."""
        return f"{self.name}-{self.version}.jar"

    @property
    def repository_path(self) -> str:
        """Place in a Maven repository, relative to its root."""
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.file_name}"


CORE_ARTIFACTS = (
    Artifact(
        "org.apache.iceberg",
        "iceberg-spark-runtime-4.1_2.13",
        "1.12.0",
        48_309_426,
        "3123c3798af642dd537230923548e013ef41cc28b6626e5225808cf5670a0f82",
    ),
    Artifact(
        "io.delta",
        "delta-spark_4.1_2.13",
        "4.4.0",
        9_471_929,
        "75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10",
    ),
    Artifact(
        "io.delta",
        "delta-storage",
        "4.4.0",
        113_863,
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Artifact(
        "org.xerial",
        "sqlite-jdbc",
        "3.54.1.0",
        12_132_578,
        "f8dce420a6016278497f4f0560f65602b9db858de141b541cf91a4644ebe4639",
    ),
    Artifact(
        "org.postgresql",
        "postgresql",
        "42.7.14",
        1_221_004,
        "73914527305a40cce504b0d3d90b23caf565136912d607ae8ae7c5895512332c",
    ),
)
"""Iceberg, Delta and the drivers of the two databases: every lakehouse needs these."""

S3_ARTIFACTS = (
    Artifact(
        "org.apache.iceberg",
        "iceberg-aws-bundle",
        "1.12.0",
        69_034_612,
        "dd7e49ffa4ac9b215bed846581991259e3aec9bb2fa08d6cec029c46cd66d957",
    ),
)
"""The AWS SDK as Iceberg bundles it: fetched when a warehouse is on S3."""


def own_jar() -> Path:
    """Return our own jar, which the wheel carries.

    Raises:
        JarUnavailableError: If this is a source checkout that wasn't built.
    """
    path = Path(str(files("iomete") / "jars" / OWN_JAR))
    if not path.is_file():
        raise JarUnavailableError(
            f"`{path}` is missing: this installation carries no Spark module.",
            hint="in a source checkout run `make setup`; otherwise reinstall the iomete wheel",
        )
    return path


def resolve(artifacts: Iterable[Artifact], *, cache: Path, repository: str) -> list[Path]:
    """Return a local path for each artifact, in order; fetch what the cache lacks, side by side.

    A file gets its final name only after its checksum was verified, so what is there is whole;
    a file of another size than it should have is fetched again. Where others can write, every
    checksum is verified each time.

    Raises:
        JarUnavailableError: If one is missing and the repository can't be reached.
        JarCorruptError: If what the repository sent isn't what the checksum says.
    """
    wanted = list(artifacts)
    trusted = is_trusted(cache)
    tighten(cache)
    missing = [artifact for artifact in wanted if not _is_usable(cache, artifact, trusted=trusted)]
    if missing:
        _make(cache)
        with ThreadPoolExecutor(max_workers=len(missing)) as pool:
            list(pool.map(lambda artifact: _fetch(artifact, cache, repository), missing))
    return [cache / artifact.file_name for artifact in wanted]


def verify(artifacts: Iterable[Artifact], *, cache: Path) -> list[Artifact]:
    """Return the artifacts whose cached file is missing or fails its checksum.

    Cost: reads every file once.
    """
    return [
        artifact
        for artifact in artifacts
        if not _is_whole(cache, artifact) or _sha256(cache / artifact.file_name) != artifact.sha256
    ]


def is_trusted(path: Path) -> bool:
    """Tell whether nobody but the user and root could have written what is at `path`."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & OTHERS_WRITE


def tighten(path: Path) -> bool:
    """Keep others from writing to what is ours; tell whether they could until now."""
    with suppress(OSError):  # it isn't there
        found = path.stat()
        if found.st_uid == os.geteuid() and found.st_mode & OTHERS_WRITE:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS_WRITE)
            return True
    return False


def make_guarded(folder: Path) -> None:
    """Make a folder, and those above it that are missing, which only the user can write.

    Raises:
        OSError: If it can't be made.
    """
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(mode=0o755, exist_ok=True)


def _is_usable(cache: Path, artifact: Artifact, *, trusted: bool) -> bool:
    path = cache / artifact.file_name
    if not _is_whole(cache, artifact):
        return False
    if trusted and is_trusted(path):
        return True
    tighten(path)
    return _sha256(path) == artifact.sha256


def _is_whole(cache: Path, artifact: Artifact) -> bool:
    try:
        return (cache / artifact.file_name).stat().st_size == artifact.size_bytes
    except OSError:
        return False


def _make(cache: Path) -> None:
    try:
        make_guarded(cache)
    except OSError as error:
        raise JarUnavailableError(
            f"The cache folder `{cache}` can't be made: {error.strerror}.",
            hint="set IOMETE_ENGINE__CACHE_FOLDER to a folder that you can write",
        ) from error


def _fetch(artifact: Artifact, cache: Path, repository: str) -> None:
    url = f"{repository.rstrip('/')}/{artifact.repository_path}"
    target = cache / artifact.file_name
    try:
        handle, partial = tempfile.mkstemp(dir=cache, prefix=f".{artifact.file_name}.")
    except OSError as error:
        raise JarUnavailableError(
            f"The cache folder `{cache}` can't be written: {error.strerror}.",
            hint="set IOMETE_ENGINE__CACHE_FOLDER to a folder that you can write",
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            # the scheme is held to http, https and file by the setting's pattern
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                shutil.copyfileobj(response, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        _check(artifact, Path(partial), url)
        Path(partial).chmod(0o644)
        Path(partial).replace(target)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        raise JarUnavailableError(
            f"`{artifact.file_name}` is not in the cache `{cache}`, and `{url}` can't be read: "
            f"{getattr(error, 'reason', None) or error}.",
            hint="connect once to the network and run `iomete prepare`, copy the cache folder from "
            "a machine that has it, or set IOMETE_ENGINE__REPOSITORY to a mirror",
        ) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def _check(artifact: Artifact, path: Path, url: str) -> None:
    size_bytes, sha256 = path.stat().st_size, _sha256(path)
    if sha256 != artifact.sha256:
        raise JarCorruptError(
            f"`{url}` sent {size_bytes} bytes with SHA-256 {sha256}, expected "
            f"{artifact.size_bytes} bytes with {artifact.sha256}; nothing was kept.",
            hint="try again; if it stays so, a proxy or mirror alters the file: set "
            "IOMETE_ENGINE__REPOSITORY to another one",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
