"""Files and store: what a plan finds, and how it is carried out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable
from iomete.errors import (
    AccessDeniedError,
    InvalidPlanError,
    InvalidPolicyError,
    PlanOutdatedError,
    PoliciesElsewhereError,
    PolicyFilesError,
    StoreError,
)
from iomete.governance import Policies, PolicyConflictWarning, Publisher, carry_out_moves
from iomete.governance.as_code.plan import Effect, PlannedAction, PlannedChange, PolicyPlan
from iomete.governance.ranger import OutsidePolicies
from iomete.governance.tables import policies, table_moves
from iomete.settings import GovernanceSettings, RangerSettings
from iomete.store import Store
from support.audit import events_in
from support.governed_world import CUSTOMERS_FILE, World

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_user("alice", groups="analysts")
    world.principals.add_user("bob")
    world.tags.define("PII")


def summary(plan: PolicyPlan) -> list[tuple[str, str]]:
    return [(str(change.action), change.name) for change in (*plan.changes, *plan.adopted)]


def problems_in(world: World, folder: Path) -> list[str]:
    """Return everything that is wrong with files, after the name of the file."""
    with pytest.raises(PolicyFilesError) as caught:
        world.policies.plan(folder)
    return [problem.partition("policies.yaml:")[2] for problem in caught.value.problems]


def fields(change: PlannedChange) -> dict[str, tuple[Any, Any]]:
    return {field.key: (field.before, field.after) for field in change.fields}


def test_what_files_say_is_made_and_then_there_is_nothing_to_do(world: World, write: Write) -> None:
    folder = write(CUSTOMERS_FILE)
    plan = world.policies.plan(folder)
    assert summary(plan) == [("create", "customers"), ("create", "emails")]
    assert fields(plan.changes[0]) == {
        "grant": (None, "select"), "on": (None, "lake.crm.customers"),
        "columns": (None, ["id", "email"]), "to": (None, "group:analysts"),
    }  # fmt: skip
    assert plan.changes[1].place == f"{folder}/policies.yaml:7"
    done = world.policies.apply(plan)
    assert done.created == ("customers", "emails")
    again = world.policies.plan(folder)
    assert (again.is_empty, again.unchanged, again.version) == (True, 2, done.version)
    assert world.policies.apply(again).version == done.version == world.policies.version


def test_a_plan_changes_nothing(world: World, write: Write) -> None:
    before = world.policies.version
    world.policies.plan(write(CUSTOMERS_FILE))
    assert world.policies.version == before
    assert world.policies.list() == []


def test_changes_are_told_key_by_key_and_keep_the_policy_s_id(world: World, write: Write) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    before = world.policies.get("emails")
    text = CUSTOMERS_FILE.replace("partial", "hash").replace("email\n    to", "id\n    to")
    (change,) = world.policies.plan(write(f"{text}    enabled: false\n")).changes
    assert fields(change) == {
        "mask": ("partial", "hash"), "show_last": (4, None), "columns": ("email", "id"),
        "enabled": (None, False),
    }  # fmt: skip
    assert (change.policy_id, change.version) == (before.id, 1)
    world.policies.apply(write(f"{text}    enabled: false\n"))
    after = world.policies.get("emails")
    assert (after.id, after.version, after.enabled) == (before.id, 2, False)
    assert [str(version.change) for version in world.policies.history("emails")] == [
        "created", "updated",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("to: [alice, bob, group:analysts]", "to: [group:analysts, user:bob, alice]"),
        ("to: alice\n    except: [bob]", "to: [alice]\n    except: user:bob"),
        ("to: group:public", "to: everyone"),
        ("to: alice\n    valid_until: 2030-01-01", "to: alice\n    valid_until: 2030-01-01T00:00Z"),
        ("to: alice\n    columns: [id, email]", "to: alice\n    columns: [EMAIL, ID]"),
        ("to: alice\n    priority: normal", "to: alice\n    enabled: true"),
    ],
)
def test_what_means_the_same_is_no_change(
    world: World, write: Write, before: str, after: str
) -> None:
    policy = "policies:\n  - name: a\n    grant: select\n    on: lake.crm.customers\n    "
    world.policies.apply(write(policy + before))
    assert world.policies.plan(write(policy + after)).is_empty


def test_a_policy_may_become_another_kind(world: World, write: Write) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    text = CUSTOMERS_FILE.replace("mask: partial", "deny: select")
    (change,) = world.policies.plan(write(text)).changes
    assert (change.action, change.kind) == (PlannedAction.UPDATE, "deny")
    world.policies.apply(write(text))
    assert world.policies.get("emails").kind == "deny"


def test_what_files_no_longer_say_goes(world: World, write: Write) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    folder = write(CUSTOMERS_FILE.partition("  - name: emails")[0])
    plan = world.policies.plan(folder)
    assert summary(plan) == [("delete", "emails")]
    assert fields(plan.changes[0])["mask"] == ("partial", None)
    assert world.policies.apply(plan).deleted == ("emails",)
    assert [policy.name for policy in world.policies.list()] == ["customers"]


def test_a_folder_of_tests_alone_does_not_mean_that_no_policies_are_wanted(
    world: World, write: Write
) -> None:
    folder = write(CUSTOMERS_FILE)
    world.policies.apply(folder)
    write("tests: [{principal: alice, can: select, on: lake.crm.customers}]\n", "tests/a.yaml")
    for refused in (world.policies.plan, world.policies.apply):
        with pytest.raises(PolicyFilesError, match="holds tests, and no policies"):
            refused(folder / "tests")
    assert world.policies.plan(folder).is_empty


def test_what_people_have_made_by_hand_is_left_alone(world: World, write: Write) -> None:
    world.policies.grant("select", on="lake.sales", to="alice", name="by hand")
    world.policies.apply(write(CUSTOMERS_FILE))
    world.policies.apply(write("policies: []\n"))
    assert [policy.name for policy in world.policies.list()] == ["by hand"]


def test_projects_do_not_touch_each_other(world: World, write: Write, tmp_path: Path) -> None:
    world.policies.apply(write(f"project: crm\n{CUSTOMERS_FILE}"))
    other = tmp_path / "hr"
    other.mkdir()
    (other / "a.yaml").write_text("project: hr\npolicies: []\n")
    assert world.policies.plan(other).is_empty
    (other / "a.yaml").write_text(f"project: hr\n{CUSTOMERS_FILE}")
    with pytest.raises(PolicyFilesError, match="owned by the files of project `crm`"):
        world.policies.plan(other, adopt=True)


def test_a_name_of_somebody_s_policy_is_told_or_adopted(world: World, write: Write) -> None:
    mine = world.policies.grant("select", on="lake.sales", to="alice", name="customers")
    with pytest.raises(PolicyFilesError) as caught:
        world.policies.plan(write(CUSTOMERS_FILE))
    (problem,) = caught.value.problems
    assert f"policies.yaml:2:5: policy `customers`, `name`: `{world.admin}` has made" in problem
    plan = world.policies.plan(write(CUSTOMERS_FILE), adopt=True)
    assert summary(plan) == [("update", "customers"), ("create", "emails")]
    world.policies.apply(plan)
    assert world.policies.get("customers").id == mine.id
    assert world.policies.plan(write(CUSTOMERS_FILE)).is_empty


def test_what_says_the_same_is_adopted_and_is_no_difference(world: World, write: Write) -> None:
    world.policies.grant(
        "select", on="lake.crm.customers", columns=["id", "email"], to="group:analysts",
        name="customers",
    )  # fmt: skip
    folder = write(CUSTOMERS_FILE.partition("  - name: emails")[0])
    plan = world.policies.plan(folder)
    assert (plan.has_changes, plan.is_empty) == (False, False)
    assert summary(plan) == [("adopt", "customers")]
    assert world.policies.apply(plan).adopted == ("customers",)
    assert summary(world.policies.plan(write("policies: []\n"))) == [("delete", "customers")]


def test_changes_by_hand_of_what_files_own_are_found(world: World, write: Write) -> None:
    folder = write(CUSTOMERS_FILE)
    world.policies.apply(folder)
    world.policies.update("emails", mask="hash")
    world.policies.disable("customers")
    plan = world.policies.plan(folder)
    assert fields(plan.changes[0]) == {"enabled": (False, None)}
    assert fields(plan.changes[1])["mask"] == ("hash", "partial")
    world.policies.apply(plan)
    world.policies.delete("emails")
    assert summary(world.policies.plan(folder)) == [("create", "emails")]


def test_an_import_over_a_policy_of_files_leaves_it_to_them(world: World, write: Write) -> None:
    folder = write(CUSTOMERS_FILE)
    world.policies.apply(folder)
    exported = world.policies.export()
    exported["policies"][0]["description"] = "imported"
    world.policies.import_(exported, replace=True)
    (change,) = world.policies.plan(folder).changes
    assert fields(change) == {"description": ("imported", None)}


def test_an_export_into_another_lakehouse_brings_no_owner(
    world: World, write: Write, tmp_path: Path
) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    exported = world.policies.export()
    with Store.open(tmp_path / "other.db") as store:
        other = World(tmp_path / "other", store)
        other.principals.add_group("analysts")
        other.policies.import_(exported)
        assert other.policies.plan(write("policies: []\n")).is_empty


def test_principals_and_tags_have_to_exist(world: World, write: Write) -> None:
    folder = write(
        "policies:\n"
        "  - {name: a, grant: select, on: lake.crm, to: [group:analyst, alice]}\n"
        "  - {name: b, mask: hash, on_tag: PIJ, to: everyone, except: carol}\n"
        "  - {name: c, mask: hash, on_tag: 'X.*', to: '{OWNER}'}\n"
    )
    problems = problems_in(world, folder)
    assert [problem.partition(" (")[0] for problem in problems] == [
        "2:44: policy `a`, `to`: Group `analyst` does not exist",
        "3:27: policy `b`, `on_tag`: tag `PIJ` does not exist",
        "3:54: policy `b`, `except`: User `carol` does not exist",
    ]
    assert "did you mean `group:analysts`?" in problems[0]
    assert "did you mean `PII`?" in problems[1]


@pytest.mark.parametrize(
    ("policy", "faults"),
    [
        ("name: a, grant: select, on: lake.crm.t, colums: x", {"`colums`: there is no such"}),
        ("name: a, grant: select, on: lake.crm, valid_from: tomorrow", {"`valid_from`: `tomor"}),
        ("grant: selct, on: lake..crm", {"`name`: it has", "`grant`: `selct`", "`on`: Name `lake"}),
        ("name: a, grant: selct, mask: hsh, on: lake..x", {"it says", "`hsh` is no", "`selct` is"}),
        ("name: a, mask: partial, columns: , on: lake.crm.t", {"`columns`: nothing is given"}),
        ("name: a, on: lake", {"it says nothing"}),
    ],
)
def test_whom_a_faulty_policy_is_for_has_to_exist_as_well(
    world: World, write: Write, policy: str, faults: set[str]
) -> None:
    members = "\n    ".join([*policy.split(", "), "to: [alic, alice, 3]", "except: group:x"])
    found = problems_in(world, write(f"policies:\n  - {members}\n"))
    for fault in (*faults, "`to`: User `alic` does not", "`except`: Group `x` does not", "`to.3`"):
        assert any(fault in problem for problem in found), (fault, found)
    assert not any("`alice`" in problem.partition(" (")[0] for problem in found)


def test_a_tag_of_a_faulty_policy_has_to_exist_as_well(world: World, write: Write) -> None:
    folder = write("policies: [{name: a, mask: hsh, on_tag: PIJ, to: '{OWNER}', except: carol}]\n")
    assert [problem.partition(" (")[0] for problem in problems_in(world, folder)] == [
        "1:22: policy `a`, `mask`: `hsh` is no mask",
        "1:33: policy `a`, `on_tag`: tag `PIJ` does not exist",
        "1:61: policy `a`, `except`: User `carol` does not exist",
    ]


def test_what_a_faulty_ranger_policy_names_has_to_exist_as_well(world: World, write: Write) -> None:
    folder = write(
        "policies:\n"
        "  - name: a\n"
        "    ranger:\n"
        "      service: iomete\n"
        "      nonsense: 1\n"
        "      resources: {tag: {values: [PII, PIJ, 3, 'P*']}, table: 7}\n"
        "      policyItems:\n"
        "        - {users: [alice, alic, '{OWNER}', 5], groups: [public, x], roles: admin}\n"
        "        - 5\n"
        "      denyPolicyItems: {users: [bob]}\n"
        "      allowExceptions: [{roles: [nobody], groups: null}]\n"
        "  - {name: b, ranger: [], to: carol}\n"
    )
    found = [problem.partition(" (")[0] for problem in problems_in(world, folder)]
    assert [problem for problem in found if "does not exist" in problem] == [
        "3:5: policy `a`, `ranger`: Group `x` does not exist",
        "3:5: policy `a`, `ranger`: Role `nobody` does not exist",
        "3:5: policy `a`, `ranger`: User `alic` does not exist",
        "3:5: policy `a`, `ranger`: tag `PIJ` does not exist",
        "12:27: policy `b`, `to`: User `carol` does not exist",
    ]
    assert any("nonsense" in problem for problem in found)


def test_tables_and_columns_have_to_exist_unless_they_come_later(
    world: World, write: Write
) -> None:
    text = (
        "policies:\n"
        "  - {name: a, grant: select, on: lake.crm.custmers, to: alice}\n"
        "  - {name: b, mask: hash, on: lake.crm.customers, columns: [emial], to: alice}\n"
        "  - {name: c, filter_rows: 'f(', on: lake.crm.customers, to: alice}\n"
        "  - {name: d, grant: select, on: lake.crm.later, to: alice, future: true}\n"
    )
    folder = write(text)
    problems = problems_in(world, folder)
    assert [problem.partition(" (")[0] for problem in problems] == [
        "2:30: policy `a`, `on`: table `lake.crm.custmers` does not exist",
        "3:51: policy `b`, `columns`: `emial` is not in `lake.crm.customers`",
        "4:15: policy `c`, `filter_rows`: no predicate on lake.crm.customers",
    ]
    plan = world.policies.plan(folder, future=True)
    with pytest.raises(InvalidPolicyError, match="custmers"):
        world.policies.apply(plan)
    assert world.policies.list() == []
    assert len(world.policies.apply(plan, future=True).created) == 4


def test_what_stays_as_it_is_needs_no_table(world: World, write: Write) -> None:
    """A table that was dropped is no reason not to change other policies."""
    folder = write(CUSTOMERS_FILE)
    world.policies.apply(folder)
    del world.tables.tables["lake.crm.customers"]
    assert world.policies.plan(folder).is_empty


def test_a_plan_is_one_transaction_one_version_and_one_event_a_policy(
    world: World, write: Write
) -> None:
    world.policies.grant("select", on="lake.sales", to="alice", name="adopted")
    world.policies.apply(write(CUSTOMERS_FILE))
    text = CUSTOMERS_FILE.replace("partial", "hash").replace("name: customers", "name: clients")
    adopted = "  - {name: adopted, grant: select, on: lake.sales, to: alice}\n"
    plan = world.policies.plan(write(text + adopted))
    seen = len(events_in(world.spool))
    before = world.policies.version
    done = world.policies.apply(plan)
    assert done.version == before + 1 == world.policies.version
    events = events_in(world.spool)[seen:]
    assert sorted((event["action"], event["resource"]) for event in events) == [
        ("policy.create", "lake.crm.customers"),
        ("policy.delete", "lake.crm.customers"),
        ("policy.update", "lake.crm.customers"),
        ("policy.update", "lake.sales"),
    ]
    assert {event["principal"] for event in events} == {world.admin}
    assert all(len(event["policies"]) == 1 for event in events)
    assert {policy.author for policy in world.policies.list()} == {world.admin}
    bundle = json.loads((world.spool.parent / "policies" / "bundle.json").read_text())
    assert bundle["version"] == done.version


def test_names_can_be_exchanged(world: World, write: Write) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    swapped = CUSTOMERS_FILE.replace("name: emails", "name: x").replace(
        "name: customers", "name: emails"
    )
    world.policies.apply(write(swapped.replace("name: x", "name: customers")))
    kinds = {policy.name: str(policy.kind) for policy in world.policies.list()}
    assert kinds == {"customers": "mask", "emails": "grant"}


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.policies.grant("select", on="lake.sales", to="alice"),
        lambda world: world.principals.add_user("carol"),
        lambda world: world.tags.define("X"),
        lambda world: world.principals.remove_user("bob"),
    ],
)
def test_a_plan_is_refused_once_anything_has_changed(
    world: World, write: Write, change: Callable[[World], object]
) -> None:
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    change(world)
    before = world.policies.list()
    with pytest.raises(PlanOutdatedError, match="nothing was changed") as caught:
        world.policies.apply(plan)
    assert "plan again" in str(caught.value.hint)
    assert world.policies.list() == before


def test_an_error_in_the_middle_leaves_everything_as_it_was(
    world: World, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    plan = world.policies.plan(write(CUSTOMERS_FILE.replace("name: emails", "name: zzz")))
    before = (world.policies.list(), world.policies.version, len(events_in(world.spool)))

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("iomete.governance.as_code.applying.insert_policy", fail)
    with pytest.raises(OSError, match="no space"):
        world.policies.apply(plan)
    assert (world.policies.list(), world.policies.version) == before[:2]
    assert len(events_in(world.spool)) == before[2]


def test_of_two_processes_that_apply_at_once_one_wins(
    world: World, write: Write, tmp_path: Path
) -> None:
    saved = []
    for number in range(2):
        plan = world.policies.plan(write(CUSTOMERS_FILE.replace("emails", f"emails {number}")))
        saved.append(tmp_path / f"{number}.json")
        world.policies.save_plan(plan, saved[-1])
    worker = Path(__file__).with_name("as_code_worker.py")
    paths = [str(Path(__file__).parents[3]), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    start = str(time.time() + 6)
    processes = [
        subprocess.Popen(
            [sys.executable, str(worker), str(tmp_path), str(path), start],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for path in saved
    ]  # fmt: skip
    ended = [process.communicate(timeout=120) for process in processes]
    assert [err for _, err in ended] == ["", ""]
    assert sorted(out.strip() for out, _ in ended) == ["lost", "won"]
    assert len(world.policies.list()) == 2


def test_only_admins_plan_apply_and_export(world: World, write: Write, tmp_path: Path) -> None:
    folder = write(CUSTOMERS_FILE)
    plan = world.policies.plan(folder)
    world.policies.save_plan(plan, tmp_path / "plan.json")
    alice = world.act_as("alice").policies
    for refused in (
        lambda: alice.plan(folder),
        lambda: alice.apply(plan),
        lambda: alice.apply(tmp_path / "plan.json"),
        lambda: alice.export_files(tmp_path / "out"),
        lambda: alice.test_files(folder),
        lambda: alice.plan(tmp_path / "nowhere"),
        lambda: alice.save_plan(plan, tmp_path / "stolen.json"),
    ):
        with pytest.raises(AccessDeniedError, match="`alice` may not"):
            refused()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "stolen.json").exists()
    denied = [event for event in events_in(world.spool) if event["principal"] == "alice"]
    assert {event["verdict"] for event in denied} == {"denied"}
    assert {event["action"] for event in denied} == {
        "policy.plan", "policy.apply", "policy.export", "policy.test",
    }  # fmt: skip


def test_policies_of_a_ranger_admin_are_not_changed_here(
    world: World, write: Write, tmp_path: Path
) -> None:
    folder = write(CUSTOMERS_FILE)
    plan = world.policies.plan(folder)
    ranger = RangerSettings(url="http://ranger.example", service="lake", user="a", password="b")
    settings = GovernanceSettings(source="ranger", ranger=ranger)
    outside = OutsidePolicies(settings, tmp_path / "policies")
    policies = Policies(world.administration, world.tables, outside=outside)
    for refused in (
        lambda: policies.plan(folder),
        lambda: policies.apply(plan),
        lambda: policies.export_files(tmp_path / "out"),
    ):
        with pytest.raises(PoliciesElsewhereError):
            refused()


def test_masks_that_can_meet_are_warned_of(world: World, write: Write) -> None:
    more = "  - {name: m, mask: hash, on: lake.crm.customers, columns: email, to: alice}\n"
    with pytest.warns(PolicyConflictWarning, match="`emails` can meet `m`") as caught:
        world.policies.apply(write(CUSTOMERS_FILE + more))
    assert [warning.filename for warning in caught] == [__file__]


def test_a_plan_of_another_lakehouse_is_refused(world: World, write: Write, tmp_path: Path) -> None:
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    path = tmp_path / "plan.json"
    world.policies.save_plan(plan, path)
    with Store.open(tmp_path / "other.db") as store:
        other = World(tmp_path / "other", store).policies
        for refused in (lambda: other.apply(plan), lambda: other.apply(path)):
            with pytest.raises(InvalidPlanError, match="was made for lakehouse"):
                refused()


def rename(store: Store, old: str, new: str) -> None:
    """Do with policies what is done once a table was renamed."""
    before, after = GovernedTable.parse(old), GovernedTable.parse(new)
    with store.write() as connection:
        connection.execute(
            sa.insert(table_moves).values(
                move_id=str(uuid.uuid4()), state="done", kind="statement", identity=None, since=0,
                from_catalog=before.catalog, from_namespace=before.namespace,
                from_table=before.table, to_catalog=after.catalog, to_namespace=after.namespace,
                to_table=after.table, columns="{}", principal="bo", recorded_at=datetime.now(UTC),
            )
        )  # fmt: skip
    carry_out_moves(store)


def test_a_policy_that_has_followed_a_rename_is_noted(world: World, write: Write) -> None:
    world.policies.apply(write(CUSTOMERS_FILE))
    rename(world.store, "lake.crm.customers", "lake.crm.clients")
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    assert fields(plan.changes[0]) == {"on": ("lake.crm.clients", "lake.crm.customers")}
    assert all("was renamed" in str(change.note) for change in plan.changes)
    text = CUSTOMERS_FILE.replace("lake.crm.customers", "lake.crm.clients")
    assert world.policies.plan(write(text), future=True).is_empty


def test_what_was_derived_of_a_policy_of_files_is_not_theirs(world: World, write: Write) -> None:
    """Protection that a rename has left would go with the next apply."""
    folder = write("policies: [{name: a, deny: select, on: lake.crm.cust*, to: alice}]\n")
    world.policies.apply(folder)
    rename(world.store, "lake.crm.customers", "lake.sales.clients")
    assert len(world.policies.list()) == 2
    assert world.policies.plan(folder).is_empty


class Told:
    """Tells of each change that somebody gains by it."""

    def of(self, changes: Any, /) -> list[Effect]:
        return [
            Effect(principal="user:alice", change="gains", what=f"{change.after['name']}")
            for change in changes
            if change.before is None
        ]


def test_something_else_may_tell_who_gains_what(world: World, write: Write) -> None:
    folder = write(CUSTOMERS_FILE)
    policies = Policies(world.administration, world.tables, effects=Told())
    effects = policies.plan(folder).effects
    assert effects is not None
    assert [effect.what for effect in effects] == ["customers", "emails"]


def test_a_store_that_was_put_back_does_not_take_a_plan_of_later(
    world: World, write: Write
) -> None:
    """Versions in force never go back, so that one number doesn't mean two states."""
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    Publisher(world.store, world.spool.parent / "policies").publish()
    world.policies.apply(plan)
    with pytest.raises(PlanOutdatedError):
        world.policies.apply(plan)


def test_what_does_not_exist_is_told_with_what_is_wrong_in_the_files(
    world: World, write: Write
) -> None:
    folder = write(
        CUSTOMERS_FILE.replace("grant:", "grnt:").replace("to: group:analysts", "to: nobody")
        + "  - name: mine\n    grant: select\n    on_tag: PIII\n    to: group:analysts\n"
    )
    problems = problems_in(world, folder)
    assert [problem.partition(" (")[0] for problem in problems] == [
        "3:5: policy `customers`, `grnt`: there is no such key; did you mean `grant`?",
        "6:5: policy `customers`, `to`: User `nobody` does not exist",
        "11:5: policy `emails`, `to`: User `nobody` does not exist",
        "14:5: policy `mine`, `on_tag`: tag `PIII` does not exist",
    ]


def test_a_plan_about_a_policy_twice_is_refused(world: World, write: Write) -> None:
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    first, _ = plan.changes
    before = world.policies.version
    with pytest.raises(InvalidPlanError, match="more than once: `customers`") as caught:
        world.policies.apply(replace(plan, changes=(first, first)))
    assert caught.value.hint
    assert (world.policies.list(), world.policies.version) == ([], before)


def test_what_the_database_refuses_is_told_with_a_hint(world: World, write: Write) -> None:
    """Whoever writes into the database by hand doesn't count the version on."""
    plan = world.policies.plan(write(CUSTOMERS_FILE))
    by_hand = world.policies.grant("select", on="lake.sales.orders", to="bob", name="by hand")
    with world.store.write() as connection:
        connection.execute(sa.update(policies).values(name="emails"))
    before = world.policies.version
    with pytest.raises(StoreError, match="doesn't take the plan") as caught:
        world.policies.apply(replace(plan, version=before))
    assert caught.value.hint
    assert [policy.id for policy in world.policies.list()] == [by_hand.id]
    assert world.policies.version == before
