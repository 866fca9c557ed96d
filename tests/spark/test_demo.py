"""`iomete demo` as a person runs it: the real command, in its own process."""

import os
import re
import subprocess
import sys
from pathlib import Path

IOMETE = Path(sys.executable).with_name("iomete")


def run_demo(folder: Path) -> str:
    """Return what the demo prints to a pipe."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IOMETE_")}
    done = subprocess.run(
        [IOMETE, "demo"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def loaded(output: str) -> dict[str, tuple[str, str, str]]:
    """Return rows, kind and how it was loaded, by table."""
    found = re.findall(
        r"^  (lake\.\w+\.\w+) +([\d,]+) +(real|synthetic) +(\S+)", output, re.MULTILINE
    )
    return {table: (rows, kind, how) for table, rows, kind, how in found}


ANSWERS = {
    "What Dana sees": [
        "Vanessa Marks vanessa.marks201@example.com JFK SFO 629",
        "Matthew Finley matthew.finley520@example.com JFK DFW 533",
        "Randy Chung randy.chung645@example.com JFK ATL 508",
        "Troy Hendrix troy.hendrix388@example.com JFK MIA 397",
    ],
    "What Eli sees": [
        "Xxxxxxxxx Xxxxxxxx xxxxxxxxx.xxxxxxxxnnn@xxxxxxx.xxx EWR MIA 660",
        "Xxxxxxx Xxxxx xxxxxxx.xxxxxnnn@xxxxxxx.xxx JFK SFO 629",
        "Xxxxxxx Xxxxxx xxxxxxx.xxxxxxnnn@xxxxxxx.xxx JFK DFW 533",
        "Xxxxx Xxxxx xxxxx.xxxxxnnn@xxxxxxx.xxx JFK ATL 508",
    ],
    "What was recorded": [
        "dana@demo allowed customer_id, email, home_airport, name 1",
        "eli@demo allowed customer_id, email, home_airport, name name, email 0",
    ],
}
"""Two people's rows of one query, and its audit events, below the sentence that announces each."""


def answers(output: str) -> dict[str, list[str]]:
    """Return the rows of the tables that `ANSWERS` is about, blanks folded."""
    return {
        title: [" ".join(row.split()) for row in _table_below(title, output)] for title in ANSWERS
    }


def _table_below(title: str, output: str) -> list[str]:
    found = re.search(rf"^{title}:.*\n\n.*\n +─+ *\n((?: .+\n)+)", output, re.MULTILINE)
    assert found, f"no table below `{title}`:\n{output}"
    return found[1].splitlines()


def test_demo_shows_real_facts_and_runs_again_on_its_own_lakehouse(tmp_path: Path) -> None:
    first = run_demo(tmp_path)

    tables = loaded(first)
    assert tables["lake.nyc.flights"][:2] == ("336,776", "real")
    assert tables["lake.crm.customers"][:2] == ("1,000", "synthetic")
    assert len(tables) == 7
    # time travel: the snapshot before the update, and the table now
    assert re.search(r"^  before +342 +-6\.92$", first, re.MULTILINE)
    assert re.search(r"^  now +342 +-21\.92$", first, re.MULTILINE)
    # Iceberg joined with Delta: every flight of a day with known weather
    assert re.search(r"^  wet +27898 +28\.9$", first, re.MULTILINE)
    # merge: two changed, one is new
    assert re.search(
        r"^ +1 +\S+1@example\.com +first@example\.org +basic +gold *$", first, re.MULTILINE
    )
    assert re.search(r"^ +1001 +null +ada@example\.org +null +basic *$", first, re.MULTILINE)
    assert re.search(r"^  PyIceberg +336,776 +-21\.92$", first, re.MULTILINE)
    assert answers(first) == ANSWERS
    assert "dana@demo may no longer select lake.crm.customers.email" in first
    assert "lake.crm.customers.customer_id for eli@demo: as it is -> MASK_NULL" in first
    assert "iomete shell -l lakehouse" in first
    assert "\x1b" not in first
    assert max(len(line) for line in first.splitlines()) <= 100

    second = run_demo(tmp_path)

    changed = {"lake.nyc.flights", "lake.crm.customers"}
    assert {table: how for table, (_, _, how) in loaded(second).items()} == {
        table: "restored" if table in changed else "kept" for table in tables
    }
    assert re.search(r"^  before +342 +-6\.92$", second, re.MULTILINE)
    assert re.search(r"^  now +342 +-21\.92$", second, re.MULTILINE)
    assert answers(second) == ANSWERS
