"""A console whose reader may leave, as `head` does."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console as RichConsole

from iomete.cli.reader import ReaderGoneError


class Console(RichConsole):
    """Rich's console; it leaves the end of the program to `main`."""

    def on_broken_pipe(self) -> NoReturn:
        """Say that nobody reads any more."""
        raise ReaderGoneError
