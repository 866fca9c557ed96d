"""Namespaces and tables of every catalog, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from iomete.catalog.iceberg import load_iceberg, translate_catalog_errors
from iomete.engine import DEFAULT_CATALOG, IcebergCatalog, translate_errors
from iomete.errors import (
    AccessDeniedError,
    CatalogNotFoundError,
    ConfigurationError,
    InvalidNameError,
    NamespaceNotFoundError,
    TableNotFoundError,
)
from iomete.names import (
    SESSION_CATALOG,
    CatalogName,
    NamespaceName,
    Resource,
    TableName,
    as_parts,
    check_creatable,
    quote_parts,
    resolve,
)

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog as PyIcebergCatalog
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession

    from iomete.access import Gate, Trail
    from iomete.catalog.owners import Owners

Name = str | Sequence[str]

RESERVED_NAMESPACE = "system"
"""In `lake`: holds what the platform tells about itself, such as `lake.system.audit`."""


class Catalog:
    """Namespaces and tables of every catalog of a lakehouse that a principal may know of.

    Iceberg catalogs are read through PyIceberg, without Spark's help; the session catalog
    (`spark_catalog`: Delta, Parquet) only Spark knows. Names without a catalog mean `lake`.
    """

    def __init__(
        self,
        catalogs: Sequence[IcebergCatalog],
        *,
        spark: Callable[[], SparkSession],
        owners: Callable[[], Owners],
        gate: Gate,
        trail: Trail,
    ) -> None:
        self._described = {catalog.name: catalog for catalog in catalogs}
        self._loaded: dict[str, PyIcebergCatalog] = {}
        self._spark = spark
        self._owners = owners
        self._gate = gate
        self._trail = trail

    def set_owner(self, table: Name, owner: str | None) -> None:
        """Set who owns a table or view: whom to ask, and with whose rights a view is read.

        For admins.

        Args:
            table: Its full name.
            owner: A user, as `alice` or `user:alice`; None leaves it without an owner.

        Raises:
            AccessDeniedError: If the one who asks is no admin.
            TableNotFoundError: If there is no such table or view.
            PrincipalNotFoundError: If there is no such user.
        """
        self._owners().set_owner(self._parts(table), owner)

    def owner_of(self, table: Name) -> str | None:
        """Return the user who was set as owner of a table or view, or None. For admins."""
        return self._owners().owner_of(self._parts(table))

    def list_catalogs(self) -> list[str]:
        """Return the names of all catalogs: the Iceberg ones, then `spark_catalog`."""
        names = [*self._described, SESSION_CATALOG]
        return [name for name in names if self._gate.may_know((name,))]

    def list_namespaces(self, parent: Name = DEFAULT_CATALOG) -> list[str]:
        """Return the full names of the namespaces directly below a catalog or namespace.

        Args:
            parent: A catalog, or a namespace in one.

        Raises:
            NamespaceNotFoundError: If there is no such namespace.
        """
        above = self._container(parent)
        if above.parts[0] == SESSION_CATALOG:
            if isinstance(above, NamespaceName):
                return []
            found: Any = [(row[0],) for row in self._rows(f"SHOW NAMESPACES IN {SESSION_CATALOG}")]
        else:
            with translate_catalog_errors(above.parts[0]):
                found = self._iceberg(above.parts[0]).list_namespaces(above.parts[1:])
        depth = len(above.parts)
        below = {levels[:depth] for levels in found if len(levels) >= depth}
        names = [(above.parts[0], *levels) for levels in below]
        return sorted(quote_parts(name) for name in names if self._gate.may_know(name))

    def list_tables(self, namespace: Name) -> list[str]:
        """Return the full names of the tables in a namespace; views and nested ones left out.

        Raises:
            NamespaceNotFoundError: If there is no such namespace.
        """
        where = self._namespace(namespace)
        if where.catalog == SESSION_CATALOG:
            views = {row[1] for row in self._rows(f"SHOW VIEWS IN {where.full_name}")}
            tables = self._rows(f"SHOW TABLES IN {where.full_name}")
            names = [row[1] for row in tables if row[1] not in views]
        else:
            with translate_catalog_errors(where.catalog):
                found = self._iceberg(where.catalog).list_tables(where.parts[1:])
            names = [identifier[-1] for identifier in found]
        tables = [where.table(name) for name in names]
        return sorted(table.full_name for table in tables if self._gate.may_know(table.parts))

    def namespace_exists(self, namespace: Name) -> bool:
        """Tell whether a namespace exists."""
        parts = self._parts(namespace)
        return len(parts) > 1 and self.has_namespace(NamespaceName.parse(parts))

    def table_exists(self, table: Name) -> bool:
        """Tell whether a table or view exists."""
        parts = self._parts(table)
        return len(parts) > 2 and self.has_table(TableName.parse(parts))

    def load_table(self, table: Name) -> Table:
        """Return an Iceberg table as PyIceberg knows it: schema, snapshots, scans, appends.

        PyIceberg reads files itself, so a table that the principal sees masked or filtered isn't
        handed out: read it by `lake.table()`.

        Raises:
            TableNotFoundError: If there is none of this name.
            AccessDeniedError: If the principal doesn't see the table as it is.
            ConfigurationError: If it is a table of the session catalog, which isn't Iceberg's.

        Cost: metadata only, no scan.
        """
        from pyiceberg.exceptions import NoSuchTableError

        what = self._table(table)
        if what.catalog == SESSION_CATALOG:
            raise ConfigurationError(
                f"Table `{what}` is not an Iceberg table.",
                hint=f'read it by Spark: lake.table("{what}")',
            )
        if not self._gate.may_know(what.parts):
            self._trail.denied("select", what.full_name, "nothing is granted on it")
            raise TableNotFoundError(f"Table `{what}` does not exist.")
        if not self._gate.reads_plainly(what.parts):
            self._trail.denied("select", what.full_name, "part of it is hidden or masked")
            raise AccessDeniedError(
                f"Table `{what}` can't be loaded without Spark: part of it is hidden or masked.",
                hint=f'read it by Spark: lake.table("{what}")',
            )
        try:
            with translate_catalog_errors(what.catalog):
                loaded = self._iceberg(what.catalog).load_table(what.parts[1:])
        except NoSuchTableError as error:
            raise TableNotFoundError(f"Table `{what}` does not exist.") from error
        # What is read by it later, nobody here gets to know.
        self._trail.allowed("select", what.full_name, detail="loaded without Spark")
        return loaded

    def create_namespace(self, namespace: Name) -> str:
        """Make a namespace, and those above it, where they don't exist; return its full name.

        Raises:
            InvalidNameError: If the name isn't safe to create.
            AccessDeniedError: If the principal may not create it.
        """
        where = self._namespace_name(namespace)
        check_creatable(where.parts[1:])
        _check_not_reserved(where)
        if not self._gate.may("create", where.parts):
            self._trail.denied("create", where.full_name, "no policy grants it")
            raise AccessDeniedError(
                f"Namespace `{where}` can't be created: that isn't granted.",
                hint="ask an admin for `create` on it, or on what it is in",
            )
        if where.catalog == SESSION_CATALOG:
            self._rows(f"CREATE NAMESPACE IF NOT EXISTS {where.full_name}")
        else:
            self._trail.allowed("create", where.full_name)
            with translate_catalog_errors(where.catalog):
                catalog = self._iceberg(where.catalog)
                for length in range(1, len(where.parts)):
                    catalog.create_namespace_if_not_exists(where.parts[1 : length + 1])
        return where.full_name

    def resolve(self, name: Name | Resource) -> Resource:
        """Return what a name means: the longest prefix that exists decides.

        Raises:
            NotFoundError: If nothing of this name exists.
        """
        return resolve(name, self, default_catalog=DEFAULT_CATALOG)

    def iceberg(self, catalog: str) -> PyIcebergCatalog:
        """Return a catalog as PyIceberg knows it, with its credentials; it is loaded once.

        Raises:
            CatalogNotFoundError: If there is no Iceberg catalog of this name.
            AccessDeniedError: If the principal is no admin: PyIceberg applies no policy.
        """
        self._require_admin(catalog)
        return self._iceberg(catalog)

    def pyiceberg_properties(self, catalog: str = DEFAULT_CATALOG) -> dict[str, str]:
        """Return what another process gives to `pyiceberg.catalog.load_catalog(catalog, **…)`.

        It holds the catalog's credentials, if it has any.

        Raises:
            CatalogNotFoundError: If there is no Iceberg catalog of this name.
            AccessDeniedError: If the principal is no admin.
        """
        self._require_admin(catalog)
        return self._properties(catalog)

    def has_catalog(self, catalog: CatalogName, /) -> bool:
        """Tell whether a catalog is registered."""
        return catalog.name in self._described or catalog.is_session_catalog

    def has_namespace(self, namespace: NamespaceName, /) -> bool:
        """Tell whether a namespace exists in a catalog that does."""
        if not self._gate.may_know(namespace.parts):
            return False
        if namespace.catalog == SESSION_CATALOG:
            with translate_errors():
                return self._spark().catalog.databaseExists(namespace.full_name)
        with translate_catalog_errors(namespace.catalog):
            return self._iceberg(namespace.catalog).namespace_exists(namespace.parts[1:])

    def has_table(self, table: TableName, /) -> bool:
        """Tell whether a table or view exists in a catalog that does."""
        if not self._gate.may_know(table.parts):
            return False
        if table.catalog != SESSION_CATALOG:
            with translate_catalog_errors(table.catalog):
                if self._iceberg(table.catalog).table_exists(table.parts[1:]):
                    return True
            if not self.has_namespace(table.parent):
                return False
            views = self._rows(f"SHOW VIEWS IN {table.parent.full_name}")
            return any(row[1] == table.parts[-1] for row in views)
        with translate_errors():
            return self._spark().catalog.tableExists(table.full_name)

    def _iceberg(self, catalog: str) -> PyIcebergCatalog:
        if catalog not in self._loaded:
            self._loaded[catalog] = load_iceberg(catalog, self._properties(catalog))
        return self._loaded[catalog]

    def _properties(self, catalog: str) -> dict[str, str]:
        if catalog not in self._described:
            raise CatalogNotFoundError(f"Iceberg catalog `{catalog}` does not exist.")
        return self._described[catalog].pyiceberg_properties()

    def _require_admin(self, catalog: str) -> None:
        if not self._gate.is_admin():
            self._trail.denied("catalog.open", catalog, "the role `admin` isn't held")
            raise AccessDeniedError(
                "A catalog without Spark is for admins: no policy is applied there.",
                hint='read tables by lake.table("…")',
            )
        self._trail.allowed("catalog.open", catalog)

    def _parts(self, name: Name) -> tuple[str, ...]:
        """Return a name's parts, completed with the default catalog as Spark does it."""
        parts = as_parts(name)
        return parts if self.has_catalog(CatalogName(parts[0])) else (DEFAULT_CATALOG, *parts)

    def _container(self, name: Name) -> CatalogName | NamespaceName:
        parts = self._parts(name)
        return CatalogName(parts[0]) if len(parts) == 1 else self._namespace(parts)

    def _namespace(self, name: Name) -> NamespaceName:
        where = self._namespace_name(name)
        if not self.has_namespace(where):
            raise NamespaceNotFoundError(f"Namespace `{where}` does not exist.")
        return where

    def _namespace_name(self, name: Name) -> NamespaceName:
        parts = self._parts(name)
        if len(parts) < 2:
            raise InvalidNameError(
                f"`{quote_parts(parts)}` is a catalog, and a namespace is asked for.",
                hint="a namespace's full name is catalog.namespace",
            )
        return NamespaceName.parse(parts)

    def _table(self, name: Name) -> TableName:
        parts = self._parts(name)
        if len(parts) < 3:
            raise InvalidNameError(
                f"`{quote_parts(parts)}` names no table.",
                hint="a table's full name is catalog.namespace.table",
            )
        return TableName.parse(parts)

    def _rows(self, statement: str) -> list[Any]:
        with translate_errors():
            return self._spark().sql(statement).collect()


def _check_not_reserved(namespace: NamespaceName) -> None:
    if namespace.parts[:2] == (DEFAULT_CATALOG, RESERVED_NAMESPACE):
        raise InvalidNameError(
            f"Namespace `{namespace}` can't be created: it is the platform's own.",
            hint="choose another name",
        )
