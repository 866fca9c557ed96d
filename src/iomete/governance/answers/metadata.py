"""What exists, as answers about policies need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Metadata(Protocol):
    """Tells which tables and views there are, to an administrator."""

    def list_tables(self) -> Iterable[Sequence[str]]:
        """Give the parts of each table's and view's full name: catalog, levels, table."""

    def columns_of(self, table: Sequence[str], /) -> Sequence[str] | None:
        """Return the names of a table's columns, given by its parts; None if there is no such one.

        Asked only where policies or tags tell columns apart.
        """

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of the fields of a table's structs, in lower case: `contact.email`.

        Fields of structs in arrays are named the same way. Asked only where policies or tags are on
        patterns of them; empty if there is no such table.
        """
