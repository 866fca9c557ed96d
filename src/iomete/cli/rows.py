"""Write the rows of a DataFrame to standard output."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from iomete.engine import translate_errors
from iomete.errors import QueryError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

TABLE_ROWS = 100


def write_rows(frame: DataFrame, output: str, *, limit: int | None = None) -> None:
    """Print rows as a table, as CSV (RFC 4180) or as JSON Lines, one object a row.

    Dates, times and intervals are text as Spark casts them, in the session's time zone; binary
    is hexadecimal. JSON has decimals, `NaN` and `Infinity` as text, and timestamps with `T` and
    their offset where they are a column of their own. Commands that return nothing print nothing.
    """
    if not frame.columns:
        return
    if output == "table":
        _write_table(frame, TABLE_ROWS if limit is None else limit)
    elif output == "csv":
        _write_csv(frame, limit)
    else:
        _write_json(frame, limit)


def _rows(frame: DataFrame, limit: int | None, *, iso: bool = False) -> Iterator[Any]:
    """Fetch rows; only the fetching's errors are Spark's, not those of who writes the rows."""
    with translate_errors():
        chosen = _portable(frame if limit is None else frame.limit(limit), iso=iso)
        yield from chosen.toLocalIterator()


def _write_table(frame: DataFrame, limit: int) -> None:
    from rich import box
    from rich.table import Table

    from iomete.cli.console import Console

    numeric = {"tinyint", "smallint", "int", "bigint", "float", "double"}
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for name, kind in frame.dtypes:
        right = kind in numeric or kind.startswith("decimal")
        table.add_column(_plain(name), justify="right" if right else "left", overflow="fold")
    with translate_errors():
        rows = _portable(frame.limit(limit + 1)).collect()
    for row in islice(rows, limit):
        table.add_row(*(_cell(value) for value in row))
    console = Console() if sys.stdout.isatty() else Console(width=max(200, 24 * len(frame.columns)))
    console.print(table)
    if len(rows) > limit:
        console.print(f"… more rows: --limit shows more than {limit}", style="dim", highlight=False)


def _write_csv(frame: DataFrame, limit: int | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    rows = _rows(frame, limit)
    first = next(rows, None)  # a query that fails prints nothing, not even its header
    writer.writerow(frame.columns)
    for row in () if first is None else _chain(first, rows):
        writer.writerow("" if value is None else _text(value) for value in row)


def _write_json(frame: DataFrame, limit: int | None) -> None:
    names = frame.columns
    if twice := [f"`{name}`" for name, count in Counter(names).items() if count > 1]:
        raise QueryError(
            f"JSON can't hold two columns of one name: {', '.join(twice)}.",
            hint="give aliases, as in `SELECT a.id AS a_id, b.id AS b_id`",
        )
    for row in _rows(frame, limit, iso=True):
        whole = {name: _as_json(value) for name, value in zip(names, row, strict=True)}
        print(json.dumps(whole, ensure_ascii=False))  # noqa: T201  # standard output is the result


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _portable(frame: DataFrame, *, iso: bool = False) -> DataFrame:
    """Cast what Python's types can't hold, such as the year 12020, to text."""
    wanted = [_portable_type(field.dataType) for field in frame.schema]
    if all(field.dataType == kind for field, kind in zip(frame.schema, wanted, strict=True)):
        return frame
    kinds = [field.dataType for field in frame.schema]
    numbered = frame.toDF(*(f"c{number}" for number in range(len(kinds))))  # names may be double
    columns = [
        _cast(numbered[name], kind, to, iso=iso)
        for name, kind, to in zip(numbered.columns, kinds, wanted, strict=True)
    ]
    return numbered.select(*columns)


def _cast(column: Column, kind: DataType, to: DataType, *, iso: bool) -> Column:
    from pyspark.sql import functions as f
    from pyspark.sql.types import TimestampNTZType, TimestampType

    if kind == to:
        return column
    if not iso or not isinstance(kind, TimestampType | TimestampNTZType):
        return column.cast(to)
    text = f.translate(column.cast(to), " ", "T")
    return f.concat(text, f.date_format(column, "XXX")) if isinstance(kind, TimestampType) else text


def _portable_type(kind: DataType) -> DataType:
    """Return the type to fetch a type as."""
    from pyspark.sql import types as t

    if isinstance(kind, t.StructType):
        fields = [t.StructField(f.name, _portable_type(f.dataType), f.nullable) for f in kind]
        return t.StructType(fields)
    if isinstance(kind, t.ArrayType):
        return t.ArrayType(_portable_type(kind.elementType), kind.containsNull)
    if isinstance(kind, t.MapType):
        if isinstance(kind.keyType, t.StructType | t.ArrayType | t.BinaryType):
            return t.StringType()  # Python has no such keys
        value = _portable_type(kind.valueType)
        return t.MapType(_portable_type(kind.keyType), value, kind.valueContainsNull)
    held = not isinstance(kind, t.DatetimeType | t.AnsiIntervalType | t.CalendarIntervalType)
    return kind if held else t.StringType()


def _cell(value: object) -> str:
    return "[dim]null[/dim]" if value is None else _plain(_text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if hasattr(value, "asDict") or isinstance(value, list | dict):
        return json.dumps(_as_json(value), ensure_ascii=False)
    return str(value)


def _as_json(value: Any) -> Any:
    """Name what JSON has no words for: exact numbers, binary, keys that are no text."""
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, dict):
        return {_text(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if hasattr(value, "toPython"):  # a variant
        return _as_json(value.toPython())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, str | int | float) else _text(value)


def _plain(text: str) -> str:
    """Show data as it is: no terminal control, no markup."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))
