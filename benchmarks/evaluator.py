"""How fast policies are decided, explained and tried in Python, with many of them.

    python benchmarks/evaluator.py

10,000 policies of all kinds on 100,000 resources, see `measuring.made_policies`. Measured are a
million decisions in one process, each of another user or column than the one before, also where a
policy fills in the user's name; explanations of columns and of tables, also where half of the
policies are over; and what it takes to try changes that reach everyone or every table. The exit
code is 1 if a bound isn't held, by the slowest of its kind.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from measuring import made_policies as made
from measuring.made_policies import COLUMNS, POLICIES, TABLES, USERS, Tables

from iomete.governance.answers import Explainer, simulate
from iomete.governance.evaluator import Contents, Evaluator, PolicyBook

DECISIONS = 1_000_000
EXPLANATIONS = 2_000
QUESTIONS = 1_000
BOUNDS_SECONDS = {"decisions": 20.0, "explain": 0.001, "simulate": 10.0}

OWN_NAMESPACE = made.for_everyone(900_000, namespace=["{USER}"])
OWN_TABLES = made.for_everyone(900_001, table=["{USER}_*", "{USER}"])
CHANGES: dict[str, Callable[[Contents], Contents]] = {
    "a grant on each table": made.granted_on_each_table,
    "`all` on all tables, to everyone": lambda before: made.with_policies(
        before, made.for_everyone(900_002, "all")
    ),
    "a mask of `c1` on all tables, for everyone": lambda before: made.with_policies(
        before, made.masked_for_everyone(900_003, "c1")
    ),
    "a grant on `lake.{USER}`, to everyone": lambda before: made.with_policies(
        before, OWN_NAMESPACE
    ),
    "a grant on tables `{USER}` and `{USER}_*`": lambda before: made.with_policies(
        before, OWN_TABLES
    ),
    "a group into a group": made.with_group_in_group,
    "all roles revoked": made.without_roles,
}


def seconds_of_decisions(evaluator: Evaluator) -> tuple[float, int]:
    """Decide for every column of every table, ten users each; return also how many were granted."""
    subjects = [evaluator.subject(f"u{number}") for number in range(USERS)]
    resources = [
        (*made.table_name(table), f"c{column}")
        for table in range(TABLES)
        for column in range(COLUMNS)
    ]
    granted, number = 0, 0
    started = time.perf_counter()
    for round_ in range(DECISIONS // len(resources)):
        for parts in resources:
            number += 7
            subject = subjects[(number + round_) % USERS]
            assert subject is not None
            granted += evaluator.decide(subject, "select", parts).is_allowed
    return time.perf_counter() - started, granted


def seconds_of_explanations(book: PolicyBook, *, whole_tables: bool) -> list[float]:
    """Explain columns, or tables with all of their columns, each time asking what decides now."""
    columns = [f"c{number}" for number in range(COLUMNS)] if whole_tables else []
    dice = random.Random(11)  # noqa: S311
    seconds = []
    for _ in range(EXPLANATIONS):
        table, user = dice.randrange(TABLES), f"u{dice.randrange(USERS)}"
        parts: tuple[str, ...] = made.table_name(table)
        if not whole_tables:
            parts = (*parts, f"c{dice.randrange(COLUMNS)}")
        started = time.perf_counter()
        evaluator = book.at()
        subject = evaluator.subject(user)
        assert subject is not None
        _ = Explainer(evaluator).explain(subject, "select", parts, columns=columns).text
        seconds.append(time.perf_counter() - started)
    return seconds


def seconds_of_simulation(book: PolicyBook, after: Contents) -> tuple[float, str]:
    """Try a change; return also what it does."""
    evaluator = book.at()
    started = time.perf_counter()
    found = simulate(evaluator, PolicyBook(after, like=book).at(), Tables())
    elapsed = time.perf_counter() - started
    counts = {
        "gained": found.gains.count,
        "lost": found.losses.count,
        "masked otherwise": found.masks.count,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return elapsed, told or "nothing changes"


def measure_decisions(contents: Contents) -> float:
    print(f"{DECISIONS:,} decisions on {TABLES * COLUMNS:,} columns", end=" ")
    print(f"(bound {BOUNDS_SECONDS['decisions']:.0f} s)")
    worst = 0.0
    for name, having in (
        ("by all policies", contents),
        ("with a grant on `lake.{USER}`", made.with_policies(contents, OWN_NAMESPACE)),
        ("with one on tables `{USER}` and `{USER}_*`", made.with_policies(contents, OWN_TABLES)),
    ):
        seconds, granted = seconds_of_decisions(PolicyBook(having).at())
        print(f"  {name}: {seconds:.2f} s, {granted:,} granted")
        worst = max(worst, seconds)
    return worst


def measure_explanations(contents: Contents) -> float:
    print(f"an explanation (bound {BOUNDS_SECONDS['explain'] * 1e3:.0f} ms, of the middle)")
    worst = 0.0
    for name, having in (
        ("all policies in force", contents),
        ("half of them over", made.half_of_them_over(contents)),
    ):
        book = PolicyBook(having)
        for what, whole_tables in (("column", False), (f"table of {COLUMNS} columns", True)):
            found = seconds_of_explanations(book, whole_tables=whole_tables)
            middle, late = statistics.median(found), statistics.quantiles(found, n=100)[98]
            print(f"  of a {what}, {name}: p50 {middle * 1e3:.3f} ms, p99 {late * 1e3:.3f} ms")
            worst = max(worst, middle)
        started = time.perf_counter()
        for _ in range(QUESTIONS):
            book.at()
        each = (time.perf_counter() - started) / QUESTIONS
        print(f"  what decides now, {name}: {each * 1e6:.1f} \u00b5s")
    return worst


def measure_simulations(book: PolicyBook) -> float:
    print(f"changes tried for {USERS:,} users", end=" ")
    print(f"on {TABLES:,} tables (bound {BOUNDS_SECONDS['simulate']:.0f} s)")
    worst = 0.0
    for name, change in CHANGES.items():
        seconds, told = seconds_of_simulation(book, change(book.contents))
        print(f"  {name}: {seconds:.2f} s, {told}", flush=True)
        worst = max(worst, seconds)
    return worst


def main() -> int:
    contents = made.contents()
    started = time.perf_counter()
    book = PolicyBook(contents)
    book.at()
    print(f"{POLICIES:,} policies compiled and indexed in {time.perf_counter() - started:.2f} s")
    measured = {
        "decisions": measure_decisions(contents),
        "explain": measure_explanations(contents),
        "simulate": measure_simulations(book),
    }
    return int(any(measured[name] > bound for name, bound in BOUNDS_SECONDS.items()))


if __name__ == "__main__":
    sys.exit(main())
