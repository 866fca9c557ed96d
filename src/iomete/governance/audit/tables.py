"""The audit trail's tables, and how they hold text that a database would refuse."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from iomete.store import UtcDateTime, metadata

AUDIT_TABLE = "lake.system.audit"
"""What the audit trail is called in SQL, and in the events about it."""

_REFUSED = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")


class AnyText(TypeDecorator[str]):
    r"""Any Python text; compares by code points on both databases.

    Neither database takes half a surrogate pair and PostgreSQL takes no NUL, but names and paths in
    queries may hold both. They are stored as `\udc80`, and a backslash is doubled, so each text
    comes back as it was, and texts that begin alike are stored alike.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
        """Take PostgreSQL's byte order, which SQLite has anyway: prefixes are found by range."""
        return sa.Text(collation="C" if dialect.name == "postgresql" else None)

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Escape what a database would refuse."""
        return None if value is None else storable_text(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Undo the escapes."""
        if value is None or "\\" not in value:
            return value
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", value)


class JsonText(TypeDecorator[Any]):
    """A list of texts or integers, or an object of texts, as JSON.

    In ASCII and without spaces, so that it can be searched.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Write JSON; None stays NULL."""
        return None if value is None else storable_json(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> Any | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Read JSON."""
        return None if value is None else json.loads(value)


def storable_text(text: str) -> str:
    """Return text as `AnyText` stores it."""
    return _REFUSED.sub(_escaped, text) if _REFUSED.search(text) else text


def _escaped(found: re.Match[str]) -> str:
    return "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"


def storable_json(value: list[str] | list[int] | dict[str, str]) -> str:
    """Return a value as `JsonText` stores it."""
    return _object(tuple(value.items())) if isinstance(value, dict) else _list(tuple(value))


# The same few columns, policies and masks come in every other event.
@lru_cache(maxsize=10_000)
def _list(items: tuple[str | int, ...]) -> str:
    return to_json(items)


@lru_cache(maxsize=10_000)
def _object(items: tuple[tuple[str, str], ...]) -> str:
    return to_json(dict(items))


to_json = json.JSONEncoder(separators=(",", ":")).encode


audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("event_id", AnyText, primary_key=True),
    sa.Column("occurred_at", UtcDateTime, nullable=False, index=True),
    sa.Column("principal", AnyText, nullable=False),
    sa.Column("action", AnyText, nullable=False),
    sa.Column("resource", AnyText, nullable=False),
    sa.Column("resource_key", AnyText, nullable=False),
    sa.Column("columns", JsonText, nullable=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("policies", JsonText, nullable=False),
    sa.Column("masks", JsonText, nullable=False),
    sa.Column("filters", JsonText, nullable=False),
    sa.Column("snapshot", AnyText, nullable=True),
    sa.Column("query_id", AnyText, nullable=False),
    sa.Column("session_id", AnyText, nullable=False),
    sa.Column("application_id", AnyText, nullable=False),
    sa.Column("via", JsonText, nullable=False),
    sa.Column("reason", AnyText, nullable=True),
    sa.Index(None, "principal", "occurred_at"),
    sa.Index(None, "resource_key", "occurred_at"),
)
"""One row a decision on one resource; `resource` is quoted and folded as `iomete.names` does,
and `resource_key` is as much of it as an index takes."""

stored_events = sa.table("audit_events", *(sa.column(column.name) for column in audit_events.c))
"""The same, with values as the database holds them: a row that is converted while it is parsed is
stored in two thirds of the time."""

audit_spool_files = sa.Table(
    "audit_spool_files",
    metadata,
    sa.Column("file_name", sa.Text, primary_key=True),
    sa.Column("inode", sa.Text, nullable=False),  # as text: it may need 64 bits without a sign
    sa.Column("byte_offset", sa.BigInteger, nullable=False),
    sa.Column("is_cut_off", sa.Boolean, nullable=False),
)
"""How much of each spool file is in the store. Rows outlive their files: a reader that opened a
file before it was deleted would otherwise take it for a new one."""

audit_rejects = sa.Table(
    "audit_rejects",
    metadata,
    sa.Column("reject_id", sa.Integer, primary_key=True),
    sa.Column("rejected_at", UtcDateTime, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("byte_offset", sa.BigInteger, nullable=False),
    sa.Column("reason", AnyText, nullable=False),
    sa.Column("line", AnyText, nullable=False),
)
"""Lines of spool files that are no events. Bytes that aren't UTF-8 are in `line` as Python's
`surrogateescape` has them."""
