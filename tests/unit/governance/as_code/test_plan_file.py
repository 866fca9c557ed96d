"""A saved plan is applied as it was made, or not at all."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iomete.errors import ConfigurationError, InvalidPlanError
from iomete.governance.as_code.plan_file import plan_json
from support.governed_world import World

Write = Callable[..., Path]

FILE = "policies:\n  - {name: a, grant: select, on: lake.crm.customers, to: alice}\n"


@pytest.fixture
def saved(world: World, write: Write, tmp_path: Path) -> Path:
    world.principals.add_user("alice")
    world.policies.grant("select", on="lake.sales", to="alice", name="kept")
    write("policies:\n  - {name: kept, grant: select, on: lake.sales, to: alice}\n", "b.yaml")
    path = tmp_path / "plan.json"
    world.policies.save_plan(world.policies.plan(write(FILE)), path)
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_saved_plan_is_the_plan(world: World, saved: Path, folder: Path) -> None:
    loaded = world.policies.load_plan(saved)
    planned = world.policies.plan(folder)
    assert (loaded.changes, loaded.adopted) == (planned.changes, planned.adopted)
    assert loaded.author == world.admin
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    done = world.policies.apply(saved)
    assert (done.created, done.adopted) == (("a",), ("kept",))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["changes"][0].update(name="b"),
        lambda plan: plan["changes"][0]["after"]["policyItems"][0].update(users=["bob"]),
        lambda plan: plan["changes"].clear(),
        lambda plan: plan.update(version=plan["version"] + 1),
        lambda plan: plan.update(author="alice"),
        lambda plan: plan.update(project="other"),
        lambda plan: plan.update(signature="0" * 64),
        lambda plan: plan.update(signature=""),
        lambda plan: plan.update(signature="é" * 64),
        lambda plan: plan["changes"][0].update(after={"x": 1}),
        lambda plan: plan["changes"][0]["after"].update(resources=5),
        lambda plan: plan["changes"][0]["after"]["resources"].update(catalog=[1]),
        lambda plan: plan["changes"][0]["after"].pop("name"),
    ],
)
def test_a_plan_that_was_changed_is_refused(
    world: World, saved: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(InvalidPlanError, match="isn't as it was") as caught:
        world.policies.apply(changed(saved, change))
    assert "plan --out" in str(caught.value.hint)
    assert [policy.name for policy in world.policies.list()] == ["kept"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", "null", '{"format": 1}', '{"policies": []}', "[" * 100_000, "\x00"],
)
def test_what_is_no_plan_is_refused(world: World, saved: Path, content: str) -> None:
    saved.write_text(content, "utf-8")
    with pytest.raises(InvalidPlanError, match="no plan of policies"):
        world.policies.apply(saved)


def test_bytes_that_are_no_text_are_no_plan(world: World, saved: Path) -> None:
    saved.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidPlanError, match="no plan of policies"):
        world.policies.apply(saved)


def test_a_member_that_nobody_knows_is_refused(world: World, saved: Path) -> None:
    with pytest.raises(InvalidPlanError, match="no plan"):
        world.policies.apply(changed(saved, lambda plan: plan.update(more=1)))


def test_a_plan_of_a_newer_version_says_so(world: World, saved: Path) -> None:
    with pytest.raises(InvalidPlanError, match="newer version of iomete"):
        world.policies.apply(changed(saved, lambda plan: plan.update(format=2)))


def test_a_plan_that_is_not_there_is_told(world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidPlanError, match="can't be read: No such file"):
        world.policies.load_plan(tmp_path / "nothing.json")


def test_a_plan_that_can_not_be_written_is_told(world: World, saved: Path) -> None:
    plan = world.policies.load_plan(saved)
    with pytest.raises(ConfigurationError, match="can't be written"):
        world.policies.save_plan(plan, saved / "x")
    with pytest.raises(ConfigurationError, match="can't be written"):
        world.policies.save_plan(plan, saved.parent / "nowhere" / "x")


def test_saving_replaces_the_file_at_once(world: World, saved: Path) -> None:
    plan = world.policies.load_plan(saved)
    saved.write_text("old")
    world.policies.save_plan(plan, saved)
    assert world.policies.load_plan(saved) == plan
    assert [path.name for path in saved.parent.glob(".*partial")] == []


def test_programs_read_what_changes_by_key(world: World, saved: Path) -> None:
    content = plan_json(world.policies.load_plan(saved))
    assert json.loads(json.dumps(content)) == content
    assert content["changes"][0]["fields"][0] == {
        "key": "grant", "before": None, "after": "select",
    }  # fmt: skip
    assert content["adopted"][0]["fields"] == []
