"""What `import iomete` gives, and what it costs; in a process of its own, as programs import it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import iomete

HEAVY = {
    "alembic",
    "delta",
    "pandas",
    "platformdirs",
    "py4j",
    "pyarrow",
    "pydantic",
    "pydantic_settings",
    "pyiceberg",
    "pyspark",
    "rich",
    "sqlalchemy",
    "typer",
}
WATCHED = """
import json, os, sys, logging, threading
events, asked = [], []
def watch(event, arguments):
    if event.split(".")[0] in {"subprocess", "socket"} or event in {
        "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.mkdir"}:
        events.append(event)
class Environment(dict):
    def __getitem__(self, key):
        asked.append(key)
        return dict.__getitem__(self, key)
    def get(self, key, default=None):
        asked.append(key)
        return dict.get(self, key, default)
    def __contains__(self, key):
        asked.append(key)
        return dict.__contains__(self, key)
os.environ = Environment(os.environ)
loggers = set(logging.Logger.manager.loggerDict)
sys.addaudithook(watch)
import iomete
names = dir(iomete)
print(json.dumps({
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
    "events": events,
    "asked": asked,
    "handlers": len(logging.getLogger().handlers),
    "loggers": sorted(set(logging.Logger.manager.loggerDict) - loggers),
    "threads": threading.active_count(),
    "names": names,
}))
"""


def import_in_a_process(*flags: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, *flags, "-c", WATCHED], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(
    scope="module", params=[(), ("-O",), ("-OO", "-W", "error"), ("-X", "dev")], ids=" ".join
)
def imported(request: pytest.FixtureRequest) -> dict[str, Any]:
    return import_in_a_process(*request.param)


def test_importing_loads_nothing_heavy(imported: dict[str, Any]) -> None:
    assert HEAVY & set(imported["modules"]) == set()


def test_importing_starts_nothing(imported: dict[str, Any]) -> None:
    assert imported["events"] == []
    assert imported["threads"] == 1


def test_importing_reads_no_environment(imported: dict[str, Any]) -> None:
    assert [
        name for name in imported["asked"] if name.startswith(("IOMETE", "SPARK", "JAVA"))
    ] == []


def test_importing_configures_no_logging(imported: dict[str, Any]) -> None:
    assert imported["handlers"] == 0
    assert imported["loggers"] == []


def test_the_names_are_the_public_ones(imported: dict[str, Any]) -> None:
    assert imported["names"] == ["IometeError", "Lakehouse", "__version__", "connect"]


def test_all_is_sorted_and_everything_in_it_is_there() -> None:
    assert sorted(iomete.__all__) == list(iomete.__all__) == dir(iomete)
    for name in iomete.__all__:
        assert getattr(iomete, name) is not None


def test_connect_and_lakehouse_are_loaded_when_asked_for() -> None:
    from iomete import lakehouse, session

    assert iomete.connect is session.connect
    assert iomete.Lakehouse is lakehouse.Lakehouse


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module `iomete` has no attribute `conect`"):
        iomete.conect  # noqa: B018


def test_the_version_is_the_one_that_is_installed() -> None:
    from importlib.metadata import version

    assert iomete.__version__ == version("iomete")
