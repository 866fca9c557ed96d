"""Governance inside Spark, as Python reaches it: start it, ask it, try policies on real tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.engine.query_errors import translate_errors
from iomete.errors import EngineError, QueryError
from iomete.names import lower, quote_parts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from iomete.engine.lifecycle import Engine
    from iomete.settings import AuditSettings
    from iomete.store import JdbcAddress

_MISSING = {
    "TABLE_OR_VIEW_NOT_FOUND",
    "SCHEMA_NOT_FOUND",
    "REQUIRES_SINGLE_PART_NAMESPACE",
    "CATALOG_NOT_FOUND",
}


class SparkGovernance:
    """The policy engine in Spark's driver."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(
        self,
        bundle: Path,
        *,
        hash_key: bytes,
        spool: Path,
        audit: AuditSettings,
        ranger: Mapping[str, str] | None = None,
    ) -> int:
        """Govern every session of this driver from now on; return the bundle's version.

        Args:
            bundle: The file with policies, principals, roles and tags.
            hash_key: 32 bytes, known to this lakehouse only, that hash masks use.
            spool: The folder that audit events are written to.
            audit: Whether queries are refused whose event can't be written, and how long files
                get.
            ranger: Where a Ranger Admin is, as `AdminConnection.of` reads it; policies are its, and
                the bundle tells owners and administrators only.

        Raises:
            EngineError: If it can't be started, and so nothing can be run.

        Cost: one read of the file; with `ranger`, four requests.
        """
        session = self._engine.spark._jsparkSession  # noqa: SLF001  # no public road to it
        rules = (audit.required, audit.spool_max_bytes, audit.spool_max_seconds)
        arguments = (session, str(bundle), hash_key, str(spool), *rules)
        try:
            with translate_errors():
                if ranger is None:
                    return int(self._governance.start(*arguments))
                return int(self._governance.startWithRanger(*arguments, dict(ranger)))
        except QueryError as error:
            raise EngineError(error.message, hint=error.hint) from error

    def serve_audit(self, store: JdbcAddress) -> None:
        """Make the audit trail readable in SQL, as `lake.system.audit`.

        Args:
            store: Where a JVM finds the metadata database.
        """
        self._engine.jvm.io.iomete.spark.AuditTrail.serve(store.url, store.user, store.password)

    def know_tables(self, store: JdbcAddress) -> None:
        """Have policies follow tables that are renamed, from now on.

        Args:
            store: Where a JVM finds the metadata database.
        """
        with translate_errors():
            self._governance.knowTables(store.url, store.user, store.password)

    def has_moves(self) -> bool:
        """Tell whether tables were renamed since the last call, whose policies haven't followed.

        Raises:
            EngineError: If Spark has ended.
        """
        try:
            return bool(self._governance.awaitMoves(0))
        except Exception as error:  # whatever Py4J raises when nobody answers
            raise EngineError(f"Spark can't be asked for renames: {error}") from error

    def moves_carried_out(self) -> None:
        """Let statements go on that wait until policies have followed what they renamed."""
        self._governance.movesCarriedOut()

    def refresh(self) -> int:
        """Load the bundle now, if it has changed; return the version in force."""
        return int(self._governance.refresh())

    @property
    def problem(self) -> str | None:
        """Why the newest policies are not in force, if they are not."""
        found = self._governance.problem()
        return None if found is None else str(found)

    @property
    def broken_policies(self) -> list[str]:
        """Policies that can't be carried out, with the reason; what they are on is closed."""
        return [str(reason) for reason in self._governance.brokenPolicies()]

    @property
    def _governance(self) -> Any:
        return self._engine.jvm.io.iomete.spark.Governance


class _OfSession:
    """What asks governance on behalf of one Spark session."""

    def __init__(self, spark: Callable[[], SparkSession]) -> None:
        self._spark = spark

    @property
    def _session(self) -> Any:
        return self._spark()._jsparkSession  # noqa: SLF001

    @property
    def _governance(self) -> Any:
        jvm: Any = self._spark().sparkContext._jvm  # noqa: SLF001
        return jvm.io.iomete.spark.Governance


class SparkGate(_OfSession):
    """What the principal of a Spark session may do, as the policy engine decides it."""

    def is_admin(self) -> bool:
        """Tell whether the principal holds the role `admin`."""
        return bool(self._governance.isAdmin(self._session))

    def may_know(self, parts: Sequence[str]) -> bool:
        """Tell whether anything is granted on what is named, or below it."""
        return bool(self._governance.mayKnow(self._session, list(parts)))

    def may(self, action: str, parts: Sequence[str]) -> bool:
        """Tell whether an action is granted on a catalog, namespace or table."""
        return bool(self._governance.may(self._session, action, list(parts)))

    def reads_plainly(self, table: Sequence[str]) -> bool:
        """Tell whether a table is seen as it is."""
        return bool(self._governance.readsPlainly(self._session, list(table)))


class TableChecks(_OfSession):
    """Tries policies on tables as an administrator's session sees them."""

    def columns(self, table: str) -> Sequence[tuple[str, str]] | None:
        """Return name and SQL type of a table's or view's columns; None if there is no such table.

        Cost: metadata only.
        """
        schema = self._schema(table)
        if schema is None:
            return None
        return [(field.name, field.dataType.simpleString()) for field in schema]

    def fields_of(self, table: Sequence[str]) -> list[str]:
        """Return the paths of the fields of a table's structs, in lower case, outer ones first.

        Of arrays of structs they are those of their elements; empty if there is no such table.
        Cost: metadata only.
        """
        schema = self._schema(quote_parts(table))
        return [] if schema is None else list(_fields(schema))

    def _schema(self, table: str) -> StructType | None:
        from pyspark.errors import AnalysisException

        try:
            return self._spark().table(table).schema
        except AnalysisException as error:
            if error.getCondition() in _MISSING:
                return None
            raise

    def check_filter(self, table: str, predicate: str) -> str | None:
        """Return what is wrong with a row filter on a table, or None."""
        return self._told(self._governance.checkFilter(self._session, table, predicate))

    def check_mask(self, table: str, column: str, mask_type: str, value: str | None) -> str | None:
        """Return what is wrong with a mask on a column or a field of a struct, or None."""
        return self._told(
            self._governance.checkMask(self._session, table, column, mask_type, value)
        )

    def is_namespace(self, parts: Sequence[str]) -> bool:
        """Tell whether catalog and levels name a namespace that exists."""
        return bool(self._spark().catalog.databaseExists(quote_parts(parts)))

    @staticmethod
    def _told(found: object) -> str | None:
        return None if found is None else str(found)


def _fields(schema: StructType, above: str = "") -> Iterator[str]:
    from pyspark.sql.types import ArrayType, StructType

    for field in schema:
        path, kind = above + lower(field.name), field.dataType
        if above:
            yield path
        while isinstance(kind, ArrayType):
            kind = kind.elementType
        if isinstance(kind, StructType):
            yield from _fields(kind, f"{path}.")
