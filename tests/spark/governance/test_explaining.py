"""What is explained in Python is what Spark has decided and recorded."""

from __future__ import annotations

import pytest

import iomete
from iomete.access import Principal
from iomete.engine import SparkGate
from iomete.errors import QueryError
from iomete.governance.audit.trail import AuditEvent
from iomete.governance.evaluator import PolicyGate
from iomete.governance.questions.current_policies import CurrentPolicies
from spark.governance.conftest import Newcomer


def explained(lake: iomete.Lakehouse, event: AuditEvent) -> None:
    """Hold an explanation of an event to what the event says."""
    found = lake.policies.explain_event(event)
    assert found.verdict == event.verdict, found.text
    if event.action != "select" or event.verdict == "denied":
        assert (found.policy is None) == (event.verdict == "denied"), found.text
        return
    assert found.deciding == event.policies, found.text
    used = event.columns or ()
    masks = {c.column: c.mask.type for c in found.columns if c.mask and c.column in used}
    assert masks == dict(event.masks), found.text
    filters = () if found.filter is None else (found.filter.policy,)
    assert filters == event.filters, found.text


def test_every_row_of_the_audit_is_explained(
    lake: iomete.Lakehouse, people: str, namespace: str, newcomer: Newcomer
) -> None:
    group, tag = f"g_{namespace[5:]}", f"PII.{namespace[5:]}"
    lake.principals.add_group(group)
    reader, part, nobody = newcomer(groups=[group]), newcomer(groups=[group]), newcomer()
    lake.tags.define(tag)
    lake.tags.attach(tag, f"{people}.ssn")
    with lake.policies.batch():
        lake.policies.grant("select", on=namespace, to=f"group:{group}")
        lake.policies.grant("insert", on=people, to=reader)
        lake.policies.deny("select", on=people, columns="score", to=part)
        lake.policies.mask_tag(tag, "hash", to=f"group:{group}")
        lake.policies.mask(people, "name", "redact", to=part)
        lake.policies.filter_rows(people, "region = 'EU'", to=part)
    lake.as_principal(reader).sql(f"SELECT id, ssn FROM {people}").collect()
    lake.as_principal(reader).sql(
        f"INSERT INTO {people} SELECT 4, 'Dee', '4', 'EU', named_struct('city', 'X', 'zip', '1'), 1"
    )
    lake.as_principal(part).sql(f"SELECT name, ssn, region FROM {people}").collect()
    lake.sql(f"SELECT score FROM {people}").collect()
    for name, statement in (
        (nobody, f"SELECT * FROM {people}"),
        (nobody, f"SELECT * FROM {namespace}.nothing"),
        (reader, f"DELETE FROM {people}"),
        (reader, "SELECT * FROM parquet.`/nowhere/at/all`"),
    ):
        with pytest.raises(QueryError):
            lake.as_principal(name).sql(statement).collect()
    events = [
        event
        for name in (reader, part, nobody, lake.principal)
        for event in lake.audit.events(principal=name)
        if event.resource.startswith((namespace, "/nowhere")) and event.action in ACTIONS
    ]
    assert {event.verdict for event in events} == {"allowed", "denied"}
    assert len(events) >= 8
    for event in events:
        explained(lake, event)


ACTIONS = {"select", "insert", "delete", "read"}


def test_patterns_of_fields_are_told_as_they_are_shown(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, reader = f"{namespace}.orders", newcomer()
    lake.sql(
        f"CREATE TABLE {table} AS SELECT 1 AS id, named_struct('street', 'Elm', 'zip', '123') AS "
        "home, array(named_struct('Code', 'ab', 'note', named_struct('text', 'cd'))) AS items"
    )
    with lake.policies.batch():
        lake.policies.grant("select", on=table, to=reader)
        lake.policies.mask(table, "home.*", "nullify", to=reader, future=True)
        lake.policies.mask(table, "items.*e", "nullify", to=reader, future=True)
    told = lake.policies.explain(reader, "select", table)
    masked = {column.column for column in told.columns if column.mask}
    inside = {"items.code", "items.note", "items.note.text"}
    assert masked == {"home.street", "home.zip", *inside}
    (right,) = (one for one in lake.policies.what_can(reader) if one.resource == table)
    assert {name for name, mask in right.columns.items() if mask} == masked
    (row,) = lake.as_principal(reader).sql(f"SELECT * FROM {table}").collect()
    assert row.asDict(recursive=True) == {
        "id": 1,
        "home": {"street": None, "zip": None},
        "items": [{"Code": None, "note": None}],
    }


def test_a_view_that_cannot_be_read_is_no_end_of_answers(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    base, view, reader = f"{namespace}.base", f"{namespace}.broken", newcomer()
    lake.sql(f"CREATE TABLE {base} AS SELECT 1 AS id, 2 AS n")
    lake.sql(f"CREATE VIEW {view} AS SELECT * FROM {base}")
    lake.sql(f"ALTER TABLE {base} ALTER COLUMN n FIRST")
    with pytest.raises(QueryError, match="IOMETE_VIEW_OF_OTHER_COLUMNS"):
        lake.sql(f"SELECT * FROM {view}")
    lake.policies.grant("select", on=view, columns=["id", "i*"], to=reader, future=True)
    assert view in {right.resource for right in lake.policies.what_can(reader)}
    draft = lake.policies.draft().mask(view, "i*", "redact", to=reader, future=True)
    assert lake.policies.simulate(draft).judged_tables
    assert lake.policies.findings() is not None


def test_structs_below_masked_structs_are_told_as_they_are_shown(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    table, reader = f"{namespace}.nested", newcomer()
    lake.sql(
        f"CREATE TABLE {table} AS SELECT named_struct('a', named_struct('x', 'one', 'y', 'two'), "
        "'b', named_struct('x', 'three', 'y', 'four')) AS s"
    )
    with lake.policies.batch():
        lake.policies.grant("select", on=table, to=reader)
        lake.policies.mask(table, "s.a", "nullify", to=reader)
        lake.policies.mask(table, "s.a.x", "constant", value="seen", to=reader)
        lake.policies.mask(table, "s.b.x", "constant", value="seen", to=reader)
        shown = "named_struct('x', concat({col}.x, '!'), 'y', {col}.y)"
        lake.policies.mask(table, "s.b", "custom", expression=shown, to=reader)
    (row,) = lake.as_principal(reader).sql(f"SELECT s.a, s.b.x, s.b.y FROM {table}").collect()
    assert tuple(row) == (None, "seen!", "four")
    masks = {
        path: [one.type for one in lake.policies.explain(reader, "select", f"{table}.{path}").masks]
        for path in ("s.a", "s.a.x", "s.a.y", "s.b.x", "s.b.y")
    }
    assert masks == {
        "s.a": ["MASK_NULL"],
        "s.a.x": ["MASK_NULL"],
        "s.a.y": ["MASK_NULL"],
        "s.b.x": ["MASK_CONSTANT", "CUSTOM"],
        "s.b.y": ["CUSTOM"],
    }
    (event,) = (one for one in lake.audit.events(principal=reader) if one.action == "select")
    assert lake.policies.explain_event(event).differs == ()


def test_spark_and_python_agree_on_who_may_what(
    lake: iomete.Lakehouse, people: str, namespace: str, newcomer: Newcomer
) -> None:
    name, other = newcomer(), newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name"], to=name)
    lake.policies.grant("create", on=namespace, to=name)
    seen = lake.as_principal(name)
    (right,) = lake.policies.what_can(name)
    assert (right.resource, set(right.columns)) == (people, {"id", "name"})
    assert seen.table(people).columns == ["id", "name"]
    assert name in {holder.principal for holder in lake.policies.who_can("select", people)}
    found = lake.policies.explain(name, "select", people)
    assert [c.column for c in found.columns if c.verdict == "allowed"] == seen.table(people).columns
    draft = lake.policies.draft().grant("select", on=people, to=other)
    gains = lake.policies.simulate(draft).gains
    assert (gains.principals, gains.resources) == (1, 1)
    lake.policies.grant("select", on=people, to=other)
    assert len(lake.as_principal(other).table(people).columns) == 6
    assert lake.policies.simulate(lake.policies.draft()).changes_nothing


def test_the_gate_without_spark_answers_as_the_one_in_it(
    lake: iomete.Lakehouse, people: str, namespace: str, newcomer: Newcomer
) -> None:
    names = [newcomer() for _ in range(4)]
    granted, masked, denied, _ = names
    lake.policies.grant("select", on=people, to=[granted, masked, denied])
    lake.policies.grant("create", on=namespace, to=granted)
    lake.policies.mask(people, "ssn", "hash", to=masked)
    lake.policies.deny("all", on=namespace, to=denied)
    table, above = tuple(people.split(".")), tuple(namespace.split("."))
    store = lake._parts.store
    columns = lake.table(people).columns
    for name in (*names, lake.principal):
        session = lake.as_principal(name).spark
        spark = SparkGate(lambda session=session: session)
        python = PolicyGate(
            CurrentPolicies(store).evaluator, Principal(name), columns=lambda _: columns
        )
        for gate_of in (
            lambda gate: gate.is_admin(),
            lambda gate: [gate.may_know(parts) for parts in (("lake",), above, table, ("raw",))],
            lambda gate: [
                gate.may(a, p) for a in ("select", "create", "drop") for p in (above, table)
            ],
            lambda gate: gate.reads_plainly(table),
        ):
            assert gate_of(python) == gate_of(spark), name
