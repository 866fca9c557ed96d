from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.engine.java_process import (
    BOOT_NOISE,
    REMEMBERED_LINES,
    StderrRelay,
    _properties_file,
    format_properties,
)

ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str) -> dict[str, str]:
    """Read as `java.util.Properties.load` says it does."""
    properties = {}
    for line in _logical_lines(text):
        end, escaped = 0, False
        while end < len(line) and (escaped or line[end] not in "=: \t\f"):
            escaped = line[end] == "\\" and not escaped
            end += 1
        rest = line[end:].lstrip(" \t\f")
        if rest[:1] in ("=", ":"):
            rest = rest[1:].lstrip(" \t\f")
        properties[_unescaped(line[:end])] = _unescaped(rest)
    return properties


def _logical_lines(text: str) -> Iterator[str]:
    pending = None
    for natural in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = natural.lstrip(" \t\f")
        if pending is None and (not line or line[0] in "#!"):
            continue
        line = (pending or "") + line
        backslashes = len(line) - len(line.rstrip("\\"))
        pending = line[:-1] if backslashes % 2 else None
        if pending is None:
            yield line
    if pending is not None:
        yield pending


def _unescaped(text: str) -> str:
    characters = iter(text)
    found = ""
    for character in characters:
        if character != "\\":
            found += character
            continue
        escaped = next(characters, "")
        if escaped == "u":
            found += chr(int("".join(next(characters) for _ in range(4)), 16))
        else:
            found += ESCAPES.get(escaped, escaped)
    return found


def test_the_parser_of_these_tests_reads_the_examples_of_javas_documentation() -> None:
    text = (
        "Truth = Beauty\n Truth2:Beauty\nTruth3   :Beauty\n# comment\n! comment\n\n"
        "fruits  apple, banana, \\\n    kiwi, \\\n   mango\ncheeses\na\\ b\\=c=\\u00fc\\t\\z\n"
    )
    assert parse_properties(text) == {
        "Truth": "Beauty",
        "Truth2": "Beauty",
        "Truth3": "Beauty",
        "fruits": "apple, banana, kiwi, mango",
        "cheeses": "",
        "a b=c": "ü\tz",
    }


hostile = st.text(
    st.one_of(
        st.sampled_from("\\ \t\f\r\n=:#!u0041ab.\u0085\u2028"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=20,
)


@given(configuration=st.dictionaries(hostile, hostile, max_size=5))
def test_java_reads_back_any_key_and_value(configuration: dict[str, str]) -> None:
    assert parse_properties(format_properties(configuration)) == configuration


def test_what_is_written_is_plain_and_sorted() -> None:
    configuration = {"spark.b": "x=y:z", "spark.a": "C:\\tmp #1"}
    assert format_properties(configuration) == "spark.a=C:\\\\tmp #1\nspark.b=x=y:z\n"


def test_the_file_with_passwords_is_its_owners_and_goes_at_once() -> None:
    with _properties_file({"spark.password": "sesame\nüb"}) as file:
        assert parse_properties(file.read_text("utf-8")) == {"spark.password": "sesame\nüb"}
        assert file.parent.stat().st_mode & 0o077 == 0
    assert not file.parent.exists()


class Jvm:
    """Somebody who writes to a relay, and what comes out on stderr."""

    def __init__(self) -> None:
        source, self._sink = os.pipe()
        self.stderr = io.StringIO()
        self.relay = StderrRelay(os.fdopen(source, "rb", buffering=0))

    @property
    def shown(self) -> str:
        return self.stderr.getvalue()

    def write(self, written: bytes) -> None:
        os.write(self._sink, written)

    def end(self) -> None:
        with suppress(OSError):
            os.close(self._sink)
        self.relay.join(10)
        assert not self.relay.is_alive()


@contextmanager
def running_jvm() -> Iterator[Jvm]:
    jvm = Jvm()
    with redirect_stderr(jvm.stderr):
        try:
            yield jvm
        finally:
            jvm.end()


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert done()


def test_what_the_jvm_writes_comes_out_in_order() -> None:
    with running_jvm() as jvm:
        jvm.write("erste Zeile: ü\nsecond\nunfinished".encode())
        jvm.end()
        assert jvm.shown == "erste Zeile: ü\nsecond\nunfinished"


@pytest.mark.parametrize("noise", BOOT_NOISE)
def test_boot_noise_is_left_out_even_when_it_comes_in_pieces(noise: bytes) -> None:
    with running_jvm() as jvm:
        jvm.write(b"before\n" + noise[:5])
        wait_until(lambda: jvm.shown == "before\n")
        jvm.write(noise[5:] + b" and more\nafter\n")
        jvm.end()
        assert jvm.shown == "before\nafter\n"
        assert jvm.relay.tail() == "before\nafter"


def test_a_progress_bar_passes_without_its_line_end() -> None:
    with running_jvm() as jvm:
        jvm.relay.booted()
        jvm.write(b"\r[Stage 0:=>   ]")
        wait_until(lambda: jvm.shown == "\r[Stage 0:=>   ]")
        assert jvm.relay.tail() == "[Stage 0:=>   ]"


def test_once_booted_nothing_is_left_out() -> None:
    with running_jvm() as jvm:
        jvm.relay.booted()
        jvm.write(BOOT_NOISE[-1] + b"\n")
        jvm.end()
        assert jvm.shown == BOOT_NOISE[-1].decode() + "\n"


def test_a_character_that_comes_in_two_pieces_stays_one() -> None:
    with running_jvm() as jvm:
        jvm.relay.booted()
        jvm.write(b"Z\xc3")
        wait_until(lambda: jvm.shown.startswith("Z"))
        jvm.write(b"\xbcrich\n")
        jvm.end()
        assert jvm.shown == "Zürich\n"


def test_bytes_that_are_no_text_do_not_stop_the_relay() -> None:
    with running_jvm() as jvm:
        jvm.write(b"\xff\xfe\nafter\n")
        jvm.end()
        assert jvm.shown.endswith("\nafter\n")


def test_the_last_lines_are_remembered() -> None:
    with running_jvm() as jvm:
        jvm.write("".join(f"line {n}\n\n" for n in range(REMEMBERED_LINES + 5)).encode())
        jvm.end()
        lines = jvm.relay.tail().split("\n")
        assert lines == [f"line {n}" for n in range(5, REMEMBERED_LINES + 5)]


def test_a_jvm_that_wrote_nothing_said_nothing() -> None:
    with running_jvm() as jvm:
        jvm.end()
        assert jvm.relay.tail() == "nothing"


def test_a_closed_stderr_does_not_block_the_jvm() -> None:
    with running_jvm() as jvm:
        jvm.stderr.close()
        for _ in range(8):  # more than a pipe holds
            jvm.write(b"x" * 65535 + b"\n")
        jvm.write(b"last words\n")
        jvm.end()
        assert jvm.relay.tail().endswith("last words")


def test_a_stderr_whose_reader_has_gone_does_not_block_the_jvm() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    broken = os.fdopen(writer, "w")
    with running_jvm() as jvm, redirect_stderr(broken):
        jvm.write(b"to nobody\n")
        jvm.end()
        assert jvm.relay.tail() == "to nobody"
    with suppress(OSError):
        broken.close()
