"""Sections within sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values by dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def merge(higher: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `lower` under `higher`, section by section."""
    merged = dict(lower)
    for key, value in higher.items():
        below = lower.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(value, below)
        else:
            merged[key] = value
    return merged
