"""How a lakehouse object lives: forks, ends of Spark, odd arguments, and what it never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import iomete
from iomete.errors import ConfigurationError
from support.scripts import RunScript


def test_a_forked_child_cannot_use_or_harm_its_parents_spark(run_script: RunScript) -> None:
    done = run_script(
        """
import os
import iomete
from iomete.errors import EngineError
lake = iomete.connect("lakehouse", master="local[1]")
child = os.fork()
if child == 0:
    try:
        lake.sql("SELECT 1")
    except EngineError as error:
        print(error.hint, flush=True)
    lake.close()
    os._exit(0)
os.waitpid(child, 0)
print(lake.sql("SELECT 3").first()[0])
"""
    )
    assert done.stdout.splitlines() == [
        'start processes with multiprocessing.get_context("spawn")',
        "3",
    ]


def test_connect_starts_anew_after_spark_was_stopped(run_script: RunScript) -> None:
    done = run_script(
        """
import iomete
from iomete.errors import EngineError
lake = iomete.connect("lakehouse", master="local[1]")
lake.spark.stop()
try:
    lake.sql("SELECT 1")
except EngineError as error:
    print(error.hint)
again = iomete.connect("lakehouse", master="local[1]")
print(again is lake, again.sql("SELECT 1").first()[0])
"""
    )
    assert done.stdout.splitlines() == ["call iomete.connect() again", "False 1"]


def test_a_temporary_folder_with_a_space_is_no_obstacle(
    run_script: RunScript, tmp_path: Path
) -> None:
    (tmp_path / "a b").mkdir()
    done = run_script(
        """
import iomete
with iomete.connect("lake house", master="local[1]") as lake:
    print(lake.sql("SELECT 1").first()[0])
""",
        TMPDIR=str(tmp_path / "a b"),
    )
    assert done.stdout.split() == ["1"]


def test_set_and_settings_never_show_a_secret(run_script: RunScript) -> None:
    done = run_script(
        """
import iomete
far = {"type": "rest", "uri": "http://user:HUSH@127.0.0.1:1/x", "credential": "id:HUSH",
       "properties": {"header.Authorization": "Bearer HUSH"},
       "s3": {"access_key_id": "HUSH", "secret_access_key": "HUSH"}}
with iomete.connect("lakehouse", master="local[1]", catalogs={"far": far}) as lake:
    for row in lake.sql("SET").collect() + lake.sql("SET -v").collect():
        print(*row)
    print(lake, lake.settings, lake.settings.values(), lake.settings.settings)
"""
    )
    assert "spark.sql.catalog.far.credential" in done.stdout
    assert "HUSH" not in done.stdout + done.stderr


def test_the_same_folder_by_another_path_is_the_same_lakehouse(
    lake: iomete.Lakehouse, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(lake.folder)
    assert iomete.connect(tmp_path / "link", master="local[2]") is lake
    roundabout = f"{lake.folder}/../{lake.folder.name}"
    assert iomete.connect(roundabout, master="local[2]") is lake


def test_a_parameter_may_have_any_name(lake: iomete.Lakehouse) -> None:
    row = lake.sql("SELECT :query AS query, :self AS self", query=1, self=2).first()
    assert row is not None
    assert tuple(row) == (1, 2)


@pytest.mark.parametrize("statement", [None, 3, b"SELECT 1", "SELECT '\ud800'"])
def test_what_is_no_text_is_refused(lake: iomete.Lakehouse, statement: object) -> None:
    with pytest.raises(ConfigurationError):
        lake.sql(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [{"engine": "local"}, {"engine": None, "master": "local"}, {"principal": 3}]
)
def test_arguments_of_the_wrong_kind_are_refused(
    lake: iomete.Lakehouse, arguments: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        iomete.connect(lake.folder, **arguments)  # type: ignore[arg-type]
