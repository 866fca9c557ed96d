"""Changes of policies that a scenario makes, and takes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import adapter

import iomete


@contextmanager
def changed() -> Iterator[iomete.Lakehouse]:
    """Give the admin's lakehouse; policies made meanwhile are deleted, disabled ones enabled."""
    lake = adapter.lakehouse()
    before = {policy.id: policy.enabled for policy in lake.policies.list()}
    try:
        yield lake
    finally:
        with lake.policies.batch():
            for policy in lake.policies.list():
                if policy.id not in before:
                    lake.policies.delete(policy.id)
                elif policy.enabled != before[policy.id]:
                    lake.policies.enable(policy.id)


def grants(lake: iomete.Lakehouse, resource: str, to: str) -> list[int]:
    """Return the ids of grants on exactly this resource to a principal."""
    found = lake.policies.list(resource=resource, kind="grant")
    return [policy.id for policy in found if policy.on == resource and to in policy.to]


def at_once(*programs: Callable[[], Any]) -> list[Any]:
    """Run programs in threads of their own; return what each gave, or the error it ended with."""
    results: list[Any] = [None] * len(programs)

    def run(number: int) -> None:
        try:
            results[number] = programs[number]()
        except Exception as error:  # noqa: BLE001  # an attack's outcome, whatever it is
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(programs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def attempts(spark: Any, statement: str, until: threading.Event) -> list[Any]:
    """Ask again and again until the event is set; return rows, and the texts of refusals."""
    seen: list[Any] = []
    while not until.is_set():
        try:
            seen.append([tuple(row) for row in spark.sql(statement).collect()])
        except Exception as error:  # noqa: BLE001
            seen.append(str(error))
    with suppress(Exception):
        seen.append([tuple(row) for row in spark.sql(statement).collect()])
    return seen
