"""Find a Java runtime that Spark can use, and say how to get one."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from iomete.errors import JavaNotFoundError, UnsupportedVersionError

SUPPORTED_MAJOR_VERSIONS = (17, 21)
"""What Apache Spark 4.1 runs on (its documentation, "Downloading")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java runtime: its home folder and full version, such as `17.0.15`."""

    home: Path
    version: str

    @property
    def major(self) -> int:
        """The feature release, such as 17."""
        return int(re.split(r"[.+\-]", self.version)[0])


def find_java(java_home: Path | None = None) -> Java:
    """Return the runtime to use: the argument, then `JAVA_HOME`, then `java` on the path.

    Raises:
        JavaNotFoundError: If there is none, or the place named holds none.
        UnsupportedVersionError: If Spark can't run on it.
    """
    home, origin = _candidate(java_home)
    if home is None:
        raise JavaNotFoundError("No Java runtime was found.", hint=install_hint())
    if not (home / "bin" / "java").is_file():
        raise JavaNotFoundError(
            f"{origin} is `{home}`, which holds no Java runtime.",
            hint=f"point it to a JDK 17, or unset it; to install one: {install_hint()}",
        )
    java = Java(home=home, version=_version(home))
    if java.major not in SUPPORTED_MAJOR_VERSIONS:
        raise UnsupportedVersionError(
            f"Java {java.version} in `{home}` does not fit: Spark 4.1 runs on Java 17 or 21.",
            hint=f"set JAVA_HOME to a JDK 17; to install one: {install_hint()}",
        )
    return java


def install_hint() -> str:
    """Return the command that installs a fitting Java on this kind of system."""
    if platform.system() == "Darwin":
        return "brew install openjdk@17"
    for program, command in (
        ("apt-get", "sudo apt-get install -y openjdk-17-jdk-headless"),
        ("dnf", "sudo dnf install -y java-17-openjdk-headless"),
        ("apk", "sudo apk add openjdk17-jre-headless"),
        ("zypper", "sudo zypper install -y java-17-openjdk-headless"),
    ):
        if shutil.which(program):
            return command
    return "install a JDK 17 (for example Eclipse Temurin) and set JAVA_HOME"


def _candidate(java_home: Path | None) -> tuple[Path | None, str]:
    if java_home is not None:
        return java_home.expanduser(), "`engine.java_home`"
    if from_environment := os.environ.get("JAVA_HOME"):
        return Path(from_environment), "JAVA_HOME"
    on_path = shutil.which("java")
    if on_path is None:
        return None, ""
    home = Path(on_path).resolve().parent.parent
    if not (home / "lib").is_dir():  # a shim, as version managers put them on the path
        home = _home_told_by(on_path) or home
    return home, "The folder of `java`"


def _home_told_by(java: str) -> Path | None:
    """Ask a runtime for its own home."""
    try:
        answer = subprocess.run(
            [java, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"java\.home = (.+)", answer.stderr)
    return Path(found[1].strip()) if found else None


def _version(home: Path) -> str:
    """Read the version from the `release` file (JEP 223), or ask the runtime if there is none."""
    release = home / "release"
    if release.is_file():
        found = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text("utf-8"), re.MULTILINE)
        if found:
            return found[1]
    try:
        answer = subprocess.run(
            [home / "bin" / "java", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise JavaNotFoundError(
            f"`{home / 'bin' / 'java'}` does not run: {error}", hint=install_hint()
        ) from error
    found = re.search(r'version "([^"]+)"', answer.stderr)
    if not found:
        raise JavaNotFoundError(
            f"`{home / 'bin' / 'java'}` does not tell its version.", hint=install_hint()
        )
    # Java 8 and older call themselves 1.8
    return found[1].removeprefix("1.")
