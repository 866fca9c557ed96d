"""Start Spark for a lakehouse, or take a session that runs already."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.engine import ports
from iomete.engine.adoption import check_prepared, complete
from iomete.engine.class_archive import ClassArchive, class_archive
from iomete.engine.configuration import SparkConfiguration, is_on_this_machine
from iomete.engine.java import find_java
from iomete.engine.java_process import JavaProcess, launch
from iomete.errors import EngineStartError, UnsupportedVersionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from iomete.access import Principal
    from iomete.settings import EngineSettings

SPARK_VERSION = "4.1.3"
ARCHIVE_TIMEOUT_SECONDS = 600
LOG_CONFIGURATION = Path(__file__).parent / "log4j2.properties"


class Engine:
    """A running Spark, and whether it is ours to end."""

    def __init__(
        self, spark: SparkSession, process: JavaProcess | None, *, archiving: bool
    ) -> None:
        self.spark = spark
        self._process = process
        self._archiving = archiving

    @property
    def jvm(self) -> Any:
        """The JVM's classes, by Py4J."""
        return self.spark.sparkContext._jvm  # noqa: SLF001  # PySpark has no public road to it

    @property
    def is_forked(self) -> bool:
        """Tell whether this process was forked from the one that started Spark."""
        return self._process is not None and not self._process.is_ours

    def is_alive(self) -> bool:
        """Tell whether Spark can still be asked."""
        if self._process is not None and not self._process.is_alive():
            return False
        return self.spark.sparkContext._jsc is not None  # noqa: SLF001

    def bind_principal(self, principal: Principal) -> None:
        """Bind the session to its principal, once and for all; clones of it inherit the binding."""
        self.jvm.io.iomete.spark.Sessions.bindPrincipal(
            self.spark._jsparkSession,  # noqa: SLF001
            principal.name,
        )

    def new_session(self, principal: Principal) -> SparkSession:
        """Return a Spark session of its own for a principal: no view or setting of another's."""
        from pyspark.sql import SparkSession

        made = self.jvm.io.iomete.spark.Sessions.newSession(
            self.spark._jsparkSession,  # noqa: SLF001
            principal.name,
        )
        return SparkSession(self.spark.sparkContext, made)

    def stop(self, *, wait: bool = False) -> None:
        """Stop Spark if it was started here; a session that was taken over goes on.

        Args:
            wait: Return only once the JVM has written its class archive, if it does.
        """
        if self._process is None or self.is_forked:
            return
        if self._process.is_alive():
            self.spark.stop()
        if self._archiving:
            self._process.end(wait=wait, patience=ARCHIVE_TIMEOUT_SECONDS)
        else:
            self._process.end()
        _forget_gateway()


def start(
    settings: EngineSettings,
    configuration: SparkConfiguration,
    *,
    cache: Path,
    meanwhile: Callable[[], object] = lambda: None,
) -> Engine:
    """Start a Spark process, or complete the one that spark-submit or a kernel has launched.

    Args:
        settings: How Spark starts.
        configuration: What it starts with.
        cache: Where class archives are.
        meanwhile: Called when the JVM is about to start, to begin something in another thread.

    Raises:
        JavaNotFoundError: If there is no Java.
        UnsupportedVersionError: If Java or PySpark don't fit.
        PortInUseError: If a port that was asked for is taken.
        EngineStartError: If Spark doesn't come up.
        SessionNotPreparedError: If a launched process lacks what only its launch can give.
    """
    check_spark_version()
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return Engine(_session(complete(configuration)), None, archiving=False)
    java = find_java(settings.java_home)
    values = configuration.merged()
    ports.check_free(values)
    options = [f'"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"']
    archive = _archive(settings, configuration.jars, cache)
    if archive is not None:
        archive.adopt_finished()
        options += [f'"{option}"' for option in archive.java_options()]
    values["spark.driver.extraJavaOptions"] = " ".join(
        [*options, values.get("spark.driver.extraJavaOptions", "")]
    ).strip()
    environment = _environment(settings.master)
    process = launch(values, java=java, environment=environment, meanwhile=meanwhile)
    archiving = any("-XX:ArchiveClassesAtExit" in option for option in options)
    try:
        spark = _session_in(process, configuration)
    except BaseException:
        process.end()
        raise
    process.booted()
    if archive is not None and archiving:
        archive.remember_class_path(process.gateway.jvm.System.getProperty("java.class.path"))
    return Engine(spark, process, archiving=archiving)


def adopt(spark: SparkSession, configuration: SparkConfiguration) -> Engine:
    """Take a Spark session that somebody else started.

    Raises:
        UnsupportedVersionError: If it is of another Spark version.
        SessionNotPreparedError: If it lacks part of the configuration; names all of it.
    """
    check_spark_version()
    check_prepared(spark, configuration)
    return Engine(spark, None, archiving=False)


def running_session() -> SparkSession | None:
    """Return the Spark session that this process runs already, if it does."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is None:  # noqa: SLF001
        return None
    return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()


def check_spark_version() -> None:
    """Refuse a PySpark, or a `SPARK_HOME`, of another version than the jars are built for.

    Raises:
        UnsupportedVersionError: With the command that installs the fitting one.
    """
    try:
        installed = version("pyspark")
    except PackageNotFoundError:
        installed = "none"
    if installed != SPARK_VERSION:
        raise UnsupportedVersionError(
            f"PySpark {installed} is installed; this version of iomete runs on {SPARK_VERSION}.",
            hint=f"pip install 'pyspark=={SPARK_VERSION}'",
        )
    home = os.environ.get("SPARK_HOME")
    if home and not (Path(home) / "jars" / f"spark-core_2.13-{SPARK_VERSION}.jar").is_file():
        raise UnsupportedVersionError(
            f"SPARK_HOME is `{home}`, which is not Spark {SPARK_VERSION}.",
            hint="unset SPARK_HOME to use the Spark that came with PySpark",
        )


def adopt_class_archive(settings: EngineSettings, jars: Sequence[Path], *, cache: Path) -> None:
    """Put the class archive that an ended JVM has left into use, if it left a whole one."""
    archive = _archive(settings, jars, cache)
    if archive is not None:
        archive.adopt_finished()


def has_class_archive(settings: EngineSettings, jars: Sequence[Path], *, cache: Path) -> bool:
    """Tell whether there is a class archive for these jars."""
    archive = _archive(settings, jars, cache)
    return archive is not None and archive.path.is_file()


def _archive(settings: EngineSettings, jars: Sequence[Path], cache: Path) -> ClassArchive | None:
    if not settings.class_archive:
        return None
    from pyspark.find_spark_home import _find_spark_home

    java = find_java(settings.java_home)
    spark_home = _find_spark_home()  # type: ignore[no-untyped-call]
    return class_archive(java, jars, spark_home=Path(spark_home), cache=cache)


def _environment(master: str) -> dict[str, str]:
    environment = {}
    if is_on_this_machine(master):
        environment["SPARK_LOCAL_IP"] = "127.0.0.1"  # what Spark's web interface listens on
    # Python workers have to be this interpreter, or they lack the packages of this environment
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return environment


def _session_in(process: JavaProcess, configuration: SparkConfiguration) -> SparkSession:
    from pyspark import SparkContext

    SparkContext._gateway = process.gateway  # noqa: SLF001  # as SparkContext does itself
    SparkContext._jvm = process.gateway.jvm  # noqa: SLF001
    try:
        spark = _session({})
        check_prepared(spark, configuration)
    except BaseException:
        _forget_gateway()
        raise
    return spark


def _forget_gateway() -> None:
    """Make PySpark forget a JVM that has ended, or it would go on talking to it."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = None  # noqa: SLF001
    SparkContext._jvm = None  # noqa: SLF001
    SparkContext._active_spark_context = None  # noqa: SLF001
    SparkSession._instantiatedSession = None  # noqa: SLF001
    SparkSession._activeSession = None  # noqa: SLF001


def _session(options: dict[str, str]) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # PySpark logs every refused statement, with the JVM's stack, besides raising it
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    builder = SparkSession.builder
    for key, value in options.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except (Py4JError, PySparkException) as error:
        reason = str(error).strip().splitlines()
        raise EngineStartError(
            "Spark did not start: " + " ".join(line.strip() for line in reason[:3]),
            hint="check `engine.master` and the options in `engine.spark`",
        ) from error
