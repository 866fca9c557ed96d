"""Judge a Spark process that somebody else launched: does it carry what a lakehouse needs?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from iomete.engine.configuration import EXTENSIONS, PLUGIN, SparkConfiguration
from iomete.errors import SessionNotPreparedError
from iomete.settings import is_secret

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXTENSION_CLASS = EXTENSIONS[0]
HINT = (
    "start Spark with our configuration, for example: iomete spark-conf --output iomete.conf, then "
    "spark-submit --properties-file iomete.conf"
)


def check_prepared(spark: SparkSession, configuration: SparkConfiguration) -> None:
    """Compare a running session with the required configuration.

    Raises:
        SessionNotPreparedError: With everything that is missing or different.
    """
    started_with = spark.sparkContext._jsc.sc().getConf()  # noqa: SLF001
    given: dict[str, str] = {}
    for key in configuration.required:
        value = started_with.get(key, None)
        if value is None and key.startswith("spark.sql.catalog."):
            # catalogs may be given to the session after the context has started
            value = spark.conf.get(key, None)
        given |= {} if value is None else {key: value}
    problems = _differences(configuration.required, given, spark.sparkContext._jvm)  # noqa: SLF001
    if problems:
        raise SessionNotPreparedError(problems, hint=HINT)


def complete(configuration: SparkConfiguration) -> dict[str, str]:
    """Return what a launched process, whose Spark context hasn't started yet, still has to be told.

    Jars and JVM options can't be given any more; the rest can.

    Raises:
        SessionNotPreparedError: If the jars aren't there, or configuration contradicts ours.
    """
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # noqa: SLF001  # connects to the launched process
    given = dict(SparkConf().getAll())
    required = configuration.required
    contradicted = {key: value for key, value in required.items() if key in given}
    problems = _differences(contradicted, given, SparkContext._jvm)  # noqa: SLF001
    if problems:
        raise SessionNotPreparedError(problems, hint=HINT)
    settable = {k: v for k, v in configuration.defaults.items() if not _at_launch_only(k)}
    return {**{k: v for k, v in settable.items() if k not in given}, **required}


def _at_launch_only(key: str) -> bool:
    return key.startswith("spark.driver.") or key in {
        "spark.master",
        "spark.app.name",
        "spark.jars",
    }


def _differences(required: Mapping[str, str], given: Mapping[str, str], jvm: Any) -> list[str]:
    problems = []
    if not _has_class(jvm, EXTENSION_CLASS):
        problems.append("the jar with `" + EXTENSION_CLASS + "` is not on the driver's class path")
    for key, wanted in required.items():
        agrees = _COMPARISONS.get(key, _equal)
        if key not in given:
            problems.append(f"`{key}` is not set")
        elif not agrees(wanted, given[key]):
            problems.append(f"`{key}` is {_quoted(key, given[key])}, not {_quoted(key, wanted)}")
    return problems


def _equal(wanted: str, found: str) -> bool:
    return wanted == found


def _extensions_agree(wanted: str, found: str) -> bool:
    """Ours are all there, in our order; others may stand between."""
    names = _names(found)
    ours = [name for name in names if name in _names(wanted)]
    return ours == _names(wanted) and names[-1:] == [EXTENSIONS[-1]]


def _plugins_agree(wanted: str, found: str) -> bool:
    return PLUGIN in _names(found) and set(_names(wanted)) <= set(_names(found))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "spark.sql.extensions": _extensions_agree,
    "spark.plugins": _plugins_agree,
}


def _quoted(key: str, value: str) -> str:
    return "another value" if is_secret(key) else f"`{value}`"


def _has_class(jvm: Any, name: str) -> bool:
    from py4j.java_gateway import JavaClass

    found = jvm
    for part in name.split("."):
        found = getattr(found, part)
    return isinstance(found, JavaClass)
