"""Where the two engines once differed, or answered less than what is granted, each by its name."""

from __future__ import annotations

from typing import Any

import pytest

from support.evaluator.answering import answers
from support.evaluator.engine import RangerEngine, sealed
from support.evaluator.worlds import NOON, bundle_of

Document = dict[str, Any]
AT = int(NOON.timestamp() * 1000)
T = ["lake", "crm", "t"]


def item(*actions: str, **who: list[str]) -> Document:
    return {"accesses": [{"type": action, "isAllowed": True} for action in actions], **who}


def on(*names: list[str], excludes: str = "") -> Document:
    levels = zip(("catalog", "namespace", "table", "column"), names, strict=False)
    return {
        level: {"values": values} | ({"isExcludes": True} if level == excludes else {})
        for level, values in levels
    }


def policy(number: int, resources: Document, **members: Any) -> Document:
    document = {"id": number, "version": 1, "service": "iomete", "name": f"p{number}"}
    return document | {"policyType": 0, "resources": resources, "isEnabled": True} | members


EVERYTHING = on(["lake"], ["*"], ["*"], ["*"])
CRM = on(["lake"], ["crm"], ["*"], ["*"])
ALICE = {"users": ["alice"]}
TAGGED = {"service": "iomete_tag", "resources": {"tag": {"values": ["PII"]}}}
TABLE = on(["lake"], ["crm"], ["t"])


def known(*parts: str) -> Document:
    return {"at": AT, "who": "alice", "kind": "known", "parts": list(parts)}


def allowed(action: str, *parts: str) -> Document:
    return {"at": AT, "who": "alice", "kind": "allowed", "action": action, "parts": list(parts)}


CASES: dict[str, tuple[list[Document], list[tuple[Document, bool]]]] = {
    # Ranger's question for any action stops at the first one that a policy grants, denied or not.
    "another action than the denied one is granted": (
        [
            policy(100, CRM, policyItems=[item("select", "insert", **ALICE)]),
            policy(101, CRM, policyPriority=1, denyPolicyItems=[item("select", **ALICE)]),
        ],
        [
            (allowed("insert", *T), True),
            (allowed("select", *T), False),
            (known(*T), True),
            (known("lake", "crm"), True),
            (known("lake"), True),
        ],
    ),
    # A nested namespace isn't part of the one above it.
    "a namespace is denied, and what is nested in it granted by a pattern": (
        [
            policy(100, EVERYTHING, policyItems=[item("select", **ALICE)]),
            policy(101, CRM, denyPolicyItems=[item("all", **ALICE)]),
        ],
        [
            (known("lake", "crm.eu", "t"), True),
            (known("lake", "crm.eu"), True),
            (known("lake", "crm"), True),
            (known(*T), False),
        ],
    ),
    "all namespaces but one are denied": (
        [
            policy(100, EVERYTHING, policyItems=[item("select", **ALICE)]),
            policy(
                101,
                on(["lake"], ["a.b"], ["*"], ["*"], excludes="namespace"),
                denyPolicyItems=[item("all", **ALICE)],
            ),
        ],
        [(known("lake", "a.b"), True), (known("lake", "a"), True), (known("lake", "c"), False)],
    ),
    # Where tags have denied, Ranger stops before overriding grants on the resource.
    "an overriding grant beside a tag's denial": (
        [
            policy(100, CRM, policyPriority=1, policyItems=[item("insert", users=["bob"])]),
            policy(101, CRM, policyPriority=1, policyItems=[item("select", **ALICE)]),
            policy(102, EVERYTHING, denyPolicyItems=[item("iomete:select", **ALICE)]) | TAGGED,
        ],
        [(allowed("select", *T), True), (known(*T), True)],
    ),
    # Where tags have allowed, Ranger stops at an override for somebody else.
    "a denial behind an override for somebody else, beside a tag's grant": (
        [
            policy(100, CRM, policyPriority=1, policyItems=[item("select", users=["bob"])]),
            policy(101, CRM, denyPolicyItems=[item("select", **ALICE)]),
            policy(102, EVERYTHING, policyItems=[item("iomete:select", **ALICE)]) | TAGGED,
        ],
        [(allowed("select", *T), False)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_named_cases_are_decided_alike_and_rightly(ranger: RangerEngine, name: str) -> None:
    policies, expected = CASES[name]
    bundle = sealed(bundle_of(policies, attached=[("PII", TABLE)]))
    asked, right = [question for question, _ in expected], [answer for _, answer in expected]
    assert ranger.ask(bundle, asked) == right
    assert answers(bundle, asked) == right


@pytest.mark.parametrize("columns", [["bob", "id", "contact"], ["id", "contact", "bob"]])
def test_a_column_called_as_who_asks_is_told_from_others(
    ranger: RangerEngine, columns: list[str]
) -> None:
    own = on(["lake"], ["crm"], ["t"], ["{USER}"])
    bundle = sealed(bundle_of([policy(100, own, policyItems=[item("select", users=["bob"])])]))
    question = {"at": AT, "who": "bob", "kind": "read", "parts": T, "columns": columns}
    (found,) = ranger.ask(bundle, [question])
    assert found["visible"] == ["bob"]
    assert answers(bundle, [question]) == [found]
