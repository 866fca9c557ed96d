"""Puts the parts of a lakehouse together, and is the only place that does."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from iomete.engine import (
    Engine,
    IcebergCatalog,
    SparkConfiguration,
    SparkGovernance,
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
from iomete.lakehouse import Lakehouse, Parts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from iomete.access import Principal
    from iomete.folder import LakehouseFolder
    from iomete.governance import Publisher
    from iomete.settings import LoadedSettings
    from iomete.store import Store


def open_lakehouse(
    folder: LakehouseFolder,
    principal: Principal,
    loaded: LoadedSettings,
    spark: SparkSession | None,
) -> Lakehouse:
    """Open a lakehouse, and make it on first use."""
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
        publisher = _govern(engine, folder, store)
        with translate_errors():
            engine.bind_principal(principal)
            install_session_catalog(engine, store.jdbc(), warehouse=folder.warehouse)
    except BaseException:
        engine.stop()
        opening.abandon()
        raise
    parts = Parts(
        folder=folder,
        settings=loaded,
        engine=engine,
        store=store,
        catalogs=catalogs,
        publisher=publisher,
    )
    return Lakehouse(parts, principal=principal, spark=engine.spark)


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


def _govern(engine: Engine, folder: LakehouseFolder, store: Store) -> Publisher:
    """Put the policies of the store in force; from here on each session is governed."""
    from iomete.governance import Publisher, hash_key

    publisher = Publisher(store, folder.policies)
    publisher.ensure_published()
    governance = SparkGovernance(engine)
    governance.start(publisher.path, hash_key=hash_key(store), spool=folder.spool)
    publisher.on_publish(governance.refresh)
    return publisher


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
