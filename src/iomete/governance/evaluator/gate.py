"""The access gate over the evaluator: what one principal may do, asked without Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iomete.governance.evaluator.resource_names import namespace_parts, table_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iomete.access import Principal
    from iomete.governance.evaluator.evaluator import Evaluator


class Columns(Protocol):
    """Tells the columns of tables."""

    def __call__(self, table: Sequence[str], /) -> Sequence[str] | None:
        """Return the names of a table's columns and, as paths, of the fields of its structs.

        None if there is no such table: what isn't there hides nothing.
        """


class PolicyGate:
    """Answers an `iomete.access.Gate` by policies, for who needs no Spark: search, lineage, HTTP.

    Args:
        evaluator: Gives what decides at the time of a question.
        principal: Who asks.
        columns: The columns of tables, for `reads_plainly`.
    """

    def __init__(
        self, evaluator: Callable[[], Evaluator], principal: Principal, *, columns: Columns
    ) -> None:
        self._evaluator = evaluator
        self._name = principal.name
        self._columns = columns

    def is_admin(self) -> bool:
        """Tell whether the principal holds the role `admin`."""
        return self._evaluator().is_admin(self._name)

    def may_know(self, parts: Sequence[str]) -> bool:
        """Tell whether anything is granted on what is named, or below it.

        A name of three and more parts can be a table or a nested namespace; either will do.
        """
        evaluator = self._evaluator()
        where = namespace_parts(parts)
        if len(where) == 1:
            return evaluator.known_names.knows_catalog(self._name, where[0])
        if evaluator.known_names.knows_namespace(self._name, *where):
            return True
        return len(parts) > 2 and evaluator.known_names.knows_table(self._name, table_parts(parts))

    def may(self, action: str, parts: Sequence[str]) -> bool:
        """Tell whether an action is granted on a catalog, namespace or table."""
        evaluator = self._evaluator()
        if len(parts) > 2 and evaluator.is_allowed(self._name, action, table_parts(parts)):
            return True
        return evaluator.is_allowed(self._name, action, namespace_parts(parts))

    def reads_plainly(self, table: Sequence[str]) -> bool:
        """Tell whether a table is seen as it is: no column hidden or masked, no row filtered."""
        columns = self._columns(table)
        if columns is None:
            return True
        decision = self._evaluator().read(self._name, table_parts(table), columns)
        return decision.is_plain(frozenset(columns))
