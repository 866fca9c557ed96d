"""One line of an audit spool file: a JSON object, checked, as a row of `audit_events`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from iomete.errors import InvalidNameError
from iomete.governance.audit.tables import storable_json, storable_text
from iomete.names import SESSION_CATALOG, fold, lower, parse_parts, quote_parts


class BadLineError(ValueError):
    """A line isn't an event; the message says why."""


KEY_CHARACTERS = 400
"""Most characters of an indexed text. PostgreSQL takes 2,704 bytes an index entry, and a character
takes up to six; a name in a query may be longer, and its event must not be lost for that."""

_TEXT = frozenset({str})
_INTEGER = frozenset({int})  # `True` is none

PATH_ACTIONS = frozenset({"read", "write"})
"""Actions on paths. Those with a dot, such as `policy.create`, are on what the administration
writes in its own words; the resource of any other is a name."""


def parse_line(line: bytes) -> dict[str, Any]:
    """Return a line as a row of `stored_events`. Members that aren't known are left out.

    Raises:
        BadLineError: It isn't a JSON object with the members of an event.
    """
    try:
        document = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise BadLineError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadLineError("not a JSON object")
    row = {}
    # Without an escape in the line, no text in it needs one in the store.
    is_plain = b"\\" not in line
    for member, (column, is_valid, storable) in _MEMBERS.items():
        value = document.get(member)
        if not is_valid(value):
            missing = "" if member in document else " (it is missing)"
            raise BadLineError(f"member `{member}` is not what it should be{missing}")
        is_stored_as_it_is = value is None or (is_plain and storable is storable_text)
        row[column] = value if is_stored_as_it_is else storable(value)
    resource = document["resource"]
    if document["action"] not in PATH_ACTIONS and "." not in document["action"]:
        resource = canonical_name(resource)
        row["resource"] = storable_text(resource)
    row["resource_key"] = storable_text(resource[:KEY_CHARACTERS])
    return row


def _decode(text: str) -> object:
    """Return a line's JSON, at once where no white space is around it: our writers leave none."""
    try:
        document, end = _raw_decode(text)
    except json.JSONDecodeError:
        end = -1
    return document if end == len(text) else json.loads(text)


_raw_decode = json.JSONDecoder().raw_decode


@lru_cache(maxsize=20_000)
def canonical_name(name: str) -> str:
    """Return a full name as `iomete.names` writes it: the JVM quotes less, and may fold less.

    What isn't a name stays as it is.
    """
    try:
        return canonical_parts(parse_parts(name))
    except InvalidNameError:
        return name


def canonical_parts(parts: tuple[str, ...]) -> str:
    """Return the text that a name is stored as; names of the session catalog are in lower case."""
    if fold(parts[0]) == SESSION_CATALOG:
        parts = (SESSION_CATALOG, *map(lower, parts[1:]))
    return quote_parts(parts)


def _storable_time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if _AS_WRITTEN.fullmatch(text):
            return f"{text[:-1]}+00:00"
        if moment.tzinfo is not None:
            # As `UtcDateTime` has it.
            return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError) as error:
        raise BadLineError("member `time` is not a time in ISO 8601") from error
    raise BadLineError("member `time` has no time zone")


_AS_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
"""How both writers give the time: already what `UtcDateTime` stores, but for the zone."""


def _is_short_text(value: object) -> bool:
    return type(value) is str and len(value) <= KEY_CHARACTERS


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_text_or_null(value: object) -> bool:
    return value is None or type(value) is str


def _is_texts(value: object) -> bool:
    return type(value) is list and _TEXT.issuperset(map(type, value))


def _is_texts_or_null(value: object) -> bool:
    return value is None or _is_texts(value)


def _is_integers(value: object) -> bool:
    return type(value) is list and _INTEGER.issuperset(map(type, value))


def _is_object_of_texts(value: object) -> bool:
    return type(value) is dict and _TEXT.issuperset(map(type, value.values()))


def _is_verdict(value: object) -> bool:
    return value in ("allowed", "denied")


_MEMBERS: dict[str, tuple[str, Callable[[object], bool], Callable[[Any], str]]] = {
    "id": ("event_id", _is_short_text, storable_text),
    "time": ("occurred_at", _is_text, _storable_time),
    "principal": ("principal", _is_short_text, storable_text),
    "action": ("action", _is_text, storable_text),
    "resource": ("resource", _is_text, storable_text),
    "columns": ("columns", _is_texts_or_null, storable_json),
    "verdict": ("verdict", _is_verdict, str),
    "policies": ("policies", _is_integers, storable_json),
    "masks": ("masks", _is_object_of_texts, storable_json),
    "filters": ("filters", _is_integers, storable_json),
    "snapshot": ("snapshot", _is_text_or_null, storable_text),
    "query": ("query_id", _is_text, storable_text),
    "session": ("session_id", _is_text, storable_text),
    "application": ("application_id", _is_text, storable_text),
    "via": ("via", _is_texts, storable_json),
    "reason": ("reason", _is_text_or_null, storable_text),
}
"""Members of a line: the column that takes each, what makes it valid, and how it is stored."""
