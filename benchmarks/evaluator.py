"""How fast policies are decided, explained and tried in Python, with many of them.

    python benchmarks/evaluator.py

10,000 policies of all kinds on 10,000 tables of ten columns, which are 100,000 resources; 1,000
users in 100 groups and 20 roles; a tenth of the tables with tagged columns. Measured are a million
decisions in one process, each of another user or column than the one before; explanations; and
what it takes to try a grant on every table. The exit code is 1 if a bound isn't held.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from iomete.governance.answers import Explainer, simulate
from iomete.governance.evaluator import (
    Attachment,
    Contents,
    Evaluator,
    Memberships,
    PolicyBook,
    User,
)

POLICIES = 10_000
TABLES = 10_000
COLUMNS = 10
USERS, GROUPS, ROLES = 1_000, 100, 20
NAMESPACES = 100
DECISIONS = 1_000_000
EXPLANATIONS = 2_000
BOUNDS_SECONDS = {"decisions": 20.0, "explain": 0.001, "simulate": 10.0}

Document = dict[str, Any]


class Tables:
    """The tables that there are, as the catalog tells them."""

    def list_tables(self) -> Iterator[tuple[str, str, str]]:
        for number in range(TABLES):
            yield "lake", f"ns{number % NAMESPACES}", f"t{number}"

    def columns_of(self, _table: Sequence[str]) -> list[str]:
        return [f"c{number}" for number in range(COLUMNS)]

    def fields_of(self, _table: Sequence[str]) -> list[str]:
        return []


def policy(policy_id: int, **members: Any) -> Document:
    document = {
        "id": policy_id,
        "service": "iomete",
        "name": f"policy {policy_id}",
        "policyType": 0,
        "policyPriority": 0,
        "isEnabled": True,
    }
    return document | members


def item(action: str, dice: random.Random, **members: Any) -> Document:
    groups = [f"g{dice.randrange(GROUPS)}"]
    roles = [f"r{dice.randrange(ROLES)}"] if dice.random() < 0.3 else []
    users = [f"u{dice.randrange(USERS)}"] if dice.random() < 0.2 else []
    who = {"users": users, "groups": groups, "roles": roles}
    return {"accesses": [{"type": action, "isAllowed": True}], **who, **members}


def on(table: int, column: str = "*") -> dict[str, dict[str, list[str]]]:
    values = {"catalog": "lake", "namespace": f"ns{table % NAMESPACES}", "table": f"t{table}"}
    named = {level: {"values": [value]} for level, value in values.items()}
    return named | {"column": {"values": [column]}}


def whole_namespace(number: int) -> dict[str, dict[str, list[str]]]:
    return {
        "catalog": {"values": ["lake"]},
        "namespace": {"values": [f"ns{number}", f"ns{number}.*"]},
        "table": {"values": ["*"]},
        "column": {"values": ["*"]},
    }


def made(policy_id: int, dice: random.Random) -> Document:
    """Return one policy: most are grants on a table, some denials, masks and filters."""
    kind, table = dice.random(), dice.randrange(TABLES)
    column = f"c{dice.randrange(COLUMNS)}"
    if kind < 0.1:
        where = whole_namespace(dice.randrange(NAMESPACES))
        return policy(policy_id, resources=where, policyItems=[item("select", dice)])
    if kind < 0.6:
        action = dice.choice(["select", "select", "insert", "all"])
        return policy(policy_id, resources=on(table), policyItems=[item(action, dice)])
    if kind < 0.75:
        denied = [item("select", dice)]
        return policy(policy_id, resources=on(table, column), denyPolicyItems=denied)
    if kind < 0.9:
        masked = [item("select", dice, dataMaskInfo={"dataMaskType": "MASK"})]
        where = on(table, column)
        return policy(policy_id, policyType=1, resources=where, dataMaskPolicyItems=masked)
    rows = [item("select", dice, rowFilterInfo={"filterExpr": "c0 > 1"})]
    where = {level: value for level, value in on(table).items() if level != "column"}
    return policy(policy_id, policyType=2, resources=where, rowFilterPolicyItems=rows)


def contents() -> Contents:
    dice = random.Random(7)  # noqa: S311  # made-up policies
    tagged = {"dataMaskType": "iomete:MASK_HASH"}
    tag_policies = [
        policy(
            100 + POLICIES + number,
            service="iomete_tag",
            policyType=1,
            resources={"tag": {"values": [f"PII.{number}"]}},
            dataMaskPolicyItems=[item("iomete:select", dice, dataMaskInfo=tagged)],
        )
        for number in range(10)
    ]
    attachments = [
        Attachment(tag=f"PII.{table % 10}", resources=on(table, f"c{table % COLUMNS}"))
        for table in range(0, TABLES, 10)
    ]
    direct = {f"user:u{n}": (f"group:g{n % GROUPS}",) for n in range(USERS)}
    direct |= {f"group:g{n}": (f"role:r{n % ROLES}",) for n in range(GROUPS)}
    return Contents(
        version=1,
        access=[made(100 + number, dice) for number in range(POLICIES)],
        tag=tag_policies,
        attachments=attachments,
        users={f"u{n}": User() for n in range(USERS)},
        memberships=Memberships(direct),
    )


def seconds_of_decisions(evaluator: Evaluator) -> tuple[float, int]:
    """Decide for every column of every table, ten users each; return also how many were granted."""
    subjects = [evaluator.subject(f"u{number}") for number in range(USERS)]
    resources = [
        ("lake", f"ns{table % NAMESPACES}", f"t{table}", f"c{column}")
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


def seconds_of_explanations(evaluator: Evaluator) -> list[float]:
    explainer = Explainer(evaluator)
    dice = random.Random(11)  # noqa: S311
    seconds = []
    for _ in range(EXPLANATIONS):
        subject = evaluator.subject(f"u{dice.randrange(USERS)}")
        assert subject is not None
        table = dice.randrange(TABLES)
        column = f"c{dice.randrange(COLUMNS)}"
        parts = ("lake", f"ns{table % NAMESPACES}", f"t{table}", column)
        started = time.perf_counter()
        _ = explainer.explain(subject, "select", parts).text
        seconds.append(time.perf_counter() - started)
    return seconds


def seconds_of_simulation(book: PolicyBook) -> tuple[float, str]:
    """Try a grant to a group on each of the tables: as many new policies as there are tables."""
    before = book.contents
    grants = [
        policy(
            1_000_000 + table,
            resources=on(table),
            policyItems=[{"accesses": [{"type": "select"}], "groups": [f"g{table % GROUPS}"]}],
        )
        for table in range(TABLES)
    ]
    evaluator = book.at()
    started = time.perf_counter()
    changed = Contents(
        version=before.version,
        access=[*before.access, *grants],
        tag=before.tag,
        attachments=before.attachments,
        users=before.users,
        memberships=before.memberships,
    )
    found = simulate(evaluator, PolicyBook(changed, like=book).at(), Tables())
    elapsed = time.perf_counter() - started
    gained = f"{found.gains.count:,} rights gained, {found.judgements:,} judgements"
    return elapsed, gained


def main() -> int:
    started = time.perf_counter()
    book = PolicyBook(contents())
    evaluator = book.at()
    print(f"{POLICIES:,} policies compiled and indexed in {time.perf_counter() - started:.2f} s")
    decided, granted = seconds_of_decisions(evaluator)
    print(
        f"{DECISIONS:,} decisions on {TABLES * COLUMNS:,} columns: {decided:.2f} s, "
        f"{granted:,} granted (bound {BOUNDS_SECONDS['decisions']:.0f} s)"
    )
    explained = seconds_of_explanations(evaluator)
    median = statistics.median(explained)
    worst = statistics.quantiles(explained, n=100)[98]
    print(
        f"an explanation: p50 {median * 1e3:.3f} ms, p99 {worst * 1e3:.3f} ms "
        f"(bound {BOUNDS_SECONDS['explain'] * 1e3:.0f} ms)"
    )
    simulated, gained = seconds_of_simulation(book)
    print(
        f"a grant on each of {TABLES:,} tables tried for {USERS:,} users: {simulated:.2f} s, "
        f"{gained} (bound {BOUNDS_SECONDS['simulate']:.0f} s)"
    )
    measured = {"decisions": decided, "explain": median, "simulate": simulated}
    return int(any(measured[name] > bound for name, bound in BOUNDS_SECONDS.items()))


if __name__ == "__main__":
    sys.exit(main())
