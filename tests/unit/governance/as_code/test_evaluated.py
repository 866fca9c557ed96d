"""Plans and tests of policy files by the evaluator, over policies in a real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iomete.governance import Policies
from iomete.governance.as_code.plan import PolicyPlan
from iomete.governance.questions.known_tables import KnownTables
from support.governed_world import World

Write = Callable[..., Path]

POLICIES = """\
policies:
  - {name: all of it, grant: select, on: lake.crm.customers, to: group:analysts}
  - {name: hashed, mask: hash, on: lake.crm.customers, columns: email, to: group:analysts}
  - {name: own, filter_rows: "region = ${{USER.region}}", on: lake.crm.customers, to: alice}
  - {name: not bob, deny: select, on: lake.crm.customers, columns: contact, to: bob}
  - {name: inbox, grant: read, on_path: s3://inbox, to: bob}
"""
TESTS = """\
tests:
  - {principal: alice, can: select, on: lake.crm.customers, columns: email, mask: hash}
  - {principal: [alice, bob], can: select, on: lake.crm.customers, columns: id, mask: false}
  - principal: alice
    can: select
    on: lake.crm.customers
    filter_rows: region = ${{USER.region}}
  - {principal: bob, can: select, on: lake.crm.customers, filter_rows: false}
  - {principal: bob, cannot: select, on: lake.crm.customers, columns: [contact, contact.phone]}
  - {principal: alice, can: select, on: lake.crm.customers, columns: contact}
  - {principal: [alice, bob], cannot: [insert, update], on: lake.crm.customers}
  - {principal: bob, can: read, on_path: s3://inbox/june}
  - {principal: bob, cannot: write, on_path: s3://inbox/june}
  - {principal: [alice, bob], cannot: select, on: lake.sales.orders}
  - {principal: [alice, bob], cannot: use, on: [lake, lake.sales]}
"""


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_user("alice", groups="analysts", attributes={"region": "EU"})
    world.principals.add_user("bob", groups="analysts")


@pytest.fixture(params=["all tables", "those that Spark has met", "none"])
def policies(request: pytest.FixtureRequest, world: World) -> Policies:
    """Policies with what is known of tables: by Spark, by the store, or nothing at all."""
    if request.param == "all tables":
        return world.policies
    if request.param == "those that Spark has met":
        paths = ("id", "email", "region", "contact", "contact.phone", "contact.email")
        columns = {str(number): path for number, path in enumerate(paths)}
        world.meet_table("lake.crm.customers", columns)
    return Policies(world.administration, KnownTables(world.store))


def failed(policies: Policies, folder: Path, *, planned: bool = False) -> list[str]:
    report = policies.test_files(folder, planned=planned)
    return [
        f"{one.verdict}: {one.name}: {one.found}: {one.reason}"
        for one in report.results
        if one.verdict != "passed"
    ]


def test_tests_hold_once_the_files_are_applied_and_were_planned_to(
    policies: Policies, write: Write
) -> None:
    folder = write(POLICIES, "p.yaml")
    write(TESTS, "t.yaml")
    assert failed(policies, folder, planned=True) == []
    assert len(failed(policies, folder)) == 7
    policies.apply(folder, future=True)
    assert failed(policies, folder) == []


def test_a_planned_change_is_what_tests_are_asked_of(policies: Policies, write: Write) -> None:
    folder = write(POLICIES, "p.yaml")
    write(TESTS, "t.yaml")
    policies.apply(folder, future=True)
    changed = POLICIES.replace("mask: hash", "mask: redact").replace("name: not bob", "name: x")
    write(changed.replace("to: bob}\n  - {name: inbox", "to: alice}\n  - {name: inbox"), "p.yaml")
    found = " ".join(failed(policies, folder, planned=True))
    assert "allowed, mask `redact`" in found
    assert "bob can't select contact of lake.crm.customers: allowed" in found
    assert "alice can select contact of lake.crm.customers: not allowed" in found
    assert failed(policies, folder) == []


def test_reasons_name_the_policy(world: World, write: Write) -> None:
    write(POLICIES, "p.yaml")
    folder = write(
        "tests: [{principal: bob, can: select, on: lake.crm.customers.contact}]", "t.yaml"
    )
    world.policies.apply(folder)
    (found,) = failed(world.policies, folder)
    assert "`not bob`" in found


def test_who_is_nobody_is_unknown(policies: Policies, write: Write) -> None:
    folder = write("tests: [{principal: eve, cannot: select, on: lake.crm.customers}]")
    (found,) = failed(policies, folder)
    assert found.startswith("unknown: eve can't select lake.crm.customers: no answer: User `eve`")


def test_a_name_that_may_be_a_column_is_told_where_tables_are_not_known(
    world: World, write: Write
) -> None:
    """Taken for a table it would be one that nothing is granted on, and the test would pass."""
    write(POLICIES, "p.yaml")
    folder = write("tests: [{principal: bob, cannot: select, on: lake.crm.customers.id}]", "t.yaml")
    world.policies.apply(folder)
    (found,) = failed(Policies(world.administration, KnownTables(world.store)), folder)
    assert found.startswith("unknown:")
    assert "name a column by `columns`" in found
    (found,) = failed(world.policies, folder)
    assert found.startswith("failed:")


def test_a_misspelt_table_is_unknown_where_tables_are_known(world: World, write: Write) -> None:
    folder = write(
        "tests:\n"
        "  - {principal: bob, cannot: select, on: lake.crm.custmers}\n"
        "  - {principal: bob, cannot: select, on: lake.crm.customers, columns: emial}\n"
    )
    assert [one.partition(":")[0] for one in failed(world.policies, folder)] == ["unknown"] * 2


@pytest.mark.parametrize("resource", ["lake", "lake.crm"])
@pytest.mark.parametrize("asked", ["can: select", "cannot: [select, insert]", "cannot: select"])
def test_tables_are_asked_about_one_by_one(
    policies: Policies, write: Write, resource: str, asked: str
) -> None:
    """On a namespace itself nothing may be granted, though all that is in it is."""
    policies.grant("select", on="lake.crm.*", to="alice", future=True)
    folder = write(f"tests: [{{principal: alice, {asked}, on: {resource}}}]")
    found = failed(policies, folder)
    assert found
    assert all(one.startswith("unknown:") and "is about a table" in one for one in found)


def test_a_namespace_can_be_nested(world: World, write: Write) -> None:
    world.meet_table("lake.a.b.c", {"1": "x"})
    folder = write("tests: [{principal: alice, cannot: select, on: lake.a.b}]")
    for policies in (world.policies, Policies(world.administration, KnownTables(world.store))):
        assert "`lake.a.b` is a namespace" in failed(policies, folder)[0]


@pytest.mark.parametrize(
    ("test", "verdict", "note"),
    [
        ("cannot: select, on: lake.crm.custmers", "unknown", "mean `lake.crm.customers`?"),
        ("cannot: select, on: lake.crm.custmers, columns: id", "unknown", "hasn't met"),
        ("cannot: insert, on: lake.crmm.customers", "unknown", "mean `lake.crm.customers`?"),
        ("cannot: select, on: lake.crm.zoo", "unknown", "--tables looks at all"),
        ("cannot: select, on: lake.crm.customers, columns: emial", "unknown", "did you mean"),
        ("cannot: select, on: lake.sales.orders", "passed", "hasn't met"),
        ("cannot: select, on: other.crm.orders", "passed", "hasn't met"),
        ("cannot: select, on: lake.crm.customers.email", "passed", ""),
        ("cannot: select, on: lake.crm.customers.emial", "unknown", "did you mean `email`?"),
        ("can: select, on: lake.crm.customers.email", "failed", ""),
        ("cannot: create, on: lake.crm.custmers", "passed", ""),
        ("cannot: create, on: lake.crmm.customers", "unknown", "mean `lake.crm`?"),
        ("cannot: create, on: lake.crmm", "unknown", "mean `lake.crm`?"),
        ("cannot: use, on: lakke", "unknown", "mean `lake`?"),
        ("cannot: [use], on: lake.zzz", "passed", "there may be no such namespace"),
        ("cannot: use, on: other", "passed", "there may be no such catalog"),
        ("cannot: use, on: lake.crn", "passed", "mean `lake.crm`?"),
        ("can: use, on: lake.zzz", "failed", "there may be no such namespace"),
        ("cannot: [create], on: lake.crm", "passed", ""),
        ("cannot: select, on: lake.crm.named", "passed", "hasn't met"),
        ("cannot: insert, on: lake.crm.customers", "passed", ""),
        ("can: select, on: lake.crm.named, columns: id", "failed", "hasn't met"),
    ],
)
def test_a_table_that_spark_has_not_met_may_be_misspelt(
    world: World, write: Write, test: str, verdict: str, note: str
) -> None:
    world.meet_table("lake.crm.customers", {"1": "id", "2": "email"})
    world.policies.grant("select", on="lake.crm.named", to="bob", future=True)
    world.policies.grant("use", on="lake.crn", to="bob", future=True)
    folder = write(f"tests: [{{principal: alice, {test}}}]")
    policies = Policies(world.administration, KnownTables(world.store))
    (found,) = policies.test_files(folder).results
    assert str(found.verdict) == verdict
    told = found.reason if verdict == "unknown" else found.note
    assert note in told if note else not told


def test_a_field_is_seen_by_the_mask_of_its_column_too(policies: Policies, write: Write) -> None:
    policies.grant("select", on="lake.crm.customers", to="alice", future=True)
    for name, mask in (("contact.phone", "hash"), ("contact", "nullify")):
        policies.mask("lake.crm.customers", name, mask, to="alice", future=True)
    asked = "{principal: alice, can: select, on: lake.crm.customers, columns: %s, mask: %s}"
    tests = [asked % ("contact.phone", mask) for mask in ("hash", "nullify", "true")]
    tests += [asked % ("contact", "nullify"), asked % ("contact.email", "nullify")]
    folder = write("tests:\n" + "".join(f"  - {test}\n" for test in tests))
    report = policies.test_files(folder)
    both = "allowed, mask `hash, then nullify`"
    assert [(str(one.verdict), one.found) for one in report.results] == [
        ("failed", both),
        ("failed", both),
        ("passed", both),
        ("passed", "allowed, mask `nullify`"),
        ("passed", "allowed, mask `nullify`"),
    ]


@pytest.mark.parametrize("asked", ["can: select, mask: false", "cannot: select"])
@pytest.mark.parametrize("of", ["lake.crm.customers, columns: ", "lake.crm.customers."])
def test_fields_of_structs_have_to_be_there(
    world: World, write: Write, asked: str, of: str
) -> None:
    """A misspelt field would be seen as it is, or by nobody."""
    columns = {"1": "id", "2": "contact", "3": "contact.email"}
    world.meet_table("lake.crm.customers", columns)
    world.policies.grant("select", on="lake.crm.customers", to="alice")
    world.policies.mask("lake.crm.customers", "contact.email", "hash", to="alice")
    folder = write(
        f"tests:\n  - {{principal: alice, {asked}, on: {of}contact.emial}}\n"
        f"  - {{principal: alice, {asked}, on: {of}id.email}}\n"
    )
    for policies in (world.policies, Policies(world.administration, KnownTables(world.store))):
        misspelt, none = failed(policies, folder)
        assert misspelt.startswith("unknown:")
        assert "did you mean `contact.email`?" in misspelt
        assert none.startswith("unknown:")
        assert "`id` of `lake.crm.customers` has no field `email`" in none


def test_columns_are_those_of_the_table_that_is_named(world: World, write: Write) -> None:
    """And not a table in a namespace that is called as the table is."""
    world.tables.tables |= {"lake.a.b": {"c": "int", "d": "int"}, "lake.a.b.c": {"x": "int"}}
    for name, columns in world.tables.tables.items():
        world.meet_table(name, {column: column for column in columns}, identity=name)
    world.policies.grant("select", on="lake.a.b", to="bob")
    folder = write(
        "tests:\n"
        "  - {principal: bob, can: select, on: lake.a.b, columns: c}\n"
        "  - {principal: bob, can: select, on: lake.a.b.d}\n"
        "  - {principal: bob, cannot: select, on: lake.a.b.c, columns: x}\n"
        "  - {principal: bob, cannot: select, on: [lake.a.b.c, lake.a.b.c.x]}\n"
    )
    for policies in (world.policies, Policies(world.administration, KnownTables(world.store))):
        assert failed(policies, folder) == []


@pytest.mark.parametrize("resource", ["lake", "lake.crm"])
def test_a_namespace_has_no_columns(policies: Policies, write: Write, resource: str) -> None:
    folder = write(f"tests: [{{principal: bob, cannot: use, on: {resource}, columns: id}}]")
    (found,) = failed(policies, folder)
    assert f"`{resource}` is no table, and has no columns" in found


def test_a_struct_with_masked_fields_is_masked(policies: Policies, write: Write) -> None:
    policies.grant("select", on="lake.crm.customers", to="alice", future=True)
    policies.mask("lake.crm.customers", "contact.phone", "hash", to="alice", future=True)
    asked = "{principal: alice, can: select, on: lake.crm.customers, columns: contact, mask: %s}"
    folder = write("tests:\n" + "".join(f"  - {asked % mask}\n" for mask in ("false", "true")))
    report = policies.test_files(folder)
    assert [(str(one.verdict), one.found) for one in report.results] == [
        ("failed", "allowed, mask `hash of contact.phone`"),
        ("passed", "allowed, mask `hash of contact.phone`"),
    ]


def test_a_planned_policy_is_told_by_its_name(policies: Policies, write: Write) -> None:
    write(POLICIES, "p.yaml")
    folder = write(
        "tests:\n"
        "  - {principal: alice, cannot: select, on: lake.crm.customers}\n"
        "  - {principal: bob, can: select, on: lake.crm.customers, columns: contact}\n",
        "t.yaml",
    )
    table, column = failed(policies, folder, planned=True)
    assert "by policy `all of it`" in table
    assert "policy `not bob` denies it" in column
    assert "1152921504606846" not in table + column


def told(plan: PolicyPlan) -> set[str]:
    assert plan.effects is not None
    return {f"{one.principal} {one.change} {one.what}" for one in plan.effects}


def test_a_plan_tells_who_gains_and_who_loses(world: World, write: Write) -> None:
    folder = write(POLICIES)
    plan = told(world.policies.plan(folder))
    eu = "rows where region = ${{USER.region}}"
    assert f"alice gains select on lake.crm.customers.*, {eu}" in plan
    assert "bob gains select on lake.crm.customers.*" in plan
    assert f"alice gains select on lake.crm.customers.contact, {eu}" in plan
    world.policies.apply(folder)
    assert told(world.policies.plan(folder)) == set()
    write(POLICIES.replace("mask: hash", "mask: nullify").replace("to: group:analysts", "to: bob"))
    plan = told(world.policies.plan(folder))
    assert "alice loses select on lake.crm.customers.*" in plan
    assert any("sees" in one and "MASK_NULL" in one for one in plan)
    write("policies: []\n")
    assert "alice, bob loses select on lake.crm.customers.email" in told(
        world.policies.plan(folder)
    )


def test_who_gains_is_told_of_tables_that_are_known(world: World, write: Write) -> None:
    offline = Policies(world.administration, KnownTables(world.store))
    assert all("customers" not in one for one in told(offline.plan(write(POLICIES), future=True)))
