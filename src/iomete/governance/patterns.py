"""Names with wildcards, as policies write them: `lake.sales.*`, `lake.crm.cust??`.

`*` stands for any characters, `?` for one; both match dots, so they reach into nested namespaces
(`RangerDefaultResourceMatcher`). A part in back-quotes is literal, and can't hold either.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from iomete.catalog.governed_names import check_nameable
from iomete.errors import InvalidNameError
from iomete.names import as_parts, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

WILDCARDS = "*?"
_PART = re.compile(r"`(?:[^`]|``)*`|[^.`]+")
_PATTERN = re.compile(r"[A-Za-z0-9_*?-]+")


def parse_pattern(value: str | Sequence[str]) -> tuple[str, ...]:
    """Split a name into parts, some of which may be patterns.

    >>> parse_pattern("lake.sales.*")
    ('lake', 'sales', '*')

    Raises:
        InvalidNameError: It is no name, or can't be named by a policy.
    """
    if not isinstance(value, str):
        return tuple(check_nameable(as_parts(value)))
    if not has_wildcard(value):
        return tuple(check_nameable(as_parts(value)))
    parts = _PART.findall(value)
    if ".".join(parts) != value:
        raise InvalidNameError(
            f"Name `{value[:200]}` can't be parsed.", hint="write catalog.namespace.table"
        )
    return tuple(_part(part) for part in parts)


def has_wildcard(text: str) -> bool:
    """Tell whether a text holds a wildcard."""
    return any(wildcard in text for wildcard in WILDCARDS)


def write_part(part: str) -> str:
    """Return a part as it is written: a pattern as it is, a name quoted where it needs it."""
    return part if has_wildcard(part) else quote(part)


@cache
def patterns_meet(one: str, other: str) -> bool:
    """Tell whether some text matches both patterns."""
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return patterns_meet(one[1:], other) or patterns_meet(one, other[1:])
    if other[0] == "*":
        return patterns_meet(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and patterns_meet(one[1:], other[1:])


def _part(text: str) -> str:
    if has_wildcard(text) and not text.startswith("`"):
        if _PATTERN.fullmatch(text):
            return text
        raise InvalidNameError(
            f"Pattern `{text[:200]}` can't be parsed.",
            hint="a pattern has letters, digits, _ and - besides * and ?",
        )
    (part,) = check_nameable(as_parts(text))
    return part
