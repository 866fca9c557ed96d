"""What a query comes to: rows or an error, in a form in which two worlds can be compared."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from iomete.engine.query_errors import translate_errors
from iomete.errors import QueryError

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """Names and types of the columns, and the rows in no order."""

    columns: tuple[tuple[str, str], ...]
    values: tuple[Values, ...]

    def __str__(self) -> str:
        some = "".join(f"\n    {row}" for row in self.values[:8])
        return f"{len(self.values)} rows of {dict(self.columns)}{some}"


@dataclass(frozen=True)
class Failure:
    """An error; what its message says counts where the statement is at fault, and no value."""

    condition: str | None
    message: str
    is_of_values: bool

    def __str__(self) -> str:
        return f"{self.condition}: {self.message[:600]}"


Outcome = Rows | Failure

_DATA_EXCEPTION = "22"
"""The class of SQLSTATEs that are about values."""
_NAMESPACES = re.compile(r"\btpch_[gabc]\b")


def outcome_of(query: Callable[[], DataFrame]) -> Outcome:
    """Run a query and return what it comes to; errors of the test itself are raised."""
    is_made = False
    try:
        with translate_errors():
            frame = query()
            columns = tuple(frame.dtypes)
            is_made = True
            values = tuple(_plain(row) for row in frame.collect())
    except QueryError as error:
        message = _NAMESPACES.sub("tpch", str(error))
        if error.condition is None:
            raise
        # Which row fails first is chance, also where a step that makes the frame runs it.
        is_of_data = (error.sql_state or "").startswith(_DATA_EXCEPTION)
        return Failure(error.condition, message, is_of_values=is_made or is_of_data)
    except (PySparkException, Py4JJavaError):
        raise
    return Rows(columns, values)


def disagreement(governed: Outcome, copied: Outcome) -> str | None:
    """Say how two outcomes differ; None if they don't."""
    if type(governed) is not type(copied):
        return "one failed, the other didn't"
    if isinstance(governed, Failure) and isinstance(copied, Failure):
        if governed.condition != copied.condition:
            return "errors differ"
        told_apart = not governed.is_of_values and governed.message != copied.message
        return "messages differ" if told_apart else None
    assert isinstance(governed, Rows)
    assert isinstance(copied, Rows)
    if governed.columns != copied.columns:
        return "columns differ"
    return None if _same(governed.values, copied.values) else "rows differ"


def _same(ones: tuple[Values, ...], others: tuple[Values, ...]) -> bool:
    if len(ones) != len(others):
        return False
    left, right = Counter(ones), Counter(others)
    if left == right:
        return True
    pairs = zip(_sorted(left - right), _sorted(right - left), strict=True)
    return all(_close(one, other) for one, other in pairs)


def _sorted(rows: Counter[Values]) -> list[Values]:
    """Rows in an order that hardly depends on the last digits of floating-point numbers."""
    return sorted(rows.elements(), key=lambda row: repr(_coarse(row)))


def _coarse(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_coarse, value))
    return f"{value:.5g}" if isinstance(value, float) else value


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def _plain(value: Any) -> Any:
    """Make a value hashable and equal to its like; NaN equals itself here."""
    if isinstance(value, dict):
        return ("map", *sorted(((k, _plain(v)) for k, v in value.items()), key=repr))
    if isinstance(value, list | tuple):
        return tuple(_plain(element) for element in value)
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, bytearray):
        return bytes(value)
    return value
