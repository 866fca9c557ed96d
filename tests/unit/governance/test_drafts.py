"""Drafts: their steps are held to what the real calls are held to, and leave the same."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomete.errors import (
    AlreadyExistsError,
    ColumnNotFoundError,
    IometeError,
    PolicyNotFoundError,
    StillNeededError,
    TableNotFoundError,
)
from iomete.governance import Policies
from iomete.governance.questions.current_policies import CurrentPolicies
from iomete.governance.questions.known_tables import KnownTables
from iomete.store import Store
from support.governed_world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iomete.governance.answers import Draft
    from iomete.governance.evaluator import Contents

CUSTOMERS = "lake.crm.customers"
ORDERS = "lake.sales.orders"
GIVEN_BY_THE_STORE = ("id", "version", "isEnabled")
OF_PRINCIPALS = {"add_to_group", "remove_from_group", "grant_role", "revoke_role"}
OF_TAGS = {"attach", "detach"}

numbers = count()


@dataclass(frozen=True)
class Call:
    """A step of a draft, or the real call of the same name."""

    name: str
    arguments: tuple[Any, ...]
    more: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = [repr(one) for one in self.arguments]
        told += [f"{name}={value!r}" for name, value in self.more.items()]
        return f"{self.name}({', '.join(told)})"

    def on_draft(self, draft: Draft) -> None:
        getattr(draft, self.name)(*self.arguments, **self.more)

    def on_world(self, world: World) -> None:
        if self.name == "put":
            world.policies.import_({"policies": list(self.arguments)}, replace=True, **self.more)
            return
        owner: Any = world.policies
        if self.name in OF_PRINCIPALS:
            owner = world.principals
        elif self.name in OF_TAGS:
            owner = world.tags
        getattr(owner, self.name)(*self.arguments, **self.more)


def call(name: str, /, *arguments: Any, **more: Any) -> Call:
    return Call(name, arguments, more)


def grant(to: str = "carol", on: str = CUSTOMERS, **more: Any) -> Call:
    return call("grant", "select", on=on, to=to, **more)


def document(name: str, *users: str, table: str = "customers", **more: Any) -> dict[str, Any]:
    levels = {"catalog": "lake", "namespace": "crm", "table": table, "column": "*"}
    return {
        "service": "iomete",
        "name": name,
        "resources": {level: {"values": [value]} for level, value in levels.items()},
        "policyItems": [{"accesses": [{"type": "select"}], "users": list(users)}],
    } | more


# --- two worlds -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def peopled_store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A store with people, a tag, and policies `taken` and `other`."""
    folder = tmp_path_factory.mktemp("peopled")
    shutil.copy2(empty_store, folder / "store.db")
    with Store.open(folder / "store.db") as store:
        world = World(folder, store)
        world.principals.add_group("analysts")
        world.principals.add_group("eu", groups=["analysts"])
        world.principals.add_role("dpo", to="group:eu")
        world.principals.add_role("reader")
        world.principals.add_user("alice", groups=["eu"])
        world.principals.add_user("bob", groups=["analysts"])
        world.principals.add_user("carol")
        world.principals.add_user("asleep")
        world.principals.disable_user("asleep")
        world.tags.define("PII.EMAIL")
        world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
        world.policies.grant("select", on=CUSTOMERS, to="bob", name="taken")
        world.policies.grant("select", on=ORDERS, to="bob", name="other")
        world.policies.grant("insert", on=ORDERS, to="bob")
    return folder / "store.db"


@pytest.fixture
def worlds(tmp_path: Path, peopled_store: Path) -> Iterator[Callable[[], World]]:
    """Makes worlds that are the same."""
    opened: list[Store] = []

    def make() -> World:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        shutil.copy2(peopled_store, folder / "store.db")
        opened.append(Store.open(folder / "store.db"))
        return World(folder, opened[-1])

    yield make
    for store in opened:
        store.close()


def contents_of(world: World) -> Contents:
    return CurrentPolicies(world.store).book().contents


def told(contents: Contents) -> dict[str, Any]:
    """Return what decides, without what drafts and the store number by themselves."""
    documents = [*contents.access, *contents.tag]
    said = {
        one["name"]: {k: v for k, v in one.items() if k not in GIVEN_BY_THE_STORE}
        for one in documents
    }
    assert len(said) == len(documents)
    direct = contents.memberships.direct
    return {
        "policies": said,
        "memberships": {one: set(above) for one, above in direct.items() if above},
        "tags": sorted((one.tag, sorted(map(str, _values(one)))) for one in contents.attachments),
    }


def _values(attachment: Any) -> list[tuple[str, Any]]:
    return [(level, value["values"]) for level, value in attachment.resources.items()]


def outcome_of(step: Callable[[Any], None], target: Any) -> tuple[str, str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of conflicts between policies, which drafts don't tell
        try:
            step(target)
        except IometeError as error:
            return type(error).__name__, error.message
    return None


def compare(real: World, drafted: World, calls: list[Call]) -> list[tuple[str, str] | None]:
    """Make calls in one world and draft them in another; expect the same of both, step by step."""
    before, draft = told(contents_of(drafted)), drafted.policies.draft()
    outcomes = []
    with real.policies.batch():
        for one in calls:
            done, foreseen = outcome_of(one.on_world, real), outcome_of(one.on_draft, draft)
            assert foreseen == done, one
            outcomes.append(done)
    assert told(draft.applied_to(contents_of(drafted))) == told(contents_of(real))
    assert told(contents_of(drafted)) == before
    return outcomes


# --- steps as the real calls ----------------------------------------------------------------------

ACCEPTED = {
    "a deleted policy's name": [call("delete", "taken"), grant(name="taken")],
    "a renamed policy's name": [call("update", "taken", name="free"), grant(name="taken")],
    "the deleted one's name for another": [
        call("delete", "taken"),
        call("update", "other", name="taken"),
        call("disable", "taken"),
        call("enable", "taken"),
    ],
    "swapped names": [
        call("update", "taken", name="tmp"),
        call("update", "other", name="taken"),
        call("update", "tmp", name="other"),
    ],
    "its own name": [call("update", "taken", name="taken", to="alice")],
    "a name that follows what it says": [
        call("update", f"grant insert on {ORDERS} to user:bob", to="alice"),
        call("delete", f"grant insert on {ORDERS} to user:alice"),
    ],
    "made up names": [grant(), grant(), grant("bob"), call("delete", "taken"), grant("bob")],
    "a document under a freed name": [
        call("delete", "taken"),
        call("put", document("taken", "carol")),
    ],
    "a document in place of another": [call("put", document("taken", "alice"))],
    "a document on a table to come": [
        call("put", document("new", "alice", table="nope"), future=True)
    ],
    "several documents": [
        call("put", document("taken", "alice"), document("new", "alice"), document("other", "bob"))
    ],
    "another admin": [
        call("grant_role", "admin", "carol"),
        call("revoke_role", "admin", "root"),
    ],
    "twice in a group": [call("add_to_group", "eu", "alice")],
    "not in the group": [call("remove_from_group", "group:analysts", "carol")],
    "a circle that is opened": [
        call("remove_from_group", "analysts", "group:eu"),
        call("add_to_group", "eu", "group:analysts"),
    ],
    "nobody": [call("grant_role", "admin", ())],
    "a tag on a field": [call("attach", "PII.EMAIL", f"{CUSTOMERS}.contact.email")],
    "a tag in capitals": [
        call("attach", "PII.EMAIL", f"{CUSTOMERS}.EMAIL"),
        call("detach", "PII.EMAIL", f"{CUSTOMERS}.EMAIL"),
    ],
}

REFUSED = {
    "a name that is taken": [grant(name="taken")],
    "a name that the draft has taken": [grant(name="new"), grant("bob", name="new")],
    "a renaming to a name that is taken": [call("update", "other", name="taken")],
    "a renaming to a name that the draft has taken": [
        call("update", "other", name="new"),
        call("update", "taken", name="new"),
    ],
    "what is deleted": [call("delete", "taken"), call("delete", "taken")],
    "what has another name": [
        call("update", "taken", name="free"),
        call("update", "taken", to="carol"),
    ],
    "no such policy": [call("enable", "nope")],
    "the last admin": [call("revoke_role", "admin", "root")],
    "the last admin who is enabled": [
        call("grant_role", "admin", "asleep"),
        call("revoke_role", "admin", "root"),
    ],
    "the last admin by a group": [
        call("grant_role", "admin", "group:analysts"),
        call("remove_from_group", "analysts", ["bob", "group:eu"]),
        call("revoke_role", "admin", "root"),
    ],
    "a role for everyone": [call("grant_role", "admin", "everyone")],
    "everyone in a group": [call("add_to_group", "analysts", "everyone")],
    "the group of everyone": [call("add_to_group", "public", "bob")],
    "the group of everyone by its word": [call("add_to_group", "everyone", "bob")],
    "a role in a group": [call("add_to_group", "analysts", "role:dpo")],
    "a role as a group": [call("add_to_group", "role:dpo", "bob")],
    "a group as a role": [call("revoke_role", "group:eu", "bob")],
    "a circle": [call("add_to_group", "eu", "group:analysts")],
    "a circle of the draft": [
        call("add_to_group", "eu", "carol"),
        call("grant_role", "reader", "role:dpo"),
        call("grant_role", "dpo", "role:reader"),
    ],
    "one of several": [call("add_to_group", "eu", ["carol", "group:analysts", "bob"])],
    "no such group": [call("add_to_group", "nope", "bob")],
    "no such group, and nobody": [call("add_to_group", "nope", ())],
    "no such user": [call("remove_from_group", "eu", ["alice", "nobody"])],
    "a document for nobody known": [call("put", document("new", "alice", "nobody", "alic"))],
    "a document on no table": [call("put", document("new", "alice", table="nope"))],
    "a document that says nothing": [call("put", {"name": "new"})],
    "several documents, some of them wrong": [
        call("put", document("a", "nobody"), document("b", "alice"), document("b", "bob"), {})
    ],
    "a document on no tag": [
        call(
            "put",
            document("new", "alice", service="iomete_tags", resources={"tag": {"values": ["x"]}}),
        )
    ],
    "a tag on no column": [call("attach", "PII.EMAIL", f"{CUSTOMERS}.nocol")],
    "a tag on a field of a text": [call("attach", "PII.EMAIL", f"{CUSTOMERS}.email.nofield")],
    "a tag on no table": [call("attach", "PII.EMAIL", "lake.crm.nope")],
    "a tag on a namespace": [call("attach", "PII.EMAIL", "lake.crm")],
    "no such tag": [call("attach", "PII.EMIAL", CUSTOMERS)],
    "no such tag on no such table": [call("attach", "PII.EMIAL", "lake.crm.nope")],
    "a tag that isn't there": [call("detach", "PII.EMAIL", CUSTOMERS)],
    "a tag of a namespace": [call("detach", "PII.EMAIL", "lake.crm")],
    "a tag that the draft has detached": [
        call("detach", "PII.EMAIL", f"{CUSTOMERS}.email"),
        call("detach", "PII.EMAIL", f"{CUSTOMERS}.email"),
    ],
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_steps_are_accepted_where_the_real_calls_are(
    worlds: Callable[[], World], case: str
) -> None:
    assert not any(compare(worlds(), worlds(), ACCEPTED[case]))


@pytest.mark.parametrize("case", REFUSED)
def test_steps_are_refused_as_the_real_calls_are(worlds: Callable[[], World], case: str) -> None:
    *earlier, last = compare(worlds(), worlds(), REFUSED[case])
    assert not any(earlier)
    assert last is not None


names = st.sampled_from(["taken", "other", "new", "tmp"])
members = st.sampled_from(
    ["alice", "carol", "group:eu", "group:analysts", "role:dpo", "role:reader", "everyone"]
)
places = st.sampled_from([CUSTOMERS, f"{CUSTOMERS}.email", f"{CUSTOMERS}.region", "lake.crm.nope"])
calls = st.one_of(
    st.builds(lambda name: grant(name=name), names),
    st.builds(grant, members),
    st.builds(lambda old, new: call("update", old, name=new), names, names),
    st.builds(lambda name, to: call("update", name, to=to), names, members),
    st.builds(call, st.sampled_from(["delete", "disable", "enable"]), names),
    st.builds(lambda name: call("put", document(name, "alice")), names),
    st.builds(
        call,
        st.sampled_from(["add_to_group", "remove_from_group"]),
        st.sampled_from(["eu", "analysts"]),
        members,
    ),
    st.builds(
        call,
        st.sampled_from(["grant_role", "revoke_role"]),
        st.sampled_from(["dpo", "reader"]),
        members,
    ),
    st.builds(call, st.sampled_from(["attach", "detach"]), st.just("PII.EMAIL"), places),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(calls, max_size=10))
def test_any_steps_come_out_as_the_real_calls_do(
    peopled_store: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[Call]
) -> None:
    folder = tmp_path_factory.mktemp("worlds")
    pair = folder / "real", folder / "drafted"
    for one in pair:
        one.mkdir()
        shutil.copy2(peopled_store, one / "store.db")
    with Store.open(pair[0] / "store.db") as real, Store.open(pair[1] / "store.db") as drafted:
        compare(World(pair[0], real), World(pair[1], drafted), steps)


# --- what simulation makes of it ------------------------------------------------------------------


def test_policies_that_swap_names_change_nobodys_rights(worlds: Callable[[], World]) -> None:
    world = worlds()
    taken, other = (world.policies.get(name).id for name in ("taken", "other"))
    draft = world.policies.draft()
    draft.update("taken", name="tmp").update("other", name="taken").update("tmp", name="other")
    assert world.policies.simulate(draft).changes_nothing
    assert {one["id"]: one["name"] for one in draft.documents} == {taken: "other", other: "taken"}
    lost = world.policies.simulate(draft.delete("taken")).losses.examples
    assert {effect.resource for effect in lost} == {f"{ORDERS}.*"}
    assert draft.removed == {other}


def test_a_step_that_is_refused_leaves_the_draft_as_it_was(worlds: Callable[[], World]) -> None:
    world = worlds()
    draft = world.policies.draft().add_to_group("analysts", "carol")
    with pytest.raises(StillNeededError):
        draft.add_to_group("eu", ["carol", "group:analysts"])
    with pytest.raises(AlreadyExistsError):
        draft.update("other", name="taken")
    assert draft.step_count == 1
    assert draft.documents == ()
    assert draft.applied_to(contents_of(world)).memberships.direct["user:carol"] == (
        "group:analysts",
    )


def test_what_the_draft_took_away_is_said_to_be_taken_away(worlds: Callable[[], World]) -> None:
    draft = worlds().policies.draft().update("taken", name="free")
    with pytest.raises(PolicyNotFoundError, match="another name"):
        draft.delete("taken")


def test_a_member_that_left_meanwhile_is_judged_by_what_there_is(
    worlds: Callable[[], World],
) -> None:
    world = worlds()
    draft = world.policies.draft().remove_from_group("analysts", "group:eu")
    world.principals.remove_from_group("analysts", "group:eu")
    world.principals.add_to_group("eu", "group:analysts")
    with pytest.raises(StillNeededError):
        draft.add_to_group("analysts", "group:eu")


def test_planned_policies_that_swap_names_change_nobodys_rights(
    worlds: Callable[[], World], tmp_path: Path
) -> None:
    world, file = worlds(), tmp_path / "files" / "policies.yaml"
    file.parent.mkdir()
    line = "  - {{name: {}, grant: select, on: {}, to: carol}}\n"
    file.write_text("policies:\n" + line.format("a", CUSTOMERS) + line.format("b", ORDERS))
    world.policies.apply(file.parent)
    file.write_text("policies:\n" + line.format("b", CUSTOMERS) + line.format("a", ORDERS))
    plan = world.policies.plan(file.parent)
    assert [change.name for change in plan.changes] == ["a", "b"]
    assert plan.effects == ()
    file.write_text("policies:\n" + line.format("c", CUSTOMERS) + line.format("b", ORDERS))
    plan = world.policies.plan(file.parent)
    assert {change.name for change in plan.changes} == {"a", "c"}
    assert plan.effects == ()


# --- without Spark --------------------------------------------------------------------------------


def test_without_spark_tags_are_drafted_on_tables_that_it_has_met(
    worlds: Callable[[], World],
) -> None:
    world = worlds()
    world.meet_table(CUSTOMERS, {"1": "id", "2": "contact", "3": "contact.email"})
    draft = Policies(world.administration, KnownTables(world.store)).draft()
    for resource in (CUSTOMERS, f"{CUSTOMERS}.id", f"{CUSTOMERS}.contact.email"):
        draft.attach("PII.EMAIL", resource)
    with pytest.raises(ColumnNotFoundError):
        draft.attach("PII.EMAIL", f"{CUSTOMERS}.nocol")
    with pytest.raises(TableNotFoundError):
        draft.attach("PII.EMAIL", ORDERS)
    assert draft.step_count == 3
