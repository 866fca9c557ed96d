"""Policies sent to a Ranger Admin, fetched from it, and read as they were kept."""

from __future__ import annotations

import builtins
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomete.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidPolicyError,
    MissingExtraError,
    PoliciesElsewhereError,
    PolicyNotFoundError,
    RangerError,
)
from iomete.governance import Policies
from iomete.governance.ranger import OutsideAdministration, OutsidePolicies
from iomete.governance.ranger.client import RangerConnection, connection_of
from iomete.settings import GovernanceSettings, RangerSettings
from iomete.store import Store
from support.governed_world import World
from support.ranger_admin import RangerServer

SERVICE = "lakehouse"


@pytest.fixture
def ranger() -> Iterator[RangerServer]:
    with RangerServer() as server:
        yield server


@pytest.fixture
def peopled(world: World) -> World:
    world.principals.add_group("analysts")
    world.principals.add_user("alice", groups=["analysts"])
    world.principals.add_user("bob")
    world.principals.add_role("auditor")
    world.principals.grant_role("auditor", "user:bob")
    return world


def where(ranger: RangerServer, **more: str) -> dict[str, Any]:
    given = {"url": ranger.url, "service": SERVICE, "user": ranger.user}
    return given | {"password": ranger.password} | more


def named(ranger: RangerServer, service: str = SERVICE) -> dict[str, Any]:
    return {p["name"]: p for p in ranger.policies.values() if p["service"] == service}


def test_push_makes_what_is_missing(peopled: World, ranger: RangerServer) -> None:
    peopled.policies.grant("select", on="lake.crm", to="group:analysts", name="reading")
    report = peopled.policies.push(**where(ranger))
    assert report.made == ("service definition `iomete`", f"service `{SERVICE}`")
    assert report.created == ("reading",)
    assert report.roles == ("auditor",)
    assert ranger.services[SERVICE]["configs"]["policy.download.auth.users"] == ranger.user
    [policy] = named(ranger).values()
    assert policy["policyItems"][0]["groups"] == ["analysts"]


def test_a_second_push_changes_what_changed(peopled: World, ranger: RangerServer) -> None:
    peopled.policies.grant("select", on="lake.crm", to="user:alice", name="reading")
    peopled.policies.grant("select", on="lake.sales", to="user:bob", name="selling")
    peopled.policies.push(**where(ranger))
    peopled.policies.update("reading", to="user:bob")
    peopled.policies.delete("selling")
    report = peopled.policies.push(**where(ranger))
    assert (report.made, report.updated, report.others) == ((), ("reading",), ("selling",))
    assert named(ranger)["reading"]["policyItems"][0]["users"] == ["bob"]
    changes = [query for method, _, query in ranger.requests if method != "GET"]
    assert all(query["createPrincipalsIfAbsent"] == "true" for query in changes)
    assert peopled.policies.push(**where(ranger), prune=True).deleted == ("selling",)
    assert set(named(ranger)) == {"reading"}


def test_roles_of_others_are_left_unless_told(peopled: World, ranger: RangerServer) -> None:
    peopled.principals.add_role("staff")
    peopled.principals.grant_role("staff", "role:auditor")
    assert peopled.policies.push(**where(ranger)).roles == ("auditor", "staff")
    peopled.principals.grant_role("auditor", "user:alice")
    report = peopled.policies.push(**where(ranger))
    assert (report.roles, report.kept_roles) == ((), ("auditor",))
    report = peopled.policies.push(**where(ranger), replace_roles=True)
    assert (report.roles, report.kept_roles) == (("auditor",), ())
    [auditor, staff] = ranger.roles.values()
    assert [user["name"] for user in auditor["users"]] == ["alice", "bob"]
    assert [role["name"] for role in staff["roles"]] == ["auditor"]


def test_policies_on_one_resource_are_sent_as_one(peopled: World, ranger: RangerServer) -> None:
    peopled.policies.grant("select", on="lake.crm", to="user:alice", name="first")
    peopled.policies.grant("insert", on="lake.crm", to="user:bob", name="second")
    peopled.policies.push(**where(ranger))
    [policy] = named(ranger).values()
    assert [item["users"] for item in policy["policyItems"]] == [["alice"], ["bob"]]


def test_exceptions_are_never_mixed_with_others_items(peopled: World, ranger: RangerServer) -> None:
    peopled.policies.grant("select", on="lake.crm", to="everyone", except_="user:bob", name="a")
    peopled.policies.grant("insert", on="lake.crm", to="user:bob", name="b")
    with pytest.raises(InvalidPolicyError, match="`a` and `b`"):
        peopled.policies.push(**where(ranger))
    assert not ranger.services


def test_tags_go_along(peopled: World, ranger: RangerServer) -> None:
    peopled.tags.define("PII")
    peopled.tags.attach("PII", "lake.crm.customers.email")
    peopled.policies.mask_tag("PII", "hash", to="group:analysts", name="hidden")
    report = peopled.policies.push(**where(ranger))
    assert report.tagged_resources == 1
    assert ranger.services[SERVICE]["tagService"] == f"{SERVICE}_tag"
    [resource] = ranger.tags[SERVICE]["serviceResources"]
    assert resource["resourceElements"]["column"] == {"values": ["email"]}
    [policy] = named(ranger, f"{SERVICE}_tag").values()
    assert policy["dataMaskPolicyItems"][0]["dataMaskInfo"]["dataMaskType"] == "iomete:MASK_HASH"


def test_pull_brings_back_what_was_pushed(
    peopled: World, ranger: RangerServer, tmp_path: Path
) -> None:
    peopled.tags.define("PII")
    peopled.policies.grant("select", on="lake.crm", to="group:analysts", name="reading")
    peopled.policies.deny("select", on="lake.sales", to="user:bob", name="not bob")
    peopled.policies.filter_rows("lake.sales.orders", "region = 'EU'", to="user:alice", name="EU")
    peopled.policies.mask_tag("PII", "redact", to="role:auditor", name="hidden")
    peopled.policies.push(**where(ranger))
    with Store.open(tmp_path / "other.db") as store:
        other = World(tmp_path / "other", store)
        other.principals.add_group("analysts")
        other.principals.add_user("alice")
        other.principals.add_user("bob")
        other.principals.add_role("auditor")
        other.tags.define("PII")
        other.policies.pull(**where(ranger))
        mine, theirs = ({p.name: p for p in w.policies.list()} for w in (peopled, other))
        assert mine.keys() == theirs.keys()
        for name, policy in mine.items():
            copy = theirs[name]
            assert (policy.kind, policy.on, policy.to) == (copy.kind, copy.on, copy.to)
            assert policy.document | {"id": 0} == copy.document | {"id": 0}


def test_pull_leaves_out_what_is_skipped(peopled: World, ranger: RangerServer) -> None:
    peopled.policies.grant("select", on="lake.crm", to="user:alice", name="reading")
    peopled.policies.push(**where(ranger))
    item = {"accesses": [{"type": "all", "isAllowed": True}], "users": ["nobody here"]}
    everything = {level: {"values": ["*"]} for level in ("catalog", "namespace", "table", "column")}
    ranger.put_policy(
        {"service": SERVICE, "name": "all", "resources": everything, "policyItems": [item]}
    )
    with pytest.raises(InvalidPolicyError, match="nobody here"):
        peopled.policies.pull(**where(ranger), replace=True)
    pulled = peopled.policies.pull(**where(ranger), replace=True, skip="all")
    assert [policy.name for policy in pulled] == ["reading"]


def test_pull_from_a_service_that_is_not_there_says_so(world: World, ranger: RangerServer) -> None:
    with pytest.raises(RangerError, match="no service `lakehouse`"):
        world.policies.pull(**where(ranger))


@pytest.mark.parametrize("call", ["push", "pull"])
def test_failures_are_told_without_a_secret(
    world: World, ranger: RangerServer, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RangerError, match="401") as denied:
        getattr(world.policies, call)(**where(ranger, password="wr0ng"))
    ranger.stop()
    with pytest.raises(RangerError, match="can't be reached") as away:
        getattr(world.policies, call)(**where(ranger))
    for error in (denied.value, away.value):
        assert "wr0ng" not in repr(error)
        assert ranger.password not in str(error)
        assert error.hint
    assert capsys.readouterr().out == ""


def test_only_admins_push_and_pull(peopled: World, ranger: RangerServer) -> None:
    peopled.act_as("alice")
    for call in (peopled.policies.push, peopled.policies.pull):
        with pytest.raises(AccessDeniedError):
            call(**where(ranger))
    assert not ranger.requests


def test_a_server_that_does_not_answer_is_not_waited_for(
    world: World, ranger: RangerServer
) -> None:
    world.policies = Policies(
        world.administration, world.tables, ranger=RangerSettings(timeout_seconds=0.2)
    )
    ranger.call = lambda *_: __import__("time").sleep(2)  # type: ignore[method-assign]
    with pytest.raises(RangerError, match="can't be reached"):
        world.policies.push(**where(ranger))


def test_the_package_is_asked_for_where_it_is_missing(
    world: World, ranger: RangerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def without_ranger(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("apache_ranger"):
            raise ModuleNotFoundError(name)
        return importing(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_ranger)
    with pytest.raises(MissingExtraError, match=r"iomete\[ranger\]"):
        world.policies.push(**where(ranger))


# --- where to, and who asks

KEPT = RangerSettings(
    url="https://ranger.example:6182/",
    service=SERVICE,
    user="lake",
    password="kept",  # type: ignore[arg-type]  # pydantic makes a secret of it
)


def test_settings_fill_in_what_is_not_said() -> None:
    assert connection_of(KEPT) == RangerConnection(
        url="https://ranger.example:6182",
        service=SERVICE,
        user="lake",
        password="kept",
    )


def test_credentials_of_the_settings_go_to_no_other_server() -> None:
    other = connection_of(KEPT, url="https://other.example")
    assert (other.service, other.user, other.password) == (SERVICE, None, None)


def test_a_token_takes_the_place_of_the_user() -> None:
    connection = connection_of(KEPT, token="t0ken")
    assert (connection.token, connection.user) == ("t0ken", None)
    assert "t0ken" not in repr(connection)


@pytest.mark.parametrize(
    "given",
    [{}, {"url": "https://r.example"}, {"url": "r.example", "service": "s"}, {"user": "only"}],
)
def test_half_a_connection_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        connection_of(RangerSettings(), **given)


# --- policies that come from Ranger


def kept_file(folder: Path, policies: list[Any]) -> None:
    folder.mkdir(exist_ok=True)
    parts = {"policies": {"version": 7, "activated": 1, "content": {"policies": policies}}}
    body = json.dumps({"format": 1, "parts": parts})[:-1].encode()
    digest = hashlib.sha256(body).hexdigest()
    (folder / "ranger.json").write_bytes(body + f',"sha256":"{digest}"}}'.encode())


def grant(policy_id: int, name: str, table: str) -> dict[str, Any]:
    resources = {"catalog": "lake", "namespace": "crm", "table": table, "column": "*"}
    return {
        "id": policy_id,
        "name": name,
        "resources": {level: {"values": [value]} for level, value in resources.items()},
        "policyItems": [{"accesses": [{"type": "select"}], "groups": ["analysts"]}],
        "zoneName": None,
    }


@pytest.fixture
def outside(world: World, tmp_path: Path) -> World:
    ranger = RangerSettings(url="http://ranger.example", service=SERVICE)
    settings = GovernanceSettings(source="ranger", ranger=ranger)
    elsewhere = OutsidePolicies(settings, tmp_path / "policies")
    world.policies = Policies(world.administration, world.tables, outside=elsewhere)
    changes = OutsideAdministration(world.administration, elsewhere)
    world.tags = type(world.tags)(changes, world.tables)
    return world


def test_what_is_in_force_is_listed(outside: World, tmp_path: Path) -> None:
    kept_file(tmp_path / "policies", [grant(4, "b", "customers"), grant(3, "a", "orders")])
    assert [policy.name for policy in outside.policies.list()] == ["a", "b"]
    [found] = outside.policies.list(resource="lake.crm.orders")
    assert (found.on, found.to, found.kind) == ("lake.crm.orders", ("group:analysts",), "grant")
    assert outside.policies.get("b").id == outside.policies.get(4).id == 4
    assert outside.policies.list(kind="deny") == []
    assert outside.policies.status().versions == {"policies": 7}
    with pytest.raises(PolicyNotFoundError):
        outside.policies.get("c")


def test_a_damaged_file_lists_nothing(outside: World, tmp_path: Path) -> None:
    kept_file(tmp_path / "policies", [grant(3, "a", "orders")])
    file = tmp_path / "policies" / "ranger.json"
    file.write_bytes(file.read_bytes().replace(b"orders", b"others"))
    assert outside.policies.list() == []


def test_nothing_is_changed_here(outside: World) -> None:
    policies, tags = outside.policies, outside.tags
    for change in (
        lambda: policies.grant("select", on="lake.crm", to="nobody"),
        lambda: policies.deny("select", on="lake.crm", to="nobody"),
        lambda: policies.mask("lake.crm.customers", "email", "hash", to="nobody"),
        lambda: policies.update(1, to="nobody"),
        lambda: policies.disable(1),
        lambda: policies.delete(1),
        lambda: policies.import_({"policies": []}),
        lambda: policies.pull(url="http://ranger.example", service="s"),
        lambda: policies.history(1),
        lambda: policies.list(principal="alice"),
        lambda: tags.define("PII"),
    ):
        with pytest.raises(PoliciesElsewhereError, match="of Ranger Admin"):
            change()


def test_who_is_no_admin_is_not_told_where_policies_are(outside: World, tmp_path: Path) -> None:
    outside.principals.add_user("eve")
    settings = GovernanceSettings.model_validate(
        {"source": "ranger", "ranger": {"url": "http://ranger.example", "service": SERVICE}}
    )
    outside.act_as("eve")
    elsewhere = OutsidePolicies(settings, tmp_path / "policies")
    policies = Policies(outside.administration, outside.tables, outside=elsewhere)
    for ask in (policies.list, policies.status, lambda: policies.delete(1)):
        with pytest.raises(AccessDeniedError) as refused:
            ask()
        assert "ranger.example" not in str(refused.value)
