"""The README's example does what the README shows."""

from __future__ import annotations

import re
from pathlib import Path

from support.scripts import RunScript

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_example_prints_what_the_readme_shows(run_script: RunScript) -> None:
    text = README.read_text("utf-8")
    found = re.search(r"```python\n(?P<code>.*?)```\s+```text\n(?P<output>.*?)```", text, re.DOTALL)
    assert found, "README has no Python block that its output follows"
    assert run_script(found["code"]).stdout.strip() == found["output"].strip()
