"""Policy files behave the same over both kinds of store."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from iomete.errors import PlanOutdatedError
from iomete.store import Store
from support.governed_world import World, apply_plan

FILE = "policies:\n  - {name: NAME, grant: select, on: lake.crm.customers, to: everyone}\n"


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    return World(tmp_path, store)


def files(root: Path, name: str) -> Path:
    folder = root / "files"
    folder.mkdir(exist_ok=True)
    (folder / "a.yaml").write_text(FILE.replace("NAME", name))
    return folder


def test_a_whole_life(world: World, tmp_path: Path) -> None:
    folder = files(tmp_path, "a")
    assert world.policies.apply(folder).created == ("a",)
    assert world.policies.plan(folder).is_empty
    plan = world.policies.plan(files(tmp_path, "b"))
    world.policies.save_plan(plan, tmp_path / "plan.json")
    assert world.policies.load_plan(tmp_path / "plan.json") == plan
    done = world.policies.apply(tmp_path / "plan.json")
    assert (done.created, done.deleted, done.version) == (("b",), ("a",), plan.version + 1)
    with pytest.raises(PlanOutdatedError):
        world.policies.apply(plan)
    world.policies.export_files(tmp_path / "out")
    assert world.policies.plan(tmp_path / "out").is_empty


def test_of_processes_that_apply_at_once_one_wins(
    world: World, store_url: str, tmp_path: Path
) -> None:
    plans = []
    for number in range(3):
        plans.append(str(tmp_path / f"{number}.json"))
        world.policies.save_plan(world.policies.plan(files(tmp_path, f"p{number}")), plans[-1])
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(len(plans)), context.Queue()
    processes = [
        context.Process(target=apply_plan, args=(store_url, str(tmp_path), plan, ready, results))
        for plan in plans
    ]
    for process in processes:
        process.start()
    ended = sorted(results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
    assert ended == ["lost", "lost", "won"]
    assert len(world.policies.list()) == 1
