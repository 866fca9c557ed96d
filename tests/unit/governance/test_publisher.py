from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from iomete.errors import PolicyPublishError
from iomete.governance import Publisher
from iomete.governance.counters import read_version
from iomete.governance.documents.document import to_json
from iomete.governance.tables import memberships, policies, principals
from iomete.store import Store
from support.governed_world import World

WORKER = Path(__file__).with_name("governance_worker.py")
TESTS = Path(__file__).parents[2]


def start_worker(action: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(WORKER), action, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def published(world: World) -> dict[str, Any]:
    content = world.publisher.path.read_bytes()
    body, _, tail = content.rpartition(b',"sha256":"')
    assert tail == hashlib.sha256(body).hexdigest().encode() + b'"}'
    bundle: dict[str, Any] = json.loads(content)
    return bundle


def stored_version(world: World) -> int:
    with world.store.read() as connection:
        return read_version(connection) or 0


def test_a_change_is_published_before_its_call_returns(world: World) -> None:
    world.principals.add_user("alice")
    assert "alice" in published(world)["users"]
    policy = world.policies.grant("select", on="lake.crm", to="alice")
    assert policy.document in published(world)["services"]["policies"]
    world.policies.disable(policy.id)
    assert policy.id not in [p["id"] for p in published(world)["services"]["policies"]]
    assert published(world)["version"] == world.policies.version


def test_the_bundle_is_for_its_owner_only_and_the_last_one_is_kept(world: World) -> None:
    world.principals.add_user("alice")
    before = world.publisher.path.read_bytes()
    world.principals.add_user("bob")
    folder = world.publisher.path.parent
    assert (folder / "bundle.previous.json").read_bytes() == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(file.name for file in folder.iterdir()) == [
        "bundle.json", "bundle.lock", "bundle.previous.json",
    ]  # fmt: skip


def test_a_bundle_has_everything_that_the_contract_names(world: World) -> None:
    p = world.principals
    p.add_group("all")
    p.add_group("eu", groups="all")
    p.add_user("alice", groups="eu", attributes={"region": "EU", "level": 3, "tags": ["a"]})
    p.add_user("bob")
    p.disable_user("bob")
    p.add_role("reader", to=["group:all", "bob"])
    p.add_role("viewer", to="role:reader")
    world.tags.define("PII", attributes={"level": "high"})
    world.tags.attach("PII", "lake.crm.customers.Email")
    world.tags.attach("PII", "lake.a.b.c")
    world.owners.set_owner("lake.crm.customers", "alice")
    bundle = published(world)
    version = bundle["version"]
    assert list(bundle) == [
        "format", "version", "lakehouse", "services", "tags", "roles", "users", "owners", "sha256",
    ]  # fmt: skip
    assert bundle["lakehouse"] == world.store.identity().id
    assert bundle["users"]["alice"] == {
        "groups": ["all", "eu"],
        "attributes": {"level": 3, "region": "EU", "tags": ["a"]},
        "enabled": True,
    }
    assert bundle["users"]["bob"]["enabled"] is False
    assert bundle["owners"] == {"lake.crm.customers": "alice"}
    roles = {role["name"]: role for role in bundle["roles"]["rangerRoles"]}
    assert roles["reader"]["users"] == [{"name": "bob", "isAdmin": False}]
    assert roles["reader"]["groups"] == [{"name": "all", "isAdmin": False}]
    assert roles["viewer"]["roles"] == [{"name": "reader", "isAdmin": False}]
    assert roles["admin"]["users"] == [{"name": world.admin, "isAdmin": False}]
    services = bundle["services"]
    assert (services["serviceName"], services["tagPolicies"]["serviceName"]) == (
        "iomete",
        "iomete_tag",
    )
    assert services["policyVersion"] == services["tagPolicies"]["policyVersion"] == version
    assert bundle["tags"]["tagVersion"] == bundle["roles"]["roleVersion"] == version
    elements = [r["resourceElements"] for r in bundle["tags"]["serviceResources"]]
    assert {level: e["values"] for level, e in elements[0].items()} == {
        "catalog": ["lake"], "namespace": ["a.b"], "table": ["c"],
    }  # fmt: skip
    assert elements[1]["column"] == {"values": ["email"]}
    (tag_id,) = bundle["tags"]["tags"]
    assert bundle["tags"]["tags"][tag_id]["attributes"] == {"level": "high"}
    assert bundle["tags"]["resourceToTagIds"] == {"1": [int(tag_id)], "2": [int(tag_id)]}


def test_groups_nest_as_deep_as_they_like(world: World) -> None:
    names = [f"g{number}" for number in range(600)]
    by = {"author": world.admin, "created_at": datetime.now(UTC)}
    groups = [
        {"principal": f"group:{name}", "name": name, "kind": "group", "enabled": True} | by
        for name in names
    ]
    nested = [
        {"container": f"group:{above}", "member": f"group:{below}"} | by
        for above, below in pairwise(names)
    ]
    with world.store.write() as connection:
        connection.execute(sa.insert(principals), groups)
        connection.execute(sa.insert(memberships), nested)
    world.principals.add_user("alice", groups=names[-1])
    users = published(world)["users"]
    assert users["alice"]["groups"] == sorted(names)


def test_admins_have_policies_in_both_services(world: World) -> None:
    world.publisher.publish()
    services = published(world)["services"]
    builtin = services["policies"] + services["tagPolicies"]["policies"]
    assert [policy["id"] for policy in builtin] == [1, 2, 3, 4, 5, 6]
    for policy in builtin:
        (items,) = (
            value
            for name, value in policy.items()
            if name.endswith("PolicyItems") or name == "policyItems"
        )
        assert [item["roles"] for item in items] == [["admin"]]
        assert policy["policyPriority"] == 1


def test_nothing_is_written_where_nothing_changed(world: World) -> None:
    assert world.publisher.ensure_published() == world.publisher.ensure_published()
    before = world.publisher.path.stat().st_mtime_ns
    world.publisher.publish()
    assert world.publisher.path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "changed", "not json", "of another lakehouse"]
)
def test_a_damaged_bundle_is_made_again(world: World, damage: str) -> None:
    world.principals.add_user("alice")
    path, whole = world.publisher.path, world.publisher.path.read_bytes()
    other = whole.replace(world.store.identity().id.encode(), b"0" * 36).rpartition(b',"sha256"')[0]
    damages = {
        "cut": whole[:-100],
        "changed": whole.replace(b'"alice"', b'"mallo"'),
        "not json": b"\0" * 10,
        "of another lakehouse": other
        + f',"sha256":"{hashlib.sha256(other).hexdigest()}"}}'.encode(),
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(damages[damage])
    world.publisher.ensure_published()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("action", ["die_before_publishing", "die_while_writing"])
def test_what_a_crash_left_unpublished_is_published_at_the_next_opening(
    world: World, tmp_path: Path, action: str
) -> None:
    world.publisher.ensure_published()
    before = published(world)
    worker = start_worker(action, tmp_path)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGKILL, errors
    assert published(world) == before
    assert stored_version(world) == before["version"] + 1
    world.publisher.ensure_published()
    assert "committed" in published(world)["users"]
    assert not list(world.publisher.path.parent.glob("*.partial"))


def test_processes_that_write_at_once_lose_nothing(world: World, tmp_path: Path) -> None:
    world.publisher.ensure_published()
    workers = [start_worker("write", tmp_path, name, 15) for name in ("a", "b")]
    seen = []
    while any(worker.poll() is None for worker in workers):
        seen.append(published(world)["version"])
        time.sleep(0.01)
    for worker in workers:
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
    names = {policy["name"] for policy in published(world)["services"]["policies"]}
    assert names >= {f"{name} {number}" for name in ("a", "b") for number in range(15)}
    assert published(world)["version"] == stored_version(world)
    assert seen == sorted(seen)  # it never went back


def test_threads_that_write_at_once_lose_nothing(world: World) -> None:
    world.publisher.ensure_published()

    def write(name: str) -> None:
        for number in range(5):
            world.principals.add_group(f"{name}{number}")
            assert stored_version(world) >= published(world)["version"]

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.principals.groups()) == 15
    assert published(world)["version"] == stored_version(world)


def test_a_restored_store_gets_past_what_was_published(world: World, tmp_path: Path) -> None:
    world.principals.add_user("kept")
    copy = tmp_path / "copy.db"
    world.store.close()
    shutil.copy2(tmp_path / "store.db", copy)
    with Store.open(tmp_path / "store.db") as store:
        later = World(tmp_path, store)
        later.principals.add_user("lost")
        ahead = published(later)["version"]
    shutil.copy2(copy, tmp_path / "store.db")
    with Store.open(tmp_path / "store.db") as store:
        restored = World(tmp_path, store)
        assert restored.publisher.ensure_published() > ahead
        assert "lost" not in published(restored)["users"]
        assert "kept" in published(restored)["users"]


def test_a_change_that_cannot_be_published_says_so_and_heals(world: World) -> None:
    world.publisher.ensure_published()
    shutil.rmtree(world.publisher.path.parent)
    world.publisher.path.parent.write_text("a file in the way")
    with pytest.raises(PolicyPublishError, match="Policies are saved"):
        world.principals.add_user("alice")
    world.publisher.path.parent.unlink()
    assert world.policies.publish() == stored_version(world)
    assert "alice" in published(world)["users"]


def test_spark_is_told_after_each_change_and_believed(world: World) -> None:
    versions: list[int] = []

    def load() -> int:
        versions.append(published(world)["version"])
        return versions[-1]

    world.publisher.on_publish(load)
    world.principals.add_user("alice")
    assert versions == [stored_version(world)]
    world.publisher.on_publish(lambda: 1)
    with pytest.raises(PolicyPublishError, match="Spark still goes by version 1"):
        world.principals.add_user("bob")
    world.publisher.on_publish(None)
    assert world.principals.get("bob").name == "bob"


def test_an_error_of_what_loads_is_a_publish_error(world: World) -> None:
    def fail() -> int:
        raise ZeroDivisionError("gone")

    world.publisher.on_publish(fail)
    with pytest.raises(PolicyPublishError, match="gone") as caught:
        world.principals.add_user("alice")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_thousands_of_policies_are_published_in_a_moment(world: World, tmp_path: Path) -> None:
    world.policies.grant("select", on="lake.crm.customers", columns=["id", "email"], to=world.admin)
    with world.store.read() as connection:
        (row,) = connection.execute(sa.select(policies)).mappings()
    copies = [
        dict(row)
        | {
            "policy_id": n,
            "name": f"p{n}",
            "document": to_json(json.loads(row["document"]) | {"id": n}),
        }
        for n in range(1000, 11_000)
    ]
    with world.store.write() as connection:
        connection.execute(sa.insert(policies), copies)
    publisher = Publisher(world.store, tmp_path / "elsewhere")
    started = time.perf_counter()
    publisher.publish()
    assert time.perf_counter() - started < 5  # a bound that a busy machine holds; it takes 0.2 s
    assert len(json.loads(publisher.path.read_bytes())["services"]["policies"]) == 10_005
