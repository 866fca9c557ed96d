"""Writes YAML as people write it by hand, and as `yaml_source` and others read it.

What a reader of YAML 1.1 or 1.2 might take for something else than a text is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WIDTH = 100
_INDENT = "  "
_PLAIN = re.compile(
    r"[A-Za-z_/](?:[A-Za-z0-9_./@*()-]|:(?=[A-Za-z0-9_/])| (?=[A-Za-z0-9_./(]))*", re.ASCII
)
"""Texts that mean themselves without quotes, in lists as well."""

_PLAIN_LINE = re.compile(
    r"[A-Za-z_/](?:[A-Za-z0-9_./@*?()'=<>,;!%+$\[\]{}-]|:(?=[A-Za-z0-9/])|"
    r" (?=[A-Za-z0-9_./@*?()'=<>$+-]))*",
    re.ASCII,
)
"""Texts that mean themselves without quotes where the rest of the line is theirs."""

_AMBIGUOUS = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|nan|inf")
"""Words that YAML 1.1, or some reader of it, takes for something else."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_yaml(value: Mapping[str, Any]) -> str:
    """Return a mapping of texts, numbers, booleans, lists and mappings, a key a line.

    Lists of plain values stand in one line if there is room, others have a line an item.
    """
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        yield from _member(f"{indent}{scalar(key, as_key=True)}:", inner, indent)


def _member(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, str) and _is_block(value):
        yield from _block(head, value, f"{indent}{_INDENT}")
    elif isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, f"{indent}{_INDENT}")
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield from _list(head, value, f"{indent}{_INDENT}")
    else:
        yield f"{head} {line_value(value)}"


def _list(head: str, items: Sequence[Any], indent: str) -> Iterator[str]:
    if not any(isinstance(item, (Mapping, list, tuple)) and item for item in items):
        line = f"{head} [{', '.join(inline(item) for item in items)}]"
        if len(line) <= _WIDTH:
            yield line
            return
    yield head
    for item in items:
        if isinstance(item, Mapping) and item:
            first, *rest = _mapping(item, f"{indent}{_INDENT}")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        elif isinstance(item, (list, tuple)) and item:
            yield f"{indent}- [{', '.join(inline(one) for one in item)}]"
        else:
            yield f"{indent}- {inline(item)}"


def line_value(value: Any) -> str:
    """Return a value as it stands behind its key, with the rest of the line to itself."""
    if isinstance(value, str) and _PLAIN_LINE.fullmatch(value) and not _AMBIGUOUS.fullmatch(value):
        return value
    return inline(value)


def inline(value: Any) -> str:
    """Return a value in one line, as it stands in a list, too."""
    if isinstance(value, Mapping):
        members = (f"{scalar(k, as_key=True)}: {inline(v)}" for k, v in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(inline, value)) + "]"
    return scalar(value)


def scalar(value: Any, *, as_key: bool = False) -> str:
    """Return a text, number, boolean or null in one line.

    Args:
        value: What is written.
        as_key: Whether it is a key: those of policies, such as `on`, are never quoted.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) is not None
    if is_plain and (as_key or not _AMBIGUOUS.fullmatch(text)):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_block(text: str) -> bool:
    """Tell whether a text of several lines is written as they are, which is how SQL reads best."""
    lines = text.split("\n")
    if len(lines) < 2 or not lines[0] or lines[0][0] in " \t":
        return False
    body = lines[:-1] if not lines[-1] else lines
    return all(
        line and line.isprintable() and not line.startswith("\t") and line == line.rstrip()
        for line in body
    )


def _block(head: str, text: str, indent: str) -> Iterator[str]:
    ends = text.endswith("\n")
    yield f"{head} |" if ends else f"{head} |-"
    for line in (text[:-1] if ends else text).split("\n"):
        yield f"{indent}{line}"
