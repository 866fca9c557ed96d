"""SQL as its tokens: what it says, however it is spaced.

Tokens are those of Spark's lexer, and macros of policies. Where this one takes a text apart
otherwise, two texts that mean the same may differ, but none that mean different things are the
same: what is quoted, and comments, are taken as they are.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      \$\{\{ .*? \}\} | \{USER\}                         # macros
    | \b[rR] (?: '[^']*' | "[^"]*" )                     # raw literals
    | (?: ' (?: [^'\\] | \\. )* ' )+                     # literals; next to each other they are one
    | (?: " (?: [^"\\] | \\. )* " )+
    | (?: ` [^`]* ` )+                                   # quoted names
    | --[^\n]*\n? | /\* .*? \*/                          # comments
    | (?: \d+\.\d* | \.\d+ | \d+ ) (?: [eE][+-]?\d+ )? \w*
    | \w+
    | <=> | [<>!=]= | <> | ![<>] | [-=|]> | \|\| | << | >>>? | ::
    | \S
    """,
    re.DOTALL | re.VERBOSE,
)


def sql_tokens(sql: str) -> list[str]:
    """Return the tokens of SQL, which spaces between them don't change."""
    return [found[0] for found in _TOKEN.finditer(sql)]
