"""Spark must not start with sessions that nobody governs."""

from __future__ import annotations

import pytest

from support.scripts import RunScript

# `configuration` is what a lakehouse needs; each case damages it
START = """
import sys
from pyspark.sql import SparkSession
from iomete.folder import LakehouseFolder
from iomete.opening import spark_configuration
from iomete.settings import load_settings

folder = LakehouseFolder.at("lakehouse")
folder.make()
configuration = spark_configuration(folder, load_settings(folder.root, arguments={}))
options = configuration.merged() | {"spark.master": "local[1]", "spark.ui.enabled": "false"}
key = "spark.sql.extensions"
first, *others, last = options[key].split(",")
damage = sys.argv[1]
if damage == "no extension":
    del options[key]
elif damage == "parser not last":
    options[key] = ",".join([first, last, *others])
elif damage == "jar missing":
    path = "spark.driver.extraClassPath"
    options[path] = ":".join(p for p in options[path].split(":") if "iomete-spark" not in p)
builder = SparkSession.builder
for name, value in options.items():
    builder = builder.config(name, value)
try:
    spark = builder.getOrCreate()
    print("started", spark.sql("SELECT 1").first()[0])
except Exception as error:
    print("refused", error)
"""


@pytest.mark.parametrize("damage", ["no extension", "parser not last"])
def test_extensions_out_of_place_stop_the_start(run_script: RunScript, damage: str) -> None:
    done = run_script(START, damage)
    assert done.stdout.startswith("refused")
    assert "IOMETE_UNGOVERNED_SESSION" in done.stdout
    assert "Hint: list `io.iomete.spark.IometeExtension` first" in done.stdout


def test_a_missing_jar_stops_the_start(run_script: RunScript) -> None:
    done = run_script(START, "jar missing")
    assert done.stdout.startswith("refused")
    assert "io.iomete.spark.IometePlugin" in done.stdout
