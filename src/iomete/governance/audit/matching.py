"""Which events are about a resource."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from iomete.errors import ConfigurationError, InvalidNameError
from iomete.governance.audit.lines import KEY_CHARACTERS, canonical_parts
from iomete.governance.audit.tables import audit_events, to_json
from iomete.names import (
    CatalogName,
    ColumnName,
    NamespaceName,
    Resource,
    TableName,
    as_parts,
    lower,
)

_event = audit_events.c
_SHORTEST_COLUMN_NAME = 4


def on_resource(resource: str | Sequence[str] | Resource) -> sa.ColumnElement[bool]:
    """Return the condition for events on a resource, on what is below it, or that used the column.

    Text doesn't say what kind it names: `lake.a.b` may be a table or a nested namespace,
    `lake.a.b.c` a table or a column. It matches as each of them, and by its own words,
    as those of the administration (`user:alice`). Text that is no name is a path.

    Raises:
        ConfigurationError: It is empty.
    """
    match resource:
        case TableName():
            return _is(canonical_parts(resource.parts))
        case ColumnName():
            return _uses(resource.table.parts, resource.path)
        case CatalogName() | NamespaceName():
            return _is_below(canonical_parts(resource.parts) + ".")
    if not resource:
        raise ConfigurationError(
            "A resource can't be empty.", hint="use `catalog.namespace.table`, or a path"
        )
    try:
        parts = as_parts(resource)
    except InvalidNameError:
        if not isinstance(resource, str):
            raise
        return _on_path(resource)
    found = _on_parts(parts)
    return sa.or_(found, _is(resource)) if isinstance(resource, str) else found


def _on_parts(parts: tuple[str, ...]) -> sa.ColumnElement[bool]:
    name = canonical_parts(parts)
    splits = range(_SHORTEST_COLUMN_NAME - 1, len(parts))
    columns = [_uses(parts[:split], parts[split:]) for split in splits]
    return sa.or_(_is(name), _is_below(name + "."), *columns)


def _on_path(path: str) -> sa.ColumnElement[bool]:
    folder = path.rstrip("/")
    return sa.or_(_is(path), _is(folder), _is_below(folder + "/"))


def _is(resource: str) -> sa.ColumnElement[bool]:
    # The key alone is indexed.
    return sa.and_(_event.resource_key == resource[:KEY_CHARACTERS], _event.resource == resource)


def _is_below(prefix: str) -> sa.ColumnElement[bool]:
    """Texts that begin with a prefix, as a range: LIKE would ignore case on SQLite."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    conditions = [_event.resource >= prefix, _event.resource < after]
    if len(prefix) <= KEY_CHARACTERS:
        conditions += [_event.resource_key >= prefix, _event.resource_key < after]
    else:
        conditions.append(_event.resource_key == prefix[:KEY_CHARACTERS])
    return sa.and_(*conditions)


def _uses(table: tuple[str, ...], path: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """Events on a table that used a column, a field of it, or the struct that holds it."""
    steps = [lower(step) for step in path]
    written = to_json(".".join(steps))
    # An element begins after `[` or `,`: a quote inside of one is never written without a `\`.
    ends = [written] + [to_json(".".join(steps[:count])) for count in range(1, len(steps))]
    ends.append(written[:-1] + ".")
    used = [sa.literal(start + end, sa.Text) for start in ("[", ",") for end in ends]
    return sa.and_(
        _is(canonical_parts(table)), sa.or_(*(_holds(_event.columns, text) for text in used))
    )


def _holds(column: sa.Column[object], text: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Plain search on both databases: neither wildcards nor case rules of LIKE."""
    return sa.func.replace(sa.cast(column, sa.Text), text, "") != sa.cast(column, sa.Text)
