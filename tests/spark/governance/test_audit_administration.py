"""What is done through Python leaves the events that queries leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import iomete
from iomete.errors import AccessDeniedError, TableNotFoundError
from iomete.governance.audit.trail import AuditEvent
from spark.governance.conftest import Newcomer

Told = Callable[[], list[AuditEvent]]


@pytest.fixture
def told(lake: iomete.Lakehouse) -> Told:
    """Return what was recorded since the last time, but for questions to the trail."""
    seen = {event.id for event in lake.audit.events()}

    def new() -> list[AuditEvent]:
        found = [event for event in lake.audit.events() if event.id not in seen]
        seen.update(event.id for event in found)
        return [event for event in found if event.resource != "lake.system.audit"]

    return new


def in_short(events: list[AuditEvent]) -> list[tuple[str, str, str, str | None]]:
    return [(e.action, e.resource, e.verdict.value, e.reason) for e in events]


def test_policies(lake: iomete.Lakehouse, people: str, newcomer: Newcomer, told: Told) -> None:
    name = newcomer()
    told()
    policy = lake.policies.grant("select", on=people, to=name)
    lake.policies.update(policy.id, columns=["id"])
    lake.policies.disable(policy.id)
    lake.policies.enable(policy.id)
    exported = lake.policies.export()
    lake.policies.delete(policy.id)
    mine = [
        one
        for one in exported["policies"]
        if one["name"] == lake.policies.history(policy.id)[-1].name
    ]
    (again,) = lake.policies.import_({"policies": mine})
    changes = [event for event in told() if event.action.startswith("policy.")]
    assert [(e.action, e.resource, e.policies) for e in changes] == [
        ("policy.create", people, (policy.id,)),
        ("policy.update", people, (policy.id,)),
        ("policy.disable", people, (policy.id,)),
        ("policy.enable", people, (policy.id,)),
        ("policy.export", "administration", ()),
        ("policy.delete", people, (policy.id,)),
        ("policy.import", people, (again.id,)),
    ]
    assert {event.principal for event in changes} == {lake.principal}
    assert {e.action for e in lake.audit.events(resource=people)} >= {
        "policy.create",
        "policy.import",
    }


def test_principals(lake: iomete.Lakehouse, newcomer: Newcomer, told: Told) -> None:
    user = f"user:{(name := newcomer())}"
    told()
    group, role = f"group_of_{name}", f"role_of_{name}"
    lake.principals.add_group(group)
    lake.principals.add_role(role)
    lake.principals.add_to_group(group, name)
    lake.principals.grant_role(role, [name, f"group:{group}"])
    lake.principals.set_attribute(name, "salary", 90_000)
    lake.principals.update_user(name, groups=[group])
    lake.principals.disable_user(name)
    lake.principals.enable_user(name)
    lake.principals.revoke_role(role, name)
    lake.principals.remove_from_group(group, name)
    lake.principals.remove_user(name)
    assert in_short(told()) == [
        ("group.add", f"group:{group}", "allowed", None),
        ("role.add", f"role:{role}", "allowed", None),
        ("group.add_members", f"group:{group}", "allowed", user),
        ("role.add_members", f"role:{role}", "allowed", f"{user}, group:{group}"),
        ("user.set_attributes", user, "allowed", "salary"),
        ("user.update", user, "allowed", None),
        ("user.disable", user, "allowed", None),
        ("user.enable", user, "allowed", None),
        ("role.remove_members", f"role:{role}", "allowed", user),
        ("group.remove_members", f"group:{group}", "allowed", user),
        ("user.remove", user, "allowed", None),
    ]


def test_tags_and_owners(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, told: Told
) -> None:
    name = newcomer()
    tag = f"T.{name}"
    told()
    lake.tags.define(tag)
    lake.tags.attach(tag, f"{people}.ssn")
    lake.tags.detach(tag, f"{people}.ssn")
    lake.tags.remove(tag)
    lake.catalog.set_owner(people, name)
    changes = [event for event in told() if "." in event.action]
    assert in_short(changes) == [
        ("tag.define", f"tag:{tag}", "allowed", None),
        ("tag.attach", f"{people}.ssn", "allowed", tag),
        ("tag.detach", f"{people}.ssn", "allowed", tag),
        ("tag.remove", f"tag:{tag}", "allowed", None),
        ("owner.set", people, "allowed", name),
    ]


def test_a_change_that_fails_leaves_no_event(
    lake: iomete.Lakehouse, newcomer: Newcomer, told: Told
) -> None:
    name = newcomer()
    told()
    with pytest.raises(iomete.errors.AlreadyExistsError):
        lake.principals.add_user(name)
    assert told() == []


def test_catalog_operations(
    lake: iomete.Lakehouse, people: str, namespace: str, newcomer: Newcomer, told: Told
) -> None:
    name = newcomer()
    reader = lake.as_principal(name)
    told()
    with pytest.raises(TableNotFoundError):
        reader.catalog.load_table(people)
    lake.policies.grant("select", on=people, to=name)
    masked = lake.policies.mask(people, "ssn", "redact", to=name)
    with pytest.raises(AccessDeniedError):
        reader.catalog.load_table(people)
    lake.policies.delete(masked.id)
    reader.catalog.load_table(people)
    with pytest.raises(AccessDeniedError):
        reader.catalog.create_namespace(f"{namespace}.below")
    with pytest.raises(AccessDeniedError):
        reader.catalog.iceberg("lake")
    with pytest.raises(AccessDeniedError):
        reader.catalog.pyiceberg_properties()
    mine = [event for event in told() if event.principal == name]
    assert in_short(mine) == [
        ("select", people, "denied", "nothing is granted on it"),
        ("select", people, "denied", "part of it is hidden or masked"),
        ("select", people, "allowed", "loaded without Spark"),
        ("create", f"{namespace}.below", "denied", "no policy grants it"),
        ("catalog.open", "lake", "denied", "the role `admin` isn't held"),
        ("catalog.open", "lake", "denied", "the role `admin` isn't held"),
    ]
    assert [e.principal for e in lake.audit.readers(people)][:1] == [name]


def test_acting_for_others(lake: iomete.Lakehouse, newcomer: Newcomer, told: Told) -> None:
    name = newcomer()
    told()
    other = lake.as_principal(name)
    with pytest.raises(AccessDeniedError):
        other.as_principal(lake.principal)
    done, refused = told()
    assert (done.principal, done.action) == (lake.principal, "principal.act_as")
    assert (done.resource, done.verdict) == (f"user:{name}", "allowed")
    assert (refused.principal, refused.action) == (name, "principal.act_as")
    assert (refused.resource, refused.verdict) == (f"user:{lake.principal}", "denied")


def test_refused_administration(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, tmp_path: Path, told: Told
) -> None:
    name = newcomer()
    other = lake.as_principal(name)
    told()
    tries: dict[tuple[str, str], Callable[[], object]] = {
        ("policy.create", people): lambda: other.policies.grant("select", on=people, to=name),
        ("policy.update", "policy:1"): lambda: other.policies.update(1, to=name),
        ("policy.disable", "policy:1"): lambda: other.policies.disable(1),
        ("policy.delete", "policy:all"): lambda: other.policies.delete("all"),
        ("policy.export", "administration"): other.policies.export,
        ("policy.import", "administration"): lambda: other.policies.import_({"policies": []}),
        ("administration.read", "administration"): other.policies.list,
        ("user.add", "user:eve"): lambda: other.principals.add_user("eve"),
        ("role.add_members", "role:admin"): lambda: other.principals.grant_role("admin", name),
        ("tag.define", "tag:PII"): lambda: other.tags.define("PII"),
        ("tag.attach", people): lambda: other.tags.attach("PII", people),
        ("owner.set", people): lambda: other.catalog.set_owner(people, name),
    }
    for do in tries.values():
        with pytest.raises(AccessDeniedError):
            do()
    with pytest.raises(AccessDeniedError):
        other.audit.events()
    assert [(e.action, e.resource) for e in told()] == list(tries)
    assert lake.audit.events(principal=name, resource="lake.system.audit", verdict="denied")
    assert {e.verdict.value for e in lake.audit.events(principal=name)} == {"denied"}
