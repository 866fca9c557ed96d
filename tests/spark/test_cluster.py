"""The same calls on a Spark standalone cluster: connect(), and spark-submit of a packaged job."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home

from support.scripts import RunScript
from support.spark_cluster import running_cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "daily_revenue"


@pytest.fixture(scope="module")
def master() -> Iterator[str]:
    with running_cluster() as url:
        yield url


def test_connect_works_on_a_cluster_by_the_same_call(run_script: RunScript, master: str) -> None:
    done = run_script(
        """
import sys
import iomete
engine = {"spark": {"spark.executor.memory": "512m"}}
with iomete.connect("lakehouse", master=sys.argv[1], engine=engine) as lake:
    lake.sql("CREATE NAMESPACE lake.s")
    lake.sql("CREATE TABLE lake.s.t AS SELECT id % 3 AS third, id FROM range(0, 1000, 1, 4)")
    lake.sql("CREATE TABLE spark_catalog.default.d USING delta AS SELECT third FROM lake.s.t")
    counted = lake.table("spark_catalog.default.d").groupBy("third").count().orderBy("third")
    print([row["count"] for row in counted.collect()])
    executors = lake.spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()
    print(len(executors) > 1, lake.spark.sparkContext.master)
    square = lake.spark.sparkContext.parallelize([1, 2, 3], 2).map(lambda n: n * n)
    print(square.collect())
""",
        master,
    )
    assert done.stdout.splitlines() == ["[334, 333, 333]", f"True {master}", "[1, 4, 9]"]


MAKE_BOOKINGS = """
import iomete
with iomete.connect("lakehouse") as lake:
    lake.sql("CREATE NAMESPACE lake.crm")
    lake.sql(
        "CREATE TABLE lake.crm.bookings AS SELECT * FROM VALUES "
        "(DATE'2013-01-02', 'JFK', 'BOS', 120.50BD), (DATE'2013-01-02', 'JFK', 'BOS', 79.50BD), "
        "(DATE'2013-01-02', 'LGA', 'ORD', 310.00BD), (DATE'2013-01-03', 'LGA', 'ORD', 1.00BD) "
        "AS bookings(flight_day, origin, dest, price)"
    )
"""

PUBLISHED = """
import iomete
with iomete.connect("lakehouse") as lake:
    for row in lake.sql("SELECT * FROM lake.mart.daily_revenue ORDER BY ALL").collect():
        print(*row)
"""


def test_spark_submit_runs_the_packaged_job(
    run_script: RunScript, tmp_path: Path, master: str
) -> None:
    wheel = _build(EXAMPLE, tmp_path / "dist")
    run_script(MAKE_BOOKINGS)
    program = str(Path(sys.executable).with_name("iomete"))
    run_script.command(
        [program, "spark-conf", "-l", "lakehouse", "--master", master, "-o", "iomete.conf"]
    )
    command = [
        str(Path(_find_spark_home()) / "bin" / "spark-submit"),
        *("--properties-file", "iomete.conf"),
        *("--conf", "spark.executor.memory=512m"),
        *("--py-files", str(wheel)),
        str(EXAMPLE / "submit.py"),
    ]
    environment = {"PYSPARK_PYTHON": sys.executable, "IOMETE_FOLDER": str(tmp_path / "lakehouse")}
    for _ in range(2):  # a second run replaces what the first one wrote
        done = run_script.command([*command, "--day", "2013-01-02"], environment=environment)
        assert "2 routes, 3 bookings, revenue 510.00" in done.stdout
    late = run_script.command(
        [*command, "--day", "2014-01-01"], environment=environment, check=False
    )
    assert late.returncode == 1
    assert "has nothing on 2014-01-01" in late.stdout + late.stderr
    assert run_script(PUBLISHED).stdout.splitlines() == [
        "2013-01-02 JFK BOS 2 200.00",
        "2013-01-02 LGA ORD 1 310.00",
    ]


def _build(project: Path, output: Path) -> Path:
    copy = output.parent / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("dist", "build"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    return next(output.glob("*.whl"))
