"""The kinds of masks, and the mask types by which Ranger knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import TypeGuard

from iomete.errors import InvalidPolicyError
from iomete.governance.documents.macros import has_macro, macro_problem


class MaskKind(StrEnum):
    """How a masked value is shown."""

    REDACT = "redact"
    """Letters, digits and marks of every script are replaced."""
    PARTIAL = "partial"
    """All but the last or first characters are hidden; values no longer than those, wholly."""
    HASH = "hash"
    """HMAC-SHA-256 with the lakehouse's own key: equal values stay equal."""
    NULLIFY = "nullify"
    CONSTANT = "constant"
    """A given value, cast to the column's type."""
    YEAR = "year"
    """1 January of the same year."""
    ROUND = "round"
    """Rounded to digits after the point; negative: before it."""
    CUSTOM = "custom"
    """A SQL expression over the table's columns; `{col}` is the masked one."""
    NONE = "none"
    """Unmasked, where a policy asked later would mask."""


_PLAIN = {
    MaskKind.REDACT: "MASK",
    MaskKind.HASH: "MASK_HASH",
    MaskKind.NULLIFY: "MASK_NULL",
    MaskKind.YEAR: "MASK_DATE_SHOW_YEAR",
    MaskKind.NONE: "MASK_NONE",
}
_WITH_VALUE = {
    MaskKind.CONSTANT: "MASK_CONSTANT",
    MaskKind.ROUND: "MASK_ROUND",
    MaskKind.CUSTOM: "CUSTOM",
}
_SHOW_LAST, _SHOW_FIRST = "MASK_SHOW_LAST", "MASK_SHOW_FIRST"
_DEFAULT_SHOWN = 4
_MAX_SHOWN = 10_000
_MAX_DIGITS = 38
"""Most digits of Spark's decimals."""

_ARGUMENTS = {
    MaskKind.PARTIAL: {"show_last", "show_first"},
    MaskKind.CONSTANT: {"value"},
    MaskKind.ROUND: {"digits"},
    MaskKind.CUSTOM: {"expression"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A mask as Ranger has it; `value` is its parameter, as text."""

    type: str
    value: str | None = None

    @property
    def kind(self) -> MaskKind:
        """Its kind."""
        by_type = {name: kind for kind, name in (_PLAIN | _WITH_VALUE).items()}
        return by_type.get(self.type, MaskKind.PARTIAL)

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments that `make_mask` makes it of, besides the kind."""
        match self.kind:
            case MaskKind.PARTIAL:
                name = "show_last" if self.type.startswith(_SHOW_LAST) else "show_first"
                return {name: int(self.value or _DEFAULT_SHOWN)}
            case MaskKind.CONSTANT:
                return {"value": self.value}
            case MaskKind.ROUND:
                return {"digits": int(self.value or 0)}
            case MaskKind.CUSTOM:
                return {"expression": self.value}
        return {}


MASK_TYPES = frozenset(
    {
        *_PLAIN.values(),
        *_WITH_VALUE.values(),
        _SHOW_LAST,
        _SHOW_FIRST,
        f"{_SHOW_LAST}_4",
        f"{_SHOW_FIRST}_4",
    }
)


def make_mask(kind: str, **arguments: object) -> Mask:
    """Return the mask of a kind with its arguments; those that are None aren't given.

    Raises:
        InvalidPolicyError: There is no such kind, or the arguments don't fit it.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    if kind not in set(MaskKind):
        raise InvalidPolicyError(
            [f"mask: `{str(kind)[:80]}` is no mask"], hint=f"one of {', '.join(MaskKind)}"
        )
    mask_kind = MaskKind(kind)
    taken = _ARGUMENTS.get(mask_kind, set())
    problems = [f"mask: `{mask_kind}` takes no `{name}`" for name in sorted(given.keys() - taken)]
    try:
        made = _made(mask_kind, {name: given[name] for name in given if name in taken})
    except InvalidPolicyError as error:
        raise InvalidPolicyError([*problems, *error.problems], hint=error.hint) from error
    if problems:
        raise InvalidPolicyError(problems)
    return made


def _made(kind: MaskKind, given: dict[str, object]) -> Mask:
    if kind in _PLAIN:
        return Mask(type=_PLAIN[kind])
    if kind is MaskKind.PARTIAL:
        return _partial(given)
    return Mask(type=_WITH_VALUE[kind], value=_value(kind, given))


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a value is text that can be kept: half of a surrogate pair can't."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def check_mask(mask: Mask) -> None:
    """Refuse a mask of a document whose type or parameter isn't one that we write.

    Raises:
        InvalidPolicyError: Its type isn't known, or its parameter doesn't fit the type.
    """
    if mask.type not in MASK_TYPES:
        raise InvalidPolicyError([f"mask: `{mask.type[:80]}` is no mask type"])
    if mask.type in (f"{_SHOW_LAST}_4", f"{_SHOW_FIRST}_4") or mask.kind in _PLAIN:
        if mask.value not in (None, ""):
            raise InvalidPolicyError([f"mask: `{mask.type}` takes no value"])
        return
    if mask.value is None or (mask.value == "" and mask.kind is not MaskKind.CONSTANT):
        raise InvalidPolicyError([f"mask: `{mask.type}` needs a value"])
    try:
        make_mask(mask.kind, **mask.arguments)
    except ValueError as error:
        if isinstance(error, InvalidPolicyError):
            raise
        raise InvalidPolicyError([f"mask: `{mask.type}` takes a whole number"]) from error


def _partial(given: dict[str, object]) -> Mask:
    if len(given) > 1:
        raise InvalidPolicyError(["mask: `partial` takes `show_last` or `show_first`, not both"])
    name, shown = next(iter(given.items()), ("show_last", _DEFAULT_SHOWN))
    if not isinstance(shown, int) or isinstance(shown, bool) or not 0 < shown <= _MAX_SHOWN:
        raise InvalidPolicyError([f"mask: `{name}` is a whole number from 1 to {_MAX_SHOWN}"])
    mask_type = _SHOW_LAST if name == "show_last" else _SHOW_FIRST
    if shown == _DEFAULT_SHOWN:
        return Mask(type=f"{mask_type}_4")
    return Mask(type=mask_type, value=str(shown))


def _value(kind: MaskKind, given: dict[str, object]) -> str:
    name = next(iter(_ARGUMENTS[kind]))
    if name not in given:
        raise InvalidPolicyError([f"mask: `{kind}` needs `{name}`"])
    value = given[name]
    match kind:
        case MaskKind.ROUND:
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_DIGITS:
                raise InvalidPolicyError(
                    [f"mask: `digits` is a whole number from -{_MAX_DIGITS} to {_MAX_DIGITS}"]
                )
        case MaskKind.CUSTOM:
            if not is_text(value) or not value.strip():
                raise InvalidPolicyError(["mask: `expression` is the text of a SQL expression"])
            if problem := macro_problem(value):
                raise InvalidPolicyError([f"mask: {problem}"])
        case _:
            return _constant(value)
    return str(value)


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not is_text(value) and not isinstance(value, int | float):
        raise InvalidPolicyError(["mask: `value` is a text, a number or a boolean"])
    if isinstance(value, float) and not isfinite(value):
        raise InvalidPolicyError(["mask: `value` is no finite number; text is in quotes"])
    if has_macro(str(value)):
        raise InvalidPolicyError(
            ["mask: a constant is the same for every user"], hint='use "custom"'
        )
    return str(value)
