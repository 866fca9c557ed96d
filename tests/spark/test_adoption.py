"""Spark that somebody else started: taken as it is, or refused with all that is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.scripts import RunScript

PREPARED = """
import json, sys
from pyspark.sql import SparkSession
builder = SparkSession.builder
for key, value in json.load(open("conf.json")).items():
    if key not in sys.argv[1:]:
        builder = builder.config(key, value)
spark = builder.getOrCreate()
import iomete
from iomete.errors import SessionNotPreparedError
try:
    with iomete.connect("lakehouse", spark=spark) as lake:
        lake.sql("CREATE NAMESPACE IF NOT EXISTS lake.s")
        lake.sql("CREATE OR REPLACE TABLE lake.s.t AS SELECT :n AS n", n=3)
        print(lake.table("lake.s.t").first().n, lake.sql("SELECT current_user()").first()[0])
    print(spark.range(2).count())
except SessionNotPreparedError as error:
    print(json.dumps(error.missing))
    print(error.hint)
"""


def iomete_command(run_script: RunScript, *arguments: str) -> str:
    program = str(Path(sys.executable).with_name("iomete"))
    return run_script.command([program, *arguments]).stdout


def test_a_prepared_session_is_adopted_and_left_running(run_script: RunScript) -> None:
    iomete_command(
        run_script, "spark-conf", "-l", "lakehouse", "-f", "json", "--output", "conf.json"
    )
    done = run_script(PREPARED)
    assert done.stdout.split() == ["3", _user(), "2"]


def test_what_a_session_lacks_is_listed_in_full(run_script: RunScript) -> None:
    iomete_command(
        run_script, "spark-conf", "-l", "lakehouse", "-f", "json", "--output", "conf.json"
    )
    left_out = ["spark.sql.catalog.lake.uri", "spark.sql.hive.manageFilesourcePartitions"]
    done = run_script(PREPARED, *left_out)
    missing, hint = done.stdout.splitlines()
    assert sorted(json.loads(missing)) == [f"`{key}` is not set" for key in left_out]
    assert "spark-conf" in hint


def test_a_plain_session_is_refused_and_goes_on(run_script: RunScript) -> None:
    done = run_script(
        """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
import iomete
from iomete.errors import SessionNotPreparedError
try:
    iomete.connect("lakehouse", spark=spark)
except SessionNotPreparedError as error:
    print(len(error.missing), error.missing[0])
print(spark.range(2).count())
"""
    )
    first, second = done.stdout.splitlines()
    assert "jar with `io.iomete.spark.IometeExtension`" in first
    assert int(first.split()[0]) > 10
    assert second == "2"


def test_connect_finds_the_running_session_by_itself(run_script: RunScript) -> None:
    done = run_script(
        """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
import iomete
from iomete.errors import SessionNotPreparedError
try:
    iomete.connect("lakehouse")
except SessionNotPreparedError as error:
    print("refused")
"""
    )
    assert done.stdout.split() == ["refused"]


def test_printed_configuration_masks_secrets_and_a_file_holds_them(
    run_script: RunScript, tmp_path: Path
) -> None:
    (tmp_path / "lakehouse").mkdir()
    (tmp_path / "lakehouse" / "iomete.toml").write_text(
        '[catalogs.far]\nuri = "postgresql://u:hunter2@127.0.0.1:1/db"\n'
    )
    printed = iomete_command(run_script, "spark-conf", "-l", "lakehouse")
    assert "hunter2" not in printed
    assert "spark.sql.catalog.far.jdbc.password=********" in printed
    settings = iomete_command(run_script, "settings", "-l", "lakehouse")
    assert "hunter2" not in settings
    iomete_command(run_script, "spark-conf", "-l", "lakehouse", "-o", "all.conf")
    written = tmp_path / "all.conf"
    assert "hunter2" in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600


def _user() -> str:
    import os
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
