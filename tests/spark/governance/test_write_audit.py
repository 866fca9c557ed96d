"""Writes leave events: what was done to which table, before it is done."""

from __future__ import annotations

import pytest

import iomete
from iomete.errors import QueryDeniedError
from iomete.governance.audit.trail import AuditEvent
from spark.governance.conftest import Newcomer


@pytest.mark.parametrize("format_", ["iceberg", "delta"])
def test_each_write_leaves_one_event_an_action_and_table(
    lake: iomete.Lakehouse, namespace: str, session_namespace: str, newcomer: Newcomer, format_: str
) -> None:
    name = newcomer()
    home = namespace if format_ == "iceberg" else session_namespace
    table = f"{home}.audited"
    lake.policies.grant("all", on=home, to=name)
    writer = lake.as_principal(name)
    for statement, expected in (
        (f"CREATE TABLE {{t}} (id INT, label STRING) USING {format_}", ["create"]),
        ("INSERT INTO {t} VALUES (1, 'a'), (2, 'b')", ["insert"]),
        ("UPDATE {t} SET label = 'z' WHERE id = 1", ["update"]),
        ("DELETE FROM {t} WHERE id = 2 AND label LIKE '%b'", ["delete"]),
        (
            (
                "MERGE INTO {t} t USING (SELECT 1 AS id) s ON t.id = s.id "
                "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
            ),
            ["delete", "insert"],
        ),
        ("INSERT OVERWRITE {t} VALUES (1, 'a')", ["delete", "insert"]),
        ("ALTER TABLE {t} ADD COLUMN extra INT", ["alter"]),
        ("EXPLAIN INSERT INTO {t} VALUES (1, 'a', 1)", []),
        ("DROP TABLE {t}", ["drop"]),
    ):
        before = len(changes(lake, name, table))
        writer.sql(statement.format(t=table)).collect()
        found = changes(lake, name, table)[before:]
        assert sorted(event.action for event in found) == expected, statement
        assert {event.verdict for event in found} <= {"allowed"}
        assert len({event.query for event in found}) <= 1


def changes(lake: iomete.Lakehouse, principal: str, table: str) -> list[AuditEvent]:
    events = lake.audit.events(principal=principal, resource=table)
    return [event for event in events if event.action not in ("select", "read")]


def test_administrators_leave_events_of_writes_too(lake: iomete.Lakehouse, namespace: str) -> None:
    table = f"{namespace}.audited"
    lake.sql(f"CREATE TABLE {table} AS SELECT 1 AS id")
    lake.sql(f"DROP TABLE {table}")
    found = [event.action for event in changes(lake, lake.principal, table)]
    assert found == ["create", "insert", "drop"]


def test_paths_that_are_written_leave_events(
    lake: iomete.Lakehouse, newcomer: Newcomer, tmp_path: object
) -> None:
    name = newcomer()
    lake.policies.grant(["read", "write"], on_path=str(tmp_path), to=name)
    lake.as_principal(name).sql("SELECT 1 AS id").write.parquet(f"{tmp_path}/out")
    written = [e for e in lake.audit.events(principal=name) if e.action == "write"]
    assert [event.resource.endswith("/out") for event in written] == [True]


def test_a_refused_write_leaves_a_denial_and_no_change(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    with pytest.raises(QueryDeniedError):
        lake.as_principal(name).sql(f"DELETE FROM {people}")
    (event,) = changes(lake, name, people)
    assert (event.action, event.verdict) == ("delete", "denied")
