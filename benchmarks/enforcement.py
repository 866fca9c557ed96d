"""What governance costs, beside a session of the same JVM without any rule of ours.

    python benchmarks/enforcement.py [--rounds N] [aggregate] [planning] [change] [load] [tpch]

Both sessions read the same Iceberg tables. Each round runs both, next to each other; what counts is
the middle one of the rounds. The exit code is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from measuring.bare_session import bare_session
from measuring.pairs import Pair, measure, seconds

import iomete
from iomete.governance.publisher import BUNDLE

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.tpch.benchmark import QUERIES
from support.tpch.data import TABLES

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import SparkSession

ROWS = 3_000_000
WIDE = 300
FEW_POLICIES, MANY_POLICIES = 2_000, 10_000
MIB = 1024 * 1024

PEOPLE, NARROW, BROAD = "lake.bench.people", "lake.bench.narrow", "lake.bench.broad"
AGGREGATE = f"SELECT region, count(*), max(email), sum(amount) FROM {PEOPLE} GROUP BY region"
PREDICATE = "region <> 'APAC' AND amount > {}"

WATCHER = f"""
import sys, time
import iomete
spark = iomete.connect(sys.argv[1]).as_principal("watcher").spark
may = None
while True:
    try:
        spark.table("{NARROW}").schema
        now = True
    except Exception:
        now = False
    if now != may:
        may = now
        print(time.time(), flush=True)
    time.sleep(0.005)
"""


@dataclass
class Bench:
    """The lakehouse that is measured, its ungoverned peer, and the bounds that were missed."""

    lake: iomete.Lakehouse
    bare: SparkSession
    rounds: int
    missed: list[str] = field(default_factory=list)

    def session(self, principal: str) -> SparkSession:
        return self.lake.as_principal(principal).spark

    def report(self, name: str, shown: str, *, holds: bool) -> None:
        print(f"{name:<42}{shown}{'' if holds else '   MISSED'}", flush=True)
        if not holds:
            self.missed.append(name)

    def report_ratio(self, pair: Pair) -> None:
        shown = f"{compared(pair.median, pair.peer_median, pair.ratio)} (<= {pair.bound})"
        self.report(pair.name, shown, holds=pair.ratio <= pair.bound)

    def report_added(self, pair: Pair) -> None:
        mine, peer, added = (1e3 * s for s in (pair.median, pair.peer_median, pair.added))
        shown = f"{mine:8.2f} ms   bare {peer:8.2f} ms {added:+8.2f} (<= {pair.bound:+})"
        self.report(pair.name, shown, holds=added <= pair.bound)


def aggregate(bench: Bench) -> None:
    """An aggregate: by right alone, filtered, masked; every value of the masked column differs."""
    lake = bench.lake
    lake.sql(
        f"""CREATE TABLE {PEOPLE} AS SELECT id, concat('customer.', id, '@example.org') AS email,
        element_at(array('AMER', 'APAC', 'EMEA', 'LATAM'), CAST(id % 4 + 1 AS INT)) AS region,
        (id * 7919 % 100003) / 100D AS amount FROM range({ROWS})"""
    )
    masks = {
        "redact": ({}, 1.12),
        "partial": ({"show_last": 4}, 1.12),
        "nullify": ({}, 1.12),
        "hash": ({}, 1.3),
    }
    with lake.policies.batch():
        for user in ("access_only", "filtered", *masks):
            lake.principals.add_user(user, attributes={"least": 250.0})
            lake.policies.grant("select", on=PEOPLE, to=user)
        for mask, (options, _) in masks.items():
            lake.policies.mask(PEOPLE, "email", mask, to=mask, **options)
        lake.policies.filter_rows(PEOPLE, PREDICATE.format("${{USER.least}}"), to="filtered")
    by_hand = AGGREGATE.replace(" GROUP", f" WHERE {PREDICATE.format('250.0D')} GROUP")

    def pair(name: str, user: str, bound: float, peer: str = AGGREGATE) -> Pair:
        session = bench.session(user)
        return Pair(name, collecting(session, AGGREGATE), collecting(bench.bare, peer), bound)

    pairs = [pair("access only", "access_only", 1.02)]
    pairs += [pair("row filter, and the same WHERE by hand", "filtered", 1.05, by_hand)]
    pairs += [pair(f"mask: {mask}", mask, bound) for mask, (_, bound) in masks.items()]
    print(f"-- {AGGREGATE}; {ROWS:,} rows")
    measure(pairs, rounds=bench.rounds, warm_up=4)
    for measured in pairs:
        bench.report_ratio(measured)


def planning(bench: Bench) -> None:
    """Parsing to physical plan, nothing run."""
    lake = bench.lake
    with lake.policies.batch():
        for user in ("narrow_access", "narrow_masked", "broad"):
            lake.principals.add_user(user)
        for user in ("narrow_access", "narrow_masked"):
            lake.policies.grant("select", on=NARROW, to=user)
        lake.policies.mask(NARROW, "email", "redact", to="narrow_masked")
        lake.policies.filter_rows(NARROW, "region <> 'APAC'", to="narrow_masked")
        lake.policies.grant("select", on=BROAD, to="broad")
        lake.policies.mask(BROAD, "c7", "redact", to="broad")
        lake.policies.filter_rows(BROAD, "c0 <> ''", to="broad")
    add_policies(lake, FEW_POLICIES)

    def pair(name: str, user: str, bound: float, query: str) -> Pair:
        return Pair(name, plans(bench.session(user), query), plans(bench.bare, query), bound)

    narrow = f"SELECT id, email, region FROM {NARROW} WHERE id > 7"
    pairs = [
        pair("3 columns, access only", "narrow_access", 0.5, narrow),
        pair("3 columns, masked and filtered", "narrow_masked", 3, narrow),
        pair(f"{WIDE} columns", "broad", 5, f"SELECT * FROM {BROAD}"),
    ]
    print(f"-- planning with {FEW_POLICIES:,} policies, p50")
    measure(pairs, rounds=25 * bench.rounds, warm_up=100)
    for measured in pairs:
        bench.report_added(measured)


def change(bench: Bench) -> None:
    """From the call that changes a policy to the first query that goes by it."""
    lake, rounds = bench.lake, 2 * bench.rounds
    add_policies(lake, FEW_POLICIES)
    lake.principals.add_user("watcher")
    spark = bench.session("watcher")
    same, other = [], []
    with watching(lake.folder) as seen:
        for _ in range(rounds):
            started = time.time()
            policy = lake.policies.grant("select", on=NARROW, to="watcher")
            _ = spark.table(NARROW).schema  # is refused unless the grant is in force
            same.append(time.time() - started)
            other.append(seen() - started)
            started = time.time()
            lake.policies.delete(policy.id)
            other.append(seen() - started)
    print(f"-- a change with {FEW_POLICIES:,} policies, {rounds} times")
    for name, found, bound in (("same process", same, 0.2), ("another process", other, 0.5)):
        median, worst = statistics.median(found), max(found)
        shown = f"{median:8.3f} s    worst {worst:7.3f} s            (<= {bound})"
        bench.report(name, shown, holds=worst <= bound)


def load(bench: Bench) -> None:
    """A policy engine of its own, loaded from a bundle with many policies."""
    lake, jvm = bench.lake, bench.bare._jvm
    add_policies(lake, MANY_POLICIES)
    bundle = jvm.java.io.File(str(lake.folder / "policies" / BUNDLE)).toPath()
    ranger = jvm.io.iomete.spark.governance.ranger.RangerPolicyEngine
    runtime = jvm.java.lang.Runtime.getRuntime()

    def used() -> int:
        for _ in range(3):
            jvm.java.lang.System.gc()
        return int(runtime.totalMemory() - runtime.freeMemory())

    engines: list[JavaObject] = []
    before = used()
    found = [seconds(lambda: engines.append(ranger.start(bundle))) for _ in range(5)]
    each = (used() - before) / len(engines)
    for engine in engines:
        engine.close()
    print(f"-- {MANY_POLICIES:,} policies, loaded {len(found)} times")
    shown = f"{statistics.median(found):8.3f} s    worst {max(found):7.3f} s            (<= 2)"
    bench.report("load", shown, holds=max(found) <= 2)
    bench.report("memory of one engine", f"{each / MIB:8.1f} MiB", holds=True)


def tpch(bench: Bench) -> None:
    """The 22 queries over one gigabyte, by right alone."""
    lake = bench.lake
    lake.sql("CREATE NAMESPACE lake.tpch")
    with tempfile.TemporaryDirectory(prefix="iomete-tpch-") as folder:
        program = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
        subprocess.run([program, "parquet", "-q", "-s", "1", "-o", folder], check=True)
        for table in TABLES:
            source = f"parquet.`{folder}/{table}.parquet`"
            lake.sql(f"CREATE TABLE lake.tpch.{table} AS SELECT * FROM {source}")
    lake.principals.add_user("reporting")
    lake.policies.grant("select", on="lake.tpch", to="reporting")
    spark, names = bench.session("reporting"), {t: f"lake.tpch.{t}" for t in TABLES}
    pairs = []
    for number, template in QUERIES.items():
        query = template.format(**names)
        pairs.append(
            Pair(f"q{number}", collecting(spark, query), collecting(bench.bare, query), 1.03)
        )
    # as many rounds in one order as in the other: the second finds the files in memory
    measure(pairs, rounds=max(4, bench.rounds // 8 * 2), warm_up=1)
    print("-- TPC-H at scale factor 1, access only")
    for pair in pairs:
        print(f"{pair.name:<42}{compared(pair.median, pair.peer_median, pair.ratio)}")
    governed, bare = sum(p.median for p in pairs), sum(p.peer_median for p in pairs)
    shown = f"{compared(governed, bare, governed / bare)} (<= 1.03)"
    bench.report("sum of 22 queries", shown, holds=governed / bare <= 1.03)


def compared(found: float, peer: float, ratio: float) -> str:
    return f"{found:8.3f} s    bare {peer:8.3f} s {ratio:8.3f}x"


def collecting(session: SparkSession, query: str) -> Callable[[], object]:
    return lambda: session.sql(query).collect()


def plans(session: SparkSession, query: str) -> Callable[[], object]:
    return lambda: session.sql(query)._jdf.queryExecution().executedPlan()


def add_policies(lake: iomete.Lakehouse, wanted: int) -> None:
    """Fill up to so many policies: rights, masks and filters on tables that nobody asks for."""
    absent = "lake.bench.absent"
    if not lake.policies.list(resource=absent):
        lake.principals.add_user("someone")
        lake.policies.grant("select", on=absent, to="someone", future=True)
        lake.policies.mask(absent, "email", "redact", to="someone", future=True)
        lake.policies.filter_rows(absent, "id > 7", to="someone", future=True)
    everything = lake.policies.export()["policies"]
    patterns = [
        d for d in everything if d["resources"].get("table", {}).get("values") == ["absent"]
    ]
    copies = []
    for number in range(wanted - len(everything)):
        document = copy.deepcopy(patterns[number % len(patterns)])
        document["name"] = f"{wanted}-{number}"
        document["resources"]["table"]["values"] = [f"absent_{wanted}_{number}"]
        copies.append(document)
    lake.policies.import_({"policies": copies}, future=True)


@contextmanager
def watching(folder: Path) -> Iterator[Callable[[], float]]:
    """Another process that asks again and again; the function waits for it to see a change."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    stdout = process.stdout
    try:
        stdout.readline()  # what it sees at first
        yield lambda: float(stdout.readline())
    finally:
        process.kill()
        process.wait()


PARTS = {part.__name__: part for part in (aggregate, planning, change, load, tpch)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=21)
    asked = parser.parse_args()
    parts = asked.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="iomete-bench-") as folder:
        engine = {"driver_memory": "6g", "spark": {"spark.master": "local[2]"}}
        with iomete.connect(Path(folder) / "lakehouse", engine=engine) as lake:
            lake.sql("CREATE NAMESPACE lake.bench")
            lake.sql(f"CREATE TABLE {NARROW} (id BIGINT, email STRING, region STRING)")
            lake.sql(f"CREATE TABLE {BROAD} ({', '.join(f'c{n} STRING' for n in range(WIDE))})")
            bench = Bench(lake, bare_session(lake.spark), asked.rounds)
            for name, part in PARTS.items():
                if name in parts:
                    part(bench)
    return int(bool(bench.missed))


if __name__ == "__main__":
    sys.exit(main())
