"""Write the rows of a DataFrame to standard output."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from iomete.engine import translate_errors

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TABLE_ROWS = 100


def write_rows(frame: DataFrame, output: str, *, limit: int | None = None) -> None:
    """Print rows as a table, as CSV (RFC 4180) or as JSON Lines, one object a row.

    Commands that return nothing print nothing.
    """
    if not frame.columns:
        return
    with translate_errors():
        if output == "table":
            _write_table(frame, TABLE_ROWS if limit is None else limit)
        elif output == "csv":
            _write_csv(frame, _rows(frame, limit))
        else:
            _write_json(frame, limit)


def _rows(frame: DataFrame, limit: int | None) -> Iterator[Any]:
    return iter(
        frame.limit(limit).toLocalIterator() if limit is not None else frame.toLocalIterator()
    )


def _write_table(frame: DataFrame, limit: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numeric = {"tinyint", "smallint", "int", "bigint", "float", "double"}
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for name, kind in frame.dtypes:
        right = kind in numeric or kind.startswith("decimal")
        table.add_column(_plain(name), justify="right" if right else "left", overflow="fold")
    rows = frame.limit(limit + 1).collect()
    for row in islice(rows, limit):
        table.add_row(*(_cell(value) for value in row))
    console = Console() if sys.stdout.isatty() else Console(width=max(200, 24 * len(frame.columns)))
    console.print(table)
    if len(rows) > limit:
        console.print(f"… more rows: --limit shows more than {limit}", style="dim", highlight=False)


def _write_csv(frame: DataFrame, rows: Iterator[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(frame.columns)
    for row in rows:
        writer.writerow("" if value is None else _text(value) for value in row)


def _write_json(frame: DataFrame, limit: int | None) -> None:
    chosen = frame.limit(limit) if limit is not None else frame
    for row in chosen.toJSON().toLocalIterator():
        # Spark leaves nulls out; a reader wants the same keys in each row
        found = json.loads(row)
        whole = {name: found.get(name) for name in frame.columns}
        print(json.dumps(whole, ensure_ascii=False))  # noqa: T201  # standard output is the result


def _cell(value: object) -> str:
    return "[dim]null[/dim]" if value is None else _plain(_text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if hasattr(value, "asDict") or isinstance(value, list | dict):
        return json.dumps(_as_json(value), default=str, ensure_ascii=False)
    return str(value)


def _as_json(value: Any) -> Any:
    """Name what JSON has no words for: structs inside, binary, and keys that are no text."""
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, dict):
        return {_text(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return _text(value) if isinstance(value, bytes | bytearray) else value


def _plain(text: str) -> str:
    """Show data as it is: no terminal control, no markup."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))
