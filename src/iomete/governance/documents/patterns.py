"""Names with wildcards, as policies write them: `lake.sales.*`, `lake.crm.cust??`.

`*` stands for any characters, `?` for one; both match dots, so they reach into nested namespaces
(`RangerDefaultResourceMatcher`). `{USER}` and `{OWNER}` stand for the name of who asks and of who
owns what is asked for: `lake.home.{USER}`. A part in back-quotes is literal, and can't hold these.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from iomete.catalog.governed_names import check_nameable
from iomete.errors import InvalidNameError
from iomete.governance.principals.names import USER_TOKENS
from iomete.names import as_parts, lower, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

WILDCARDS = "*?"
_READ_IN_TAGS = "*?{}\\$"
_PART = re.compile(r"`(?:[^`]|``)*`|[^.`]+")
_TOKEN = re.compile("|".join(re.escape(token) for token in USER_TOKENS))
_PATTERN = re.compile(rf"(?:[A-Za-z0-9_*?-]|{_TOKEN.pattern})+")


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
    """Tell whether a text holds a wildcard, or a token that stands for a name."""
    return any(wildcard in text for wildcard in (*WILDCARDS, *USER_TOKENS))


def without_tokens(text: str) -> str:
    """Return a pattern that matches whatever a text's tokens may stand for."""
    return _TOKEN.sub("*", text)


def fold_pattern(text: str) -> str:
    """Return a pattern in lower case; tokens keep theirs."""
    return "".join(
        part if part in USER_TOKENS else lower(part)
        for part in re.split(f"({_TOKEN.pattern})", text)
    )


def write_part(part: str) -> str:
    """Return a part as it is written: a pattern as it is, a name quoted where it needs it."""
    return part if has_wildcard(part) else quote(part)


def patterns_meet(one: str, other: str) -> bool:
    """Tell whether some text matches both patterns."""
    return _meet(without_tokens(one), without_tokens(other))


@cache
def _meet(one: str, other: str) -> bool:
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _meet(one[1:], other[1:])


def tag_pattern_problem(value: str) -> str | None:
    """Return what is wrong with a tag, or a pattern of tags, in a policy; None if nothing is.

    Ranger finds policies on tags by the text before the first wildcard, and looks no further
    (`RangerResourceTrie`): `P*X` would cover every tag that begins with `P`.

    >>> tag_pattern_problem("PII.*") is None
    True
    """
    prefix = value.removesuffix("*")
    if any(character in prefix for character in _READ_IN_TAGS):
        return "can't be found by its tags: a pattern is what tags begin with, and `*` after it"
    return None


def _part(text: str) -> str:
    if has_wildcard(text) and not text.startswith("`"):
        if _PATTERN.fullmatch(text):
            return text
        raise InvalidNameError(
            f"Pattern `{text[:200]}` can't be parsed.",
            hint="a pattern has letters, digits, _ and - besides *, ?, {USER} and {OWNER}",
        )
    (part,) = check_nameable(as_parts(text))
    return part
