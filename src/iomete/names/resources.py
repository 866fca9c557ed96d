"""What policies, tags, lineage and search are about: a catalog, a namespace, a table or a column.

Two resources are equal if they are the same thing to Spark, whatever their spelling: names in
Iceberg catalogs are exact, those in the session catalog and all column names fold their case
(`spark.sql.caseSensitive=false`). Spelling is kept, as paths on Windows keep theirs.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering
from typing import ClassVar, Self, TypeAlias

from iomete.errors import InvalidNameError
from iomete.names.identifiers import as_parts, check_text, quote_parts, shown
from iomete.names.lettercase import column_key, fold, lower

SESSION_CATALOG = "spark_catalog"
"""Spark's built-in catalog (`CatalogManager.SESSION_CATALOG_NAME`)."""


class ResourceKind(StrEnum):
    """The kinds of resources, as stored documents name them."""

    CATALOG = "catalog"
    NAMESPACE = "namespace"
    TABLE = "table"
    COLUMN = "column"


@total_ordering
class _Named:
    """Equality, order and text of everything that is known by its parts."""

    __slots__ = ()

    kind: ClassVar[ResourceKind]

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts of the full name, as they were spelled."""
        raise NotImplementedError

    @property
    def key(self) -> tuple[object, ...]:
        """What equality, hash and order go by; equal keys are the same thing to Spark."""
        raise NotImplementedError

    @property
    def full_name(self) -> str:
        """The name with its catalog, quoted where Spark needs it."""
        return quote_parts(self.parts)

    def __str__(self) -> str:
        return self.full_name

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, _Named) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.key < other.key if isinstance(other, _Named) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True, slots=True, eq=False)
class CatalogName(_Named):
    """A catalog as registered in Spark: `spark.sql.catalog.<name>`.

    Names of catalogs are exact, except for the session catalog's (`CatalogManager.catalog`).
    """

    kind = ResourceKind.CATALOG
    name: str

    def __post_init__(self) -> None:
        _check_parts((self.name,))

    @property
    def parts(self) -> tuple[str, ...]:
        """The name alone."""
        return (self.name,)

    @property
    def is_session_catalog(self) -> bool:
        """Whether this is Spark's built-in catalog, which folds the case of its names."""
        return _folds(self.name)

    @property
    def key(self) -> tuple[object, ...]:
        """The name; the session catalog's in lower case."""
        return (_catalog_key(self.name),)

    @property
    def parent(self) -> None:
        """None: nothing holds a catalog."""
        return

    @classmethod
    def parse(cls, value: str | Sequence[str]) -> Self:
        """Read a catalog's name.

        Raises:
            InvalidNameError: The name has more than one part.
        """
        parts = as_parts(value)
        if len(parts) != 1:
            raise InvalidNameError(
                f"Name {shown(quote_parts(parts))} is not a catalog's, which has one part."
            )
        return cls(parts[0])


@dataclass(frozen=True, slots=True, eq=False)
class NamespaceName(_Named):
    """A namespace of one or more levels, each inside the one before it.

    A level may not hold a dot: Iceberg's JDBC catalog stores levels joined by dots, so that
    `` lake.`a.b` `` would be a second name of `lake.a.b` that policies on the first don't know.
    """

    kind = ResourceKind.NAMESPACE
    catalog: str
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_levels(self.catalog, self.levels)
        _check_parts(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The catalog and the levels."""
        return (self.catalog, *self.levels)

    @property
    def key(self) -> tuple[object, ...]:
        """The catalog's key and the levels, folded in the session catalog."""
        return _namespace_key(self.catalog, self.levels)

    @property
    def parent(self) -> NamespaceName | CatalogName:
        """The namespace one level up, or the catalog."""
        if len(self.levels) == 1:
            return CatalogName(self.catalog)
        return NamespaceName(self.catalog, self.levels[:-1])

    def table(self, name: str) -> TableName:
        """Return the name of a table in this namespace."""
        return TableName(self.catalog, self.levels, name)

    @classmethod
    def parse(
        cls,
        value: str | Sequence[str],
        *,
        default_catalog: str | None = None,
        catalogs: Container[str] | None = None,
    ) -> Self:
        """Read a namespace's name.

        The first part is the catalog if `catalogs` holds it. Without `catalogs`, it is the catalog
        if there are two parts or more.

        Raises:
            InvalidNameError: The name can't be parsed, or lacks a catalog and has no default.
        """
        parts = as_parts(value)
        catalog, levels = _split_catalog(parts, default_catalog, catalogs, qualified_from=2)
        return cls(catalog, levels)


@dataclass(frozen=True, slots=True, eq=False)
class TableName(_Named):
    """A table or a view, in a namespace of at least one level.

    Some catalogs hold tables outside of every namespace. Those have no name here and can't be
    governed. An Iceberg metadata table (`lake.sales.orders.snapshots`), a branch or a tag is a way
    to read its table and has no name of its own either.
    """

    kind = ResourceKind.TABLE
    catalog: str
    namespace: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        _check_levels(self.catalog, self.namespace)
        _check_parts(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The catalog, the namespace's levels and the table."""
        return (self.catalog, *self.namespace, self.name)

    @property
    def key(self) -> tuple[object, ...]:
        """The namespace's key and the name, folded in the session catalog."""
        name = lower(self.name) if _folds(self.catalog) else self.name
        return (*_namespace_key(self.catalog, self.namespace), name)

    @property
    def parent(self) -> NamespaceName:
        """The namespace that holds the table."""
        return NamespaceName(self.catalog, self.namespace)

    def column(self, *path: str) -> ColumnName:
        """Return the name of a column, or of a field in its structs."""
        return ColumnName(self, path)

    @classmethod
    def parse(
        cls,
        value: str | Sequence[str],
        *,
        default_catalog: str | None = None,
        default_namespace: str | Sequence[str] = (),
        catalogs: Container[str] | None = None,
    ) -> Self:
        """Read a table's name, completing it as Spark does (`LookupCatalog.CatalogAndIdentifier`).

        One part is a table in the default namespace. Of several, the first is the catalog if
        `catalogs` holds it. Without `catalogs`, it is the catalog if there are three parts or more,
        so nested namespaces of the default catalog need either `catalogs` or the full name.

        Raises:
            InvalidNameError: The name can't be parsed, or lacks a part and has no default.
        """
        parts = as_parts(value)
        if len(parts) == 1 and default_catalog and default_namespace:
            return cls(default_catalog, as_parts(default_namespace), parts[0])
        catalog, rest = _split_catalog(parts, default_catalog, catalogs, qualified_from=3)
        if len(rest) < 2:
            raise _incomplete(parts, expected="a table is written catalog.namespace.table")
        return cls(catalog, rest[:-1], rest[-1])


@dataclass(frozen=True, slots=True, eq=False)
class ColumnName(_Named):
    """A column of a table, or a field inside its structs: the path from the table downwards."""

    kind = ResourceKind.COLUMN
    table: TableName
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.path, tuple) or not self.path:
            raise _incomplete(self.table.parts, expected="a column's path is a tuple of names")
        _check_parts(self.path)

    @property
    def parts(self) -> tuple[str, ...]:
        """The table's parts and the path."""
        return (*self.table.parts, *self.path)

    @property
    def key(self) -> tuple[object, ...]:
        """The table's key and the path, folded as Spark folds columns."""
        return (*self.table.key, tuple(column_key(step) for step in self.path))

    @property
    def parent(self) -> TableName | ColumnName:
        """The struct that holds the field, or the table."""
        return self.table if len(self.path) == 1 else ColumnName(self.table, self.path[:-1])

    @classmethod
    def parse(cls, value: str | Sequence[str]) -> Self:
        """Read a column's name of exactly four parts; with more, only `resolve` can tell.

        Raises:
            InvalidNameError: The name can't be parsed, or hasn't four parts.
        """
        parts = as_parts(value)
        if len(parts) != 4:
            raise InvalidNameError(
                f"Name {shown(quote_parts(parts))} is not catalog.namespace.table.column.",
                hint='name nested ones by steps: TableName.parse("lake.a.t").column("s", "field")',
            )
        return cls(TableName(parts[0], parts[1:2], parts[2]), parts[3:])


Resource: TypeAlias = CatalogName | NamespaceName | TableName | ColumnName
"""Any resource. All four compare and sort together: what holds something comes before it."""


def _folds(catalog: str) -> bool:
    return fold(catalog) == SESSION_CATALOG


def _catalog_key(catalog: str) -> str:
    return SESSION_CATALOG if _folds(catalog) else catalog


def _namespace_key(catalog: str, levels: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    folded = tuple(lower(level) for level in levels) if _folds(catalog) else levels
    return _catalog_key(catalog), folded


def _check_parts(parts: tuple[str, ...]) -> None:
    for part in parts:
        if not check_text(part):
            raise InvalidNameError(f"Name {shown(quote_parts(parts))} has an empty part.")


def _check_levels(catalog: str, levels: tuple[str, ...]) -> None:
    if not isinstance(levels, tuple) or not levels:
        raise _incomplete((catalog,), expected="a namespace is a tuple of at least one level")
    _check_parts(levels)
    if any("." in level for level in levels):
        raise InvalidNameError(
            f"Namespace {shown(quote_parts((catalog, *levels)))} has a dot inside a level.",
            hint="write nested levels as parts of their own",
        )


def _split_catalog(
    parts: tuple[str, ...],
    default_catalog: str | None,
    catalogs: Container[str] | None,
    *,
    qualified_from: int,
) -> tuple[str, tuple[str, ...]]:
    """Return the catalog and the rest of a name."""
    if catalogs is None:
        qualified = len(parts) >= qualified_from
    else:
        qualified = _catalog_key(parts[0]) in catalogs
    if qualified:
        return parts[0], parts[1:]
    if default_catalog is None:
        raise _incomplete(parts, expected="the catalog is missing, and there is no default")
    return default_catalog, parts


def _incomplete(parts: tuple[str, ...], *, expected: str) -> InvalidNameError:
    return InvalidNameError(
        f"Name {shown(quote_parts(parts))} is not complete: {expected}.",
        hint="write the full name: catalog.namespace.table",
    )
