"""YAML as policy files have it: plain values, and where in the text each of them is.

The scalars are those of YAML 1.2's core schema (section 10.3.2), so that `no`, `on`, `12:30` and
`2026-01-01` are texts. What makes a text say other things than its reviewers read is refused:
anchors, aliases and merges, tags, several documents in a file, a key twice, characters that break
lines or turn text about where nobody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 32
"""Most levels of lists and mappings in each other; policies have four."""

Path = tuple[str | int, ...]
"""Keys and positions that lead from the top to a value."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_INTEGER_CHARACTERS = 30
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
"""With a point or an exponent; what has neither, as `007`, is a text."""
_UNREAD = re.compile(
    r"[^\t\n\r -~\xa0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe"
    r"\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
"""Characters that YAML doesn't allow (section 5.1), and those that show a text otherwise than it
is read: further line breaks of YAML 1.1, byte order marks, marks that turn a text's direction."""
_MERGE = "<<"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column of a file, both from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Located:
    """A value read from YAML, and where its parts are: keys in `keys`, values in `values`.

    `problems` are what policy files don't say, with their places; where `is_whole` is false, these
    keep the value from being what was meant.
    """

    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: tuple[tuple[Place, str], ...] = ()
    is_whole: bool = True

    def place_of(self, path: Path) -> Place:
        """Return where a part is: its key if it has one, else the nearest part around it."""
        for length in range(len(path), -1, -1):
            if found := self.keys.get(path[:length]) or self.values.get(path[:length]):
                return found
        return Place()


def read_yaml(text: str) -> Located:
    """Return what the one document of a text says, and all that is wrong with it."""
    composer = _Composer()
    if (found := _UNREAD.search(text)) is not None:
        message = (
            f"the character U+{ord(found[0]):04X} isn't read, for people don't see it; in double "
            "quotes it can be written as an escape"
        )
        composer.note(_place_at(text, found.start()), message)
        return composer.result(None, is_whole=False)
    try:
        return composer.compose(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(filter(None, (error.context, error.problem)))
        composer.note(_place(mark), f"this is no YAML: {words}")
        return composer.result(None, is_whole=False)
    except _TooDeepError as error:
        composer.note(error.place, f"there are more than {MAX_DEPTH} levels")
        return composer.result(None, is_whole=False)


class _TooDeepError(Exception):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class _Composer:
    """Makes values of the parser's events; unlike PyYAML's own, it expands nothing."""

    def __init__(self) -> None:
        self._events: Iterator[Any] = iter(())
        self._keys: dict[Path, Place] = {}
        self._values: dict[Path, Place] = {}
        self._problems: list[tuple[Place, str]] = []
        self._is_whole = True

    def note(self, place: Place, message: str) -> None:
        self._problems.append((place, message))

    def result(self, value: Any, *, is_whole: bool) -> Located:
        return Located(value, self._keys, self._values, tuple(self._problems), is_whole)

    def compose(self, events: Iterator[Any]) -> Located:
        self._events = events
        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            return self.result(None, is_whole=True)
        value = self._value(next(events), ())
        next(events)  # the document's end
        if not isinstance(after := next(events), yaml.StreamEndEvent):
            place = _place(after.start_mark)
            self.note(place, "a second document begins here; give it a file of its own")
        return self.result(value, is_whole=self._is_whole)

    def _value(self, event: Any, path: Path) -> Any:
        place = _place(event.start_mark)
        self._values.setdefault(path, place)
        self._note_references(event, place)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if len(path) >= MAX_DEPTH:
            raise _TooDeepError(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = _place(event.start_mark)
            key = self._key(event, place, path)
            if key in members:
                first = self._keys[(*path, key)].line
                self.note(place, f"`{key[:80]}` is said twice, first in line {first}")
            self._keys.setdefault((*path, key), place)
            value = self._value(next(self._events), (*path, key))
            members.setdefault(key, value)
        members.pop(_MERGE, None)
        return members

    def _key(self, event: Any, place: Place, path: Path) -> str:
        self._note_references(event, place)
        if isinstance(event, yaml.ScalarEvent):
            if event.value == _MERGE and event.implicit[0]:
                self.note(place, "merges (`<<`) aren't read; write out what is meant")
                self._is_whole = False
            return str(event.value)
        if not isinstance(event, yaml.AliasEvent):
            self.note(place, "a key is a text, not a list or a mapping")
            self._value(event, (*path, ""))
        self._is_whole = False
        return ""

    def _note_references(self, event: Any, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.note(place, "aliases (`*`) aren't read; write out what is meant, or quote it")
            self._is_whole = False
        elif event.anchor is not None:
            self.note(place, "anchors (`&`) aren't read; write out what is meant, or quote it")
        if getattr(event, "tag", None) is not None:
            self.note(place, "tags (`!`) aren't read; leave it out, or quote it")
            self._is_whole = False


def _scalar(event: Any) -> str | int | float | bool | None:
    text = str(event.value)
    if not event.implicit[0]:  # it is quoted, or a block
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text) and len(text) <= _MAX_INTEGER_CHARACTERS:
        return int(text)
    if _FLOAT.fullmatch(text) and not text.lstrip("+-").isdecimal():
        return float(text)
    return text


def _place(mark: Any) -> Place:
    return Place() if mark is None else Place(mark.line + 1, mark.column + 1)


def _place_at(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
