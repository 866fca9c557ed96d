"""`iomete policies explain` and its like; a lakehouse without Spark, which has met one table."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from iomete.cli.app import app
from support.governed_world import World


@pytest.fixture
def lake(lakehouse: World) -> World:
    lakehouse.meet_table("lake.crm.customers", {"1": "id", "2": "email", "3": "region"})
    lakehouse.principals.add_group("analysts")
    lakehouse.principals.add_user("alice", groups="analysts")
    lakehouse.principals.add_user("bob")
    lakehouse.policies.grant("select", on="lake.crm.customers", to="group:analysts")
    lakehouse.policies.mask("lake.crm.customers", "email", "hash", to="group:analysts")
    lakehouse.policies.filter_rows("lake.crm.customers", "region = 'EU'", to="alice")
    return lakehouse


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["policies", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("lake")
def test_explain_says_what_decides_and_what_is_seen() -> None:
    said = run("explain", "alice", "select", "lake.crm.customers.email")
    assert said.startswith("`alice` may select `lake.crm.customers.email`: policy ")
    assert "masked: MASK_HASH" in said
    assert "rows: region = 'EU'" in said
    assert run("explain", "bob", "select", "lake.crm.customers").startswith("`bob` may not select")
    given = json.loads(run("explain", "alice", "select", "lake.crm.customers.email", "-o", "json"))
    assert given["verdict"] == "allowed"
    assert given["masks"][0]["expression"] == "MASK_HASH"


@pytest.mark.usefixtures("lake")
def test_what_may_be_a_column_or_a_nested_table_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken for a table, nothing would be granted on it, although its column may be."""
    from iomete.cli import main

    arguments = ["policies", "explain", "alice", "select", "lake.crm.partners.id"]
    monkeypatch.setattr("sys.argv", ["iomete", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    assert (caught.value.code, printed.out) == (2, "")
    assert "whether `lake.crm.partners.id` is a column, or a table in a nested" in printed.err
    assert "ask about the table `lake.crm.partners`" in printed.err
    assert "column `*`: denied" in run("explain", "alice", "select", "lake.crm.partners")


def test_who_can_lists_users_and_what_can_their_tables(lake: World) -> None:
    holders = json.loads(run("who-can", "select", "lake.crm.customers.email", "-o", "json"))
    assert [holder["principal"] for holder in holders] == sorted(["alice", lake.admin])
    assert run("what-can", "alice") == (
        "lake.crm.customers: select; columns email as MASK_HASH, *; rows where region = 'EU'\n"
    )
    assert run("what-can", "bob").startswith("Nothing among the tables that Spark has met")
    assert "--tables" in run("what-can", "bob")
    assert json.loads(run("what-can", "bob", "-o", "json")) == []


def test_findings_are_listed(lake: World) -> None:
    lake.principals.add_group("nobody")
    assert "orphaned principal: `group:nobody`" in run("findings")
    found = json.loads(run("findings", "-o", "json"))
    assert {"orphaned principal"} <= {finding["kind"] for finding in found}


@pytest.mark.parametrize(
    ("resource", "action", "note"),
    [
        ("lake.crm.customer", "select", "a table `lake.crm.customer`, so that there may be none"),
        ("lake.crm.customer", "select", "did you mean `lake.crm.customers`? --tables looks"),
        ("lake.crmm", "use", "did you mean `lake.crm`? --tables looks"),
        ("lake.crmm.new", "create", "did you mean `lake.crm`? --tables looks"),
        ("lakke", "use", "there may be no such catalog"),
    ],
)
@pytest.mark.usefixtures("lake")
def test_what_spark_has_not_met_is_noted(resource: str, action: str, note: str) -> None:
    said = run("explain", "alice", action, resource)
    assert said.startswith("`alice` may not")
    assert note in said
    (given,) = json.loads(run("explain", "alice", action, resource, "-o", "json"))["notes"]
    assert note in given


@pytest.mark.usefixtures("lake")
def test_what_spark_has_met_has_no_note() -> None:
    for action, resource in (
        ("select", "lake.crm.customers"),
        ("select", "lake.crm.customers.email"),
        ("use", "lake.crm"),
        ("use", "lake"),
        ("create", "lake.crm.new"),
        ("read", "s3://inbox"),
    ):
        assert "--tables" not in run("explain", "alice", action, resource)


@pytest.mark.usefixtures("lake")
def test_what_is_not_there_is_an_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from iomete.cli import main

    for arguments, said in (
        (("explain", "zoe", "select", "lake.crm.customers"), "`zoe`"),
        (("explain", "alice", "selekt", "lake.crm.customers"), "did you mean `select`?"),
        (("explain", "alice", "select", "lake.crm.customers.emial"), "did you mean `email`?"),
        (("explain", "alice", "select", "lake.crm.customers.id.x"), "`id` is no struct"),
        (("who-can", "select", "lake.crm.customers.id.x"), "`id` is no struct"),
        (("who-can", "select", "lake.crm.customer"), "did you mean `lake.crm.customers`?"),
    ):
        monkeypatch.setattr("sys.argv", ["iomete", "policies", *arguments])
        with pytest.raises(SystemExit):
            main()
        assert said in capsys.readouterr().err
