"""Put renamed columns into the SQL of row filters and custom masks.

An expression is read as a row of words, which says enough where no word can be anything but a
column. Where that isn't sure (subqueries, lambdas, a column called like a type), it isn't changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iomete.names import lower, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<macro>\$\{\{.*?\}\}|\{col\})
    | (?P<text>[rR]?'(?:[^'\\]|\\.|'')*'|[rR]?"(?:[^"\\]|\\.|"")*")
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<number>\d[\w.]*)
    | (?P<word>[^\W\d]\w*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNSURE = frozenset({"select", "with", "from", "over", "interval", "as", "table", "lateral"})
"""Words around which others needn't be columns."""

_NO_COLUMNS = frozenset(
    [
        *("and", "or", "not", "in", "is", "null", "like", "ilike", "rlike", "between", "escape"),
        *("case", "when", "then", "else", "end", "true", "false", "exists", "any", "all", "some"),
        *("cast", "date", "timestamp", "array", "map", "struct", "int", "bigint", "string"),
        *("double", "float", "decimal", "boolean", "binary", "div", "distinct", "collate"),
        *("current_user", "current_date", "current_timestamp", "unknown"),
        *("year", "quarter", "month", "week", "day", "hour", "minute", "second"),
    ]
)
"""Words that an expression may hold without meaning a column that is called so."""


class UnsureExpressionError(Exception):
    """An expression names what was renamed, and can't be told apart from what else it may say."""


def moved_expression(
    text: str, columns: Mapping[str, str], *, old_table: str = "", new_table: str = ""
) -> str:
    """Return an expression with today's names in the place of former ones.

    Args:
        text: A predicate or a custom mask.
        columns: Today's path by the former one, of columns and fields, in lower case.
        old_table: The name that the expression may qualify columns with.
        new_table: What takes its place.

    Raises:
        UnsureExpressionError: It may name one of them, and it can't be told where.
    """
    tokens = [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]
    names = {path.rsplit(".", 1)[-1] for path in columns}
    qualifier = lower(old_table) if old_table != new_table else ""
    words = {_name(kind, token) for kind, token in tokens if kind in {"word", "quoted"}}
    if not words & (names | ({qualifier} if qualifier else set())):
        return text
    bare = {lower(token) for kind, token in tokens if kind == "word"}
    if bare & _UNSURE or "->" in text or names & _NO_COLUMNS or qualifier in columns:
        raise UnsureExpressionError(text)
    return "".join(_rewritten(tokens, columns, qualifier, new_table))


def _rewritten(
    tokens: list[tuple[str, str]], columns: Mapping[str, str], qualifier: str, new_table: str
) -> Iterator[str]:
    index = 0
    while index < len(tokens):
        kind, token = tokens[index]
        if kind not in {"word", "quoted"}:
            yield token
            index += 1
            continue
        path, end = _path(tokens, index)
        if _next(tokens, end) == "(":  # a function
            yield "".join(token for _, token in tokens[index:end])
        else:
            yield _moved(path, tokens[index:end], columns, qualifier, new_table)
        index = end


def _path(tokens: list[tuple[str, str]], begin: int) -> tuple[list[str], int]:
    """Return the steps of the dotted name that begins here, and where it ends."""
    steps, end = [_name(*tokens[begin])], begin + 1
    while (
        end + 1 < len(tokens) and tokens[end][1] == "." and tokens[end + 1][0] in {"word", "quoted"}
    ):
        steps.append(_name(*tokens[end + 1]))
        end += 2
    return steps, end


def _next(tokens: list[tuple[str, str]], begin: int) -> str:
    """Return what comes next, but for spaces and comments."""
    rest = (token for kind, token in tokens[begin:] if kind not in {"space", "comment"})
    return next(rest, "")


def _moved(
    steps: list[str],
    written: list[tuple[str, str]],
    columns: Mapping[str, str],
    qualifier: str,
    new_table: str,
) -> str:
    """Return a dotted name with the longest renamed path in it replaced."""
    head: list[str] = []
    if qualifier and steps[0] == qualifier:
        head, steps = [new_table], steps[1:]
    for length in range(len(steps), 0, -1):
        today = columns.get(".".join(steps[:length]))
        if today is not None:
            return ".".join(quote(step) for step in (*head, *today.split("."), *steps[length:]))
    if head:
        return ".".join(quote(step) for step in (*head, *steps))
    return "".join(token for _, token in written)


def _name(kind: str, token: str) -> str:
    return lower(token[1:-1].replace("``", "`") if kind == "quoted" else token)
