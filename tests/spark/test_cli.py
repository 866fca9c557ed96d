"""The command line with its own Spark: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from iomete.engine import cache_folder
from iomete.settings import EngineSettings
from support.scripts import RunScript

PROGRAM = str(Path(sys.executable).with_name("iomete"))
STATEMENTS = r"""
SELECT 'one;' AS x; SELECT 2 AS y; -- no statement;
/* none; */;
SELECT assert_true(false);
BEGIN SELECT 7 AS z; SELECT 8 AS z; END;
SELECT 1 / 0 FROM range(3);
SELECT interval 1 month AS i, array(date'-0001-01-01') AS d, map(binary('a'), 1) AS m
"""
VALUES = """
SELECT date'12020-01-01' AS a, date'-0001-01-01' AS b, interval 1 month AS c,
    map(date'2024-01-01', 1.50BD) AS d, double('NaN') AS e, x'00ff' AS f,
    array(timestamp_ntz'12024-01-01 00:00:00') AS g, timestamp_ntz'2024-01-01 00:00:00' AS h
"""


def test_the_shell_runs_each_statement_and_ends_with_the_first_error(
    run_script: RunScript, tmp_path: Path
) -> None:
    (tmp_path / "all.sql").write_text(STATEMENTS, "utf-8")
    script = 'exec "$0" shell < all.sql'
    done = run_script.command(["/bin/sh", "-c", script, PROGRAM], check=False)
    words = done.stdout.split()
    assert done.returncode == 5
    assert [word for word in words if word in {"one;", "2", "8"}] == ["one;", "2", "8"]
    assert {"INTERVAL", '["-0001-01-01"]'} <= set(words)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "[USER_RAISED_EXCEPTION]" in errors[0]
    assert "[DIVIDE_BY_ZERO]" in errors[1]
    assert len(errors) == 2
    assert "Exception in task" not in done.stderr
    assert "\tat " not in done.stderr


def test_a_query_that_fails_prints_its_error_alone(run_script: RunScript) -> None:
    query = "SELECT assert_true(false)"
    done = run_script.command([PROGRAM, "sql", "-o", "csv", query], check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "Error: [USER_RAISED_EXCEPTION] 'false' is not true! SQLSTATE: P0001\n"


def test_a_reader_may_leave_after_the_first_row(run_script: RunScript) -> None:
    query = f"WITH v AS ({VALUES}) SELECT v.* FROM v, range(20000)"
    script = '{ "$0" sql -o json "$1"; echo "ended with $?" >&2; } | head -1'
    done = run_script.command(["/bin/sh", "-c", script, PROGRAM, query])
    assert done.stderr == "ended with 0\n"
    assert json.loads(done.stdout) == {
        "a": "+12020-01-01",
        "b": "-0001-01-01",
        "c": "INTERVAL '1' MONTH",
        "d": {"2024-01-01": "1.50"},
        "e": "NaN",
        "f": "00ff",
        "g": ["+12024-01-01 00:00:00"],
        "h": "2024-01-01T00:00:00",
    }


def test_what_is_prepared_is_used_by_later_starts(run_script: RunScript, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(cache_folder(EngineSettings()) / "jars", cache / "jars", copy_function=os.link)
    environment = {"IOMETE_ENGINE__CACHE_FOLDER": str(cache)}
    done = run_script.command([PROGRAM, "prepare"], environment=environment)
    assert done.stdout.endswith(f" jars and a class archive ready in {cache}\n")
    assert not (tmp_path / "lakehouse").exists()
    (archive,) = (cache / "class-archives").glob("*.jsa")
    script = """
import iomete
lake = iomete.connect()
given = lake.spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
print([option for option in given.getInputArguments() if "SharedArchiveFile" in option])
"""
    assert str(archive) in run_script(script, **environment).stdout
