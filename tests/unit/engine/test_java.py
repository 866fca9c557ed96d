from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest

from iomete.engine.java import Java, find_java, install_hint
from iomete.errors import JavaNotFoundError, UnsupportedVersionError

REAL_JAVA = shutil.which("java")  # before a test changes the path

SAYS = "#!/bin/sh\necho 'openjdk version \"{}\" 2024-01-01' >&2\n"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def jdk(home: Path, version: str | None, *, script: str = "#!/bin/sh\nexit 3\n") -> Path:
    """A folder that looks like a JDK; without a version it has no `release` file."""
    program(home / "bin" / "java", script)
    if version is not None:
        text = f'IMPLEMENTOR="Example"\nJAVA_VERSION="{version}"\nJAVA_VERSION_DATE="2024-01-01"\n'
        (home / "release").write_text(text)
    return home


@pytest.fixture(autouse=True)
def _no_java_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.mark.parametrize(
    ("version", "major"),
    [("17.0.15", 17), ("21.0.7", 21), ("17", 17), ("21-ea", 21), ("21+35", 21)],
)
def test_java_17_and_21_fit(tmp_path: Path, version: str, major: int) -> None:
    java = find_java(jdk(tmp_path / "jdk", version))
    assert java == Java(home=tmp_path / "jdk", version=version)
    assert java.major == major


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.22", "18.0.2", "25", "25.0.1"])
def test_other_versions_are_refused_with_what_to_install(tmp_path: Path, version: str) -> None:
    home = jdk(tmp_path / "jdk", version)
    with pytest.raises(UnsupportedVersionError, match="Java 17 or 21") as caught:
        find_java(home)
    assert f"Java {version} in `{home}`" in caught.value.message
    assert "set JAVA_HOME to a JDK 17" in str(caught.value.hint)
    assert install_hint() in str(caught.value.hint)


def test_without_a_release_file_the_runtime_is_asked(tmp_path: Path) -> None:
    home = jdk(tmp_path / "jdk", None, script=SAYS.format("17.0.9"))
    assert find_java(home).version == "17.0.9"


def test_the_old_way_of_counting_versions_is_understood(tmp_path: Path) -> None:
    home = jdk(tmp_path / "jdk", None, script=SAYS.format("1.8.0_392"))
    with pytest.raises(UnsupportedVersionError, match="Java 8"):
        find_java(home)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("#!/bin/sh\nexit 3\n", "does not run"),
        ("#!/no/such/interpreter\n", "does not run"),
        ("#!/bin/sh\necho hello >&2\n", "does not tell its version"),
    ],
)
def test_a_runtime_that_does_not_answer_is_an_error(tmp_path: Path, script: str, says: str) -> None:
    with pytest.raises(JavaNotFoundError, match=says) as caught:
        find_java(jdk(tmp_path / "jdk", None, script=script))
    assert caught.value.hint == install_hint()


def test_the_setting_comes_before_the_environment_and_that_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jdk(tmp_path, "21.0.1")
    assert find_java().version == "21.0.1"
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "environment", "17.0.2")))
    assert find_java().version == "17.0.2"
    assert find_java(jdk(tmp_path / "setting", "17.0.3")).version == "17.0.3"


def test_java_on_path_is_followed_to_its_home(tmp_path: Path) -> None:
    home = jdk(tmp_path / "lib" / "jdk-17", "17.0.5")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java() == Java(home=home, version="17.0.5")


def test_an_empty_java_home_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "")
    jdk(tmp_path, "17.0.5")
    assert find_java().home == tmp_path


def test_no_java_at_all_is_an_error_that_says_how_to_get_one() -> None:
    with pytest.raises(JavaNotFoundError, match=r"No Java runtime was found\.") as caught:
        find_java()
    assert caught.value.hint == install_hint()


def test_java_home_that_points_nowhere_is_named_although_path_has_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jdk(tmp_path, "17.0.5")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(JavaNotFoundError, match=r"JAVA_HOME is `.*/nowhere`, which holds no Java"):
        find_java()


def test_a_setting_that_points_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(JavaNotFoundError, match=r"`engine\.java_home` is `.*/nowhere`") as caught:
        find_java(tmp_path / "nowhere")
    assert install_hint() in str(caught.value.hint)


def test_a_setting_may_start_with_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    jdk(tmp_path / "jdk", "17.0.5")
    assert find_java(Path("~/jdk")).home == tmp_path / "jdk"


@pytest.mark.skipif(platform.system() == "Darwin", reason="Homebrew is the way there")
@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install -y openjdk-17-jdk-headless"),
        ("dnf", "sudo dnf install -y java-17-openjdk-headless"),
        ("apk", "sudo apk add openjdk17-jre-headless"),
        ("zypper", "sudo zypper install -y java-17-openjdk-headless"),
        ("another", "install a JDK 17 (for example Eclipse Temurin) and set JAVA_HOME"),
    ],
)
def test_the_hint_is_the_command_of_this_systems_packages(
    tmp_path: Path, manager: str, command: str
) -> None:
    program(tmp_path / "bin" / manager, "#!/bin/sh\n")
    assert install_hint() == command


def test_the_java_of_this_machine_is_found(real_java: Java) -> None:
    assert (real_java.home / "bin" / "java").is_file()
    assert real_java.major in (17, 21)


def test_a_shim_on_the_path_is_asked_for_the_home_that_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if REAL_JAVA is None:
        pytest.skip("there is no Java")
    shim = tmp_path / "shims" / "java"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{REAL_JAVA}" "$@"\n')
    shim.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    assert (find_java().home / "lib").is_dir()
