"""What a spool reader does in the store: events, rejected lines, and how far files were read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from iomete.governance.audit.lines import BadLineError, parse_line
from iomete.governance.audit.tables import audit_rejects, audit_spool_files, stored_events

_IDS_A_QUERY = 500
_MANY_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """What was taken in: events, lines that are none, events that were there, files deleted."""

    events: int = 0
    rejects: int = 0
    duplicates: int = 0
    deleted_files: int = 0

    def __add__(self, other: Ingestion) -> Ingestion:
        return Ingestion(
            events=self.events + other.events,
            rejects=self.rejects + other.rejects,
            duplicates=self.duplicates + other.duplicates,
            deleted_files=self.deleted_files + other.deleted_files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a file was read; `is_cut_off`: its last line never got its end."""

    inode: str
    byte_offset: int
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line without its end, and the byte of its file that it begins at."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A line that is no event."""

    line: Line
    reason: str


Event: TypeAlias = tuple[Line, dict[str, Any]]
"""A line, and the row that it makes."""


def parse_lines(lines: list[Line]) -> tuple[list[Event], list[Reject]]:
    """Tell events from lines that are none."""
    events = []
    rejects = []
    for line in lines:
        try:
            events.append((line, parse_line(line.content)))
        except BadLineError as error:
            rejects.append(Reject(line=line, reason=str(error)))
    return events, rejects


def store_events(connection: sa.Connection, events: list[Event]) -> tuple[Ingestion, list[Reject]]:
    """Store events that are new; return the lines that have the id of another event."""
    if len(events) > _MANY_EVENTS and connection.dialect.name == "sqlite":
        # SQLite's own 2 MB don't hold the indexes of a large table: a third faster with more.
        connection.exec_driver_sql("PRAGMA cache_size=-65536")
    try:
        with connection.begin_nested():
            _insert(connection, [row for _, row in events])
    except sa.exc.IntegrityError:
        return _store_new_events(connection, events)
    return Ingestion(events=len(events)), []


def _store_new_events(
    connection: sa.Connection, events: list[Event]
) -> tuple[Ingestion, list[Reject]]:
    """Do the same where some are there: id by id, and no event is dropped for its id alone."""
    known = _stored(connection, [row["event_id"] for _, row in events])
    new = []
    duplicates = 0
    clashes = []
    for line, row in events:
        other = known.setdefault(row["event_id"], row)
        if other is row:
            new.append(row)
        elif other == row:
            duplicates += 1
        else:
            clashes.append(Reject(line=line, reason="its id is that of another event"))
    _insert(connection, new)
    return Ingestion(events=len(new), duplicates=duplicates), clashes


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Insert rows by the driver itself: SQLAlchemy would take a third of the time for itself."""
    if rows:
        columns = [column.name for column in stored_events.columns]
        statement = str(sa.insert(stored_events).compile(dialect=connection.dialect))
        if connection.dialect.positional:
            values: list[Any] = [tuple(row[name] for name in columns) for row in rows]
        else:
            values = rows
        connection.exec_driver_sql(statement, values)


def _stored(connection: sa.Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for first in range(0, len(ids), _IDS_A_QUERY):
        wanted = ids[first : first + _IDS_A_QUERY]
        query = sa.select(stored_events).where(stored_events.c.event_id.in_(wanted))
        for row in connection.execute(query).mappings():
            found[row["event_id"]] = dict(row)
    return found


def store_rejects(connection: sa.Connection, name: str, rejects: list[Reject]) -> None:
    """Keep lines that are no events."""
    if rejects:
        now = datetime.now(UTC)
        rows = [
            {
                "rejected_at": now,
                "file_name": name,
                "byte_offset": reject.line.offset,
                "reason": reject.reason,
                "line": reject.line.content.decode(errors="surrogateescape"),
            }
            for reject in rejects
        ]
        connection.execute(sa.insert(audit_rejects), rows)


def read_position(connection: sa.Connection, name: str) -> Position | None:
    """Return how far a file was read; None for one that is new."""
    query = sa.select(audit_spool_files).where(audit_spool_files.c.file_name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else _as_position(row)


def _as_position(row: sa.Row[Any]) -> Position:
    return Position(inode=row.inode, byte_offset=row.byte_offset, is_cut_off=row.is_cut_off)


def save_position(
    connection: sa.Connection, name: str, position: Position, *, is_new: bool
) -> None:
    """Record how far a file was read."""
    values = {
        "inode": position.inode,
        "byte_offset": position.byte_offset,
        "is_cut_off": position.is_cut_off,
    }
    if is_new:
        connection.execute(sa.insert(audit_spool_files).values(file_name=name, **values))
    else:
        where = audit_spool_files.c.file_name == name
        connection.execute(sa.update(audit_spool_files).where(where).values(**values))
