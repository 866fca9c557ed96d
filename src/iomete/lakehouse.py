"""The lakehouse in one object."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from iomete.access import Principal
from iomete.engine import (
    Engine,
    IcebergCatalog,
    SparkGate,
    SparkGovernance,
    TableChecks,
    translate_errors,
)
from iomete.errors import ConfigurationError, EngineError
from iomete.names import CatalogName, NamespaceName, TableName, as_parts, quote_parts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from iomete.catalog import Catalog, Tags
    from iomete.folder import LakehouseFolder
    from iomete.governance import Administration, Mover, Policies, Principals, Publisher
    from iomete.governance.audit.keeper import AuditKeeper
    from iomete.governance.audit.log import AuditLog
    from iomete.governance.audit.trail import Audit
    from iomete.governance.audit.writer import SpoolWriter
    from iomete.governance.ranger import OutsidePolicies
    from iomete.settings import LoadedSettings
    from iomete.store import Store

opening_or_closing = threading.RLock()
"""Held by whoever opens or closes a lakehouse; a process has one at a time."""


@dataclass(kw_only=True)
class Parts:
    """What all principals of one open lakehouse share."""

    folder: LakehouseFolder
    settings: LoadedSettings
    engine: Engine
    store: Store
    catalogs: list[IcebergCatalog]
    publisher: Publisher
    governance: SparkGovernance
    spool_writer: SpoolWriter
    audit_keeper: AuditKeeper
    mover: Mover
    is_open: bool = True


class Lakehouse:
    """A lakehouse that a program holds: Spark, its catalogs and its metadata, as one principal.

    Made by `iomete.connect()`. Use it as a context manager, or call `close()`; when Python ends,
    everything ends with it.
    """

    def __init__(
        self, parts: Parts, *, principal: Principal, spark: SparkSession, is_view: bool = False
    ) -> None:
        self._parts = parts
        self._principal = principal
        self._spark = spark
        self._is_view = is_view
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
            trail=self._trail,
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

        return Policies(
            self._administration,
            PolicyChecks(self),
            ranger=self.settings.settings.governance.ranger,
            outside=self._outside,
            engine=self._parts.governance,
        )

    @cached_property
    def tags(self) -> Tags:
        """Tags, and what they are attached to. For admins."""
        from iomete.catalog import Tags
        from iomete.governance.ranger import OutsideAdministration

        changes = self._administration
        if self._outside is not None:
            changes = OutsideAdministration(changes, self._outside)
        return Tags(changes, TableChecks(lambda: self.spark))

    @cached_property
    def audit(self) -> Audit:
        """Who did what to which data, and what was refused. For admins and auditors."""
        from iomete.governance.audit.trail import Audit

        administration = self._administration
        return Audit(
            self._parts.store,
            self._parts.folder.spool,
            may_read=administration.require_auditor,
            trail=self._trail,
        )

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
        principal = Principal(name.removeprefix("user:"))
        actor = self._administration
        actor.require_admin("act for others", "principal.act_as", f"user:{principal}")
        engine = self._parts.engine
        with translate_errors():
            session = engine.new_session(principal)
        return Lakehouse(self._parts, principal=principal, spark=session, is_view=True)

    @property
    def is_open(self) -> bool:
        """Tell whether `close()` wasn't called yet."""
        return self._parts.is_open and not self._is_closed

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
        """End the session, and Spark if it was started here. Calling it twice does no harm.

        Closing what `as_principal` has returned ends nothing but itself.
        """
        with opening_or_closing:
            self._is_closed = True
            if self._is_view or not self._parts.is_open:
                return
            self._parts.is_open = False
            self._parts.mover.stop()
            self._parts.spool_writer.close()
            self._parts.audit_keeper.stop()
            self._parts.store.close()
            self._parts.engine.stop()  # leaves alone what another process has started

    @cached_property
    def _administration(self) -> Administration:
        from iomete.governance import Administration

        parts = self._parts
        return Administration(parts.store, self._principal, parts.publisher, trail=self._trail)

    @cached_property
    def _outside(self) -> OutsidePolicies | None:
        """The Ranger Admin that policies come from, if they do."""
        from iomete.governance.ranger import OutsidePolicies

        settings = self.settings.settings.governance
        return (
            OutsidePolicies(settings, self._parts.folder.policies)
            if settings.source == "ranger"
            else None
        )

    @cached_property
    def _trail(self) -> AuditLog:
        from iomete.governance.audit.log import AuditLog

        application = str(self._spark.sparkContext.applicationId)
        return AuditLog(self._parts.spool_writer, self._principal, application=application)


class PolicyChecks(TableChecks):
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

    def list_tables(self) -> Iterator[tuple[str, ...]]:
        """Give the parts of the full name of each table and view that there is.

        Cost: a list a namespace of the catalog, and one of its views from Spark.
        """
        above = self._catalog.list_catalogs()
        while above:
            below = [name for one in above for name in self._catalog.list_namespaces(one)]
            for namespace in below:
                yield from (as_parts(table) for table in self._catalog.list_tables(namespace))
                yield from ((*as_parts(namespace), view) for view in self._views(namespace))
            above = below

    def columns_of(self, table: Sequence[str]) -> list[str] | None:
        """Return the names of a table's columns, given by its parts.

        None if there is no such table, or if it is a view that can't be read.
        """
        from pyspark.errors import AnalysisException

        try:
            found = self.columns(quote_parts(table))
        except AnalysisException:
            return None
        return None if found is None else [name for name, _ in found]

    def fields_of(self, table: Sequence[str]) -> list[str]:
        """Return the paths of the fields of a table's structs, in lower case.

        Empty if there is no such table, or if it is a view that can't be read.
        """
        return [] if self.columns_of(table) is None else super().fields_of(table)

    def _views(self, namespace: str) -> list[str]:
        with translate_errors():
            rows = self._spark().sql(f"SHOW VIEWS IN {namespace}").collect()
        return [row[1] for row in rows if not row[2]]


def _check_text(value: object, what: str) -> None:
    """Refuse what can't be sent to Spark as text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} is text, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{what} holds characters that are no Unicode text.") from error
