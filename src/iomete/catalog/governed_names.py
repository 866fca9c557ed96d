"""Tables and columns in the one spelling that policies, tags and owners go by.

Equal resources have equal texts: names of the session catalog and all columns are in lower case,
names of other catalogs are exact. The Java side spells what is asked of it the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.errors import InvalidNameError
from iomete.names import NamespaceName, TableName, as_parts, lower, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNNAMEABLE = frozenset("*?{}\\")
"""Characters that Apache Ranger reads as wildcards, tokens or escapes in the names of a policy."""

MAX_FULL_NAME_BYTES = 2000
"""PostgreSQL's indexes hold no longer texts (a third of a page of 8 KiB)."""


@dataclass(frozen=True, slots=True)
class GovernedTable:
    """A table or view; `namespace` is its levels joined by dots."""

    catalog: str
    namespace: str
    table: str

    @classmethod
    def parse(cls, name: str | Sequence[str] | TableName) -> GovernedTable:
        """Read a table's full name: first the catalog, last the table, between them a namespace.

        Raises:
            InvalidNameError: It isn't a table's full name, or policies can't name it.
        """
        table = name if isinstance(name, TableName) else _table_name(as_parts(name))
        check_nameable(table.parts)
        catalog, levels = table.parent.key
        return cls(str(catalog), ".".join(levels), str(table.key[-1]))  # type: ignore[arg-type]

    @property
    def full_name(self) -> str:
        """Its name with parts in back-quotes where they need them."""
        return quote_parts((self.catalog, *self.namespace.split("."), self.table))


def governed_catalog(name: str) -> str:
    """Return a catalog's name as policies have it."""
    return str(NamespaceName(name, ("any",)).key[0])


def governed_namespace(namespace: NamespaceName) -> tuple[str, str]:
    """Return a namespace's catalog, and its levels joined by dots."""
    check_nameable(namespace.parts)
    catalog, levels = namespace.key
    return str(catalog), ".".join(levels)  # type: ignore[arg-type]


def governed_column(path: Iterable[str]) -> str:
    """Return a column, or the path of a field in its structs joined by dots."""
    steps = check_nameable(tuple(path))
    return ".".join(lower(step) for step in steps)


def check_nameable(parts: Sequence[str]) -> Sequence[str]:
    """Return the parts of a name that policies can mean as it stands.

    Raises:
        InvalidNameError: A part holds what Ranger reads otherwise, or the name is too long.
    """
    for part in parts:
        if found := sorted(UNNAMEABLE.intersection(part)):
            raise InvalidNameError(
                f"Name `{quote_parts(parts)[:200]}` holds `{found[0]}`, which policies can't name.",
                hint="rename it, or name what holds it",
            )
    if len(quote_parts(parts).encode()) > MAX_FULL_NAME_BYTES:
        raise InvalidNameError(
            f"Name that begins with `{quote_parts(parts)[:80]}` is longer than the "
            f"{MAX_FULL_NAME_BYTES} bytes that policies can name."
        )
    return parts


def _table_name(parts: tuple[str, ...]) -> TableName:
    if len(parts) < 3:
        raise InvalidNameError(
            f"Name `{quote_parts(parts)[:200]}` is not a table's full name.",
            hint="write catalog.namespace.table",
        )
    return TableName(parts[0], parts[1:-1], parts[-1])
