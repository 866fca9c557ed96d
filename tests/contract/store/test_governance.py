"""Governance behaves the same over both kinds of store."""

from __future__ import annotations

import json
import multiprocessing
import warnings
from pathlib import Path

import pytest

from iomete.errors import PrincipalNotFoundError, StillNeededError
from iomete.governance import PolicyConflictWarning, hash_key
from iomete.store import Store
from support.governed_world import World, add_policies


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    return World(tmp_path, store)


def test_a_whole_life(world: World) -> None:
    p = world.principals
    p.add_group("eu")
    p.add_group("de", groups="eu")
    p.add_user("alice", groups="de", attributes={"region": "EU", "rate": 1.5, "ids": [1, 2]})
    p.add_role("reader", to="group:eu")
    assert (p.groups_of("alice"), p.roles_of("alice")) == (["de", "eu"], ["reader"])
    with pytest.raises(StillNeededError):
        p.add_to_group("de", "group:eu")
    policy = world.policies.grant("select", on="lake.crm.customers", to="role:reader")
    world.tags.define("PII")
    world.tags.attach("PII", "lake.crm.customers.email")
    world.policies.mask_tag("PII", "hash", to="everyone")
    world.owners.set_owner("lake.crm.customers", "alice")
    assert world.policies.list(principal="alice")[0] == policy
    assert world.policies.update(policy.id, to="alice").version == 2
    assert [entry.change for entry in world.policies.history(policy.id)] == ["created", "updated"]
    with pytest.raises(StillNeededError):
        p.remove_user("alice")
    world.policies.delete(policy.id)
    world.owners.set_owner("lake.crm.customers", None)
    p.remove_user("alice")
    with pytest.raises(PrincipalNotFoundError):
        p.get("alice")
    assert len(hash_key(world.store)) == 32
    bundle = json.loads(world.publisher.path.read_bytes())
    assert bundle["version"] == world.policies.version
    assert set(bundle["users"]) == {world.admin}


def test_conflicts_are_found_by_patterns(world: World) -> None:
    world.policies.mask("lake.*.customers", "email", "hash", to="everyone")
    with pytest.warns(PolicyConflictWarning):
        world.policies.mask("lake.crm.customers", "email", "nullify", to=world.admin)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        world.policies.mask("lake.crm.customers", "id", "nullify", to=world.admin)


def test_processes_that_write_at_once_lose_nothing(
    world: World, store_url: str, tmp_path: Path
) -> None:
    world.publisher.ensure_published()
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=add_policies, args=(store_url, str(tmp_path), name)) for name in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(world.policies.list()) == 20
    assert len({policy.id for policy in world.policies.list()}) == 20
    bundle = json.loads(world.publisher.path.read_bytes())
    assert bundle["version"] == world.policies.version
    assert len(bundle["services"]["policies"]) == 24
