"""Spark's multipart identifiers: text to parts, parts to text.

The grammar is Spark 4.1's `SqlBaseLexer.g4` and `SqlBaseParser.g4`, rule
`singleMultipartIdentifier`, narrowed by `PostProcessor.exitUnquotedIdentifier`; property tests hold
this module to Spark's own parser. What follows from the grammar:

- An unquoted part is ASCII letters, digits and `_`. It may begin with a digit, unless all of it
  reads as a number (`12`, `12L`, `1e5`, `3BD`). Keywords are allowed.
- A quoted part stands in back-quotes, a back-quote in it is doubled, and it may hold anything.
- White space and comments may stand around parts and dots.

Different from Spark on purpose: names don't depend on session settings, so double quotes never
quote (`spark.sql.ansi.doubleQuotedIdentifiers`) and reserved words are always parsed and always
quoted (`spark.sql.ansi.enforceReservedKeywords`); `IDENTIFIER('…')`, a construct for parameters of
statements, is refused; and so are lone surrogates and names longer than `MAX_NAME_LENGTH`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from iomete.errors import InvalidNameError

MAX_NAME_LENGTH = 16_384
"""Most characters in a name, all parts together: hostile input is refused before it is read."""

RESERVED_WORDS = frozenset(
    """
    ALL AND ANY AS AUTHORIZATION BOTH CALL CASE CAST CHECK COLLATE COLLATION COLUMN CONSTRAINT
    CREATE CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DISTINCT ELSE END ESCAPE
    EXCEPT EXECUTE FALSE FETCH FILTER FOR FOREIGN FROM FULL GRANT GROUP HAVING IN INNER INTERSECT
    INTO IS JOIN LATERAL LEADING LEFT NATURAL NOT NULL OFFSET ON ONLY OR ORDER OUTER OVERLAPS
    PRIMARY RECURSIVE REFERENCES RIGHT SELECT SESSION_USER SOME SQL TABLE THEN TIME TO TRAILING
    UNION UNIQUE UNKNOWN USER USING WHEN WHERE WITH WITHIN
    """.split()  # noqa: SIM905 - a list literal is four times as long and reads worse
)
"""Words that Spark 4.1 wants quoted where `spark.sql.ansi.enforceReservedKeywords` is set."""

# WS, SIMPLE_COMMENT and the opening of BRACKETED_COMMENT; `/*+` opens a hint, which is no comment.
_SPACE = " \t\n\f\r\u000b\u00a0\u1680\u2000-\u200a\u2028\u202f\u205f\u3000"
_HIDDEN = re.compile(rf"[{_SPACE}]++|--(?:\\\n|[^\r\n])*+|(?P<comment>/\*(?!\+))")
_COMMENT_EDGE = re.compile(r"/\*(?!\+)|\*/")
_QUOTED = re.compile(r"`((?:[^`]|``)*+)`")
_UNQUOTED = re.compile(r"[A-Za-z0-9_]+")
_NUMBER = re.compile(r"[0-9]+(?:[LSY]|(?:E[0-9]+)?(?:[FD]|BD)?)", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTENDED = re.compile(rf"[^.`\"'(){_SPACE}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_LENGTH = 80


def parse_parts(text: str) -> tuple[str, ...]:
    r"""Split a name into its parts, as Spark's `parseMultipartIdentifier` does.

    >>> parse_parts("lake.`my-ns`.orders")
    ('lake', 'my-ns', 'orders')

    Raises:
        InvalidNameError: Spark would refuse the name, or it is one of the few forms that the module
            names as different. Positions in the message count characters from one.
    """
    check_text(text)
    parts: list[str] = []
    position = _skip_hidden(text, 0)
    while True:
        part, position = _read_part(text, position)
        parts.append(part)
        position = _skip_hidden(text, position)
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            raise _unexpected(text, position)
        position = _skip_hidden(text, position + 1)


def as_parts(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a name: text is parsed, a sequence of parts is taken as it is.

    >>> as_parts(("lake", "sales", "2024.orders"))
    ('lake', 'sales', '2024.orders')

    Raises:
        InvalidNameError: The text can't be parsed, or the parts aren't a sequence of texts.
    """
    if isinstance(value, str):
        return parse_parts(value)
    if not isinstance(value, Sequence) or not value:
        raise InvalidNameError(
            f"A name is text or a sequence of its parts, not {shown(repr(value))}.",
            hint='pass "lake.sales.orders" or ("lake", "sales", "orders")',
        )
    length = sum(len(check_text(part)) + 1 for part in value) - 1
    if length > MAX_NAME_LENGTH:
        raise _too_long(value[0], length)
    return tuple(value)


def quote(part: str) -> str:
    """Return a part as it is written in SQL: in back-quotes wherever some setting needs them.

    Raises:
        InvalidNameError: The part holds a lone surrogate, which no text encoding can carry.
    """
    if _PLAIN.fullmatch(check_text(part)) and part.upper() not in RESERVED_WORDS:
        return part
    return "`" + part.replace("`", "``") + "`"


def quote_parts(parts: Iterable[str]) -> str:
    """Return a name that `parse_parts` and Spark split into these parts again.

    >>> quote_parts(["lake", "sales", "2024-orders"])
    'lake.sales.`2024-orders`'
    """
    return ".".join(quote(part) for part in parts)


def shown(text: str) -> str:
    """Return text as a message may hold it: back-quoted, bounded, without control characters."""
    head = text[:_SHOWN_LENGTH]
    visible = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in head)
    return f"`{visible}…`" if len(text) > _SHOWN_LENGTH else f"`{visible}`"


def check_text(text: str) -> str:
    """Return the text if it can be part of a name at all.

    Raises:
        InvalidNameError: It isn't a `str`, is too long, or holds a lone surrogate.
    """
    if not isinstance(text, str):
        raise InvalidNameError(f"A part of a name is text, not {shown(repr(text)[:1000])}.")
    if len(text) > MAX_NAME_LENGTH:
        raise _too_long(text, len(text))
    if found := _SURROGATE.search(text):
        raise InvalidNameError(
            f"Name {shown(text)} is not valid Unicode: "
            f"half a surrogate pair at character {found.start() + 1}."
        )
    return text


def _read_part(text: str, position: int) -> tuple[str, int]:
    """Return the part that begins at a position, and where it ends."""
    if quoted := _QUOTED.match(text, position):
        return quoted[1].replace("``", "`"), quoted.end()
    if position < len(text) and text[position] == "`":
        raise InvalidNameError(
            f"Name {shown(text)} can't be parsed: "
            f"the back-quote at character {position + 1} is never closed.",
            hint="close it; a back-quote inside a quoted part is written twice",
        )
    unquoted = _UNQUOTED.match(text, position)
    if unquoted is None or _NUMBER.fullmatch(unquoted[0]):
        raise _unexpected(text, position, intended_from=position)
    if unquoted.end() < len(text) and _INTENDED.match(text, unquoted.end()):
        end = _skip_hidden(text, unquoted.end())  # `a--b` and `a/**/` go on with a comment
        if end == unquoted.end():
            raise _unexpected(text, end, intended_from=position)
    return unquoted[0], unquoted.end()


def _skip_hidden(text: str, position: int) -> int:
    """Return where the white space and comments that begin at a position end."""
    while hidden := _HIDDEN.match(text, position):
        position = hidden.end()
        if hidden["comment"]:
            position = _comment_end(text, hidden.start())
    return position


def _comment_end(text: str, start: int) -> int:
    """Return where a bracketed comment ends; they nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise InvalidNameError(
        f"Name {shown(text)} can't be parsed: the comment at character {start + 1} is never closed."
    )


def _unexpected(text: str, position: int, *, intended_from: int | None = None) -> InvalidNameError:
    """Say what stands where, and how the part was probably meant."""
    name = f"Name {shown(text)} can't be parsed"
    if not text.strip():
        return InvalidNameError("A name can't be empty.", hint="write catalog.namespace.table")
    if position == len(text):
        return InvalidNameError(f"{name}: it ends where a part is expected.")
    if text[position] == '"':
        return InvalidNameError(
            f"{name}: double quotes don't quote names (character {position + 1}).",
            hint="use back-quotes: `my-table`",
        )
    what = f"{name}: unexpected {shown(text[position])} at character {position + 1}."
    intended = None if intended_from is None else _INTENDED.match(text, intended_from)
    example = quote(intended[0]) if intended and len(intended[0]) <= _SHOWN_LENGTH else "`my-table`"
    return InvalidNameError(
        what, hint=f"put back-quotes around a part with more than letters, digits and _: {example}"
    )


def _too_long(start: str, length: int) -> InvalidNameError:
    return InvalidNameError(
        f"Name that begins with {shown(start)} has {length} characters, "
        f"and {MAX_NAME_LENGTH} are allowed."
    )
