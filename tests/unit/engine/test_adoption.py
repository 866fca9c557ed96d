"""How a running session's configuration is judged; sessions that run are in tests/spark."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from py4j.java_gateway import JavaClass

from iomete.engine.adoption import HINT, _differences
from iomete.engine.configuration import EXTENSIONS, PLUGIN, build_configuration
from iomete.engine.iceberg import resolve_catalogs
from iomete.errors import SessionNotPreparedError
from iomete.settings import CatalogSettings, EngineSettings

URI = "postgresql://bob:sesame@db/pointers"


def jvm(*, with_our_jar: bool = True) -> SimpleNamespace:
    """Py4J's view of a JVM: a class that is there is a `JavaClass`, any other name a package."""
    found = JavaClass.__new__(JavaClass) if with_our_jar else SimpleNamespace()
    spark = SimpleNamespace(IometeExtension=found)
    return SimpleNamespace(io=SimpleNamespace(iomete=SimpleNamespace(spark=spark)))


@pytest.fixture
def required() -> dict[str, str]:
    catalogs = resolve_catalogs(
        {"lake": CatalogSettings(), "far": CatalogSettings(uri=URI)},
        database=Path("/lake/catalog.db"),
        warehouse=Path("/lake/warehouse"),
    )
    return build_configuration(
        EngineSettings(), catalogs=catalogs, warehouse=Path("/lake/warehouse"), jars=[]
    ).required


def test_what_was_started_with_our_configuration_is_prepared(required: dict[str, str]) -> None:
    assert _differences(required, {**required, "spark.app.name": "theirs"}, jvm()) == []


def test_everything_that_is_missing_is_named_at_once(required: dict[str, str]) -> None:
    problems = _differences(required, {}, jvm(with_our_jar=False))
    assert "the jar with `io.iomete.spark.IometeExtension`" in problems[0]
    assert problems[1:] == [f"`{key}` is not set" for key in required]
    error = SessionNotPreparedError(problems, hint=HINT)
    assert error.missing == tuple(problems)
    assert all(problem in str(error) for problem in problems)
    assert "iomete spark-conf" in str(error)


def test_what_differs_is_shown_with_both_values(required: dict[str, str]) -> None:
    given = {**required, "spark.sql.defaultCatalog": "theirs"}
    assert _differences(required, given, jvm()) == [
        "`spark.sql.defaultCatalog` is `theirs`, not `lake`"
    ]


def test_no_password_is_shown_of_either_side(required: dict[str, str]) -> None:
    given = {**required, "spark.sql.catalog.far.jdbc.password": "hunter2"}
    (problem,) = _differences(required, given, jvm())
    assert not re.search("sesame|hunter2", problem)
    assert "`spark.sql.catalog.far.jdbc.password` is another value" in problem


@pytest.mark.parametrize(
    ("names", "agree"),
    [
        (EXTENSIONS, True),
        (("x.First", *EXTENSIONS), True),
        ((*EXTENSIONS[:2], "x.Between", *EXTENSIONS[2:]), True),
        ((*EXTENSIONS, "x.Last"), False),
        (EXTENSIONS[1:], False),
        (EXTENSIONS[:-1], False),
        ((EXTENSIONS[1], EXTENSIONS[0], *EXTENSIONS[2:]), False),
        (tuple(reversed(EXTENSIONS)), False),
    ],
)
def test_our_extensions_are_all_there_in_order_with_the_parser_last(
    required: dict[str, str], names: tuple[str, ...], *, agree: bool
) -> None:
    given = {**required, "spark.sql.extensions": " , ".join(names)}
    assert (_differences(required, given, jvm()) == []) is agree


@pytest.mark.parametrize(
    ("plugins", "agree"),
    [(PLUGIN, True), (f"x.Plugin, {PLUGIN}", True), ("x.Plugin", False), ("", False)],
)
def test_our_plugin_is_among_the_plugins(
    required: dict[str, str], plugins: str, *, agree: bool
) -> None:
    assert (_differences(required, {**required, "spark.plugins": plugins}, jvm()) == []) is agree
