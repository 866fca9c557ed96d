"""What must still be there when the Java process, or all of it, was ended and started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.scripts import RunScript

MAKE = """
import iomete
with iomete.connect("lakehouse") as lake:
    lake.sql("CREATE NAMESPACE lake.s")
    lake.sql("CREATE TABLE lake.s.iceberg AS SELECT 1 AS id")
    lake.sql("CREATE DATABASE spark_catalog.sales")
    lake.sql("CREATE TABLE spark_catalog.sales.delta USING delta AS SELECT 2 AS id, 'x' AS name")
    lake.sql("ALTER TABLE spark_catalog.sales.delta ADD COLUMN added INT")
    lake.sql("CREATE TABLE spark_catalog.default.parts (id INT, day STRING) USING parquet "
             "PARTITIONED BY (day)")
    lake.sql("INSERT INTO spark_catalog.default.parts VALUES (1, 'mon'), (2, 'tue')")
    lake.spark.range(5).write.format("delta").saveAsTable("spark_catalog.sales.by_dataframe")
    lake.sql("CREATE TABLE spark_catalog.default.gone USING parquet AS SELECT 1 AS id")
    lake.sql("CREATE VIEW spark_catalog.default.seen AS SELECT id + 1 AS next FROM lake.s.iceberg")
    lake.sql("ALTER TABLE spark_catalog.sales.by_dataframe RENAME TO sales.renamed")
    lake.sql("DROP TABLE spark_catalog.default.gone")
"""

FIND = """
import iomete, json
with iomete.connect("lakehouse") as lake:
    found = {
        "databases": lake.catalog.list_namespaces("spark_catalog"),
        "tables": lake.catalog.list_tables("spark_catalog.sales")
        + lake.catalog.list_tables("spark_catalog.default"),
        "delta": [list(r) for r in lake.table("spark_catalog.sales.delta").collect()],
        "renamed": lake.table("spark_catalog.sales.renamed").count(),
        "parts": [list(r) for r in lake.sql(
            "SELECT * FROM spark_catalog.default.parts WHERE day = 'tue'").collect()],
        "view": [list(r) for r in lake.table("spark_catalog.default.seen").collect()],
    }
    lake.sql("INSERT INTO spark_catalog.default.parts VALUES (3, 'wed')")
    found["after"] = lake.table("spark_catalog.default.parts").count()
    print(json.dumps(found))
"""

EXPECTED = {
    "databases": ["spark_catalog.default", "spark_catalog.sales"],
    "tables": [
        "spark_catalog.sales.delta",
        "spark_catalog.sales.renamed",
        "spark_catalog.default.parts",
    ],
    "delta": [[2, "x", None]],
    "renamed": 5,
    "parts": [[2, "tue"]],
    "view": [[2]],
    "after": 3,
}

COMMIT_UNTIL_KILLED = """
import iomete
lake = iomete.connect("lakehouse")
lake.sql("CREATE NAMESPACE IF NOT EXISTS lake.s")
lake.sql("CREATE TABLE IF NOT EXISTS lake.s.t (n INT)")
lake.sql("CREATE TABLE IF NOT EXISTS spark_catalog.default.d (n INT) USING delta")
print(lake._parts.engine._process.pid, flush=True)
for n in range(1_000_000):
    lake.sql(f"INSERT INTO lake.s.t VALUES ({n})")
    lake.sql(f"INSERT INTO spark_catalog.default.d VALUES ({n})")
    lake.sql(f"CREATE TABLE spark_catalog.default.made_{n} (n INT) USING parquet")
    print(n, flush=True)
"""

COUNT = """
import iomete
with iomete.connect("lakehouse") as lake:
    for table in ("lake.s.t", "spark_catalog.default.d"):
        print(lake.sql(f"SELECT count(*), count(DISTINCT n), max(n) FROM {table}").first())
    made = [t for t in lake.catalog.list_tables("spark_catalog.default") if ".made_" in t]
    for table in made:
        lake.table(table).collect()
    lake.sql("INSERT INTO lake.s.t VALUES (-1)")
    lake.sql("INSERT INTO spark_catalog.default.d VALUES (-1)")
    print(len(made))
"""


def test_names_of_the_session_catalog_survive_a_restart(run_script: RunScript) -> None:
    import json

    run_script(MAKE)
    assert json.loads(run_script(FIND).stdout) == EXPECTED


def test_a_moved_folder_keeps_the_names_of_the_session_catalog(
    run_script: RunScript, tmp_path: Path
) -> None:
    run_script(
        """
import iomete
with iomete.connect("lakehouse") as lake:
    lake.sql("CREATE TABLE spark_catalog.default.d USING delta AS SELECT 5 AS n")
"""
    )
    (tmp_path / "lakehouse").rename(tmp_path / "moved")
    found = run_script(
        """
import iomete
with iomete.connect("moved") as lake:
    print(lake.table("spark_catalog.default.d").first().n)
"""
    )
    assert found.stdout.split() == ["5"]


@pytest.mark.parametrize("victim", ["python", "java"])
def test_killing_a_process_in_the_middle_of_commits_damages_nothing(
    run_script: RunScript, tmp_path: Path, victim: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT_UNTIL_KILLED],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    java = int(process.stdout.readline())
    committed = [int(process.stdout.readline()) for _ in range(3)][-1]
    time.sleep(0.35)  # into the middle of the next round
    os.kill(process.pid if victim == "python" else java, signal.SIGKILL)
    rest = process.communicate(timeout=30)[0].split()
    committed = max([committed, *map(int, rest)])
    _wait_until_gone(java)

    lines = run_script(COUNT).stdout.splitlines()
    for line in lines[:2]:
        count, distinct, highest = (int(part.split("=")[1]) for part in line[4:-1].split(","))
        assert count == distinct == highest + 1  # nothing twice, nothing missing in between
        assert highest in (committed, committed + 1)
    assert int(lines[2]) in (committed + 1, committed + 2)
    for database in ("store.db", "catalog.db"):
        with sqlite3.connect(tmp_path / "lakehouse" / database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_dead_java_process_is_an_error_that_says_what_to_do(run_script: RunScript) -> None:
    done = run_script(
        """
import os, signal, time
import iomete
from iomete.errors import EngineError
lake = iomete.connect("lakehouse")
os.kill(lake._parts.engine._process.pid, signal.SIGKILL)
time.sleep(1)
try:
    lake.sql("SELECT 1")
except EngineError as error:
    print(error.hint)
lake.close()
with iomete.connect("lakehouse") as lake:
    print(lake.sql("SELECT 1").first()[0])
"""
    )
    assert done.stdout.splitlines() == ["call iomete.connect() again", "1"]


def _wait_until_gone(pid: int) -> None:
    import psutil

    end = time.monotonic() + 30
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    raise AssertionError("the Java process outlived its parent")
