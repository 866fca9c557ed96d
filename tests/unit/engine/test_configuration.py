from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from iomete.engine.configuration import (
    EXTENSIONS,
    PLUGIN,
    SparkConfiguration,
    build_configuration,
    default_driver_memory,
    is_local,
    is_on_this_machine,
    local_cores,
)
from iomete.engine.iceberg import resolve_catalogs
from iomete.settings import CatalogSettings, EngineSettings

FOLDER = Path("/data/lake")
JARS = (Path("/cache/a.jar"), Path("/cache/b.jar"))


def built(**settings: Any) -> SparkConfiguration:
    catalogs = resolve_catalogs(
        {"lake": CatalogSettings(), "cold": CatalogSettings(warehouse="s3://bucket/cold")},
        database=FOLDER / "catalog.db",
        warehouse=FOLDER / "warehouse",
    )
    return build_configuration(
        EngineSettings(**settings), catalogs=catalogs, warehouse=FOLDER / "warehouse", jars=JARS
    )


def test_settings_become_spark_configuration() -> None:
    values = built(
        master="local[3]",
        driver_memory="2g",
        ui=True,
        ui_port=4041,
        progress=True,
        log_level="WARN",
    ).merged()
    assert values["spark.master"] == "local[3]"
    assert values["spark.driver.memory"] == "2g"
    assert values["spark.ui.enabled"] == "true"
    assert values["spark.ui.port"] == "4041"
    assert values["spark.ui.showConsoleProgress"] == "true"
    assert values["spark.log.level"] == "WARN"
    assert values["spark.driver.extraClassPath"] == os.pathsep.join(map(str, JARS))


def test_every_value_is_text() -> None:
    assert all(isinstance(value, str) for value in built(ui=True).merged().values())


def test_every_catalog_is_there_and_lake_is_the_default() -> None:
    required = built().required
    assert required["spark.sql.defaultCatalog"] == "lake"
    for name in ("lake", "cold"):
        assert required[f"spark.sql.catalog.{name}"] == "org.apache.iceberg.spark.SparkCatalog"
    assert required["spark.sql.warehouse.dir"] == "file:///data/lake/warehouse/spark_catalog"


def test_further_spark_configuration_comes_before_our_defaults() -> None:
    values = built(spark={"spark.sql.shuffle.partitions": "7", "spark.x": "y"}).merged()
    assert values["spark.sql.shuffle.partitions"] == "7"
    assert values["spark.x"] == "y"


@pytest.mark.parametrize(
    "key",
    [
        "spark.sql.defaultCatalog",
        "spark.sql.catalog.lake",
        "spark.sql.catalog.lake.uri",
        "spark.sql.catalog.spark_catalog",
        "spark.sql.warehouse.dir",
    ],
)
def test_what_makes_it_a_lakehouse_can_not_be_overridden(key: str) -> None:
    assert built(spark={key: "mine"}).merged()[key] == built().required[key]


def test_somebodys_extensions_stand_between_ours() -> None:
    given = " com.example.First ,com.example.Second,, " + EXTENSIONS[0]
    names = built(spark={"spark.sql.extensions": given}).merged()["spark.sql.extensions"].split(",")
    assert names == [*EXTENSIONS[:-1], "com.example.First", "com.example.Second", EXTENSIONS[-1]]


def test_without_others_the_extensions_are_ours_in_order() -> None:
    assert built().required["spark.sql.extensions"].split(",") == list(EXTENSIONS)


def test_naming_our_last_extension_does_not_move_it_forward() -> None:
    given = f"{EXTENSIONS[-1]},com.example.First"
    names = built(spark={"spark.sql.extensions": given}).merged()["spark.sql.extensions"].split(",")
    assert names[-1] == EXTENSIONS[-1]
    assert len(names) == len(set(names)) == len(EXTENSIONS) + 1


def test_somebodys_plugins_follow_ours() -> None:
    names = built(spark={"spark.plugins": f"com.example.Plugin, {PLUGIN}"}).merged()[
        "spark.plugins"
    ]
    assert names == f"{PLUGIN},com.example.Plugin"


@pytest.mark.parametrize(
    ("master", "cores"),
    [
        ("local", 1),
        ("local[1]", 1),
        ("local[4]", 4),
        ("local[*]", os.cpu_count()),
        ("local[6,3]", 6),
        ("local[*,3]", os.cpu_count()),
        ("spark://host:7077", 1),
    ],
)
def test_cores_are_read_as_spark_reads_them(master: str, cores: int) -> None:
    assert local_cores(master) == cores


@pytest.mark.parametrize(
    ("master", "local", "here"),
    [
        ("local", True, True),
        ("local[*]", True, True),
        ("local-cluster[2,1,1024]", False, False),
        ("localhost", False, False),
        ("spark://127.0.0.1:7077", False, True),
        ("spark://localhost:7077", False, True),
        ("spark://[::1]:7077", False, True),
        ("spark://localhost.example.com:7077", False, False),
        ("spark://127.0.0.1.example.com:7077", False, False),
        ("spark://master:7077", False, False),
        ("yarn", False, False),
        ("k8s://https://127.0.0.1:6443", False, False),
    ],
)
def test_only_masters_on_this_machine_are_on_this_machine(
    master: str, *, local: bool, here: bool
) -> None:
    assert is_local(master) is local
    assert is_on_this_machine(master) is here
    defaults = built(master=master).defaults
    for key in ("spark.driver.host", "spark.driver.bindAddress"):
        assert defaults.get(key) == ("127.0.0.1" if here else None)


@pytest.mark.parametrize("master", ["spark://localhost:7077", "spark://m:7077", "yarn"])
def test_executors_of_a_cluster_fetch_the_jars_and_partitions_stay_sparks(master: str) -> None:
    defaults = built(master=master).defaults
    assert defaults["spark.jars"] == "/cache/a.jar,/cache/b.jar"
    assert "spark.sql.shuffle.partitions" not in defaults


def test_local_executors_need_no_jars_and_as_many_partitions_as_cores() -> None:
    defaults = built(master="local[5]").defaults
    assert "spark.jars" not in defaults
    assert defaults["spark.sql.shuffle.partitions"] == "5"
    assert built(master="local").defaults["spark.default.parallelism"] == "2"


@pytest.mark.parametrize(
    ("gibibytes", "memory"),
    [(0.5, "1g"), (2, "1g"), (7.9, "1g"), (8, "2g"), (15.5, "3g"), (32, "8g"), (512, "8g")],
)
def test_driver_memory_is_a_quarter_of_the_machine_within_bounds(
    monkeypatch: pytest.MonkeyPatch, gibibytes: float, memory: str
) -> None:
    answers = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": int(gibibytes * (1 << 30)) // 4096}
    monkeypatch.setattr(os, "sysconf", answers.__getitem__)
    assert default_driver_memory() == memory


def test_driver_memory_of_this_machine_is_one_that_settings_accept() -> None:
    assert EngineSettings(driver_memory=default_driver_memory())


def test_required_values_win_when_merged() -> None:
    configuration = SparkConfiguration(required={"a": "1"}, defaults={"a": "2", "b": "3"})
    assert configuration.merged() == {"a": "1", "b": "3"}


def test_somebodys_own_jars_follow_ours() -> None:
    own = {"spark.driver.extraClassPath": "/x/own.jar", "spark.jars": "/x/own.jar"}
    cluster = built(master="spark://m:7077", spark=own).merged()
    assert cluster["spark.jars"] == "/cache/a.jar,/cache/b.jar,/x/own.jar"
    paths = cluster["spark.driver.extraClassPath"].split(os.pathsep)
    assert paths == ["/cache/a.jar", "/cache/b.jar", "/x/own.jar"]
    assert built(master="local", spark=own).merged()["spark.jars"] == "/x/own.jar"
