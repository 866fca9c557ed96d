import io

from rich.console import Console

from iomete.demo.narrator import Narrator


def narrator(*, terminal: bool = False) -> tuple[Narrator, io.StringIO]:
    written = io.StringIO()
    console = Console(
        file=written, width=60, highlight=False, force_terminal=terminal, no_color=not terminal
    )
    return Narrator(console), written


def test_pipe_gets_plain_text() -> None:
    voice, written = narrator()
    voice.headline("Start", "here")
    voice.title("1/2", "First")
    voice.code("SELECT 1", "sql")
    voice.rows(("n",), [(1,)], right=(True,))
    with voice.working("Running"):
        voice.note("0.1 s")
    assert "\x1b" not in written.getvalue()
    assert "Running" not in written.getvalue()
    assert "1/2  First ───" in written.getvalue()


def test_terminal_gets_coloured_sql() -> None:
    voice, written = narrator(terminal=True)
    voice.code("SELECT 1", "sql")
    assert "\x1b[" in written.getvalue()


def test_code_keeps_its_lines_and_indentation() -> None:
    voice, written = narrator()
    voice.code("\nSELECT 1,\n       2\n", "sql")
    assert [line.rstrip() for line in written.getvalue().splitlines()] == [
        "",
        "  SELECT 1,",
        "         2",
    ]


def test_values_that_look_like_markup_are_shown_as_they_are() -> None:
    voice, written = narrator()
    voice.rows(("[bold]n[/bold]",), [("[red]x[/red]",)])
    voice.say("a [b] c")
    voice.note("[/]")
    shown = written.getvalue()
    assert "[bold]n[/bold]" in shown
    assert "[red]x[/red]" in shown
    assert "a [b] c" in shown
    assert "[/]" in shown


def test_null_is_told_from_an_empty_string() -> None:
    voice, written = narrator()
    voice.rows(("name", "email"), [("", None)])
    assert written.getvalue().splitlines()[-1].split() == ["null"]


def test_numbers_are_aligned_to_the_right() -> None:
    voice, written = narrator()
    voice.rows(("n",), [(5,), (1000,)], right=(True,))
    assert [line.rstrip() for line in written.getvalue().splitlines()[-2:]] == [
        "     5",
        "  1000",
    ]
