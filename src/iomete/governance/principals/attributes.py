"""Attributes of users: typed values that row filters compare data with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from iomete.errors import ConfigurationError

Scalar = str | int | float | bool
AttributeValue = Scalar | list[str] | list[int] | list[float] | list[bool]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
"""What `${{USER.name}}` can say."""
_LONG = 2**63
"""Integers are bound as Java's `long`."""


def check_attributes(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Return attributes with tuples as lists, if a filter can use all of them.

    Raises:
        ConfigurationError: A name or a value can't be used; all of them are in the message.
    """
    if not isinstance(attributes, Mapping):
        raise ConfigurationError(
            f"Attributes are a dict, not {type(attributes).__name__}.",
            hint='give {"region": "EU", "level": 3}',
        )
    problems = [p for name, value in attributes.items() if (p := _problem(name, value))]
    if problems:
        raise ConfigurationError(
            f"Attributes are not valid: {'; '.join(problems)}.",
            hint="values are texts, integers, floats, booleans, or lists of one of these",
        )
    return {n: list(v) if isinstance(v, tuple) else v for n, v in attributes.items()}


def _problem(name: object, value: object) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"`{str(name)[:80]}` is no name of letters, digits and _"
    if isinstance(value, list | tuple):
        kinds = {type(item) for item in value}
        if len(kinds) > 1:
            return f"`{name}` holds values of several types"
        items = value
    else:
        items = [value]
    return next((p for item in items if (p := _scalar_problem(name, item))), None)


def _scalar_problem(name: str, value: object) -> str | None:
    match value:
        case bool():
            return None
        case int() if not -_LONG <= value < _LONG:
            return f"`{name}` doesn't fit into 64 bits"
        case float() if not math.isfinite(value):
            return f"`{name}` is not a finite number"
        case str() if any("\ud800" <= character <= "\udfff" for character in value):
            return f"`{name}` is not valid Unicode"
        case str() | int() | float():
            return None
        case _:
            return f"`{name}` is {type(value).__name__}"
