"""`iomete policies explain` and its like; a lakehouse without Spark, which has met one table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from iomete.cli.app import app
from iomete.folder import LakehouseFolder
from iomete.governance.tables import known_tables
from iomete.store import Store
from support.governed_world import World


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    folder = LakehouseFolder.at("lakehouse")
    folder.make()
    with Store.open(folder.store_database) as store:
        with store.write() as connection:
            connection.execute(
                sa.insert(known_tables).values(
                    identity="iceberg:1", since=0, catalog="lake", namespace="crm",
                    table_name="customers",
                    columns=json.dumps({"1": "id", "2": "email", "3": "region"}),
                )
            )  # fmt: skip
        world = World(folder.root, store)
        world.principals.add_group("analysts")
        world.principals.add_user("alice", groups="analysts")
        world.principals.add_user("bob")
        world.policies.grant("select", on="lake.crm.customers", to="group:analysts")
        world.policies.mask("lake.crm.customers", "email", "hash", to="group:analysts")
        world.policies.filter_rows("lake.crm.customers", "region = 'EU'", to="alice")
        yield world


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
    assert given["mask"]["expression"] == "MASK_HASH"


def test_who_can_lists_users_and_what_can_their_tables(lake: World) -> None:
    holders = json.loads(run("who-can", "select", "lake.crm.customers.email", "-o", "json"))
    assert [holder["principal"] for holder in holders] == sorted(["alice", lake.admin])
    assert run("what-can", "alice") == (
        "lake.crm.customers: select; columns email as MASK_HASH, *; rows where region = 'EU'\n"
    )
    assert run("what-can", "bob") == "Nothing.\n"


def test_findings_are_listed(lake: World) -> None:
    lake.principals.add_group("nobody")
    assert "orphaned principal: `group:nobody`" in run("findings")
    found = json.loads(run("findings", "-o", "json"))
    assert {"orphaned principal"} <= {finding["kind"] for finding in found}


@pytest.mark.usefixtures("lake")
def test_what_is_not_there_is_an_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from iomete.cli import main

    for arguments, said in (
        (("explain", "zoe", "select", "lake.crm.customers"), "`zoe`"),
        (("explain", "alice", "selekt", "lake.crm.customers"), "did you mean `select`?"),
        (("who-can", "select", "lake.crm.customer"), "did you mean `lake.crm.customers`?"),
    ):
        monkeypatch.setattr("sys.argv", ["iomete", "policies", *arguments])
        with pytest.raises(SystemExit):
            main()
        assert said in capsys.readouterr().err
