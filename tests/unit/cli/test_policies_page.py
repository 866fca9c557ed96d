"""What the page on policies as code shows is what the commands print, one after the other."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from iomete.cli import main
from support.governed_world import World

PAGE = (Path(__file__).parents[3] / "docs" / "policies-as-code.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def lake(lakehouse: World) -> World:
    """The lakehouse of the page, in ./lakehouse."""
    columns = ["id", "name", "email", "phone", "region"]
    lakehouse.meet_table("lake.crm.customers", {str(n): name for n, name in enumerate(columns)})
    lakehouse.tables.tables["lake.crm.customers"] = dict.fromkeys(columns, "string")
    return lakehouse


def test_every_command_of_the_page_prints_what_it_shows(
    lake: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = 0
    for kind, text in BLOCKS:
        if kind == "python" and "lake.principals" in text:
            exec(text, {"lake": lake})  # noqa: S102  # our own page
        elif kind == "yaml" and (named := re.match(r"# (\S+\.yaml)\n", text)):
            path = Path(named[1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        elif kind == "console":
            command, _, expected = text.removeprefix("$ ").partition("\n")
            assert run(command, monkeypatch, capsys) == expected
            commands += 1
    assert commands == 7


def run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints, errors too; of a pipe to `tail -n 1`, the last line."""
    line, _, tail = command.partition(" | ")
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines(keepends=True)
    return "".join(lines[-1:] if tail == "tail -n 1" else lines)


def test_the_tests_of_the_page_are_tests(lake: World) -> None:
    from iomete.governance.as_code.files import read_folder

    (shown,) = [text for kind, text in BLOCKS if kind == "yaml" and "tests:" in text]
    Path("policies").mkdir()
    Path("policies/tests.yaml").write_text(shown, "utf-8")
    assert len(read_folder("policies").tests) == 3
