"""What the audit trail costs: a query's event, and a million events on their way into the store.

    python benchmarks/audit.py [--events N] [--postgres URL]

The event is written in a JVM of its own, by the jar's writer, as a query does it before its rows
leave. The million is taken from spool files into SQLite, and into an empty PostgreSQL database if
one is named; it includes the check of each line, and the indexes that questions use. The exit code
is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iomete.engine.java import find_java
from iomete.governance.audit.spool import SpoolReader
from iomete.store import Store

WRITTEN = 100_000
INGESTED = 1_000_000
LINES_A_FILE = 150_000
WRITE_BOUND_MICROSECONDS = 20.0
INGEST_BOUND_SECONDS = 60.0
ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=INGESTED)
    parser.add_argument("--postgres")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        holds = [measure_writing(root / "written")]
        stores = {"SQLite": str(root / "store.db")}
        if options.postgres:
            stores["PostgreSQL"] = options.postgres
        for name, url in stores.items():
            holds.append(measure_ingestion(root / name, name, url, events=options.events))
    return int(not all(holds))


def measure_writing(spool: Path) -> bool:
    """Write events in a JVM, and tell whether the median is within the bound."""
    jars = Path(sysconfig.get_paths()["purelib"]) / "pyspark" / "jars"
    own = next((ROOT / "src" / "iomete" / "jars").glob("*.jar"))
    source = Path(__file__).with_name("measuring") / "AuditLoop.java"
    java = find_java().home / "bin" / "java"
    command = [java, "-cp", f"{own}:{jars}/*", source, spool, str(WRITTEN)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    median, most = map(float, done.stdout.split())
    holds = median <= WRITE_BOUND_MICROSECONDS
    shown = f"p50 {median:.1f} µs, p99 {most:.1f} µs (bound: p50 {WRITE_BOUND_MICROSECONDS:.0f} µs)"
    print(f"{'an event on the path of its query':<36}{shown}{missed(holds)}", flush=True)
    return holds


def measure_ingestion(spool: Path, name: str, url: str, *, events: int) -> bool:
    """Take events in, and tell whether that is within the bound."""
    write_spool(spool, events)
    bound = INGEST_BOUND_SECONDS * events / INGESTED
    with Store.open(url) as store:
        began = time.perf_counter()
        taken = SpoolReader(store, spool, idle_seconds=0).ingest()
        seconds = time.perf_counter() - began
    assert (taken.events, taken.rejects, taken.duplicates) == (events, 0, 0)
    assert list(spool.iterdir()) == []
    holds = seconds <= bound
    shown = f"{seconds:.1f} s, {events / seconds:,.0f} a second (bound: {bound:.0f} s)"
    print(f"{f'{events:,} events into {name}':<36}{shown}{missed(holds)}", flush=True)
    return holds


def write_spool(spool: Path, events: int) -> None:
    """Leave what 20 drivers may have reported: 200 people, 500 tables, some masks and refusals."""
    spool.mkdir()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for first in range(0, events, LINES_A_FILE):
        number = first // LINES_A_FILE + 1
        with (spool / f"audit-driver-{number:06}.jsonl").open("w") as file:
            for count in range(first, min(first + LINES_A_FILE, events)):
                moment = begin + timedelta(milliseconds=count * 37)
                file.write(json.dumps(event(count, moment)) + "\n")


def event(count: int, moment: datetime) -> dict[str, object]:
    is_denied = count % 50 == 0
    return {
        "id": f"0b0e0f8e-1111-4222-8333-{count % 20:012}-{count}",
        "time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "principal": f"user{count * 7 % 200}",
        "action": "select",
        "resource": f"lake.sales.table_{count * 13 % 500}",
        "columns": None if is_denied else ["amount", "id", "region"][: count % 3 + 1],
        "verdict": "denied" if is_denied else "allowed",
        "policies": [] if is_denied else [100 + count % 40],
        "masks": {"email": "MASK_HASH"} if count % 5 == 0 else {},
        "filters": [7] if count % 3 == 0 else [],
        "snapshot": None if is_denied else str(6972767061821772631 + count),
        "query": f"local-1795879384802-{count // 2}",
        "session": f"729415d1-d3aa-4c5e-8f0c-{count % 100:012}",
        "application": "local-1795879384802",
        "via": ["lake.mart.revenue"] if count % 10 == 0 else [],
        "reason": "no policy grants it" if is_denied else None,
    }


def missed(holds: object) -> str:
    return "" if holds else "   MISSED"


if __name__ == "__main__":
    sys.exit(main())
