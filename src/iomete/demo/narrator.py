"""How the demo speaks: titles, sentences, code and rows on a terminal or in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

WIDTH = 100
"""Columns at most; a pipe gets as many, since it has no width of its own."""
INDENT = 2


class Narrator:
    """Prints what the demo does; knows nothing of lakehouses."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @classmethod
    def for_terminal(cls) -> Narrator:
        """Return a narrator on standard output."""
        width = min(WIDTH, Console().width) if sys.stdout.isatty() else WIDTH
        return cls(Console(width=width, highlight=False))

    def headline(self, title: str, text: str) -> None:
        """Open or close the whole."""
        self._console.print()
        self._console.print(Text(title, style="bold"))
        self._console.print(Text(text, style="dim"))

    def title(self, number: str, title: str) -> None:
        """Begin a step."""
        self._console.print()
        self._console.rule(
            Text.assemble((number, "dim"), "  ", (title, "bold")), align="left", style="dim"
        )

    def say(self, text: str) -> None:
        """Say a sentence or a few."""
        self._console.print()
        self._console.print(Text(text))

    def code(self, text: str, language: str) -> None:
        """Show code as somebody would type it."""
        # a Text, since Syntax itself fills lines up with blanks
        colours = Syntax("", language, theme="ansi_dark", background_color="default")
        shown = colours.highlight(text.strip("\n"))
        shown.rstrip()
        self._console.print()
        self._indented(shown)

    def note(self, text: str) -> None:
        """Add something small below code or rows."""
        self._indented(Text(text, style="dim"))

    def rows(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        right: Sequence[bool] | None = None,
    ) -> None:
        """Show rows as a table; `right` says which columns are aligned to the right."""
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
        for position, name in enumerate(columns):
            justify = "right" if right and right[position] else "left"
            table.add_column(Text(name), justify=justify, overflow="fold")  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console.print()
        self._indented(table)

    def working(self, text: str) -> AbstractContextManager[Any]:
        """Show that something is going on; a pipe isn't told."""
        return self._console.status(Text(f"{text} …", style="dim"))

    def _indented(self, what: RenderableType) -> None:
        self._console.print(Padding(what, (0, 0, 0, INDENT), expand=False))


def _cell(value: object) -> Text:
    return Text("null", style="dim") if value is None else Text(str(value))
