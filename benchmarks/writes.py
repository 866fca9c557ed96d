"""What governance costs a write, beside a session of the same JVM without any rule of ours.

    python benchmarks/writes.py [--rounds N]

Both sessions write to tables of their own that hold the same; the governed one belongs to somebody
who has the rights and sees the tables as they are. What counts is the middle one of the rounds. The
exit code is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring.bare_session import bare_session
from measuring.pairs import Pair, Work, measure

import iomete

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 300_000
WRITE_RATIO = 1.03
CHECK_MILLISECONDS = 0.3

# A table grows by what is appended, so each round begins by writing it anew.
STATEMENTS = {
    "INSERT": "INSERT INTO {t} SELECT id, concat('label ', id) FROM range(" + str(ROWS) + ")",
    "UPDATE": "UPDATE {t} SET label = concat(label, '!') WHERE id % 1000 = 7",
    "MERGE": (
        "MERGE INTO {t} t USING (SELECT id, 'm' AS label FROM range(1000)) s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET label = s.label"
    ),
    "INSERT OVERWRITE": (
        "INSERT OVERWRITE {t} SELECT id, concat('label ', id) FROM range(" + str(ROWS) + ")"
    ),
}
CHECKED = ("REFRESH TABLE {t}", "DESCRIBE TABLE {t}")


def running(session: SparkSession, statement: str, table: str) -> Work:
    text = statement.format(t=table)
    return lambda: session.sql(text).collect()


def pairs_of(lake: iomete.Lakehouse, bare: SparkSession) -> tuple[list[Pair], list[Pair]]:
    lake.principals.add_user("writer")
    writes, checks = [], []
    for catalog, format_ in (("lake", "iceberg"), ("spark_catalog", "delta")):
        home = f"{catalog}.bench"
        lake.sql(f"CREATE NAMESPACE {home}")
        lake.policies.grant("all", on=home, to="writer")
        # Each by its own session: what is in the session catalog, the other doesn't know.
        bare.sql(f"CREATE NAMESPACE IF NOT EXISTS {home}")
        lake.sql(f"CREATE TABLE {home}.governed (id BIGINT, label STRING) USING {format_}")
        bare.sql(f"CREATE TABLE {home}.bare (id BIGINT, label STRING) USING {format_}")
        writer = lake.as_principal("writer").spark
        for name, statement in STATEMENTS.items():
            mine = running(writer, statement, f"{home}.governed")
            peer = running(bare, statement, f"{home}.bare")
            writes.append(Pair(f"{format_}: {name}", mine, peer, WRITE_RATIO))
        for statement in CHECKED:
            mine = running(writer, statement, f"{home}.governed")
            peer = running(bare, statement, f"{home}.bare")
            name = f"{format_}: {statement.removesuffix(' {t}')}"
            checks.append(Pair(name, mine, peer, CHECK_MILLISECONDS))
    return writes, checks


def report(name: str, shown: str, *, holds: bool) -> bool:
    print(f"{name:<28}{shown}{'' if holds else '   MISSED'}", flush=True)
    return holds


def run(lake: iomete.Lakehouse, rounds: int) -> bool:
    writes, checks = pairs_of(lake, bare_session(lake.spark))
    print(f"-- writes of {ROWS:,} rows, by rights alone")
    measure(writes, rounds=rounds, warm_up=3)
    held = [
        report(
            pair.name,
            f"{pair.median:7.3f} s    bare {pair.peer_median:7.3f} s    {pair.ratio:5.3f} "
            f"(<= {pair.bound})",
            holds=pair.ratio <= pair.bound,
        )
        for pair in writes
    ]
    print("-- what a command's check adds")
    measure(checks, rounds=20 * rounds, warm_up=100)
    held += [
        report(
            pair.name,
            f"{1e3 * pair.median:7.2f} ms   bare {1e3 * pair.peer_median:7.2f} ms   "
            f"{1e3 * pair.added:+5.2f} (<= {pair.bound:+})",
            holds=1e3 * pair.added <= pair.bound,
        )
        for pair in checks
    ]
    return all(held)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iomete-bench-") as folder:
        engine = {"driver_memory": "6g", "spark": {"spark.master": "local[2]"}}
        with iomete.connect(Path(folder) / "lakehouse", engine=engine) as lake:
            return int(not run(lake, asked.rounds))


if __name__ == "__main__":
    sys.exit(main())
