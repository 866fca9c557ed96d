"""How fast two processes write to one SQLite store, and whether they lose a write.

    python benchmarks/store.py

Two processes run 1,000 small transactions each, at once, on one file: first through
`iomete.store`, then through bare `sqlite3` with the same settings (WAL, synchronous=FULL, BEGIN
IMMEDIATE). The ratio of the two is what the store costs. Then a current store is opened 50 times.
The exit code is 1 if a write was lost, or if opening took longer than its bound.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = 2
TRANSACTIONS = 1_000
OPENINGS = 50
OPENING_BOUND_SECONDS = 0.030
INSERT = "INSERT INTO written (writer, number) VALUES (?, ?)"


def write_through_store(path: str, writer: str) -> list[float]:
    from iomete.store import Store

    def one(number: int) -> None:
        with store.write() as connection:
            connection.exec_driver_sql(INSERT, (writer, number))

    with Store.open(path) as store:
        return timed(one)


def write_through_sqlite3(path: str, writer: str) -> list[float]:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")

    def one(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(INSERT, (writer, number))
        connection.execute("COMMIT")

    try:
        return timed(one)
    finally:
        connection.close()


def timed(transaction: Callable[[int], None]) -> list[float]:
    """Wait for the word to start, then return the seconds that each transaction took."""
    print("ready", flush=True)
    sys.stdin.readline()
    seconds = []
    for number in range(TRANSACTIONS):
        started = time.perf_counter()
        transaction(number)
        seconds.append(time.perf_counter() - started)
    return seconds


def run(kind: str, path: Path) -> tuple[float, list[float], int]:
    """Return the seconds of the whole, the seconds of each transaction, and the rows there are."""
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, kind, str(path), str(writer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for writer in range(PROCESSES)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    started = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate()[0] for writer in writers]
    elapsed = time.perf_counter() - started
    assert all(writer.returncode == 0 for writer in writers)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT count(*) FROM (SELECT DISTINCT * FROM written)").fetchone()[0]
    connection.close()
    return elapsed, [second for output in outputs for second in json.loads(output)], rows


def opening_seconds(path: Path) -> list[float]:
    from iomete.store import Store

    seconds = []
    for _ in range(OPENINGS):
        started = time.perf_counter()
        Store.open(path).close()
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> int:
    from iomete.store import Store

    expected = PROCESSES * TRANSACTIONS
    lost = 0
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("store", "sqlite3"):
            path = Path(folder) / f"{kind}.db"
            with Store.open(path) as store, store.write() as connection:
                connection.exec_driver_sql("CREATE TABLE written (writer TEXT, number INTEGER)")
            results[kind] = run(kind, path)
            lost += expected - results[kind][2]
        opening = opening_seconds(Path(folder) / "store.db")
    print(f"{PROCESSES} processes, {TRANSACTIONS} transactions each, one SQLite file")
    print(f"{'':10}{'total s':>10}{'p50 ms':>10}{'p99 ms':>10}{'lost':>8}")
    for kind, (elapsed, seconds, rows) in results.items():
        p50, p99 = percentiles(seconds)
        print(f"{kind:10}{elapsed:10.2f}{p50:10.3f}{p99:10.3f}{expected - rows:8}")
    ratio = results["store"][0] / results["sqlite3"][0]
    print(f"{'ratio':10}{ratio:10.2f}")
    p50, p99 = percentiles(opening)
    print(f"open a current store: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    return int(lost != 0 or p50 > OPENING_BOUND_SECONDS * 1e3)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in milliseconds."""
    hundredths = statistics.quantiles(seconds, n=100)
    return hundredths[49] * 1e3, hundredths[98] * 1e3


if __name__ == "__main__":
    if len(sys.argv) > 1:
        writers = {"store": write_through_store, "sqlite3": write_through_sqlite3}
        print(json.dumps(writers[sys.argv[1]](*sys.argv[2:])))
    else:
        sys.exit(main())
