"""What validating a policy needs to know of tables, and how its problems are gathered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from iomete.errors import InvalidPolicyError, IometeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class PolicyChecks(Protocol):
    """Tells what exists, and whether Spark understands a predicate or a mask."""

    def kind_of(self, parts: Sequence[str], /) -> str | None:
        """Return `catalog`, `namespace` or `table` (views too) for the parts of a full name.

        None if there is nothing of this name. A table wins over a namespace of the same name.
        """

    def columns(self, table: str, /) -> Sequence[tuple[str, str]] | None:
        """Return name and type of a table's or view's columns; None if there is no such table."""

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of the fields of a table's structs, in lower case: `contact.email`."""

    def check_filter(self, table: str, predicate: str, /) -> str | None:
        """Say what is wrong with a row filter's predicate on a table, or None."""

    def check_mask(
        self, table: str, column: str, mask_type: str, value: str | None, /
    ) -> str | None:
        """Say what is wrong with a mask of Ranger's type on a column or struct field, or None."""


class Inventory(PolicyChecks, Protocol):
    """Tells besides what there is at all, which questions about all policies need."""

    def list_tables(self) -> Iterable[Sequence[str]]:
        """Give the parts of the full name of each table and view that there is."""

    def columns_of(self, table: Sequence[str], /) -> Sequence[str] | None:
        """Return the names of a table's columns, given by its parts; None if there is none."""


class Problems:
    """What is wrong with a policy, with the place of each; raised all at once."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def add(self, place: str, message: str, *, hint: str | None = None) -> None:
        """Note a problem."""
        text = f"{place}: {message.removesuffix('.')}"
        self._found.append(f"{text} ({hint})" if hint else text)

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Note what iomete raises inside as a problem of a place, and go on."""
        try:
            yield
        except InvalidPolicyError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self._found += [f"{problem}{hint}" for problem in error.problems]
        except IometeError as error:
            self.add(place, error.message, hint=error.hint)

    def add_all(self, place: str, error: InvalidPolicyError) -> None:
        """Note the problems of a part, such as one policy among several."""
        self._found += [f"{place} {problem}" for problem in error.problems]

    def add_from(self, place: str, others: Problems) -> None:
        """Note the problems of a part."""
        self._found += [f"{place} {problem}" for problem in others._found]

    def raise_any(self) -> None:
        """Raise what was found, if anything.

        Raises:
            InvalidPolicyError: With all problems.
        """
        if self._found:
            raise InvalidPolicyError(
                self._found, hint="correct what is named and call again; nothing was changed"
            )
