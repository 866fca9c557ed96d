from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.errors import ConfigurationError, InvalidPolicyError
from iomete.governance.documents.document import Priority, to_json
from iomete.governance.documents.masks import make_mask
from iomete.governance.documents.patterns import has_wildcard
from iomete.governance.documents.requests import PATH_ACTIONS, TABLE_ACTIONS
from iomete.governance.documents.rules import check_document
from iomete.governance.documents.specifications import (
    PolicyKind,
    Specification,
    from_document,
    to_document,
)
from iomete.governance.documents.targets import (
    Target,
    TargetKind,
    column_value,
    named_target,
    path_target,
)
from iomete.governance.principals.names import ASKER, OWNER, PrincipalKind, PrincipalName
from support.governed_world import World

letters = st.characters(codec="utf-8", exclude_characters="*?{}.\\", exclude_categories=("C", "Z"))
parts = st.text(letters, min_size=1, max_size=12)
pieces = st.sampled_from([*(string.ascii_letters + "*?_"), "{USER}", "{OWNER}"])
patterns = st.lists(pieces, min_size=1, max_size=8).map("".join).filter(has_wildcard)
levels = st.lists(parts, min_size=1, max_size=3)
names = st.sampled_from([OWNER, ASKER]) | st.builds(
    PrincipalName, st.sampled_from(PrincipalKind), parts.filter(lambda n: ":" not in n)
)
people = st.lists(names, min_size=1, max_size=4, unique=True)
moments = st.none() | st.integers(1, 2_000_000_000).map(
    lambda seconds: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@st.composite
def table_targets(draw: st.DrawFn, *, columns: bool) -> Target:
    table = draw(parts | patterns)
    target = named_target([draw(parts), *draw(levels), table], TargetKind.TABLE)
    if not columns:
        return target
    named = st.lists(parts | patterns, min_size=1, max_size=3, unique_by=lambda text: text.lower())
    values = tuple(dict.fromkeys(column_value(c if has_wildcard(c) else [c]) for c in draw(named)))
    if draw(st.booleans()):
        return replace(target, except_columns=values)
    return replace(target, columns=() if values == ("*",) else values)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    choice = draw(st.sampled_from(TargetKind))
    match choice:
        case TargetKind.PATH:
            return path_target(
                "s3://" + "/".join(draw(levels.filter(lambda steps: "/" not in "".join(steps))))
            )
        case TargetKind.TAG:
            # whoever writes a policy is told that `$` in a tag can't be found
            return Target(kind=choice, tag=draw(parts.filter(lambda tag: "$" not in tag)))
        case TargetKind.CATALOG:
            return named_target([draw(parts)], choice)
        case TargetKind.NAMESPACE:
            return named_target([draw(parts), *draw(levels)], choice)
    return draw(table_targets(columns=False))


@st.composite
def specifications(draw: st.DrawFn) -> Specification:
    kind = draw(st.sampled_from([k for k in PolicyKind if k is not PolicyKind.ACCESS]))
    to = draw(people)
    except_ = draw(st.lists(names.filter(lambda name: name not in to), max_size=2, unique=True))
    valid_from, valid_until = draw(moments), draw(moments)
    if valid_from and valid_until and valid_until <= valid_from:
        valid_until = None
    common: dict[str, Any] = {
        "kind": kind,
        "to": _sorted(to),
        "except_": _sorted(except_),
        "name": draw(parts.filter(lambda text: not text.isdecimal())),
        "description": draw(st.none() | parts),
        "priority": draw(st.sampled_from(Priority)),
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    if kind is PolicyKind.FILTER:
        return Specification(
            **common, target=draw(table_targets(columns=False)), predicate=draw(parts)
        )
    if kind is PolicyKind.MASK:
        return Specification(**common, target=draw(table_targets(columns=True)), mask=draw(masks()))
    target = draw(targets())
    known = PATH_ACTIONS if target.kind is TargetKind.PATH else TABLE_ACTIONS
    actions = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    return Specification(**common, target=target, actions=tuple(actions))


@st.composite
def masks(draw: st.DrawFn) -> Any:
    arguments = {
        "partial": {"show_last": st.integers(1, 50)},
        "constant": {"value": st.text(letters) | st.integers()},
        "round": {"digits": st.integers(-38, 38)},
        "custom": {"expression": parts},
    }
    kind = draw(st.sampled_from(["redact", "hash", "nullify", "year", "none", *arguments]))
    return make_mask(kind, **{name: draw(s) for name, s in arguments.get(kind, {}).items()})


def _sorted(listed: list[PrincipalName]) -> tuple[PrincipalName, ...]:
    """In the order that documents list them: by kind."""
    return tuple(name for kind in PrincipalKind for name in listed if name.kind is kind)


@given(spec=specifications())
def test_a_policy_can_be_read_back_from_its_document(spec: Specification) -> None:
    written = json.loads(to_json(to_document(spec)))
    assert from_document(written) == spec


@given(spec=specifications())
def test_what_we_write_may_be_imported_and_means_the_same(spec: Specification) -> None:
    written = json.loads(to_json(to_document(spec)))
    assert from_document(check_document(written)) == spec


def people_of(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_user("alice", groups="analysts")
    world.tags.define("PII")


def some_policies(world: World) -> None:
    people_of(world)
    p = world.policies
    p.grant("select", on="lake.crm.customers", columns=["id"], to="group:analysts", except_="alice")
    p.deny("all", on="lake.crm", to="everyone", priority="override", valid_until="2099-01-01")
    p.grant("read", on_path="s3://inbox", to="alice", description="files")
    p.mask(
        "lake.crm.customers",
        "contact.email",
        "partial",
        show_last=2,
        to="everyone",
        except_="alice",
    )
    p.mask_tag("PII", "constant", value="x", to="alice")
    p.filter_rows("lake.sales.orders", "region = '${{USER.region}}'", to="alice", name="eu")
    p.disable("eu")


def test_an_export_can_be_imported_elsewhere(
    world: World, tmp_path: Path, empty_store: Path
) -> None:
    from shutil import copy2

    from iomete.store import Store

    some_policies(world)
    file = tmp_path / "policies.json"
    exported = world.policies.export(file)
    assert json.loads(file.read_text("utf-8")) == exported
    (tmp_path / "other").mkdir()
    copy2(empty_store, tmp_path / "other" / "store.db")
    with Store.open(tmp_path / "other" / "store.db") as store:
        other = World(tmp_path / "other", store)
        people_of(other)
        imported = other.policies.import_(file)
        assert len(imported) == 6
        assert other.policies.export() == exported
        assert other.policies.get("eu").enabled is False
        assert {entry.change for p in imported for entry in other.policies.history(p.id)} == {
            "imported"
        }


def test_importing_twice_needs_replace_and_keeps_ids(world: World) -> None:
    some_policies(world)
    exported, before = world.policies.export(), world.policies.list()
    with pytest.raises(InvalidPolicyError, match="policy `eu`: it exists") as caught:
        world.policies.import_(exported)
    assert len(caught.value.problems) == 6
    world.policies.import_(exported, replace=True)
    after = world.policies.list()
    assert [p.id for p in after] == [p.id for p in before]
    assert {p.version for p in after} == {p.version + 1 for p in before[:1]} | {3}


def minimal(**changes: Any) -> dict[str, Any]:
    item = {"accesses": [{"type": "select", "isAllowed": True}], "users": ["alice"]}
    resources = {
        level: {"values": [value]}
        for level, value in {
            "catalog": "lake", "namespace": "crm", "table": "customers", "column": "*",
        }.items()
    }  # fmt: skip
    document = {"service": "iomete", "name": "p", "resources": resources, "policyItems": [item]}
    return document | changes


ITEM = minimal()["policyItems"][0]


BEGINNINGS = {
    "minute": "0", "hour": "9", "dayOfWeek": "2-6", "dayOfMonth": None, "month": "*", "year": "*",
}  # fmt: skip


def recurring(**changes: Any) -> dict[str, Any]:
    interval = changes.pop("interval", {"hours": 8})
    schedule = {member: v for member, v in (BEGINNINGS | changes).items() if v is not None}
    one = {
        "timeZone": "Europe/Berlin",
        "recurrences": [{"schedule": schedule, "interval": interval}],
    }
    return minimal(validitySchedules=[one])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "list, not an object"),
        ({}, "service"),
        (minimal(service="hive"), "service"),
        (minimal(name="123"), "is a number"),
        (minimal(name=""), "name"),
        (minimal(policyType=3), "policyType"),
        (minimal(resources={"database": {"values": ["x"]}}), "database is no resource"),
        (minimal(resources={}), "nothing is no resource"),
        (minimal(resources={"catalog": {"values": []}}), "values"),
        (minimal(resources={"catalog": {"values": ["{TABLE}"]}}), "braces .* than {USER} and"),
        (minimal(resources={"catalog": {"values": ["{USER"]}}), "braces"),
        (
            minimal(
                resources={"path": {"values": ["/a"], "isExcludes": True}},
                policyItems=[ITEM | {"accesses": [{"type": "read"}]}],
            ),
            "path: isExcludes isn't enforced",
        ),
        (
            minimal(
                service="iomete_tag",
                resources={"tag": {"values": ["PII"], "isExcludes": True}},
                policyItems=[ITEM | {"accesses": [{"type": "iomete:select"}]}],
            ),
            "tag: isExcludes isn't enforced",
        ),
        (
            minimal(
                service="iomete_tag",
                resources={"tag": {"values": ["{USER}"]}},
                policyItems=[ITEM | {"accesses": [{"type": "iomete:select"}]}],
            ),
            "tag: .* braces",
        ),
        (minimal(policyItems=[]), "no items"),
        (minimal(policyItems=[ITEM | {"users": []}]), "names nobody"),
        (minimal(policyItems=[ITEM | {"users": ["{GROUP}"]}]), "braces"),
        (minimal(policyItems=[ITEM | {"users": ["{owner}"]}]), "braces"),
        (minimal(policyItems=[ITEM | {"groups": ["{OWNER}"]}]), "braces"),
        (minimal(policyItems=[ITEM | {"accesses": [{"type": "selct"}]}]), "`selct` is no action"),
        (minimal(policyItems=[ITEM | {"accesses": [{"type": "read"}]}]), "`read` is no action"),
        (minimal(policyItems=[ITEM | {"delegateAdmin": True}]), "delegateAdmin: .*role `admin`"),
        (
            minimal(policyItems=[ITEM | {"conditions": [{"type": "ip"}]}]),
            r"policyItems.0.conditions: is not enforced here.*row filter",
        ),
        (minimal(conditions=[{"type": "expression"}]), "valid: conditions: is not enforced"),
        (minimal(isDenyAllElse=True, denyPolicyItems=[ITEM]), "isDenyAllElse: it denies already"),
        (
            minimal(
                policyType=1, policyItems=[], isDenyAllElse=True,
                dataMaskPolicyItems=[ITEM | {"dataMaskInfo": {"dataMaskType": "MASK"}}],
            ),
            "isDenyAllElse: not in a policy of this type",
        ),
        (minimal(resources={"catalog": {"values": ["a\\"]}}), "backslashes"),
        (
            minimal(
                resources={"path": {"values": ["x"]}},
                policyItems=[ITEM | {"accesses": [{"type": "read"}]}],
            ),
            "not absolute",
        ),
        (minimal(additionalResources=[{}]), "nothing is no resource"),
        (
            minimal(additionalResources=[{"path": {"values": ["/a"]}}]),
            "tables and paths don't go together",
        ),
        (minimal(zoneName="z"), "zoneName: is not enforced here; leave it out"),
        (minimal(unheard="of"), "unheard: is not enforced here; leave it out"),
        (
            minimal(policyItems=[ITEM | {"accesses": [{"type": "select", "isAllowed": False}]}]),
            "isAllowed: denies nothing; put the access into denyPolicyItems",
        ),
        (minimal(validitySchedules=[{"startTime": "2026-01-01"}]), "yyyy/MM/dd"),
        (
            minimal(validitySchedules=[{"timeZone": "PST", "endTime": "2026/01/01 00:00:00"}]),
            "`PST` is no time zone",
        ),
        (minimal(validitySchedules=[{}]), "says no time"),
        (
            minimal(
                validitySchedules=[
                    {"startTime": "2026/01/01 00:00:00", "endTime": "2025/01/01 00:00:00"}
                ]
            ),
            "endTime is not after",
        ),
        (minimal(validitySchedules=[{"recurrences": [{}]}]), "recurrences.0.schedule"),
        (recurring(hour="24"), "hour: `24` is not between 0 and 23"),
        (recurring(hour="18-9"), "hour: `18-9` is not between"),
        (recurring(hour="*-5"), "hour: .*is not numbers, ranges"),
        (recurring(minute="*"), "minute: .*is not numbers"),
        (recurring(month=""), "month: it is empty"),
        (recurring(dayOfWeek=None), "neither dayOfMonth nor dayOfWeek"),
        (recurring(interval={}), "interval: lasts no time"),
        (recurring(interval={"hours": 24}), "interval.hours"),
        (minimal(dataMaskPolicyItems=[ITEM | {"dataMaskInfo": {"dataMaskType": "MASK"}}]), "not"),
        (
            minimal(
                policyType=1, policyItems=[],
                dataMaskPolicyItems=[ITEM | {"dataMaskInfo": {"dataMaskType": "MASK_ROT13"}}],
            ),
            "MASK_ROT13",
        ),
        (
            minimal(
                policyType=1, policyItems=[],
                dataMaskPolicyItems=[ITEM | {"dataMaskInfo": {"dataMaskType": "MASK_ROUND"}}],
            ),
            "MASK_ROUND|digits",
        ),
        (
            minimal(
                policyType=2, policyItems=[],
                rowFilterPolicyItems=[ITEM | {"rowFilterInfo": {"filterExpr": "x"}}],
            ),
            "a row filter is on tables",
        ),
    ],
)  # fmt: skip
def test_what_is_not_enforced_here_is_refused(document: Any, problem: str) -> None:
    with pytest.raises(InvalidPolicyError, match=problem):
        check_document(document)


def test_members_that_say_nothing_are_left_out() -> None:
    noise = {"guid": "g", "createdBy": "x", "updateTime": 1, "options": {}, "id": 7, "version": 3}
    assert check_document(minimal() | noise) == check_document(minimal())


def test_what_ranger_admin_writes_says_no_more_than_one_call(world: World) -> None:
    people_of(world)
    empty: dict[str, Any] = {
        "description": "", "zoneName": "", "conditions": [], "validitySchedules": [],
        "additionalResources": [], "isDenyAllElse": False, "isEnabled": True, "policyLabels": [],
        "denyPolicyItems": [], "allowExceptions": [], "denyExceptions": [], "options": {},
    }  # fmt: skip
    mask = ITEM | {"dataMaskInfo": {"dataMaskType": "MASK", "conditionExpr": "", "valueExpr": ""}}
    columns = minimal()["resources"] | {"column": {"values": ["email"], "isExcludes": False}}
    item = ITEM | {"groups": [], "roles": [], "conditions": [], "delegateAdmin": False}
    one, other = world.policies.import_(
        {
            "policies": [
                empty | minimal(policyItems=[item]),
                empty | minimal(name="m", policyType=1, policyItems=[], resources=columns)
                | {"dataMaskPolicyItems": [mask]},
            ]
        }
    )  # fmt: skip
    assert world.policies.update(one.id, to="group:analysts").to == ("group:analysts",)
    assert world.policies.update(other.id, mask="hash").version == 2


def test_every_problem_of_an_import_is_named_with_its_place(world: World) -> None:
    people_of(world)
    two = [
        minimal(name="one", policyItems=[ITEM | {"users": ["alise"]}]),
        minimal(name="two", service="hive"),
        minimal(name="three", resources=minimal()["resources"] | {"table": {"values": ["nope"]}}),
        minimal(name="four", resources={"tag": {"values": ["PIII"]}}, service="iomete_tag",
                policyItems=[ITEM | {"accesses": [{"type": "iomete:select"}]}]),
        minimal(name="one"),
        7,
    ]  # fmt: skip
    with pytest.raises(InvalidPolicyError) as caught:
        world.policies.import_({"policies": two})
    text = "\n".join(caught.value.problems)
    for expected in (
        "policies[1] `two` service",
        "policies[5] it is int",
        "policy `one`: there are 2",
        "policy `three` on: table `lake.crm.nope` does not exist",
        "policy `one`: User `alise` does not exist",
        "policy `four`: tag `PIII` does not exist (did you mean `PII`?)",
    ):
        assert expected in text
    assert world.policies.list() == []


def test_a_richer_ranger_policy_is_kept_but_not_changed_by_arguments(world: World) -> None:
    people_of(world)
    world.principals.add_user("bob")
    both = minimal(policyItems=[ITEM, ITEM | {"users": ["bob"]}], denyPolicyItems=[ITEM])
    both["resources"]["table"]["values"] = ["customers", "orders"]
    with pytest.raises(InvalidPolicyError, match=r"table `lake.crm.orders` does not exist"):
        world.policies.import_({"policies": [both]})
    (policy,) = world.policies.import_({"policies": [both]}, future=True)
    assert (policy.kind, policy.on) == ("access", "lake.crm.customers,orders.*")
    assert policy.to == ("user:alice", "user:bob")
    with pytest.raises(InvalidPolicyError):
        world.policies.update(policy.id, to="bob")
    assert world.policies.disable(policy.id).enabled is False
    assert world.policies.list(resource="lake.crm.orders") != []


@pytest.mark.parametrize("source", [{}, {"policies": 3}, "nowhere.json"])
def test_what_is_no_export_is_refused(world: World, source: Any) -> None:
    with pytest.raises(ConfigurationError):
        world.policies.import_(source)


def office_hours() -> dict[str, Any]:
    return {
        "startTime": "2026/01/01 00:00:00",
        "timeZone": "Europe/Berlin",
        "recurrences": [
            {
                "schedule": {
                    "minute": "0", "hour": "9", "dayOfWeek": "2-6", "month": "*", "year": "*",
                },
                "interval": {"days": 0, "hours": 8, "minutes": 0},
            }
        ],
    }  # fmt: skip


RICH = [
    minimal(name="owner", policyItems=[ITEM | {"users": ["{OWNER}", "alice"]}]),
    minimal(name="asker", policyItems=[ITEM | {"users": ["{USER}"], "groups": ["analysts"]}]),
    minimal(
        name="but", resources=minimal()["resources"] | {
            "column": {"values": ["email", "contact*"], "isExcludes": True}},
    ),
    minimal(
        name="other namespaces", resources=minimal()["resources"] | {
            "namespace": {"values": ["crm", "crm.*"], "isExcludes": True},
            "table": {"values": ["*"]},
        },
    ),
    minimal(
        name="homes", resources=minimal()["resources"] | {
            "namespace": {"values": ["home.{USER}"]}, "table": {"values": ["{OWNER}_*"]}},
    ),
    minimal(name="else", isDenyAllElse=True),
    minimal(name="nobody", isDenyAllElse=True, policyItems=[]),
    minimal(
        name="exceptions", denyPolicyItems=[ITEM | {"groups": ["analysts"]}],
        allowExceptions=[ITEM | {"users": ["{OWNER}"]}], denyExceptions=[ITEM], policyPriority=1,
    ),
    minimal(name="hours", validitySchedules=[
        office_hours(), {"endTime": "2026/01/01 00:00:00", "timeZone": "UTC", "recurrences": []}]),
    minimal(name="two", additionalResources=[
        minimal()["resources"] | {"namespace": {"values": ["sales"]},
                                  "table": {"values": ["orders"], "isExcludes": True}}]),
    {
        "service": "iomete_tag", "name": "tags", "resources": {"tag": {"values": ["PII*"]}},
        "policyItems": [ITEM | {"accesses": [{"type": "iomete:select"}], "users": ["{OWNER}"]}],
    },
    {
        "service": "iomete", "name": "inbox",
        "policyItems": [ITEM | {"accesses": [{"type": "read"}]}],
        "resources": {"path": {"values": ["/inbox/{USER}"], "isRecursive": True}},
    },
]  # fmt: skip
"""All that Ranger's engine enforces here and one call of `lake.policies` can't say."""


def test_what_rangers_engine_enforces_survives_a_round_trip(world: World) -> None:
    people_of(world)
    world.policies.import_({"policies": RICH})
    exported = world.policies.export()
    for one, kept in zip(RICH, exported["policies"], strict=True):
        assert {member: kept[member] for member in one if one[member]} == {
            member: _said(member, value) for member, value in one.items() if value
        }
    world.policies.import_(exported, replace=True)
    assert world.policies.export() == exported
    bundle = json.loads(world.publisher.path.read_bytes())["services"]
    published = bundle["policies"] + bundle["tagPolicies"]["policies"]
    assert [p.document for p in world.policies.list()] == sorted(
        (p for p in published if p["id"] >= 100), key=lambda p: p["id"]
    )


def _said(member: str, value: Any) -> Any:
    """What a document says once allowed accesses say so."""
    if not member.endswith(("Items", "Exceptions")):
        return value
    return [
        item | {"accesses": [a | {"isAllowed": True} for a in item["accesses"]]} for item in value
    ]


def test_what_one_call_cannot_say_is_not_changed_by_one(world: World) -> None:
    people_of(world)
    for policy in world.policies.import_({"policies": RICH}):
        if policy.name in {"owner", "asker", "but", "homes", "tags", "inbox"}:
            resources = policy.document["resources"]
            changed = world.policies.update(policy.id, to="group:analysts", future=True)
            assert (changed.to, changed.document["resources"]) == (("group:analysts",), resources)
            continue
        with pytest.raises(InvalidPolicyError) as caught:
            world.policies.update(policy.id, to="group:analysts", future=True)
        assert "replace=True" in str(caught.value) or "imported" in str(caught.value), policy.name
        assert world.policies.get(policy.id).version == 1


def test_rich_policies_are_described_and_found(world: World) -> None:
    people_of(world)
    world.principals.add_user("olga")
    world.policies.import_({"policies": RICH})
    by_name = {policy.name: policy for policy in world.policies.list()}
    assert by_name["owner"].to == ("{OWNER}", "user:alice")
    assert by_name["but"].on == "lake.crm.customers"
    assert by_name["other namespaces"].on == "lake.* but crm,crm.*.*.*"
    assert by_name["two"].on == "lake.crm.customers and lake.sales.* but orders.*"
    assert [str(by_name[name].kind) for name in ("else", "nobody")] == ["access", "deny"]
    assert {p.name for p in world.policies.list(principal="olga")} == {"asker", "else", "nobody"}
    world.owners.set_owner("lake.sales.orders", "olga")
    for_olga = {p.name for p in world.policies.list(principal="olga")}
    assert for_olga == {"asker", "else", "nobody", "owner", "exceptions", "tags"}
    assert "two" in {p.name for p in world.policies.list(resource="lake.sales")}
    assert "homes" in {p.name for p in world.policies.list(resource="lake.home.ann.x_y")}


@pytest.mark.parametrize(
    ("level", "problem"),
    [
        ({"column": {"values": ["emial"], "isExcludes": True}}, "`emial` is not in"),
        ({"table": {"values": ["custmers"], "isExcludes": True}}, "lake.crm.custmers` does not"),
        (
            {"namespace": {"values": ["hr"], "isExcludes": True}, "table": {"values": ["*"]}},
            "namespace `lake.hr` does not exist",
        ),
    ],
)
def test_what_is_excluded_has_to_be_there(world: World, level: Any, problem: str) -> None:
    people_of(world)
    document = minimal(resources=minimal()["resources"] | level)
    with pytest.raises(InvalidPolicyError, match=problem):
        world.policies.import_({"policies": [document]})
    assert len(world.policies.import_({"policies": [document]}, future=True)) == 1
