"""Split SQL text into statements, as Spark's lexer reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<quoted> [rR]'[^']*+'? | [rR]"[^"]*+"?              # raw: a backslash is a backslash
                | '(?:[^'\\]|\\.)*+\\?'? | "(?:[^"\\]|\\.)*+\\?"? | `[^`]*+`? )
    | (?P<remark> --(?:\\\n|[^\r\n])*+ )
    | (?P<comment> /\*(?!\+) )  # `/*+` is a hint, part of the statement
    | (?P<space> \s++ )
    | (?P<word> \w++ )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*(?!\+)|\*/")
_LOOPS = {"IF", "WHILE", "REPEAT", "LOOP", "FOR"}  # what `END` may name besides `CASE` and labels


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    end: int
    closed: bool = True


def split_statements(text: str) -> tuple[list[str], str]:
    """Return the statements that a `;` ends, without it, and the text after the last of them.

    Quotes, comments and `BEGIN … END` scripts are kept whole; statements of nothing but comments
    are left out. Each part of the answer is a piece of `text`.
    """
    found, start, words = [], 0, list[str]()
    for token in _tokens(text):
        if token.kind in {"word", "mark"}:
            words.append(token.text.upper())
        if token.text == ";" and not _in_script(words[:-1]):
            found.append(text[start : token.end - 1])
            start, words = token.end, []
    return [statement for statement in found if not is_blank(statement)], text[start:]


def is_blank(text: str) -> bool:
    """Return whether text holds only space and comments that have ended."""
    return all(
        token.kind in {"space", "remark", "comment"} and token.closed for token in _tokens(text)
    )


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while found := _TOKEN.match(text, position):
        kind, end, closed = str(found.lastgroup), found.end(), True
        if kind == "comment":
            end, closed = _comment_end(text, end)
        elif kind == "remark":  # a backslash carries it on to the next line
            closed = not found[0].endswith("\\")
        yield _Token(kind, text[position:end], end, closed)
        position = end


def _comment_end(text: str, position: int) -> tuple[int, bool]:
    """Return where a comment ends, with those inside it, and whether it does."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += -1 if edge[0] == "*/" else 1
        if not depth:
            return edge.end(), True
    return len(text), False


def _in_script(words: list[str]) -> bool:
    """Return whether these words open a script, `BEGIN` or `label: BEGIN`, and don't end it."""
    if words[:1] != ["BEGIN"] and words[1:3] != [":", "BEGIN"]:
        return False
    depth = 0
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if before == ".":  # a column of that name
            continue
        if word == "END" and after not in _LOOPS:
            depth -= 1
        elif word in {"BEGIN", "CASE"} and before != "END":
            depth += 1
    return depth > 0
