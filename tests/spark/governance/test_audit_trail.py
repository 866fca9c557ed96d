"""What queries leave behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import iomete
from iomete.errors import QueryError
from spark.governance.conftest import Newcomer
from support.scripts import RunScript


def test_an_execution_leaves_one_event_a_table(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    mask = lake.policies.mask(people, "ssn", "redact", to=name)
    rows = lake.policies.filter_rows(people, "region = 'EU'", to=name)
    reader = lake.as_principal(name)
    frame = reader.sql(f"SELECT a.id, a.ssn FROM {people} a JOIN {people} b ON a.id = b.id")
    assert lake.audit.events(principal=name) == []
    frame.collect()
    frame.collect()
    events = lake.audit.events(principal=name)
    assert [e.resource for e in events] == [people, people]
    assert len({e.query for e in events}) == 2
    event = events[0]
    assert event.action == "select"
    assert set(event.columns or ()) >= {"id", "ssn"}
    assert event.masks == {"ssn": "MASK"}
    assert event.filters == (rows.id,)
    assert mask.id not in event.filters
    assert event.snapshot is not None
    reading = next(r for r in lake.audit.readers(people) if r.principal == name)
    assert reading.executions == 2


def test_a_refusal_leaves_an_event(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> None:
    name = newcomer()
    with pytest.raises(QueryError):
        lake.as_principal(name).sql(f"SELECT * FROM {people}").collect()
    (event,) = lake.audit.events(principal=name)
    assert (event.verdict, event.resource) == ("denied", people)
    assert event.reason


def test_an_auditor_reads_the_trail_and_nothing_else(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    if "auditor" not in {role.name for role in lake.principals.roles()}:
        lake.principals.add_role("auditor")
    auditor = lake.as_principal(newcomer(roles=["auditor"]))
    lake.table(people).count()
    assert auditor.audit.readers(people)
    with pytest.raises(QueryError):
        auditor.table(people)


def test_events_survive_a_kill_between_query_and_ingestion(
    tmp_path: Path, run_script: RunScript
) -> None:
    folder = tmp_path / "lakehouse"
    killed = run_script(
        f"""
import os, signal
import iomete

lake = iomete.connect({str(folder)!r}, master="local[1]")
lake.sql("CREATE NAMESPACE lake.n")
lake.sql("CREATE TABLE lake.n.t AS SELECT 1 AS id")
assert lake.table("lake.n.t").collect()
java = lake.spark._jvm.java.lang.ProcessHandle.current().pid()
os.kill(java, signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
""",
        check=False,
    )
    assert killed.returncode != 0
    script = f"""
import json
import iomete

lake = iomete.connect({str(folder)!r}, master="local[1]")
events = [lake.audit.events(resource="lake.n.t", action="select") for _ in range(2)]
print(json.dumps([len(found) for found in events]))
"""
    assert json.loads(run_script(script).stdout.splitlines()[-1]) == [1, 1]
