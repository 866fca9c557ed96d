"""The examples of the page on governance run, in order, and print what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from support.scripts import RunScript

PAGE = Path(__file__).parents[2] / "docs" / "governance.md"
MARK = "=== example"


def examples(text: str) -> list[tuple[str, str | None]]:
    """Return each block of Python, with the output that follows it, if the page shows one."""
    found = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [(code, output or None) for code, output in found]


def test_every_example_prints_what_the_page_shows(run_script: RunScript) -> None:
    shown = examples(PAGE.read_text("utf-8"))
    assert len(shown) > 10
    script = "".join(f"print({MARK!r})\n{code}" for code, _ in shown)
    outputs = run_script(script).stdout.split(f"{MARK}\n")[1:]
    for (code, expected), output in zip(shown, outputs, strict=True):
        if expected is not None:
            assert _lines(output) == _lines(expected), f"{code}\n{output}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
