from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.cli.statements import is_blank, split_statements

SCRIPT = "BEGIN IF a THEN SELECT 1; END IF; SELECT CASE WHEN b THEN 1 END; BEGIN SELECT 2; END; END"
PIECES = [
    "SELECT",
    "a.b",
    "'it''s; \\' x'",
    '"; \\" y"',
    "r'\\'",
    "`a``;b`",
    "-- c; '\n",
    "-- c \\\n ; d\n",
    "/* ; /* ' ; */ -- */",
    "/*+ hint */",
    "1",
    "\n",
]
statement = st.lists(st.sampled_from(PIECES), max_size=6).map(lambda some: " ".join(["x", *some]))


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("", [], ""),
        ("SELECT 1", [], "SELECT 1"),
        ("a;b; c", ["a", "b"], " c"),
        (";; ;a;", ["a"], ""),
        ("-- only;\n;a;", ["a"], ""),
        ("/* a; /* b; */ c; */;", [], ""),
        ("SELECT ';';", ["SELECT ';'"], ""),
        (r"SELECT 'a\';';", [r"SELECT 'a\';'"], ""),
        (r"SELECT r'a\';b;", [r"SELECT r'a\'", "b"], ""),
        (r"SELECT bar'\';';", [r"SELECT bar'\';'"], ""),
        ("SELECT 'a;", [], "SELECT 'a;"),
        ("a /* b;", [], "a /* b;"),
        ("a -- b;\n;c", ["a -- b;\n"], "c"),
        (f"{SCRIPT};a;", [SCRIPT, "a"], ""),
        (f"l: {SCRIPT};", [f"l: {SCRIPT}"], ""),
        ("BEGIN SELECT a.begin; END;b;", ["BEGIN SELECT a.begin; END", "b"], ""),
        ("BEGIN SELECT 1;", [], "BEGIN SELECT 1;"),
        ("SELECT begin; SELECT 1;", ["SELECT begin", " SELECT 1"], ""),
    ],
)
def test_statements_end_where_spark_sees_it(text: str, statements: list[str], rest: str) -> None:
    assert split_statements(text) == (statements, rest)


@pytest.mark.parametrize("text", ["", " \n", "-- a", "/* a */ -- b", "/* /* a */ */"])
def test_comments_that_have_ended_are_nothing(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "/* a", "/* /* a */", "-- a \\", "/*+ a */", "''"])
def test_what_may_go_on_is_something(text: str) -> None:
    assert not is_blank(text)


@given(st.lists(statement))
def test_what_was_joined_is_split(statements: list[str]) -> None:
    assert split_statements("".join(f"{one}\n;" for one in statements)) == (
        [f"{one}\n" for one in statements],
        "",
    )


@given(st.text("ab r'\"`;-/*+\\\n:.BEGINDCASE"))
def test_parts_are_pieces_of_the_text_in_their_order(text: str) -> None:
    statements, rest = split_statements(text)
    position = 0
    for one in statements:
        position = text.index(f"{one};", position) + len(one) + 1
    assert text.endswith(rest)
    assert len(text) - len(rest) >= position


@given(st.lists(statement))
def test_it_does_not_matter_how_the_text_comes(statements: list[str]) -> None:
    text = "".join(f"{one}\n;" for one in statements)
    whole, pending, found = split_statements(text), "", list[str]()
    for line in text.splitlines(keepends=True):
        more, pending = split_statements(pending + line)
        found += more
    assert (found, pending) == whole
