"""What policy files would do, by the evaluator: effects of a plan, tests before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomete.cli.plans import plan_lines
from iomete.governance.as_code import PolicyTestVerdict
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


def test_a_saved_plan_keeps_its_effects(world: World, files: Path, tmp_path: Path) -> None:
    plan = world.policies.plan(files)
    world.policies.save_plan(plan, tmp_path / "plan.json")
    assert world.policies.load_plan(tmp_path / "plan.json").effects == plan.effects
