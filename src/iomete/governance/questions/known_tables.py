"""What can be said of tables without Spark: of those that it has met, as policies call them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import sqlalchemy as sa

from iomete.errors import EngineError
from iomete.governance.evaluator.resource_names import prefixes
from iomete.governance.tables import known_tables
from iomete.names import SESSION_CATALOG, as_parts, lower

if TYPE_CHECKING:
    from iomete.store import Store

Parts = tuple[str, ...]


class KnownTables:
    """Tables and columns that the store knows; of others, and of SQL, Spark has to be asked.

    The store knows Iceberg and Delta tables that Spark has met since a policy was on them, by name;
    types of columns it doesn't know, nor which tables were dropped meanwhile. What is asked first
    is remembered.

    Args:
        store: Of the lakehouse.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def kind_of(self, parts: Sequence[str], /) -> str | None:
        """Return what a name is known to be: `catalog`, `namespace` or `table`; else None."""
        name = _folded(parts)
        if name in self._columns:
            return "table"
        if any(table[: len(name)] == name for table in self._columns):
            return "catalog" if len(name) == 1 else "namespace"
        return None

    def columns(self, table: str, /) -> Sequence[tuple[str, str]]:
        """Return the columns of a table that is known, without types.

        Raises:
            EngineError: It isn't, and may exist.
        """
        names = self._columns.get(_folded(as_parts(table)))
        if names is None:
            self._refuse(f"Table `{table[:200]}`")
        return [(name, "") for name in names]

    def columns_of(self, table: Sequence[str], /) -> Sequence[str] | None:
        """Return the names of a table's columns, given by its parts; None if it isn't known."""
        return self._columns.get(_folded(table))

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of the fields of a table's structs, in lower case."""
        top = {lower(name) for name in self._columns.get(_folded(table), ())}
        return [
            path for one in self._paths.get(_folded(table), ()) if (path := lower(one)) not in top
        ]

    def list_tables(self) -> Iterable[Parts]:
        """Return the parts of the full names of all tables that are known, sorted."""
        return sorted(self._columns)

    def check_filter(self, table: str, predicate: str, /) -> str | None:  # noqa: ARG002
        """Refuse: what SQL means is for Spark to say.

        Raises:
            EngineError: Always.
        """
        self._refuse("The SQL of a policy")

    def check_mask(
        self,
        table: str,  # noqa: ARG002
        column: str,  # noqa: ARG002
        mask_type: str,  # noqa: ARG002
        value: str | None,  # noqa: ARG002
        /,
    ) -> str | None:
        """Refuse: what fits a column's type is for Spark to say.

        Raises:
            EngineError: Always.
        """
        self._refuse("The mask of a policy")

    @cached_property
    def _columns(self) -> dict[Parts, tuple[str, ...]]:
        """Columns, without fields of structs, by the parts of what policies call a table today."""
        return {name: _top_level(paths) for name, paths in self._paths.items()}

    @cached_property
    def _paths(self) -> dict[Parts, tuple[str, ...]]:
        """The same with fields, by their paths; of tables that had one name, of all of them."""
        query = sa.select(known_tables).order_by(known_tables.c.identity, known_tables.c.since)
        with self._store.read() as connection:
            newest = {row.identity: row for row in connection.execute(query)}
        found: dict[Parts, dict[str, None]] = defaultdict(dict)
        for row in newest.values():
            name = (row.catalog, *row.namespace.split("."), row.table_name)
            found[name].update(dict.fromkeys(json.loads(row.columns).values()))
        return {name: tuple(paths) for name, paths in found.items()}

    def _refuse(self, what: str) -> NoReturn:
        raise EngineError(
            f"{what} can't be looked at without Spark.",
            hint="pass future=True, or open the lakehouse by iomete.connect()",
        )


def _folded(parts: Sequence[str]) -> Parts:
    """Return a name as policies spell it: the session catalog takes its names in any case."""
    if parts and parts[0].lower() == SESSION_CATALOG:
        return tuple(map(lower, parts))
    return tuple(parts)


def _top_level(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the columns among the paths of a table's columns and of their fields."""
    there = frozenset(paths)
    return tuple(path for path in paths if not any(one in there for one in prefixes(path)))
