"""Which names may be given to something new.

Iceberg derives a table's directory from its name and doesn't escape it: `lake.a.`..`` is a table in
the warehouse's root, and `lake.a.`x/y`` lies inside the directory of `lake.a.x`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from iomete.errors import InvalidNameError
from iomete.names.identifiers import as_parts, shown
from iomete.names.resources import Resource

MAX_PART_BYTES = 255
"""Longest part in UTF-8: it becomes the name of a directory (`NAME_MAX` of POSIX file systems)."""

_FORBIDDEN = {
    "/": "it separates directories",
    "\\": "it separates directories on some systems",
    ".": "catalogs join the levels of a namespace with dots, so that two names would be one",
    "?": "object stores cut a location there, so that two tables would share files",
    "#": "object stores cut a location there, so that two tables would share files",
    ":": "Hadoop file systems can't list a directory that holds it",
}
_JOINERS = "\u200c\u200d"  # written Persian and several Indic scripts need these two


def check_creatable(name: str | Sequence[str] | Resource) -> tuple[str, ...]:
    """Return the parts of a name for a new namespace or table, if it is safe to create.

    Stricter than what can be read: names that exist already are never judged by it. Not for column
    names, which are nobody's directory.

    Raises:
        InvalidNameError: A part is empty, too long, surrounded by white space, or holds a character
            that is invisible or that changes the location.
    """
    parts = name.parts if isinstance(name, Resource) else as_parts(name)
    for part in parts:
        if problem := _problem(part):
            raise InvalidNameError(
                f"Name {shown(part)} can't be created: {problem}.",
                hint="use letters, digits, _ and -",
            )
    return parts


def _problem(part: str) -> str | None:
    """Say why a part can't be created, or None."""
    if not part:
        return "it is empty"
    if (size := len(part.encode())) > MAX_PART_BYTES:
        return f"it has {size} bytes in UTF-8, and {MAX_PART_BYTES} are allowed"
    if part != part.strip():
        return "it begins or ends with white space"
    for position, character in enumerate(part, start=1):
        if reason := _FORBIDDEN.get(character):
            return f"{shown(character)} at character {position} is not allowed, because {reason}"
        category = unicodedata.category(character)
        if category in {"Cc", "Zl", "Zp"} or (category == "Cf" and character not in _JOINERS):
            return f"{shown(character)} at character {position} is invisible"
    return None
