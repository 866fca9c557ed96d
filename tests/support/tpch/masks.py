"""Masks by Python's own means, so that what Spark shows is held to something else than itself."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from support.tpch.siphash import siphash


@dataclass(frozen=True)
class Mask:
    """A mask as `lake.policies.mask` takes it, and what it does to a value that isn't null."""

    kind: str
    shows: Callable[[Any], Any]
    options: dict[str, Any] = field(default_factory=dict)
    tag: str | None = None
    of_null: Any = None
    of_row: Callable[[dict[str, Any]], Any] | None = None

    def of(self, value: Any, row: dict[str, Any]) -> Any:
        if self.of_row is not None:
            return self.of_row(row)
        return self.of_null if value is None else self.shows(value)


def redact(tag: str | None = None) -> Mask:
    return Mask("redact", _each(_redacted), tag=tag)


def last(shown: int) -> Mask:
    return Mask("partial", lambda v: _starred(v, len(v) - shown, len(v), shown), _kept(last=shown))


def first(shown: int) -> Mask:
    return Mask("partial", lambda v: _starred(v, 0, shown, shown), _kept(first=shown))


def hashed(key: bytes) -> Mask:
    derived = hmac.digest(key, b"iomete hash mask: SipHash-2-4-128", "sha256")[:16]

    def digest(value: Any) -> Any:
        if isinstance(value, str):
            return siphash(derived, value.encode()).hex()
        number = value.to_bytes(8, "big", signed=True)
        return int.from_bytes(siphash(derived, number)[:8], "big", signed=True)

    return Mask("hash", digest)


def nullify() -> Mask:
    return Mask("nullify", lambda _: None)


def unfit(kind: str, **options: Any) -> Mask:
    """A mask bound to a column of a type that it doesn't fit: null is shown."""
    return Mask(kind, lambda _: None, options)


def constant(text: str, value: Any) -> Mask:
    return Mask("constant", lambda _: value, {"value": text}, of_null=value)


def year() -> Mask:
    def start(value: Any) -> Any:
        is_time = hasattr(value, "hour")
        midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0} if is_time else {}
        return value.replace(month=1, day=1, **midnight)

    return Mask("year", start)


def rounded(digits: int) -> Mask:
    step = Decimal(1).scaleb(-digits)

    def round_(value: Any) -> Any:
        if isinstance(value, float):
            return value if value != value else float(_half_up(Decimal(repr(value)), step))  # noqa: PLR0124
        nearest = _half_up(Decimal(value), step)
        return int(nearest) if isinstance(value, int) else nearest.quantize(Decimal("0.01"))

    return Mask("round", round_, {"digits": digits})


def custom(expression: str, of_row: Callable[[dict[str, Any]], Any]) -> Mask:
    """SQL, and the same over a row of raw values."""
    return Mask("custom", lambda v: v, {"expression": expression}, of_row=of_row)


def _half_up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def _kept(**shown: int) -> dict[str, int]:
    return {f"show_{end}": count for end, count in shown.items()}


def _each(shows: Callable[[str], str]) -> Callable[[Any], Any]:
    def each(value: Any) -> Any:
        if isinstance(value, list):
            return [None if element is None else each(element) for element in value]
        if isinstance(value, dict):
            return {name: None if field is None else each(field) for name, field in value.items()}
        return shows(value) if isinstance(value, str) else None

    return each


def _redacted(text: str) -> str:
    """Only for ASCII, which TPC-H is."""
    assert text.isascii()
    upper = "".join("X" if "A" <= c <= "Z" else "x" if "a" <= c <= "z" else c for c in text)
    return "".join("n" if "0" <= c <= "9" else c for c in upper)


def _starred(text: str, start: int, end: int, shown: int) -> str:
    if len(text.rstrip(" ")) <= shown:
        return "*" * len(text)
    return "*" * start + text[start:end] + "*" * (len(text) - end)
