"""Names of resources, as policies have them: catalog, namespace with dots, table, column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iomete.names import SESSION_CATALOG, lower, quote_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

Parts = tuple[str, ...]
_PART = re.compile(r"`((?:[^`]|``)*)`|([^`.]+)")


def table_parts(parts: Sequence[str]) -> Parts:
    """Return a table's parts as policies have them: catalog, levels of the namespace, table."""
    catalog, *levels, table = parts
    if catalog.lower() == SESSION_CATALOG:
        return SESSION_CATALOG, lower(".".join(levels)), lower(table)
    return catalog, ".".join(levels), table


def namespace_parts(parts: Sequence[str]) -> Parts:
    """Return the parts of a catalog or namespace as policies have them."""
    catalog, *levels = parts
    if catalog.lower() == SESSION_CATALOG:
        catalog, levels = SESSION_CATALOG, [lower(level) for level in levels]
    return (catalog, ".".join(levels)) if levels else (catalog,)


def full_name_parts(name: str) -> Parts:
    """Return the parts of a full name, however it is quoted; folded where the catalog folds."""
    found = [
        match[1].replace("``", "`") if match[1] is not None else match[2]
        for match in _PART.finditer(name)
    ]
    if found and found[0].lower() == SESSION_CATALOG:
        return (SESSION_CATALOG, *map(lower, found[1:]))
    return tuple(found)


def prefixes(path: str) -> list[str]:
    """Return what a field is in: of `a.b.c`, `a` and `a.b`."""
    return [path[:position] for position, c in enumerate(path) if c == "."]


def written(parts: Parts, column: str | None = None) -> str:
    """Return a resource's full name from its parts as policies have them.

    Args:
        parts: Of the resource.
        column: The column that it is, or is in as a field; unset: what is before the first dot.
    """
    if len(parts) < 2:
        return quote_parts(parts)
    path = parts[3].split(".") if len(parts) > 3 else []
    if len(parts) > 3 and column is not None:
        field = parts[3].removeprefix(column).removeprefix(".")
        path = [column, *(field.split(".") if field else ())]
    return quote_parts((parts[0], *parts[1].split("."), *parts[2:3], *path))
