"""The lakehouse in one object, and the only place where its parts are put together."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from iomete.access import Principal, operating_system_principal
from iomete.engine import (
    Engine,
    IcebergCatalog,
    SparkConfiguration,
    adopt,
    cache_folder,
    check_catalog_database,
    configure,
    install_session_catalog,
    resolve_catalogs,
    running_session,
    start,
    translate_errors,
)
from iomete.errors import ConfigurationError, EngineError, SessionConflictError
from iomete.folder import LakehouseFolder
from iomete.settings import LoadedSettings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from iomete.catalog import Catalog
    from iomete.store import Store

_lock = threading.RLock()
_current: Lakehouse | None = None


class Lakehouse:
    """A lakehouse that a program holds: Spark, its catalogs and its metadata, as one principal.

    Made by `iomete.connect()`. Use it as a context manager, or call `close()`; when Python ends,
    everything ends with it.
    """

    def __init__(
        self,
        *,
        folder: LakehouseFolder,
        settings: LoadedSettings,
        principal: Principal,
        engine: Engine,
        store: Store,
        catalogs: list[IcebergCatalog],
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._principal = principal
        self._engine = engine
        self._store = store
        self._catalogs = catalogs
        self._catalog: Catalog | None = None

    def __repr__(self) -> str:
        state = "" if self.is_open else ", closed"
        return f"<Lakehouse {self._folder.root} as {self._principal}{state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Absolute path of the lakehouse folder."""
        return self._folder.root

    @property
    def principal(self) -> str:
        """Name of the principal that everything here is done as."""
        return self._principal.name

    @property
    def settings(self) -> LoadedSettings:
        """Settings in force, and where each came from; secrets are masked when printed."""
        return self._settings

    @property
    def spark(self) -> SparkSession:
        """The Spark session of this lakehouse.

        Raises:
            EngineError: If the lakehouse was closed, or the Java process has died.
        """
        if not self.is_open:
            raise EngineError(f"{self!r} is not open.", hint="call iomete.connect() again")
        if self._engine.is_forked:
            raise EngineError(
                "This process was forked from the one that opened the lakehouse, and can't use it.",
                hint='start processes with multiprocessing.get_context("spawn")',
            )
        if not self._engine.is_alive():
            raise EngineError(
                "Spark behind this lakehouse has ended: it was stopped or killed, or ran out of "
                "memory. Tables are safe: a commit happened in whole or not at all.",
                hint="call iomete.connect() again",
            )
        return self._engine.spark

    @property
    def catalog(self) -> Catalog:
        """Namespaces and tables of all catalogs."""
        if self._catalog is None:
            from iomete.catalog import Catalog

            self._catalog = Catalog(self._catalogs, spark=lambda: self.spark)
        return self._catalog

    @property
    def is_open(self) -> bool:
        """Tell whether `close()` wasn't called yet."""
        return _current is self

    @property
    def is_usable(self) -> bool:
        """Tell whether it is open, and Spark still runs."""
        return self.is_open and not self._engine.is_forked and self._engine.is_alive()

    def sql(self, query: str, /, **parameters: Any) -> DataFrame:
        """Run a statement and return its result as a DataFrame.

        Args:
            query: One Spark SQL statement; `:name` stands for a parameter.
            parameters: Values by name; bound as literals, so they need no quoting.

        Raises:
            QueryError: If Spark refuses the statement.

        Cost: commands run at once; queries when their rows are asked for.

        Example:
            lake.sql("SELECT * FROM lake.sales.orders WHERE region = :region", region="EU")
        """
        spark = self.spark
        _check_text(query, "A statement")
        with translate_errors():
            return spark.sql(query, args=parameters or None)

    def table(self, name: str) -> DataFrame:
        """Return a table or view as a DataFrame.

        Args:
            name: Its full name, such as `lake.sales.orders`; without a catalog, `lake` is meant.

        Raises:
            QueryError: If there is none of this name.

        Cost: metadata only; rows are read when they are asked for.
        """
        spark = self.spark
        _check_text(name, "A table's name")
        with translate_errors():
            return spark.table(name)

    def close(self) -> None:
        """End the session, and Spark if it was started here. Calling it twice does no harm."""
        global _current  # noqa: PLW0603  # one Spark context a process is Spark's own rule
        with _lock:
            if _current is not self:
                return
            _current = None
            self._store.close()
            self._engine.stop()  # leaves alone what another process has started


def connect(
    path: str | os.PathLike[str] | None = None,
    *,
    principal: str | None = None,
    spark: SparkSession | None = None,
    **settings: Mapping[str, Any] | str,
) -> Lakehouse:
    """Open a lakehouse, and make it on first use.

    In a plain Python process this starts Spark. Under spark-submit and in kernels that have
    launched Spark, it takes what is there, or says what is missing.

    Args:
        path: The lakehouse folder; unset: `IOMETE_FOLDER`, then `./lakehouse`.
        principal: Who acts; unset: the operating system's user.
        spark: A running session to take over.
        settings: Sections, such as `engine={"master": "local[2]"}`; `master` is a short form.

    Returns:
        The lakehouse. A second call with the same arguments gives the same object.

    Raises:
        SettingsError: If settings don't validate.
        SessionConflictError: If this process holds another lakehouse, or this one otherwise.
        LakehouseFolderError: If the folder can't be used.
        EngineError: If Spark can't be started.
        StoreError: If the metadata database can't be used.

    Cost: a first call starts a Java process, a few seconds; the very first fetches jars.

    Example:
        with iomete.connect() as lake:
            lake.sql("SELECT 1").show()
    """
    global _current  # noqa: PLW0603  # see close()
    folder = LakehouseFolder.at(path)
    who = Principal(principal) if principal is not None else operating_system_principal()
    loaded = load_settings(folder.root, arguments=_sections(settings))
    with _lock:
        if _current is not None and not _current.is_usable:
            _current.close()  # Spark has ended, or belongs to the process that forked us
        if _current is not None:
            _check_same(_current, folder, who, loaded, spark)
            return _current
        lakehouse = _open(folder, who, loaded, spark)
        _current = lakehouse
        return lakehouse


def described_catalogs(folder: LakehouseFolder, loaded: LoadedSettings) -> list[IcebergCatalog]:
    """Return the Iceberg catalogs of a lakehouse with everything filled in; makes nothing."""
    return resolve_catalogs(
        loaded.settings.catalogs, database=folder.catalog_database, warehouse=folder.warehouse
    )


def spark_configuration(folder: LakehouseFolder, loaded: LoadedSettings) -> SparkConfiguration:
    """Return the Spark configuration of a lakehouse, fetching jars that are missing."""
    return configure(
        loaded.settings.engine,
        catalogs=described_catalogs(folder, loaded),
        warehouse=folder.warehouse,
    )


def _open(
    folder: LakehouseFolder,
    principal: Principal,
    loaded: LoadedSettings,
    spark: SparkSession | None,
) -> Lakehouse:
    folder.make()
    catalogs = described_catalogs(folder, loaded)
    if any(c.settings.type == "jdbc" and c.settings.uri is None for c in catalogs):
        check_catalog_database(folder.catalog_database)
    configuration = spark_configuration(folder, loaded)
    opening = _StoreOpening(folder, loaded)
    try:
        engine = _engine(loaded, configuration, spark, opening)
    except BaseException:
        opening.abandon()
        raise
    try:
        store = opening.result()
        with translate_errors():
            engine.bind_principal(principal)
            install_session_catalog(engine, store.jdbc(), warehouse=folder.warehouse)
    except BaseException:
        engine.stop()
        opening.abandon()
        raise
    return Lakehouse(
        folder=folder,
        settings=loaded,
        principal=principal,
        engine=engine,
        store=store,
        catalogs=catalogs,
    )


def _engine(
    loaded: LoadedSettings,
    configuration: SparkConfiguration,
    spark: SparkSession | None,
    opening: _StoreOpening,
) -> Engine:
    running = spark or running_session()
    if running is not None:
        return adopt(running, configuration)
    settings = loaded.settings.engine
    cache = cache_folder(settings)
    return start(settings, configuration, cache=cache, meanwhile=opening.begin)


class _StoreOpening:
    """Opens the store in a thread, so that this costs nothing while the JVM starts."""

    def __init__(self, folder: LakehouseFolder, loaded: LoadedSettings) -> None:
        url = loaded.settings.store.url
        self._place = url.get_secret_value() if url is not None else folder.store_database
        self._backups = folder.backups
        self._store: Future[Store] | None = None

    def begin(self) -> None:
        """Begin to open it."""
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="iomete-store")
        self._store = pool.submit(self._open)
        pool.shutdown(wait=False)  # ends once the store is open

    def result(self) -> Store:
        """Return the store, once it is open."""
        if self._store is None:
            self.begin()
        return cast("Future[Store]", self._store).result()

    def abandon(self) -> None:
        """Close it, if it was opened."""
        if self._store is not None and self._store.exception() is None:
            self._store.result().close()

    def _open(self) -> Store:
        from iomete.store import Store

        return Store.open(self._place, backup_folder=self._backups)


def _sections(given: Mapping[str, Any]) -> dict[str, Any]:
    sections = dict(given)
    master = sections.pop("master", None)
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise ConfigurationError(
                f"`{name}` is {type(section).__name__}, and a mapping is asked for.",
                hint='give sections as dicts, such as engine={"ui": True}',
            )
    if master is not None:
        sections["engine"] = {**sections.get("engine", {}), "master": master}
    return sections


def _check_text(value: object, what: str) -> None:
    """Refuse what can't be sent to Spark as text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} is text, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{what} holds characters that are no Unicode text.") from error


def _is_same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them doesn't exist (any more)
        return one == other


def _check_same(
    current: Lakehouse,
    folder: LakehouseFolder,
    principal: Principal,
    loaded: LoadedSettings,
    spark: SparkSession | None,
) -> None:
    """A second `connect()` returns the first one's lakehouse only if it means the same."""
    different = []
    if not _is_same_folder(current.folder, folder.root):
        different.append(f"the folder is `{current.folder}`, not `{folder.root}`")
    if current.principal != principal.name:
        different.append(f"the principal is `{current.principal}`, not `{principal}`")
    if current.settings.settings != loaded.settings:
        before = {value.key: value for value in current.settings.values()}
        changed = [v.key for v in loaded.values() if before.get(v.key) != v]
        different.append(f"settings differ: {', '.join(changed) or 'a secret'}")
    if spark is not None and spark is not current.spark:
        different.append("it runs on another Spark session")
    if different:
        raise SessionConflictError(
            "This process already holds a lakehouse: " + "; ".join(different) + ".",
            hint="call close() on it first, or use another process",
        )
