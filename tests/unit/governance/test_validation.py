# ruff: noqa: E501  # a case a line reads as a table
from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.errors import InvalidNameError, InvalidPolicyError
from iomete.governance import Policies, Policy
from iomete.governance.documents.macros import macro_problem
from iomete.governance.documents.patterns import parse_pattern, patterns_meet
from iomete.governance.documents.targets import TargetKind, named_target, resources_meet
from support.governed_world import World

Call = Callable[[Policies], Policy]
TABLE = "lake.crm.customers"


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.principals.add_user("alice")
    world.tags.define("PII")


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda p: p.grant("selct", on=TABLE, to="alice"), r"actions: `selct`.*did you mean `select`"),
        (lambda p: p.grant([], on=TABLE, to="alice"), "actions: no action"),
        (lambda p: p.grant("read", on=TABLE, to="alice"), "actions: `read` is no action on tables"),
        (lambda p: p.grant("select", on_path="/x", to="alice"), "is no action on paths"),
        (lambda p: p.grant("select", on=TABLE, to=[]), "to: nobody"),
        (lambda p: p.grant("select", on=TABLE, to="alise"), r"to: User `alise`.*`user:alice`"),
        (lambda p: p.grant("select", on=TABLE, to="alice", except_="alice"), "except_: `user:alice`"),
        (lambda p: p.grant("select", on=TABLE, to=["alice", "role:nope"]), "to: Role `nope`"),
        (lambda p: p.grant("select", on=TABLE, to=7), "to: A principal is text"),  # type: ignore[arg-type]
        (lambda p: p.grant("select", to="alice"), "on: nothing is named"),
        (lambda p: p.grant("select", on=TABLE, on_tag="PII", to="alice"), "on and on_tag"),
        (lambda p: p.grant("select", on=TABLE, to="alice", name="100"), "name: .*visible characters, and no number"),
        (lambda p: p.grant("select", on=TABLE, to="alice", description="\ud800"), "description: it is text"),
        (lambda p: p.filter_rows(TABLE, "region = '\ud800'", to="alice"), "predicate: it is the text"),
        (lambda p: p.mask(TABLE, "email", "constant", value="\ud800", to="alice"), "mask: `value`"),
        (lambda p: p.mask(TABLE, "email", "custom", expression="'\ud800'", to="alice"), "mask: `expression`"),
        (lambda p: p.mask(TABLE, "email", "constant", value=float("nan"), to="alice"), "mask: `value` is"),
        (lambda p: p.mask(TABLE, "email", "constant", value=float("-inf"), to="alice"), "mask: `value` is"),
        (lambda p: p.grant("select", on_tag="PI", to="alice"), r"tag `PI`.*did you mean `PII`"),
        (lambda p: p.grant("select", on_tag="{USER}", to="alice"), "on_tag: A tag is named by text"),
        (lambda p: p.grant("select", on_tag="P*I", to="alice"), r"on_tag: `P\*I` can't be found by its tags.*PII"),
        (lambda p: p.deny("select", on_tag="P?I", to="alice"), "on_tag: .*`P.I` can't be found"),
        (lambda p: p.mask_tag("*I", "hash", to="alice"), "on_tag: .*can't be found"),
        (lambda p: p.mask_tag("PII.**", "hash", to="alice"), "on_tag: .*can't be found"),
        (lambda p: p.grant("select", on="lake.crm.nope", to="alice"), "on: table `lake.crm.nope` does"),
        (lambda p: p.grant("select", on="lake.nope", to="alice"), "on: namespace `lake.nope` does"),
        (lambda p: p.grant("select", on="nope", to="alice"), "on: catalog `nope` does"),
        (lambda p: p.grant("select", on="lake.`a", to="alice"), "on: Name"),
        (lambda p: p.grant("select", on="lake.crm.`a*`", to="alice"), r"on: .*holds `\*`"),
        (lambda p: p.grant("select", on="lake.crm.`{x}`", to="alice"), "on: .*holds `{`"),
        (lambda p: p.grant("select", on="lake..x*", to="alice"), "on: .*can't be parsed"),
        (lambda p: p.grant("select", on=TABLE, columns=["emial"], to="alice"), "did you mean `email`"),
        (lambda p: p.grant("select", on=TABLE, columns=[], to="alice"), "columns: none"),
        (lambda p: p.grant("select", on="lake.crm", columns=["x"], to="alice"), "columns: only"),
        (lambda p: p.grant("insert", on=TABLE, columns=["id"], to="alice"), "columns: only `select`"),
        (lambda p: p.deny("select", on=TABLE, columns=["contact.email"], to="alice"), "nullify"),
        (lambda p: p.grant("select", on_path="inbox", to="alice"), "on_path: .*not absolute"),
        (lambda p: p.grant("select", on_path="s3://a/../b", to="alice"), "on_path: .*`..`"),
        (lambda p: p.grant("select", on_path="s3://{user}", to="alice"), "on_path: .*braces"),
        (lambda p: p.grant("read", on_path="/home/{OWNER}", to="alice"), "on_path: .*no owner"),
        (lambda p: p.grant("select", on="lake.{GROUP}.x", to="alice"), "on: "),
        (lambda p: p.grant("select", on=TABLE, to="{GROUP}"), "to: .*braces"),
        (lambda p: p.grant("select", on=TABLE, to="{OWNER}", except_="{OWNER}"), "in `to` as well"),
        (lambda p: p.grant("select", on=TABLE, to="alice", except_columns="emial"), "did you mean `email`"),
        (lambda p: p.grant("select", on=TABLE, to="alice", except_columns=[]), "except_columns: none"),
        (lambda p: p.grant("select", on=TABLE, to="alice", columns="id", except_columns="email"), "name one of them"),
        (lambda p: p.grant("insert", on=TABLE, to="alice", except_columns="email"), "only `select` is on columns"),
        (lambda p: p.grant("select", on="lake.crm", to="alice", except_columns="email"), "except_columns: only of tables"),
        (lambda p: p.grant("select", on=TABLE, to="alice", except_columns="contact.email"), "is a field of a struct"),
        (lambda p: p.grant("select", on=TABLE, to="alice", priority="high"), "priority: `high`"),
        (lambda p: p.grant("select", on=TABLE, to="alice", name="12"), "name: "),
        (lambda p: p.grant("select", on=TABLE, to="alice", name=""), "name: "),
        (lambda p: p.grant("select", on=TABLE, to="alice", description=3), "description: "),
        (lambda p: p.grant("select", on=TABLE, to="alice", colour="red"), "colour: a grant has no"),
        (lambda p: p.grant("select", on=TABLE, to="alice", valid_until="soon"), "valid_until: `soon`"),
        (
            lambda p: p.grant("select", on=TABLE, to="alice", valid_from="2027-01-01", valid_until="2026-01-01"),
            "valid_until: it is not after",
        ),
        (lambda p: p.mask(TABLE, "email", "rot13", to="alice"), "mask: `rot13` is no mask"),
        (lambda p: p.mask(TABLE, "email", "round", to="alice"), "mask: `round` needs `digits`"),
        (lambda p: p.mask(TABLE, "email", "hash", digits=2, to="alice"), "takes no `digits`"),
        (lambda p: p.mask(TABLE, "email", "partial", show_last=0, to="alice"), "whole number from 1"),
        (lambda p: p.mask(TABLE, "email", "partial", show_last=1, show_first=1, to="alice"), "not both"),
        (lambda p: p.mask(TABLE, "email", "round", digits=True, to="alice"), "whole number"),
        (lambda p: p.mask(TABLE, "email", "constant", value=[1], to="alice"), "a text, a number"),
        (lambda p: p.mask(TABLE, "email", "custom", expression="f((1)", to="alice"), "mask: CUSTOM of"),
        (lambda p: p.mask(TABLE, "email.x", "hash", to="alice"), "`email.x` is not in"),
        (lambda p: p.mask(TABLE, "contact.emial", "hash", to="alice"), "did you mean `contact.email`"),
        (lambda p: p.mask(TABLE, [], "hash", to="alice"), "column: none"),
        (lambda p: p.mask("lake.crm", "email", "hash", to="alice"), r"write `lake.crm.\*`"),
        (lambda p: p.mask("lake.a.b", "x", "hash", to="alice"), "table: `lake.a.b` is a namespace"),
        (lambda p: p.filter_rows(TABLE, "", to="alice"), "predicate: it is the text"),
        (lambda p: p.filter_rows(TABLE, "f(", to="alice"), "predicate: no predicate on lake.crm"),
        (lambda p: p.filter_rows("lake", "x", to="alice"), "table: `lake` is a catalog"),
        (lambda p: p.filter_rows(TABLE, "${{TAG.x}} = 1", to="alice"), "predicate: it has a macro"),
        (lambda p: p.mask(TABLE, "email", "custom", expression="'a ${{USER.x}}'", to="alice"), "longer literal"),
        (lambda p: p.mask(TABLE, "email", "constant", value="${{USER.x}}", to="alice"), "every user"),
        (lambda p: p.grant("select", on="lake.crm.`a\\b`", to="alice"), "on: .*holds"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(world: World, call: Call, problem: str) -> None:
    version = world.policies.version
    with pytest.raises(InvalidPolicyError, match=problem):
        call(world.policies)
    assert world.policies.version == version
    assert world.policies.list() == []


def test_all_problems_come_at_once(world: World) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        world.policies.grant(
            ["selct", "select"],
            on="lake.crm.nope",
            to=["alise", "group:x"],
            priority="high",
            valid_until="soon",
            name=" ",
        )
    places = {problem.partition(":")[0] for problem in caught.value.problems}
    assert places == {"actions", "on", "to", "priority", "valid_until", "name"}


def test_the_future_neednt_exist(world: World) -> None:
    p = world.policies
    p.grant("select", on="lake.new.things", columns=["x"], to="alice", future=True)
    p.mask("lake.new.things", "x", "custom", expression="((", to="alice", future=True)
    p.filter_rows("lake.new.things", "((", to="alice", future=True)
    assert [policy.on for policy in p.list()] == ["lake.new.things"] * 3


def test_a_pattern_is_not_looked_for(world: World) -> None:
    world.policies.grant("select", on="lake.crm.nope*", to="alice")
    world.policies.mask("nope.*.t", "c", "hash", to="alice")
    assert world.tables.asked == []


def test_someone_without_rights_learns_nothing_of_what_exists(world: World) -> None:
    alice = world.act_as("alice")
    messages = set()
    for on in (TABLE, "lake.crm.nope"):
        with pytest.raises(PermissionError) as caught:
            alice.policies.grant("select", on=on, to="alice")
        messages.add(str(caught.value))
        with pytest.raises(PermissionError):
            alice.tags.attach("PII", on)
        with pytest.raises(PermissionError):
            alice.owners.set_owner(on, "alice")
    assert len(messages) == 1
    assert world.tables.asked == []


@pytest.mark.parametrize(
    ("sql", "is_right"),
    [
        ("region = ${{USER.region}}", True),
        ("region = '${{ USER.region }}' AND who = {USER}", True),
        ("x = 'it''s' AND y = ${{USER._name}}", True),
        ("a = '$5' AND b = '{x}'", True),
        ("region = 'EU-${{USER.region}}'", False),
        ("region = ${{USER.a b}}", False),
        ("region = ${{REQ.user}}", False),
        ("region = $[[x]]", False),
        ("-- ${{USER.region}}", False),
    ],
)
def test_macros_are_those_that_the_engine_binds(sql: str, is_right: bool) -> None:  # noqa: FBT001
    assert (macro_problem(sql) is None) is is_right


def matching(pattern: str) -> st.SearchStrategy[str]:
    texts = st.text("ab", max_size=3)
    pieces = [
        texts if c == "*" else st.sampled_from("ab") if c == "?" else st.just(c) for c in pattern
    ]
    return st.tuples(*pieces).map("".join)


@given(data=st.data(), one=st.text("ab*?", max_size=6), other=st.text("ab*?", max_size=6))
def test_patterns_that_match_one_text_meet(data: st.DataObject, one: str, other: str) -> None:
    text = data.draw(matching(one))
    if fnmatchcase(text, other):
        assert patterns_meet(one, other)
        assert patterns_meet(other, one)


@given(text=st.text("ab", max_size=6), pattern=st.text("ab*?", max_size=6))
def test_a_text_meets_the_patterns_that_match_it_only(text: str, pattern: str) -> None:
    assert patterns_meet(text, pattern) == fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lake.sales.*", ("lake", "sales", "*")),
        ("lake.`my-ns`.o?d", ("lake", "my-ns", "o?d")),
        ("*", ("*",)),
        ("lake.`a.b`.t*", ("lake", "a.b", "t*")),
        (("lake", "my.ns", "t"), ("lake", "my.ns", "t")),
    ],
)
def test_patterns_are_split_at_dots(text: Any, parts: tuple[str, ...]) -> None:
    assert parse_pattern(text) == parts


@pytest.mark.parametrize("text", ["", ".*", "lake.*.", "a b*", "`*`", ("a", "*"), "x.`*", "é*"])
def test_what_is_no_pattern_is_refused(text: Any) -> None:
    with pytest.raises(InvalidNameError):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("lake.crm.t", "lake.crm.t", True),
        ("lake.crm.t", "lake.crm.u", False),
        ("lake.crm.t*", "lake.crm.*t", True),
        ("lake.*.t", "lake.a.b.t", True),
        ("lake.a?.t", "lake.a.t", False),
    ],
)
def test_targets_meet_where_something_is_under_both(one: str, other: str, meets: bool) -> None:  # noqa: FBT001
    a, b = (named_target(parse_pattern(t), TargetKind.TABLE).resources() for t in (one, other))
    assert resources_meet(a, b) is resources_meet(b, a) is meets


def test_a_name_that_is_too_long_for_an_index_is_refused(world: World) -> None:
    with pytest.raises(InvalidPolicyError, match="2000 bytes"):
        world.policies.grant("select", on=f"lake.crm.{'x' * 2000}", to="alice", future=True)


def test_patterns_of_tags_are_what_they_begin_with(world: World) -> None:
    for pattern in ("PII*", "*", "PII"):
        assert world.policies.grant("select", on_tag=pattern, to="alice").on == f"tag {pattern}"


def test_an_imported_pattern_of_tags_is_held_to_the_same(world: World) -> None:
    policy = {
        "service": "iomete_tag",
        "name": "in between",
        "resources": {"tag": {"values": ["P*I"]}},
        "policyItems": [{"accesses": [{"type": "iomete:select"}], "users": ["alice"]}],
    }
    with pytest.raises(InvalidPolicyError, match=r"resources.tag: `P\*I` can't be found"):
        world.policies.import_({"policies": [policy]})
