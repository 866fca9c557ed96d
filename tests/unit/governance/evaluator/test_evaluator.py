from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from iomete.access import Gate, Principal
from iomete.governance.evaluator import Contents, Evaluator, PolicyBook, PolicyGate
from iomete.governance.evaluator.paths import canonical, policy_value
from iomete.governance.evaluator.schedules import Schedule
from support.evaluator.worlds import COLUMNS, NAMESPACES, TABLES, USERS, bundle_of, bundles

LAKE = {"catalog": {"values": ["lake"]}}
CRM = LAKE | {
    "namespace": {"values": ["crm", "crm.*"]},
    "table": {"values": ["*"]},
    "column": {"values": ["*"]},
}
T = ("lake", "crm", "t")


def item(action: str = "select", **who: list[str]) -> dict[str, Any]:
    return {"accesses": [{"type": action, "isAllowed": True}], **who}


def policy(policy_id: int = 100, **members: Any) -> dict[str, Any]:
    return {
        "id": policy_id,
        "service": "iomete",
        "name": f"p{policy_id}",
        "resources": CRM,
    } | members


def evaluator_of(*policies: dict[str, Any], at: datetime | None = None, **more: Any) -> Evaluator:
    return PolicyBook(Contents.of_bundle(bundle_of(list(policies), **more))).at(at)


def test_circles_of_roles_end() -> None:
    roles = {"r1": {"roles": ["r2"], "users": ["alice"]}, "r2": {"roles": ["r1"]}}
    found = evaluator_of(policy(policyItems=[item(roles=["r2"])]), roles=roles)
    assert found.is_allowed("alice", "select", T)
    assert not found.is_allowed("bob", "select", T)
    assert found.contents.memberships.path("user:alice", "role:r2") == (
        "user:alice",
        "role:r1",
        "role:r2",
    )
    assert found.contents.memberships.path("user:bob", "role:r2") == ()


def test_unknown_and_disabled_users_have_no_rights() -> None:
    found = evaluator_of(policy(policyItems=[item(groups=["public"])]))
    assert found.is_allowed("alice", "select", T)
    for name in ("nobody", "off"):
        assert not found.is_allowed(name, "select", T)
        assert found.read(name, T, ["id"]).visible == frozenset()
        rows = found.read(name, T, [])
        assert rows.filter is not None
        assert rows.filter.predicate == "false"


def test_admins_are_answered_without_policies() -> None:
    found = evaluator_of(policy(denyPolicyItems=[item("all", groups=["public"])]))
    assert found.is_admin("root")
    assert found.is_allowed("root", "drop", T)
    assert found.read("root", T, ["id"]).policies == (1,)


def test_a_schedule_counts_by_its_own_zone() -> None:
    daily = {
        "timeZone": "Europe/Berlin",
        "recurrences": [
            {
                "schedule": {
                    "minute": "0",
                    "hour": "9",
                    "dayOfWeek": "*",
                    "month": "*",
                    "year": "*",
                },
                "interval": {"hours": 8},
            }
        ],
    }
    grant = policy(policyItems=[item(users=["alice"])], validitySchedules=[daily])
    book = PolicyBook(Contents.of_bundle(bundle_of([grant])))
    summer, winter = (
        datetime(2026, 7, 1, 7, 30, tzinfo=UTC),
        datetime(2026, 1, 5, 7, 30, tzinfo=UTC),
    )
    assert book.at(summer).is_allowed("alice", "select", T)
    assert not book.at(winter).is_allowed("alice", "select", T)
    assert [p.id for p in book.at(winter).asleep] == [100]


def test_both_ends_belong_to_a_period() -> None:
    schedule = Schedule.of({"startTime": "2026/03/29 02:00:00", "endTime": "2026/03/29 03:00:00"})
    begin, end = datetime(2026, 3, 29, 2, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC)
    assert schedule.holds_at(begin)
    assert schedule.holds_at(end)
    assert not schedule.holds_at(end.replace(second=1))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3a://b//k/", "/s3:/b/k"),
        ("/data/x", "/file:/data/x"),
        ("file:///data", "/file:/data"),
        ("HDFS://h/x", "/hdfs:/h/x"),
        ("x/y", None),
        ("/a/../b", None),
        ("", None),
    ],
)
def test_paths_have_one_spelling(path: str, expected: str | None) -> None:
    assert canonical(path) == expected


def test_a_star_is_every_path() -> None:
    assert {policy_value(value) for value in ("*", "/", "/*")} == {"/*"}


def test_tag_patterns_are_found_by_what_they_begin_with() -> None:
    grant = policy(
        service="iomete_tag",
        resources={"tag": {"values": ["PII*"]}},
        policyItems=[item("iomete:select", users=["alice"])],
    )
    on = {
        level: {"values": [part]}
        for level, part in zip(("catalog", "namespace", "table"), T, strict=True)
    }
    assert evaluator_of(grant, attached=[("PII.X", on)]).is_allowed("alice", "select", T)
    assert not evaluator_of(grant, attached=[("OPEN", on)]).is_allowed("alice", "select", T)


def gate_of(evaluator: Evaluator, name: str, columns: list[str] | None) -> Gate:
    return PolicyGate(lambda: evaluator, Principal(name), columns=lambda _: columns)


def test_the_gate_answers_what_operations_ask() -> None:
    grant = policy(policyItems=[item(users=["alice"]), item("create", users=["alice"])])
    mask = policy(
        101,
        policyType=1,
        resources=CRM | {"column": {"values": ["email"]}},
        dataMaskPolicyItems=[item(users=["alice"]) | {"dataMaskInfo": {"dataMaskType": "MASK"}}],
    )
    gate = gate_of(evaluator_of(grant, mask), "alice", ["id", "email"])
    assert not gate.is_admin()
    for known in (("lake",), ("lake", "crm"), T, ("lake", "crm", "eu", "t")):
        assert gate.may_know(known)
    assert not gate.may_know(("lake", "hr"))
    assert not gate.may_know(("raw",))
    assert gate.may("create", ("lake", "crm", "new"))
    assert not gate.may("drop", T)
    assert not gate.reads_plainly(T)
    assert gate_of(evaluator_of(grant), "alice", ["id", "email"]).reads_plainly(T)
    assert gate_of(evaluator_of(grant), "alice", None).reads_plainly(T)
    assert gate_of(evaluator_of(), "root", ["id"]).reads_plainly(T)


def test_names_of_the_session_catalog_fold() -> None:
    resources = CRM | {"catalog": {"values": ["Spark_Catalog"]}, "namespace": {"values": ["CRM"]}}
    gate = gate_of(
        evaluator_of(policy(resources=resources, policyItems=[item(users=["bob"])])), "bob", None
    )
    assert gate.may("select", ("SPARK_CATALOG", "Crm", "T"))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(bundle=bundles())
def test_what_is_granted_is_known_and_so_is_all_above_it(bundle: dict[str, Any]) -> None:
    """Hidden is only what nothing is granted on or below, whatever is denied beside it."""
    found = PolicyBook(Contents.of_bundle(json.loads(json.dumps(bundle)))).at(
        datetime(2026, 3, 29, 12, tzinfo=UTC)
    )
    for user in USERS:
        for namespace in NAMESPACES:
            for table in TABLES:
                parts = ("lake", namespace, table)
                if not found.read(user, parts, COLUMNS).visible:
                    continue
                assert found.known_names.knows_table(user, parts)
                levels = namespace.split(".")
                for depth in range(1, len(levels) + 1):
                    above = ".".join(levels[:depth])
                    assert found.known_names.knows_namespace(user, "lake", above), (
                        user,
                        parts,
                        above,
                    )
                assert found.known_names.knows_catalog(user, "lake"), (user, parts)


def test_a_denial_of_a_namespace_leaves_what_is_nested_in_it_known() -> None:
    everything = CRM | {"namespace": {"values": ["*"]}}
    grant = policy(resources=everything, policyItems=[item(users=["alice"])])
    deny = policy(
        101,
        resources=CRM | {"namespace": {"values": ["crm"]}},
        denyPolicyItems=[item("all", users=["alice"])],
    )
    found = evaluator_of(grant, deny)
    assert found.known_names.knows_table("alice", ("lake", "crm.eu", "t"))
    assert found.known_names.knows_namespace("alice", "lake", "crm")
    assert not found.known_names.knows_table("alice", T)


def test_what_a_denial_of_all_others_excepts_is_known() -> None:
    everything = CRM | {"namespace": {"values": ["*"]}}
    grant = policy(resources=everything, policyItems=[item(users=["alice"])])
    others = CRM | {"namespace": {"values": ["a.b"], "isExcludes": True}}
    found = evaluator_of(
        grant, policy(101, resources=others, denyPolicyItems=[item("all", users=["alice"])])
    )
    assert found.known_names.knows_namespace("alice", "lake", "a")
    assert not found.known_names.knows_namespace("alice", "lake", "c")
