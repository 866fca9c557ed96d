"""What a name written as text means, given what exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Protocol

from iomete.errors import (
    CatalogNotFoundError,
    InvalidNameError,
    NamespaceNotFoundError,
    NotFoundError,
    TableNotFoundError,
)
from iomete.names.identifiers import as_parts, quote_parts, shown
from iomete.names.resources import CatalogName, ColumnName, NamespaceName, Resource, TableName


class Lookup(Protocol):
    """What exists, as far as the principal who asks may know.

    Compare resources by equality, which knows the case rules. What the principal may not see must
    be answered as if it didn't exist.
    """

    def has_catalog(self, catalog: CatalogName, /) -> bool:
        """Whether the catalog is registered."""

    def has_namespace(self, namespace: NamespaceName, /) -> bool:
        """Whether the namespace exists."""

    def has_table(self, table: TableName, /) -> bool:
        """Whether a table or a view exists.

        No for Iceberg's metadata tables, branches and tags, to which Spark's catalog says yes.
        """


def resolve(
    value: str | Sequence[str] | Resource,
    lookup: Lookup,
    *,
    default_catalog: str | None = None,
) -> Resource:
    """Return the resource that a name means: the longest prefix that exists decides.

    The first part is a catalog if one is registered by that name, as in Spark; else the name is
    completed with the default catalog. Then, from the longest prefix to the shortest:

    - If the prefix is a table, the rest is the path of a column in it. Whether the table has that
      column isn't looked up.
    - If the prefix is a namespace, there must be no rest.
    - If it is both, it is the table, which is what Spark reads under that name.

    So `lake.a.b.c` is the table `c` in `lake.a.b` where that exists, even if a table `lake.a.b` has
    a column `c`. `lake.a.t.snapshots` is a column of that name, never the metadata table.

    A typed resource is returned as it is, whether it exists or not: that is how policies speak of
    the future.

    Raises:
        InvalidNameError: The name can't be parsed, or has an empty part.
        NotFoundError: Nothing of this name exists, or the principal may not see it. Which subclass
            it is follows from the number of parts, not from what exists.
    """
    if isinstance(value, Resource):
        return value
    parts = as_parts(value)
    if not all(parts):
        raise InvalidNameError(f"Name {shown(quote_parts(parts))} has an empty part.")
    catalog, rest = parts[0], parts[1:]
    if not lookup.has_catalog(CatalogName(catalog)):
        if default_catalog is None:
            raise CatalogNotFoundError(f"Catalog {shown(catalog)} does not exist.")
        catalog, rest = default_catalog, parts
    if not rest:
        return CatalogName(catalog)
    return _longest_existing(catalog, rest, lookup) or _raise_not_found(parts, rest)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most like a name, for a hint, or None if none is alike.

    The candidates must be names that the principal may see.
    """
    spellings = {candidate.casefold(): candidate for candidate in candidates}
    found = get_close_matches(name[:200].casefold(), spellings, n=1)
    return spellings[found[0]] if found else None


def _longest_existing(catalog: str, rest: tuple[str, ...], lookup: Lookup) -> Resource | None:
    for length in range(len(rest), 0, -1):
        prefix, remainder = rest[:length], rest[length:]
        if any("." in level for level in prefix[:-1]):
            continue  # no namespace has such a name
        if length > 1:
            table = TableName(catalog, prefix[:-1], prefix[-1])
            if lookup.has_table(table):
                return ColumnName(table, remainder) if remainder else table
        if "." not in prefix[-1]:
            namespace = NamespaceName(catalog, prefix)
            if lookup.has_namespace(namespace):
                return None if remainder else namespace
    return None


def _raise_not_found(parts: tuple[str, ...], rest: tuple[str, ...]) -> Resource:
    name = shown(quote_parts(parts))
    error: type[NotFoundError] = TableNotFoundError
    what = "Table, view or namespace"
    if len(rest) == 1:
        error, what = NamespaceNotFoundError, "Namespace"
    raise error(f"{what} {name} does not exist.")
