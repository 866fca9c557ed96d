"""What SQL of policies says of the asking user: `${{USER.region}}`, `${{USER._name}}`, `{USER}`.

The Java side turns these into functions that bind the value (`UserMacros`). What it can't turn
makes it refuse everything that the policy is about, so that such SQL isn't taken here.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?s)(?P<literal>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
    r"""|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/"""
    r"""|(?P<macro>\$\{\{.*?\}\}|\{USER\})"""
)
_KNOWN = re.compile(r"\$\{\{\s*USER\.(?:_name|[A-Za-z][A-Za-z0-9_]*)\s*\}\}|\{USER\}")
_ANY = re.compile(r"\$\{\{|\$\[\[|\{USER\}")


def has_macro(text: str) -> bool:
    """Tell whether a text holds the beginning of a macro."""
    return _ANY.search(text) is not None


def macro_problem(sql: str) -> str | None:
    """Say what is wrong with the macros of a predicate or an expression, or None."""
    if not has_macro(_TOKEN.sub(_without_known, sql)):
        return None
    return "it has a macro other than `${{USER.attribute}}`, or one inside a longer literal"


def _without_known(found: re.Match[str]) -> str:
    literal = found["literal"]
    text = literal[1:-1] if literal else found["macro"]
    return "" if text and _KNOWN.fullmatch(text) else found[0]
