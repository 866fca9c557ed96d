"""The command line as far as it needs no Spark: what it prints, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import iomete
from iomete.cli import main
from iomete.cli.app import app
from iomete.engine.jars import CORE_ARTIFACTS

PROGRAM = str(Path(sys.executable).with_name("iomete"))
BROKEN = "[engine]\nmaster = local\n"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands take when none is named; it isn't made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    return tmp_path / "lakehouse"


def run(*arguments: str) -> str:
    """Run a command that is to work, and return what it prints."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """Run a command that is to fail, and return its exit code and what it says."""
    monkeypatch.setattr(sys, "argv", ["iomete", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert isinstance(caught.value.code, int)
    return caught.value.code, printed.err


def settings(lake: Path, toml: str) -> None:
    lake.mkdir()
    (lake / "iomete.toml").write_text(toml, "utf-8")


def test_version_names_everything_that_bugs_are_about(lake: Path) -> None:
    lines = dict(line.split(" ", 1) for line in run("version").splitlines())
    assert lines["iomete"] == iomete.__version__
    assert lines["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert lines["Spark"].startswith("4.1.")
    assert {"iceberg-spark-runtime-4.1_2.13", "delta-spark_4.1_2.13"} <= set(lines)
    assert not lake.exists()


def test_version_tells_that_java_is_missing_and_still_works(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(lake / "nowhere"))
    last = run("version").splitlines()[-1]
    assert last.startswith("Java: JAVA_HOME is `")


def test_settings_are_listed_with_their_source(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(lake, '[engine]\nmaster = "local[3]"\n')
    monkeypatch.setenv("IOMETE_ENGINE__UI_PORT", "4999")
    lines = {line.split()[0]: line for line in run("settings").splitlines()}
    assert str(lake / "iomete.toml") in lines["engine.master"]
    assert "local[3]" in lines["engine.master"]
    assert "environment IOMETE_ENGINE__UI_PORT" in lines["engine.ui_port"]
    assert "default" in lines["engine.log_level"]


def test_settings_make_nothing(lake: Path) -> None:
    assert "engine.master" in run("settings")
    assert not lake.exists()


def test_the_folder_may_be_named(lake: Path, tmp_path: Path) -> None:
    settings(tmp_path / "other", '[engine]\nmaster = "local[7]"\n')
    for option in ("-l", "--lakehouse"):
        assert "local[7]" in run("settings", option, str(tmp_path / "other"))
    assert "local[7]" not in run("settings")


def test_settings_mask_secrets(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(lake, '[catalogs.far]\nuri = "postgresql://u:hunter2@h/db"\ntoken = "hunter2"\n')
    monkeypatch.setenv("IOMETE_STORE__URL", "postgresql://u:hunter2@h/db")
    monkeypatch.setenv("IOMETE_ENGINE__SPARK", '{"spark.hadoop.x.password": "hunter2"}')
    printed = run("settings")
    assert "hunter2" not in printed
    assert printed.count("********") == 4


@pytest.mark.parametrize("value", ["s3://bucket/[/old]", "s3://bucket/[bold]x", "[red]"])
def test_settings_show_values_as_they_are(lake: Path, value: str) -> None:
    settings(lake, f'[engine.spark]\n"spark.x" = "{value}"\n')
    assert f"spark.x={value}" in run("settings")


@pytest.mark.parametrize(
    "arguments",
    [
        ("settings", "--no-such-option"),
        ("no-such-command",),
        ("sql",),
        ("sql", "SELECT 1", "-o", "xml"),
        ("sql", "SELECT 1", "--limit", "-1"),
        ("sql", "SELECT 1", "-p", "bad"),
        ("sql", "SELECT 1", "-p", "1a=b"),
        ("sql", "SELECT 1", "-p", "=b"),
        ("spark-conf", "-f", "yaml"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_touches_nothing(
    lake: Path, arguments: tuple[str, ...]
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr
    assert not lake.exists()


def test_a_wrong_parameter_is_named(lake: Path) -> None:
    result = CliRunner().invoke(app, ["sql", "SELECT :a", "-p", "a=1", "-p", "bad"])
    assert "`bad` is not `name=value`" in result.stderr


def test_without_a_command_there_is_help() -> None:
    printed = CliRunner().invoke(app, []).output
    assert all(command in printed for command in ("sql", "shell", "settings", "prepare"))


def test_an_error_is_a_message_and_a_hint_on_stderr(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(lake, BROKEN)
    code, printed = fails(monkeypatch, capsys, "settings")
    assert code == 2
    error, hint = printed.splitlines()
    assert error.startswith(f"Error: Settings are not valid: {lake}/iomete.toml is not valid TOML")
    assert hint == f"Hint: edit {lake}/iomete.toml"


def test_an_error_shows_values_as_they_are(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = fails(monkeypatch, capsys, "settings", "-l", "a[/b]#" + "x" * 300)
    assert code == 6
    assert len(printed.splitlines()) == 2
    assert "a[/b]#xxx" in printed


@pytest.mark.parametrize(
    ("environment", "arguments", "code"),
    [
        ({"IOMETE_ENGIN__UI": "1"}, ("settings",), 2),
        ({"IOMETE_ENGINE__MASTRE": "local"}, ("sql", "SELECT 1"), 2),
        ({"IOMETE_ENGINE__SPARK": "not json"}, ("settings",), 2),
        ({"IOMETE_FOLDER": "s3://bucket/lake"}, ("settings",), 6),
        ({"IOMETE_FOLDER": "/dev/null/lake"}, ("spark-conf",), 6),
        ({"IOMETE_FOLDER": "/dev/null"}, ("sql", "SELECT 1"), 6),
    ],
)
def test_errors_end_with_the_exit_code_of_their_kind(
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.setenv("IOMETE_ENGINE__REPOSITORY", "file:///nowhere")
    monkeypatch.setenv("IOMETE_ENGINE__CACHE_FOLDER", str(lake.parent / "cache"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended, printed = fails(monkeypatch, capsys, *arguments)
    assert printed.startswith("Error: ")
    assert "\nHint: " in printed
    assert ended == code


def test_jars_that_can_not_be_had_are_the_engines_error(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOMETE_ENGINE__REPOSITORY", "file:///nowhere")
    monkeypatch.setenv("IOMETE_ENGINE__CACHE_FOLDER", str(lake.parent / "cache"))
    code, printed = fails(monkeypatch, capsys, "sql", "SELECT 1")
    assert code == 7
    assert "is not in the cache" in printed


def test_without_java_sql_ends_with_7_in_a_real_process(lake: Path) -> None:
    jars = lake.parent / "cache" / "jars"
    jars.mkdir(parents=True)
    for artifact in CORE_ARTIFACTS:  # of the right size: nothing is fetched, nothing is started
        with (jars / artifact.file_name).open("wb") as file:
            file.truncate(artifact.size_bytes)
    environment = {
        **os.environ,
        "JAVA_HOME": str(lake.parent / "nowhere"),
        "IOMETE_ENGINE__CACHE_FOLDER": str(jars.parent),
        "IOMETE_ENGINE__REPOSITORY": "file:///nowhere",
    }
    done = subprocess.run(
        [PROGRAM, "sql", "SELECT 1"], env=environment, capture_output=True, text=True, check=False
    )
    error, hint = done.stderr.splitlines()
    assert error.startswith("Error: JAVA_HOME is `")
    assert hint.startswith("Hint: point it to a JDK 17")
    assert (done.returncode, done.stdout) == (7, "")


def test_ctrl_c_ends_with_130_and_no_traceback(lake: Path) -> None:
    # no statement comes, so nothing is started
    command = [PROGRAM, "sql", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        wait_until_reading(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert not lake.exists()


def wait_until_reading(pid: int) -> None:
    """Wait until a process no longer uses its processor: it waits for its standard input."""
    import psutil

    process, before, idle = psutil.Process(pid), -1.0, 0
    deadline = time.monotonic() + 30
    while idle < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
        used = sum(process.cpu_times()[:2])
        idle = idle + 1 if used == before and used > 0.1 else 0
        before = used


def test_a_reader_that_has_gone_is_no_error(lake: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [PROGRAM, "settings"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line(lake: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "settings"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


def test_a_folder_that_is_gone_is_two_lines(lake: Path) -> None:
    script = 'rmdir "$PWD"; exec "$0" settings'
    lake.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", script, PROGRAM], cwd=lake, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The current folder does not exist.\nHint: ")
    assert len(done.stderr.splitlines()) == 2


def test_input_that_is_not_utf8_is_refused(lake: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "sql", "-"], input=b"\xff\xfe", capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: Standard input is not UTF-8 text.\nHint: ")
    assert not lake.exists()
