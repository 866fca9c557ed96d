"""YAML is read as its reviewers read it, and what would say other things is refused."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from iomete.governance.as_code.yaml_source import MAX_DEPTH, Place, read_yaml
from iomete.governance.as_code.yaml_text import write_yaml


def value(text: str) -> object:
    located = read_yaml(text)
    assert located.problems == ()
    return located.value


def problems(text: str) -> list[tuple[int, int, str]]:
    return [(place.line, place.column, message) for place, message in read_yaml(text).problems]


@pytest.mark.parametrize("word", ["no", "NO", "yes", "on", "off", "y", "n", "Off"])
def test_countries_and_switches_are_texts(word: str) -> None:
    assert value(f"to: {word}") == {"to": word}
    assert value(f"{word}: lake.crm") == {word: "lake.crm"}


@pytest.mark.parametrize(
    "text", ["2026-01-01", "2026-01-01T10:00:00Z", "12:30:45", "007", "0x1F", "1_000", "0o17", "="]
)
def test_dates_times_and_odd_numbers_are_texts(text: str) -> None:
    assert value(f"value: {text}") == {"value": text}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("False", False)],
)
def test_numbers_and_booleans_are_what_they_look_like(text: str, expected: object) -> None:
    assert value(f"value: {text}") == {"value": expected}
    assert value(f'value: "{text}"') == {"value": text}
    assert value(f"value: |-\n  {text}") == {"value": text}


def test_an_endless_number_is_a_text() -> None:
    digits = "9" * 100_000
    assert value(f"value: {digits}") == {"value": digits}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_text_is_nothing(text: str) -> None:
    assert read_yaml(text).value is None


def test_places_are_lines_and_columns_from_1() -> None:
    located = read_yaml("policies:\n  - name: a\n    to: [x, y]\n")
    assert located.place_of(("policies", 0, "to")) == Place(3, 5)
    assert located.place_of(("policies", 0, "to", 1)) == Place(3, 13)
    assert located.place_of(("policies", 0, "missing")) == Place(2, 5)
    assert located.place_of(("nowhere",)) == Place(1, 1)


def test_every_duplicate_key_is_told_with_the_first_one_s_line() -> None:
    assert problems("a: 1\nb: {c: 1, c: 2}\na: {c: 3}\n") == [
        (2, 11, "`c` is said twice, first in line 2"),
        (3, 1, "`a` is said twice, first in line 1"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: &x [1]\n", (1, 4), "anchors"),
        ("a: 1\nb: *x\n", (2, 4), "aliases"),
        ("a: 1\n<<: {b: 2}\n", (2, 1), "merges"),
        ("a: !!python/object/apply:os.system [id]\n", (1, 4), "tags"),
        ("a: !secret x\n", (1, 4), "tags"),
        ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
        ("? [a, b]\n: 1\n", (1, 3), "a key is a text"),
        ("a: [1, 2\n", (2, 1), "no YAML"),
        ("a:\n\t- b\n", (2, 1), "no YAML"),
        ("é: \x07\n", (1, 4), "U+0007 isn't read"),
        ("a: 1\n# seen by all\u2028b: 2\n", (2, 14), "U+2028 isn't read"),
        ("a: 1\n# seen by all\u2029b: 2\n", (2, 14), "U+2029 isn't read"),
        ("a: 1\n# seen by all\x85b: 2\n", (2, 14), "U+0085 isn't read"),
        ("a: 1\n# seen by all\rb: 2\n", (2, 14), "U+000D isn't read"),
        ("a: 1\r\nb: \ufeff2\n", (2, 4), "U+FEFF isn't read"),
        ("a: 'x\u202ey'\n", (1, 6), "U+202E isn't read"),
        ("a: 'x\u2066y'\n", (1, 6), "U+2066 isn't read"),
    ],
)
def test_what_policies_do_not_say_is_told_with_its_place(
    text: str, place: tuple[int, int], words: str
) -> None:
    (line, column, message), *_ = problems(text)
    assert (line, column) == place
    assert words in message


def test_characters_that_are_not_seen_can_be_said_by_escapes() -> None:
    assert read_yaml('a: "x\\u2028\\r\\u202e"\r\nb: "é \u2013 \U0001f600"\r\n').value == {
        "a": "x\u2028\r\u202e",
        "b": "é \u2013 \U0001f600",
    }


def test_a_billion_laughs_are_not_expanded() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    started = time.monotonic()
    located = read_yaml("\n".join(lines))
    assert time.monotonic() - started < 5
    assert not located.is_whole
    assert len(located.problems) == 40 + 39 * 9


def test_an_anchor_that_holds_itself_ends() -> None:
    assert not read_yaml("a: &a [*a]").is_whole


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_what_is_too_deep_is_refused(text: str) -> None:
    assert f"more than {MAX_DEPTH} levels" in str(read_yaml(text).problems)


@given(st.text(max_size=80))
def test_whatever_is_read_ends_in_a_value_or_problems(text: str) -> None:
    located = read_yaml(text)
    assert located.is_whole or located.problems


SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["no", "on", "2026-01-01", "a: b", "- a", "#", "*x", "&x", "a #b", "null", ""]),
    st.integers(-(10**25), 10**25),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "on", "to", "filter_rows", "no"]), VALUES))
def test_what_is_written_is_read_again(content: dict[str, object]) -> None:
    text = write_yaml(content)
    assert (value(text) or {}) == content


@given(st.dictionaries(st.sampled_from(["name", "to", "value"]), SCALARS, min_size=1))
def test_texts_are_texts_to_readers_of_yaml_1_1_as_well(content: dict[str, object]) -> None:
    """Editors and linters often read the older YAML."""
    read = yaml.safe_load(write_yaml(content))
    texts = {key: text for key, text in content.items() if isinstance(text, str)}
    assert {key: read[key] for key in texts} == texts


def test_sql_of_several_lines_stays_as_it_is() -> None:
    written = write_yaml({"filter_rows": "region = 'EU'\n  AND active"})
    assert written == "filter_rows: |-\n  region = 'EU'\n    AND active\n"
    assert value(written) == {"filter_rows": "region = 'EU'\n  AND active"}
