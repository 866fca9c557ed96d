"""The examples of the page on explaining policies run, in order, and print what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from support.governed_world import World

PAGE = Path(__file__).parents[3] / "docs" / "explaining-policies.md"


def test_every_example_prints_what_the_page_shows(world: World) -> None:
    world.principals.add_role("auditor")
    world.tables.tables = {
        name: world.tables.tables[name] for name in ("lake.crm.customers", "lake.sales.orders")
    }
    text = PAGE.read_text("utf-8")
    found = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    assert len(found) > 6
    names = {"lake": world}
    for code, expected in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)  # noqa: S102  # the page's own examples
        assert printed.getvalue() == (expected or ""), code
