"""What reads our output and gives us input: pipes, mostly."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from iomete.errors import ConfigurationError


class ReaderGoneError(Exception):
    """Nobody reads standard output any more.

    It is no `OSError`: typer and rich end the program with 1 for that.
    """


def drop_output() -> None:
    """Send what is still to be written nowhere, so that the end of the program is quiet."""
    with suppress(OSError):  # standard output may be no file: then nothing fails at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_statement(given: str) -> str:
    """Return a statement that was given, or standard input's text for `-`."""
    if given == "-":
        return decoded(sys.stdin.buffer.read())
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise _not_utf8("The statement") from error
    return given


def decoded(raw: bytes) -> str:
    """Return the text of bytes from standard input.

    Raises:
        ConfigurationError: If they are not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8("Standard input") from error


def _not_utf8(what: str) -> ConfigurationError:
    return ConfigurationError(f"{what} is not UTF-8 text.", hint="convert it, as `iconv` does")
