"""Puts the parts of a lakehouse together, and is the only place that does."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr

from iomete.access import Principal, operating_system_principal
from iomete.engine import (
    Engine,
    IcebergCatalog,
    Prepared,
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
from iomete.engine import prepare as prepare_engine
from iomete.folder import LakehouseFolder
from iomete.lakehouse import Lakehouse, Parts
from iomete.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from iomete.governance import Mover, Publisher
    from iomete.governance.audit.keeper import AuditKeeper
    from iomete.governance.audit.writer import SpoolWriter
    from iomete.settings import (
        AuditSettings,
        LoadedSettings,
        RangerSettings,
    )
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
        governance = SparkGovernance(engine)
        publisher, mover = _govern(governance, folder, store, loaded.settings)
        _bind(engine, principal, folder, store)
        mover.start()
    except BaseException:
        engine.stop()
        opening.abandon()
        raise
    writer = _spool_writer(folder, loaded.settings.audit)
    parts = Parts(
        folder=folder,
        settings=loaded,
        engine=engine,
        store=store,
        catalogs=catalogs,
        publisher=publisher,
        governance=governance,
        mover=mover,
        spool_writer=writer,
        audit_keeper=_keep_audit(store, folder, writer, loaded.settings.audit),
    )
    return Lakehouse(parts, principal=principal, spark=engine.spark)


def prepare(folder: LakehouseFolder, loaded: LoadedSettings) -> Prepared:
    """Fetch what a lakehouse's Spark needs and make its class archive; make no lakehouse."""
    return prepare_engine(
        loaded.settings.engine, catalogs=described_catalogs(folder, loaded), govern=_throw_away
    )


@contextmanager
def _throw_away(engine: Engine, root: Path) -> Iterator[None]:
    """Let a Spark run statements for the time of the block, for a lakehouse that nobody keeps."""
    from iomete.store import Store

    folder = LakehouseFolder.at(root)
    folder.make()
    with closing(Store.open(folder.store_database, backup_folder=folder.backups)) as store:
        _govern(SparkGovernance(engine), folder, store, Settings())
        _bind(engine, operating_system_principal(), folder, store)
        yield


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


def _govern(
    governance: SparkGovernance, folder: LakehouseFolder, store: Store, settings: Settings
) -> tuple[Publisher, Mover]:
    """Put policies in force; from here on each session is governed."""
    from iomete.governance import Mover, Publisher, carry_out_moves, hash_key

    publisher = Publisher(store, folder.policies)
    carry_out_moves(store)  # what a process that was killed has left
    publisher.ensure_published()
    source = settings.governance
    governance.start(
        publisher.path,
        hash_key=hash_key(store),
        spool=folder.spool,
        audit=settings.audit,
        ranger=_ranger(source.ranger) if source.source == "ranger" else None,
    )
    governance.serve_audit(store.jdbc())
    governance.know_tables(store.jdbc())
    publisher.on_publish(governance.refresh)
    return publisher, Mover(store, publisher, governance)


def _bind(engine: Engine, principal: Principal, folder: LakehouseFolder, store: Store) -> None:
    """Give Spark's first session to whoever opens the lakehouse."""
    with translate_errors():
        engine.bind_principal(principal)
        install_session_catalog(engine, store.jdbc(), warehouse=folder.warehouse)


def _ranger(settings: RangerSettings) -> dict[str, str]:
    """Return how Spark reaches Ranger Admin; handed over in memory, never in a configuration."""
    given = settings.model_dump(exclude_none=True)
    return {
        key: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for key, value in given.items()
    }


def _spool_writer(folder: LakehouseFolder, audit: AuditSettings) -> SpoolWriter:
    """Return what this process reports its own part of the audit trail with."""
    from iomete.governance.audit.writer import SpoolWriter

    return SpoolWriter(
        folder.spool,
        required=audit.required,
        file_bytes=audit.spool_max_bytes,
        file_seconds=audit.spool_max_seconds,
    )


def _keep_audit(
    store: Store, folder: LakehouseFolder, writer: SpoolWriter, audit: AuditSettings
) -> AuditKeeper:
    """Begin to take in events and to let old ones go, until the lakehouse is closed."""
    from iomete.governance.audit.keeper import KEEPER, AuditKeeper
    from iomete.governance.audit.log import AuditLog
    from iomete.governance.audit.spool import SpoolReader

    keeper = AuditKeeper(
        store,
        SpoolReader(store, folder.spool),
        AuditLog(writer, Principal(KEEPER)),
        ingest_seconds=audit.ingest_seconds,
        retention_days=audit.retention_days,
    )
    keeper.start()
    return keeper


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
