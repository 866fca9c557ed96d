"""Tags and owners follow tables and columns that got other names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.tables import owners, tag_attachments
from iomete.names import quote_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iomete.catalog.governed_names import GovernedTable


def move_tags(
    connection: sa.Connection,
    old: GovernedTable,
    new: GovernedTable,
    columns: Mapping[str, str],
    *,
    keep: bool = False,
) -> None:
    """Put the tags of a table and its columns on what it is called by now.

    Args:
        connection: In a write transaction.
        old: The table's former name.
        new: Its name by now.
        columns: Today's path by the former one, of columns that were renamed.
        keep: Leave the tags on the former names as well.
    """
    resource = tag_attachments.c.resource
    attached = connection.execute(
        sa.select(tag_attachments).where(
            sa.or_(
                resource == old.full_name,
                resource.startswith(f"{old.full_name}.", autoescape=True),
            )
        )
    ).all()
    moved = []
    for row in attached:
        parts = json.loads(row.parts)
        if (parts["catalog"], parts["namespace"], parts["table"]) != (
            old.catalog,
            old.namespace,
            old.table,
        ):
            continue
        moved.append((row, _parts(new, columns.get(parts.get("column"), parts.get("column")))))
    if not keep:
        for row, _ in moved:
            _remove(connection, row.tag, row.resource)
    for row, parts in moved:
        name = _full_name(new, parts.get("column"))
        _remove(connection, row.tag, name)
        values = {**row._mapping, "resource": name, "parts": json.dumps(parts)}  # noqa: SLF001
        connection.execute(sa.insert(tag_attachments).values(**values))


def move_owners(connection: sa.Connection, old: GovernedTable, new: GovernedTable) -> None:
    """Have the owner of a table or view own it under the name that it has by now."""
    owned = connection.execute(sa.select(owners).filter_by(resource=old.full_name)).first()
    if owned is None:
        return
    connection.execute(
        sa.delete(owners).where(owners.c.resource.in_([old.full_name, new.full_name]))
    )
    values = {**owned._mapping, "resource": new.full_name}  # noqa: SLF001
    connection.execute(sa.insert(owners).values(**values))


def _parts(table: GovernedTable, column: str | None) -> dict[str, str]:
    parts = {"catalog": table.catalog, "namespace": table.namespace, "table": table.table}
    return parts | ({"column": column} if column else {})


def _full_name(table: GovernedTable, column: str | None) -> str:
    if column is None:
        return table.full_name
    return f"{table.full_name}.{quote_parts(column.split('.'))}"


def _remove(connection: sa.Connection, tag: str, resource: str) -> None:
    connection.execute(sa.delete(tag_attachments).filter_by(tag=tag, resource=resource))
