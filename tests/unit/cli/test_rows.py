"""How values are written; rows of a DataFrame are in tests/spark."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row
from pyspark.sql import types as t
from rich.console import Console
from rich.table import Table

from iomete.cli.rows import _as_json, _cell, _plain, _portable_type, _text, write_rows
from iomete.errors import QueryError

DAY = dt.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1.5, "-1.5"),
        (float("nan"), "nan"),
        (decimal.Decimal("12.30"), "12.30"),
        ('a,"b"\nc', 'a,"b"\nc'),
        ("", ""),
        (bytearray(b"\x00\xff"), "00ff"),
        (b"\x01", "01"),
        (DAY, "2024-02-29"),
        (dt.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),  # noqa: DTZ001  # no zone
    ],
)
def test_values_are_written_as_sql_people_expect(value: object, text: str) -> None:
    assert _text(value) == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1, None, "ü"], [1, None, "ü"]),
        ([DAY], ["2024-02-29"]),
        ({"a": 1, "b": [True]}, {"a": 1, "b": [True]}),
        ({1: "x"}, {"1": "x"}),
        ({DAY: 1}, {"2024-02-29": 1}),
        (Row(a=1, b=Row(c=DAY)), {"a": 1, "b": {"c": "2024-02-29"}}),
        ([Row(a=1)], [{"a": 1}]),
        ({"k": Row(a=1)}, {"k": {"a": 1}}),
        ([bytearray(b"\xff")], ["ff"]),
        (Row(a={DAY: 1}), {"a": {"2024-02-29": 1}}),
    ],
)
def test_nested_values_are_written_as_json(value: Any, found: Any) -> None:
    assert json.loads(_text(value)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        ([float("inf"), float("-inf")], ["Infinity", "-Infinity"]),
        (decimal.Decimal("1.50"), "1.50"),
        ({decimal.Decimal("1.0"): b"\xff"}, {"1.0": "ff"}),
    ],
)
def test_json_is_valid_and_exact(value: Any, found: Any) -> None:
    assert json.loads(json.dumps(_as_json(value), allow_nan=False)) == found


@pytest.mark.parametrize(
    ("kind", "fetched"),
    [
        (t.IntegerType(), "int"),
        (t.BinaryType(), "binary"),
        (t.DecimalType(10, 2), "decimal(10,2)"),
        (t.DateType(), "string"),
        (t.TimestampNTZType(), "string"),
        (t.DayTimeIntervalType(), "string"),
        (t.ArrayType(t.DateType()), "array<string>"),
        (t.MapType(t.DateType(), t.TimestampType()), "map<string,string>"),
        (t.MapType(t.BinaryType(), t.IntegerType()), "string"),
        (
            t.StructType().add("a", t.StructType().add("b", t.DateType())),
            "struct<a:struct<b:string>>",
        ),
    ],
)
def test_what_python_can_not_hold_is_fetched_as_text(kind: t.DataType, fetched: str) -> None:
    assert _portable_type(kind).simpleString() == fetched


def test_json_refuses_columns_of_one_name() -> None:
    frame: Any = SimpleNamespace(columns=["a", "b", "a"])
    with pytest.raises(QueryError, match=r"one name: `a`\.") as caught:
        write_rows(frame, "json")
    assert "aliases" in str(caught.value.hint)


def test_json_keeps_letters_readable() -> None:
    assert _text(["ü", "日本"]) == '["ü", "日本"]'


def shown(cell: str) -> str:
    """What a terminal shows of a cell."""
    console = Console(width=500, color_system=None)
    table = Table(box=None, show_header=False)
    table.add_row(cell)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n").rstrip(" ").removeprefix(" ")


def test_null_is_told_from_the_text_null_by_its_style() -> None:
    assert _cell(None) != _cell("null")
    assert shown(_cell(None)) == shown(_cell("null")) == "null"


@pytest.mark.parametrize(
    "text", ["[red]x[/red]", "[/]", "[bold", "a[link=http://x]b", "\\[x]", "[[x]]"]
)
def test_data_is_no_markup(text: str) -> None:
    assert shown(_cell(text)) == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_data_controls_no_terminal(text: str) -> None:
    plain = _plain(text)
    assert all(character.isprintable() or character == "\n" for character in plain)
    assert all(c.isprintable() or c == "\n" for c in shown(_cell("x" + text + "x")))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\rb", "a\\rb"),
        ("a\x00", "a\\x00"),
        ("\u202ea", "\\u202ea"),
    ],
)
def test_control_characters_are_written_out(text: str, plain: str) -> None:
    assert shown(_cell(text)) == plain
