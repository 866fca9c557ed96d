"""The lakehouse in one object, and the only place where its parts are put together."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from iomete.access import Principal, operating_system_principal
from iomete.engine import (
    Engine,
    IcebergCatalog,
    SparkConfiguration,
    SparkGate,
    SparkGovernance,
    TableChecks,
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
from iomete.errors import (
    AccessDeniedError,
    ConfigurationError,
    EngineError,
    PrincipalNotFoundError,
    SessionConflictError,
)
from iomete.folder import LakehouseFolder
from iomete.names import CatalogName, NamespaceName, TableName
from iomete.settings import LoadedSettings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from iomete.catalog import Catalog, Tags
    from iomete.governance import Administration, Policies, Principals, Publisher
    from iomete.governance.audit import Audit
    from iomete.store import Store

_lock = threading.RLock()
_current: Lakehouse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What all principals of one open lakehouse share."""

    folder: LakehouseFolder
    settings: LoadedSettings
    engine: Engine
    store: Store
    catalogs: list[IcebergCatalog]
    publisher: Publisher


class Lakehouse:
    """A lakehouse that a program holds: Spark, its catalogs and its metadata, as one principal.

    Made by `iomete.connect()`. Use it as a context manager, or call `close()`; when Python ends,
    everything ends with it.
    """

    def __init__(self, parts: _Parts, *, principal: Principal, spark: SparkSession) -> None:
        self._parts = parts
        self._principal = principal
        self._spark = spark
        self._is_closed = False

    def __repr__(self) -> str:
        state = "" if self.is_open else ", closed"
        return f"<Lakehouse {self.folder} as {self._principal}{state}>"

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
        return self._parts.folder.root

    @property
    def principal(self) -> str:
        """Name of the principal that everything here is done as."""
        return self._principal.name

    @property
    def settings(self) -> LoadedSettings:
        """Settings in force, and where each came from; secrets are masked when printed."""
        return self._parts.settings

    @property
    def spark(self) -> SparkSession:
        """The Spark session of this lakehouse.

        Raises:
            EngineError: If the lakehouse was closed, or the Java process has died.
        """
        if not self.is_open:
            raise EngineError(f"{self!r} is not open.", hint="call iomete.connect() again")
        engine = self._parts.engine
        if engine.is_forked:
            raise EngineError(
                "This process was forked from the one that opened the lakehouse, and can't use it.",
                hint='start processes with multiprocessing.get_context("spawn")',
            )
        if not engine.is_alive():
            raise EngineError(
                "Spark behind this lakehouse has ended: it was stopped or killed, or ran out of "
                "memory. Tables are safe: a commit happened in whole or not at all.",
                hint="call iomete.connect() again",
            )
        return self._spark

    @cached_property
    def catalog(self) -> Catalog:
        """Namespaces and tables of all catalogs."""
        from iomete.catalog import Catalog, Owners

        return Catalog(
            self._parts.catalogs,
            spark=lambda: self.spark,
            owners=lambda: Owners(self._administration, TableChecks(lambda: self.spark)),
            gate=SparkGate(lambda: self.spark),
        )

    @cached_property
    def principals(self) -> Principals:
        """Users, groups, roles and their attributes. For admins."""
        from iomete.governance import Principals

        return Principals(self._administration)

    @cached_property
    def policies(self) -> Policies:
        """Who may do what, and see what. For admins."""
        from iomete.governance import Policies

        return Policies(self._administration, _Checks(self))

    @cached_property
    def tags(self) -> Tags:
        """Tags, and what they are attached to. For admins."""
        from iomete.catalog import Tags

        return Tags(self._administration, TableChecks(lambda: self.spark))

    @cached_property
    def audit(self) -> Audit:
        """Who did what to which data, and what was refused. For admins and auditors."""
        from iomete.governance.audit import Audit

        return Audit(self._parts.store, self._parts.folder.spool, may_read=self._require_auditor)

    def as_principal(self, name: str) -> Lakehouse:
        """Return this lakehouse as somebody else sees it. For admins.

        Each call gives a Spark session of its own, without temporary views and settings of others.
        Closing it ends nothing but itself.

        Args:
            name: A user, as `alice` or `user:alice`. One who isn't registered has no rights.

        Raises:
            AccessDeniedError: If the one who asks is no admin.

        Example:
            lake.as_principal("alice").sql("SELECT * FROM lake.crm.customers").show()
        """
        if not self.is_usable:
            _ = self.spark  # says what is wrong
        self._administration.require_admin("act for others")
        principal = Principal(name.removeprefix("user:"))
        engine = self._parts.engine
        with translate_errors():
            session = engine.new_session(principal)
        return Lakehouse(self._parts, principal=principal, spark=session)

    @property
    def is_open(self) -> bool:
        """Tell whether `close()` wasn't called yet."""
        return not self._is_closed and _current is not None and _current.shares_with(self)

    def shares_with(self, other: Lakehouse) -> bool:
        """Tell whether both are views of one open lakehouse, for whatever principals."""
        return self._parts is other._parts

    @property
    def is_usable(self) -> bool:
        """Tell whether it is open, and Spark still runs."""
        engine = self._parts.engine
        return self.is_open and not engine.is_forked and engine.is_alive()

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
            self._is_closed = True
            if _current is not self:
                return  # somebody else's view of it, or closed before
            _current = None
            self._parts.store.close()
            self._parts.engine.stop()  # leaves alone what another process has started

    @cached_property
    def _administration(self) -> Administration:
        from iomete.governance import Administration

        return Administration(self._parts.store, self._principal, self._parts.publisher)

    def _require_auditor(self) -> None:
        try:
            roles = set(self.principals.roles_of(self.principal))
        except (AccessDeniedError, PrincipalNotFoundError):  # nobody has registered them
            roles = set()
        if not {"admin", "auditor"} & roles:
            raise AccessDeniedError(
                f"`{self.principal}` may not read the audit trail.",
                hint="ask an admin for the role `auditor`",
            )


class _Checks(TableChecks):
    """What policies are checked against when they are written: the tables that are there."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        super().__init__(lambda: lakehouse.spark)
        self._catalog = lakehouse.catalog

    def kind_of(self, parts: Sequence[str]) -> str | None:
        """Return `catalog`, `namespace` or `table` for a name's parts, or None."""
        if not self._catalog.has_catalog(CatalogName(parts[0])):
            return None
        if len(parts) == 1:
            return "catalog"
        if len(parts) > 2 and self._catalog.has_table(TableName.parse(tuple(parts))):
            return "table"
        is_namespace = self._catalog.has_namespace(NamespaceName.parse(tuple(parts)))
        return "namespace" if is_namespace else None


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
        publisher = _govern(engine, folder, store)
        with translate_errors():
            engine.bind_principal(principal)
            install_session_catalog(engine, store.jdbc(), warehouse=folder.warehouse)
    except BaseException:
        engine.stop()
        opening.abandon()
        raise
    parts = _Parts(
        folder=folder,
        settings=loaded,
        engine=engine,
        store=store,
        catalogs=catalogs,
        publisher=publisher,
    )
    return Lakehouse(parts, principal=principal, spark=engine.spark)


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
