"""Policies, tags and owners follow tables that got other names.

Spark tells what a table was called and what it is called by now; from that moment on it lets the
policies of both names hold. Here they are given the new name, in one transaction, and from the
version of governance on that this makes, Spark goes by the new name alone.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable
from iomete.catalog.moves import move_owners, move_tags
from iomete.governance import counters
from iomete.governance.documents.document import LABELS, SERVICE, Document
from iomete.governance.founding import found
from iomete.governance.policy_records import (
    Change,
    Policy,
    insert_policy,
    read_policies,
    replace_policy,
    taken_names,
)
from iomete.governance.renames.documents import (
    TableMove,
    derived_documents,
    is_on,
    moved_document,
    protections,
)
from iomete.governance.renames.expressions import UnsureExpressionError
from iomete.governance.tables import known_tables, policies, table_moves
from iomete.names import quote_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iomete.store import Store

ABANDONED = timedelta(minutes=1)
"""After this a rename that began has ended, or its process has; then both names are protected."""

_OF_THE_ORIGINAL = frozenset({"id", "version", "guid", LABELS})
"""What a policy that is derived of another hasn't got of it; who owns that doesn't own this one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A table as policies call it, under its identity."""

    identity: str
    since: int
    table: GovernedTable
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """What a move makes of policies: documents in the place of others, and new ones."""

    replaced: list[tuple[Policy, Document]]
    added: list[Document]


def has_moves(store: Store) -> bool:
    """Tell whether there are renames that policies haven't followed."""
    with store.read() as connection:
        return connection.execute(sa.select(table_moves.c.move_id).limit(1)).first() is not None


def carry_out_moves(store: Store, *, stuck: set[str] | None = None) -> int:
    """Have policies, tags and owners follow every rename that Spark has told; return how many.

    A move that a policy's SQL stands in the way of is left: Spark goes on to let the policies of
    both names hold.

    Args:
        store: Of the lakehouse.
        stuck: Moves that a warning was logged for, which isn't repeated; more are added.
    """
    stuck = set() if stuck is None else stuck
    found(store)
    with store.write() as connection:
        rows = connection.execute(
            sa.select(table_moves).order_by(table_moves.c.recorded_at, table_moves.c.move_id)
        ).all()
        return sum(_Carrying(connection, row, stuck).carry_out() for row in rows)


class _Carrying:
    """One move, in a transaction."""

    def __init__(self, connection: sa.Connection, row: sa.Row[Any], stuck: set[str]) -> None:
        self._connection = connection
        self._row = row
        self._stuck = stuck
        self._known = None if row.identity is None else _newest(connection, row.identity)
        self._new = GovernedTable(row.to_catalog, row.to_namespace, row.to_table)

    def carry_out(self) -> bool:
        """Carry it out if it is time, and forget it; tell whether something changed."""
        row = self._row
        is_begun = row.state == "begun"
        if is_begun and datetime.now(UTC) - row.recorded_at < ABANDONED:
            return False
        move = self._move()
        if move is None:
            self._forget()
            return False
        others = self._others_of(move.old)
        # Another table may be meant by the old name, unless a statement has named this one.
        is_copy = is_begun or (row.kind == "found" and bool(others))
        try:
            changes = self._changes(move, is_copy=is_copy)
        except UnsureExpressionError as error:
            self._tell_stuck(move, error)
            return False
        self._apply(move, changes, is_copy=is_copy)
        since = counters.next_value(self._connection, counters.VERSION)
        if self._known is not None:
            columns = {**self._known.columns, **json.loads(row.columns)}
            _bind(self._connection, self._known.identity, since, move.new, columns)
        if not is_copy and move.old != move.new:
            for other in others:
                _bind(self._connection, other.identity, since, move.new, other.columns)
        self._forget()
        return True

    def _tell_stuck(self, move: TableMove, error: UnsureExpressionError) -> None:
        if self._row.move_id in self._stuck:
            return
        self._stuck.add(self._row.move_id)
        renamed = f"`{move.old.full_name}` was renamed to `{move.new.full_name}`"
        if move.old == move.new:
            columns = ", ".join(f"`{old}` to `{new}`" for old, new in move.columns.items())
            renamed = f"Columns of `{move.new.full_name}` were renamed ({columns})"
        logger.warning(
            "%s, and a policy's SQL can't be made to follow: `%s`. Both names are protected; "
            "change the policy.",
            renamed,
            error,
        )

    def _move(self) -> TableMove | None:
        """Return what there is to do; None if somebody has done it, or it was another table."""
        row = self._row
        if row.identity is None:
            old = GovernedTable(row.from_catalog, row.from_namespace, row.from_table)
            return TableMove(old=old, new=self._new, columns={}) if old != self._new else None
        if self._known is None or self._known.since != row.since:
            return None
        today = json.loads(row.columns)
        columns = {
            path: today[number]
            for number, path in self._known.columns.items()
            if today.get(number, path) != path
        }
        if self._known.table == self._new and not columns:
            return None
        return TableMove(old=self._known.table, new=self._new, columns=columns)

    def _others_of(self, table: GovernedTable) -> list[_Known]:
        """Return further tables that policies call so."""
        identities = self._connection.execute(
            sa.select(known_tables.c.identity)
            .filter_by(catalog=table.catalog, namespace=table.namespace, table_name=table.table)
            .distinct()
        ).scalars()
        own = None if self._known is None else self._known.identity
        found = (_newest(self._connection, identity) for identity in identities.all())
        return [
            known
            for known in found
            if known is not None and known.table == table and known.identity != own
        ]

    def _changes(self, move: TableMove, *, is_copy: bool) -> _Changes:
        replaced: list[tuple[Policy, Document]] = []
        added: list[Document] = []
        candidates = read_policies(
            self._connection,
            policies.c.service == SERVICE,
            sa.or_(policies.c.target.in_(_with_those_above(move.old)), policies.c.is_pattern),
        )
        for policy in candidates:
            if not is_on(policy.document, move.old):
                added.extend(derived_documents(policy.document, move))
            elif not is_copy:
                document = moved_document(policy.document, move)
                if document != policy.document:
                    replaced.append((policy, document))
            elif (kept := protections(policy.document)) is not None:
                added.append(moved_document(kept, move))
        return _Changes(replaced=replaced, added=added)

    def _apply(self, move: TableMove, changes: _Changes, *, is_copy: bool) -> None:
        author = self._row.principal
        for policy, document in changes.replaced:
            replace_policy(self._connection, policy, document, author=author, change=Change.MOVED)
        for document in changes.added:
            fresh = {
                k: v for k, v in document.items() if k not in {"id", "version", "guid", LABELS}
            }
            named = fresh | {"name": self._free_name(document["name"])}
            insert_policy(self._connection, named, author=author, change=Change.MOVED)
        move_tags(self._connection, move.old, move.new, move.columns, keep=is_copy)
        if not is_copy and move.old != move.new:
            move_owners(self._connection, move.old, move.new)

    def _free_name(self, name: str) -> str:
        number, free = 1, name
        while taken_names(self._connection, {free}):
            number += 1
            free = f"{name} {number}"
        return free

    def _forget(self) -> None:
        self._connection.execute(sa.delete(table_moves).filter_by(move_id=self._row.move_id))


def _with_those_above(table: GovernedTable) -> list[str]:
    """Return the full names of a table, its namespaces and its catalog."""
    parts = (table.catalog, *table.namespace.split("."), table.table)
    return [quote_parts(parts[:length]) for length in range(1, len(parts) + 1)]


def _newest(connection: sa.Connection, identity: str) -> _Known | None:
    row = connection.execute(
        sa.select(known_tables)
        .filter_by(identity=identity)
        .order_by(known_tables.c.since.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return _Known(
        identity=row.identity,
        since=row.since,
        table=GovernedTable(row.catalog, row.namespace, row.table_name),
        columns=json.loads(row.columns),
    )


def _bind(
    connection: sa.Connection,
    identity: str,
    since: int,
    table: GovernedTable,
    columns: Mapping[str, str],
) -> None:
    """Have policies call a table so from a version on."""
    connection.execute(sa.delete(known_tables).filter_by(identity=identity, since=since))
    connection.execute(
        sa.insert(known_tables).values(
            identity=identity,
            since=since,
            catalog=table.catalog,
            namespace=table.namespace,
            table_name=table.table,
            columns=json.dumps(columns),
        )
    )
