"""What a question about policies is about: an action that there is, on a resource that exists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iomete.errors import (
    CatalogNotFoundError,
    ColumnNotFoundError,
    ConfigurationError,
    NamespaceNotFoundError,
    NotFoundError,
    TableNotFoundError,
)
from iomete.governance.evaluator import ACTIONS
from iomete.governance.evaluator.paths import canonical
from iomete.governance.evaluator.policies import TABLE_ACTIONS
from iomete.governance.evaluator.resource_names import namespace_parts, table_parts
from iomete.governance.evaluator.schedules import in_utc
from iomete.names import as_parts, lower, nearest, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.governance.documents.checks import Inventory

Name = str | Sequence[str]
PATH_ACTIONS = ("read", "write")
TABLE_PARTS = 3
"""The fewest parts of a table's full name."""


def check_action(action: str, *, on_path: bool) -> None:
    """Refuse an action that there isn't on paths, or on all else.

    Raises:
        ConfigurationError: It is none.
    """
    known, where = (PATH_ACTIONS, "paths") if on_path else (TABLE_ACTIONS, "tables")
    if action in known:
        return
    alike = None if action in ACTIONS else nearest(str(action), known)
    raise ConfigurationError(
        f"`{str(action)[:80]}` is no action on {where}.",
        hint=f"did you mean `{alike}`?" if alike else f"actions are {', '.join(known)}",
    )


def checked_moment(at: datetime | None) -> datetime:
    """Return the moment that is asked about, in UTC; None is now.

    Raises:
        ConfigurationError: It is none.
    """
    if at is not None and not isinstance(at, datetime):
        raise ConfigurationError(
            f"`at` is a datetime, not {type(at).__name__}.",
            hint='write at=datetime.fromisoformat("2026-12-31T18:00:00")',
        )
    return in_utc(at)


def is_path(resource: Any) -> bool:
    """Tell whether a resource is a path, and not a name: it begins with a scheme or a slash."""
    return isinstance(resource, str) and (
        "://" in resource or resource.startswith("/") or canonical(resource) is not None
    )


def checked_path(path: str) -> str:
    """Return a path that policies can be on.

    Raises:
        ConfigurationError: It is none.
    """
    if canonical(path) is None:
        raise ConfigurationError(
            f"`{path[:200]}` can't be a path of policies: it is relative, or has `.` in it.",
            hint="write s3://bucket/prefix, or /a/local/folder",
        )
    return path


def find_resource(
    checks: Inventory,
    resource: Name,
    *,
    future: bool,
    step: str = "pass future=True for what is to come",
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parts of what is named as policies have them, and the columns of a table.

    Args:
        checks: What exists.
        resource: As it is named.
        future: Whether it needn't exist.
        step: What to do where it has to, and doesn't.

    Raises:
        NotFoundError: There is nothing of this name, and it must exist.
    """
    parts = as_parts(resource)
    if table := known_table(checks, parts):
        return _in_table(checks, table, parts[len(table) :], future=future)
    kind = checks.kind_of(parts) if len(parts) < TABLE_PARTS or not future else None
    if kind in ("catalog", "namespace"):
        return namespace_parts(parts), ()
    if future:
        return as_named(parts), ()
    raise _missing(checks, parts, step)


def known_table(checks: Inventory, parts: Sequence[str]) -> Sequence[str]:
    """Return the parts of the table that a name is of, or is in as a column; else none of them.

    Of a nested namespace's table and a column of another the table is meant: its name is longer.
    """
    lengths = range(len(parts), TABLE_PARTS - 1, -1)
    return next((parts[:n] for n in lengths if checks.kind_of(parts[:n]) == "table"), ())


def nearest_container(parts: Sequence[str], tables: Iterable[Sequence[str]]) -> str | None:
    """Return the name of the catalog or namespace of some tables that is most like another name.

    Each level has to be alike: of two short names in one catalog most of the text is the same.

    Args:
        parts: Of the name.
        tables: The parts of the tables' full names.
    """
    length = len(parts)
    names = {tuple(table[:length]) for table in tables if len(table) > length}
    similar = sorted(name for name in names if all(map(_is_alike, parts, name)))
    return nearest(quote_parts(parts), map(quote_parts, similar))


def _is_alike(part: str, other: str) -> bool:
    return nearest(part, [other]) is not None


def check_column(checks: Inventory, table: Sequence[str], path: Sequence[str]) -> None:
    """Refuse a column, or a field of a struct in one, that a table doesn't have.

    Args:
        checks: What exists.
        table: The parts of a table that is known.
        path: The column's name, and the names of the fields down to the one that is meant.

    Raises:
        ColumnNotFoundError: There is none.
    """
    names = [name for name, _ in checks.columns(quote_parts(table)) or ()]
    if lower(path[0]) not in map(lower, names):
        alike = nearest(path[0], names)
        raise ColumnNotFoundError(
            f"Table `{quote_parts(table)}` has no column `{path[0][:200]}`.",
            hint=f"did you mean `{alike}`?" if alike else "see its columns by DESCRIBE",
        )
    if len(path) > 1:
        _check_field(checks.fields_of(table), table, path)


def refuse_ambiguous(checks: Inventory, parts: Sequence[str], step: str) -> None:
    """Refuse what may be a column: as a table nothing would be granted on it.

    Args:
        checks: What is known; there may be more.
        parts: Of what is named.
        step: How to say what is meant.

    Raises:
        ConfigurationError: It is neither known as a table, nor as something in one.
    """
    if len(parts) > TABLE_PARTS and not known_table(checks, parts):
        raise ConfigurationError(
            f"It isn't known whether `{quote_parts(parts)[:200]}` is a column, or a table in a "
            "nested namespace.",
            hint=step,
        )


def as_named(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a name that need not exist: a table, where it has three and more."""
    return table_parts(parts) if len(parts) >= TABLE_PARTS else namespace_parts(parts)


def column_of(parts: Sequence[str], resource: Name) -> str | None:
    """Return the column of a field's path; a column may have a dot in its own name."""
    if len(parts) < 4 or "." not in parts[3]:
        return None
    in_table = as_parts(resource)[len(table_of(parts, resource)) :]
    return lower(in_table[0]) if len(in_table) > 1 else None


def table_of(parts: Sequence[str], resource: Name) -> tuple[str, ...]:
    """Return the parts of the table's own name, which is in what was named, as policies have it."""
    return as_parts(resource)[: 2 + parts[1].count(".") + 1]


def _in_table(
    checks: Inventory, table: Sequence[str], path: Sequence[str], *, future: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not path:
        names = {lower(name): name for name, _ in checks.columns(quote_parts(table)) or ()}
        return table_parts(table), tuple(names.values())
    if not future:
        check_column(checks, table, path)
    return (*table_parts(table), ".".join(map(lower, path))), ()


def _check_field(fields: Sequence[str], table: Sequence[str], path: Sequence[str]) -> None:
    """Refuse the first name of a path that isn't a field of what is before it."""
    names = list(map(lower, path))
    for length in range(1, len(names)):
        above, name = ".".join(names[:length]), names[length]
        if f"{above}.{name}" in fields:
            continue
        below = [field[len(above) + 1 :] for field in fields if field.startswith(f"{above}.")]
        there = [field for field in below if "." not in field]
        alike = nearest(name, there)
        step = f"did you mean `{above}.{alike}`?" if alike else "see its fields by DESCRIBE"
        raise ColumnNotFoundError(
            f"`{above}` of `{quote_parts(table)}` has no field `{path[length][:200]}`.",
            hint=step if there else f"`{above}` is no struct: ask about it as a whole",
        )


def _missing(checks: Inventory, parts: Sequence[str], step: str) -> NotFoundError:
    errors = {1: CatalogNotFoundError, 2: NamespaceNotFoundError}
    what = {1: "Catalog", 2: "Namespace"}.get(len(parts), "Table, view or namespace")
    error = errors.get(len(parts), TableNotFoundError)
    name = quote_parts(parts)
    if len(parts) < TABLE_PARTS:
        alike = nearest_container(parts, checks.list_tables())
    else:
        alike = nearest(name, (quote_parts(tuple(table)) for table in checks.list_tables()))
    return error(
        f"{what} `{name[:200]}` does not exist.",
        hint=f"did you mean `{alike}`?" if alike else step,
    )
