"""What policy files would do, by the evaluator: effects of a plan, tests before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomete.cli.plans import plan_lines
from iomete.errors import PolicyFilesError
from iomete.governance import Policies
from iomete.governance.as_code import PolicyTestVerdict
from iomete.governance.questions.known_tables import KnownTables
from support.governed_world import World

FILE = """\
policies:
  - name: orders
    grant: select
    on: lake.sales.orders
    to: group:analysts

  - name: emails
    mask: hash
    on: lake.crm.customers
    columns: email
    to: group:analysts

  - name: rows of bob
    filter_rows: region = 'EU'
    on: lake.crm.customers
    to: bob
"""

TESTS = """
tests:
  - principal: alice
    can: select
    on: lake.crm.customers
    columns: email
    mask: hash
  - principal: bob
    can: select
    on: lake.crm.customers
    filter_rows: region = 'EU'
  - principal: carol
    cannot: select
    on: lake.sales.orders
"""


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    """Policy files of a lakehouse where two analysts read customers, and carol owns a grant."""
    world.principals.add_group("analysts")
    for name in ("alice", "bob"):
        world.principals.add_user(name, groups="analysts")
    world.principals.add_user("carol")
    world.policies.grant("select", on="lake.crm.customers", to="group:analysts")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "policies.yaml").write_text(FILE + TESTS, "utf-8")
    return folder


def effects(world: World, files: Path) -> list[str]:
    told = world.policies.plan(files).effects
    assert told is not None
    return [f"{effect.principal} {effect.change} {effect.what}" for effect in told]


def test_a_plan_tells_who_gains_and_who_sees_what_otherwise(world: World, files: Path) -> None:
    assert effects(world, files) == [
        "alice, bob gains select on lake.sales.orders.*",
        "alice, bob sees lake.crm.customers.email as MASK_HASH, before as it is",
        "bob sees rows of lake.crm.customers where region = 'EU', before where true",
    ]
    printed = "\n".join(
        "".join(text for text, _ in line) for line in plan_lines(world.policies.plan(files))
    )
    assert "gains select on lake.sales.orders.*  (alice, bob)" in printed


def test_a_plan_tells_who_loses(world: World, files: Path) -> None:
    world.policies.apply(files)
    text = FILE.split("\n\n")
    (files / "policies.yaml").write_text("\n\n".join(("policies:", *text[1:])), "utf-8")
    assert effects(world, files) == ["alice, bob loses select on lake.sales.orders.*"]


def test_what_is_in_force_already_has_no_effects(world: World, files: Path) -> None:
    world.policies.apply(files)
    assert effects(world, files) == []


def test_tests_are_asked_of_policies_in_force_and_of_planned_ones(
    world: World, files: Path
) -> None:
    passed, failed = PolicyTestVerdict.PASSED, PolicyTestVerdict.FAILED

    def verdicts(*, planned: bool) -> list[PolicyTestVerdict]:
        report = world.policies.test_files(files, planned=planned)
        return [result.verdict for result in report.results]

    assert verdicts(planned=False) == [failed, failed, passed]
    assert verdicts(planned=True) == [passed, passed, passed]
    world.policies.apply(files)
    assert verdicts(planned=False) == [passed, passed, passed]


def test_planned_tests_are_of_files_that_can_be_planned(world: World, files: Path) -> None:
    world.policies.grant("select", on="lake.crm", to="bob", name="orders")
    with pytest.raises(PolicyFilesError, match=r"`orders`, `name`: .* by hand"):
        world.policies.test_files(files, planned=True)
    assert world.policies.test_files(files, planned=True, adopt=True).has_passed


def test_a_saved_plan_keeps_its_effects(world: World, files: Path, tmp_path: Path) -> None:
    plan = world.policies.plan(files)
    world.policies.save_plan(plan, tmp_path / "plan.json")
    assert world.policies.load_plan(tmp_path / "plan.json").effects == plan.effects


def verdicts(policies: Policies, folder: Path, *tests: str) -> list[tuple[str, str]]:
    """Return what tests of one principal on one table come to, and what was found."""
    lines = "\n".join(f"  - {{principal: bob, on: lake.crm.customers, {test}}}" for test in tests)
    (folder / "policies.yaml").write_text(f"policies: []\ntests:\n{lines}\n", "utf-8")
    report = policies.test_files(folder)
    return [(str(result.verdict), result.found) for result in report.results]


ASKED = ("can: select, mask: false", "can: select, mask: true", "can: select, mask: hash")


def test_a_table_without_masks_is_seen_as_it_is(world: World, files: Path) -> None:
    found = [verdict for verdict, _ in verdicts(world.policies, files, *ASKED)]
    assert found == ["passed", "failed", "failed"]


def test_a_table_with_a_masked_column_has_a_mask(world: World, files: Path) -> None:
    world.policies.mask("lake.crm.customers", "email", "hash", to="bob")
    assert verdicts(world.policies, files, *ASKED) == [
        ("failed", "allowed, mask `hash of email`"),
        ("passed", "allowed, mask `hash of email`"),
        ("failed", "allowed, mask `hash of email`"),
    ]


def test_a_table_whose_columns_are_all_masked_alike_has_that_mask(
    world: World, files: Path
) -> None:
    world.policies.mask("lake.crm.customers", "*", "hash", to="bob")
    found = [verdict for verdict, _ in verdicts(world.policies, files, *ASKED)]
    assert found == ["failed", "passed", "passed"]


def test_masks_of_hidden_columns_are_no_masks_of_their_table(world: World, files: Path) -> None:
    world.policies.mask("lake.crm.customers", "email", "hash", to="bob")
    world.policies.deny("select", on="lake.crm.customers", columns="email", to="bob")
    assert verdicts(world.policies, files, ASKED[0])[0][0] == "passed"


def test_a_grant_of_columns_is_one_on_a_table_that_is_not_known(world: World, files: Path) -> None:
    unknown = Policies(world.administration, KnownTables(world.store))
    assert verdicts(unknown, files, "can: select", "cannot: select") == [
        ("passed", "allowed"),
        ("failed", "allowed"),
    ]
    (grant,) = world.policies.list()
    world.policies.delete(grant.id)
    world.policies.grant("select", on="lake.crm.customers", columns=["email", "id"], to="bob")
    world.policies.mask("lake.crm.customers", "e*", "hash", to="bob")
    assert [found[0] for found in verdicts(unknown, files, "can: select", "cannot: select")] == [
        "passed",
        "failed",
    ]
    assert [found[0] for found in verdicts(unknown, files, *ASKED)] == [
        "failed",
        "passed",
        "failed",
    ]
