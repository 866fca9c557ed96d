from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iomete.errors import (
    AlreadyExistsError,
    ConfigurationError,
    InvalidPolicyError,
    PolicyNotFoundError,
)
from iomete.governance import PolicyConflictWarning
from support.governed_world import World


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_user("alice", groups="analysts")
    world.principals.add_user("bob")
    world.principals.add_role("loader")


def values(document: dict, level: str) -> list[str]:
    return document["resources"][level]["values"]


def test_a_grant_is_one_ranger_policy(world: World) -> None:
    policy = world.policies.grant(
        ["select", "insert"], on="lake.crm.customers", to=["group:analysts", "bob", "role:loader"]
    )
    assert policy.id == 100
    assert policy.document["resources"] == {
        "catalog": {"values": ["lake"]},
        "namespace": {"values": ["crm"]},
        "table": {"values": ["customers"]},
        "column": {"values": ["*"]},
    }
    assert policy.document["policyItems"] == [
        {
            "accesses": [
                {"type": "select", "isAllowed": True},
                {"type": "insert", "isAllowed": True},
            ],
            "users": ["bob"],
            "groups": ["analysts"],
            "roles": ["loader"],
        }
    ]
    assert (policy.to, policy.version, policy.author) == (
        ("user:bob", "group:analysts", "role:loader"),
        1,
        world.admin,
    )


@pytest.mark.parametrize(
    ("on", "namespaces", "table"),
    [
        ("lake", ["*"], "*"),
        ("lake.*", ["*"], "*"),
        ("lake.crm", ["crm", "crm.*"], "*"),
        ("lake.a.b", ["a.b", "a.b.*"], "*"),
        ("lake.a.b.c", ["a.b"], "c"),
        ("lake.crm.*", ["crm"], "*"),
        ("lake.crm.cust*", ["crm"], "cust*"),
        ("lake.c?m.customers", ["c?m"], "customers"),
        (("lake", "crm", "customers"), ["crm"], "customers"),
        ("SPARK_CATALOG.Default.EVENTS", ["default"], "events"),
        ("lake.home.{USER}.*", ["home.{USER}"], "*"),
        ("lake.home.of_{OWNER}", ["home"], "of_{OWNER}"),
        ("spark_catalog.Homes.T_{USER}", ["homes"], "t_{USER}"),
    ],
)
def test_what_a_policy_is_on(
    world: World, on: str | tuple[str, ...], namespaces: list[str], table: str
) -> None:
    document = world.policies.grant("select", on=on, to="bob", future="SPARK" in on).document
    assert values(document, "namespace") == namespaces
    assert values(document, "table") == [table]


def test_columns_fold_and_may_be_patterns(world: World) -> None:
    policy = world.policies.grant(
        "select", on="lake.crm.customers", columns=["ID", "e*", "id"], to="bob"
    )
    assert values(policy.document, "column") == ["id", "e*"]


def test_all_columns_but_some(world: World) -> None:
    policy = world.policies.grant(
        "select", on="lake.crm.customers", except_columns=["Email", "contact"], to="bob"
    )
    assert policy.document["resources"]["column"] == {
        "values": ["email", "contact"], "isExcludes": True,
    }  # fmt: skip
    assert policy.name == "grant select(all but email, contact) on lake.crm.customers to user:bob"
    changed = world.policies.update(policy.id, to="alice")
    assert changed.document["resources"] == policy.document["resources"]
    changed = world.policies.update(policy.id, columns="id")
    assert changed.document["resources"]["column"] == {"values": ["id"]}
    changed = world.policies.update(policy.id, except_columns="id")
    assert changed.document["resources"]["column"] == {"values": ["id"], "isExcludes": True}
    changed = world.policies.update(policy.id, except_columns=None)
    assert changed.document["resources"]["column"] == {"values": ["*"]}


def test_a_policy_may_be_for_owners_and_whoever_asks(world: World) -> None:
    grant = world.policies.grant(
        "select", on="lake.crm", to=["{OWNER}", "bob"], except_="group:analysts"
    )
    assert grant.to == ("{OWNER}", "user:bob")
    assert grant.name == "grant select on lake.crm to {OWNER}, user:bob"
    assert grant.document["policyItems"][0]["users"] == ["{OWNER}", "bob"]
    masks = world.policies.mask(
        "lake.crm.customers", "email", "hash", to="{USER}", except_="{OWNER}"
    ).document["dataMaskPolicyItems"]
    assert [item["users"] for item in masks] == [["{OWNER}"], ["{USER}"]]
    assert world.policies.update(grant.id, except_="{USER}").to == grant.to
    assert world.policies.list(principal="alice", kind="mask") != []


@pytest.mark.parametrize("name", ["{OWNER}", "{USER}", "user:{OWNER}", "{GROUP}"])
def test_nobody_is_named_like_an_owner(world: World, name: str) -> None:
    with pytest.raises(ConfigurationError, match="braces"):
        world.principals.add_user(name)
    with pytest.raises(ConfigurationError, match="braces"):
        world.principals.add_to_group("analysts", name)


@pytest.mark.parametrize("name", ["*", "a?c"])
def test_nobody_is_named_like_a_pattern(world: World, name: str) -> None:
    """Where a policy is on `{USER}`, such a name would be a wildcard."""
    with pytest.raises(ConfigurationError, match="wildcard"):
        world.principals.add_user(name)


def test_masks_meet_on_additional_resources(world: World) -> None:
    mask = world.policies.mask("lake.crm.customers", "email", "redact", to="bob", name="two")
    levels = {"catalog": "lake", "namespace": "sales", "table": "orders", "column": "region"}
    more = {level: {"values": [value]} for level, value in levels.items()}
    exported = world.policies.export()["policies"]
    world.policies.import_(
        {"policies": [exported[0] | {"additionalResources": [more]}]}, replace=True
    )
    with pytest.warns(PolicyConflictWarning, match="`two`"):
        other = world.policies.mask("lake.sales.orders", "region", "nullify", to="bob")
    with pytest.warns(PolicyConflictWarning, match=other.name):
        world.policies.import_(
            {"policies": [exported[0] | {"additionalResources": [more]}]}, replace=True
        )
    assert world.policies.get(mask.id).on == "lake.crm.customers and lake.sales.orders"


@pytest.mark.parametrize("one", ["{USER}", "{OWNER}", "everyone"])
def test_masks_for_owners_and_askers_meet_those_of_anyone(world: World, one: str) -> None:
    world.policies.mask("lake.crm.customers", "email", "redact", to="bob")
    with pytest.warns(PolicyConflictWarning):
        world.policies.mask("lake.crm.{USER}", "email", "nullify", to=one)


def test_everyone_is_the_group_public(world: World) -> None:
    policy = world.policies.deny(
        "select", on="lake.crm", to="everyone", except_=["group:analysts"], priority="override"
    )
    assert policy.document["denyPolicyItems"][0]["groups"] == ["public"]
    assert policy.document["denyExceptions"][0]["groups"] == ["analysts"]
    assert policy.document["policyPriority"] == 1
    assert "policyItems" not in policy.document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("s3://inbox/", "s3://inbox"),
        ("s3a://inbox/a", "s3://inbox/a"),
        ("/data/in/", "/data/in"),
        ("file:///data", "/data"),
        ("/", "file:///"),
        ("*", "*"),
        ("s3a://homes/{USER}/", "s3://homes/{USER}"),
    ],
)
def test_a_path_is_granted_with_all_below_it(world: World, path: str, value: str) -> None:
    policy = world.policies.grant("read", on_path=path, to="role:loader")
    assert policy.document["resources"] == {"path": {"values": [value], "isRecursive": True}}


@pytest.mark.parametrize(
    ("mask", "arguments", "info"),
    [
        ("redact", {}, ("MASK", None)),
        ("partial", {}, ("MASK_SHOW_LAST_4", None)),
        ("partial", {"show_last": 2}, ("MASK_SHOW_LAST", "2")),
        ("partial", {"show_first": 4}, ("MASK_SHOW_FIRST_4", None)),
        ("partial", {"show_first": 1}, ("MASK_SHOW_FIRST", "1")),
        ("hash", {}, ("MASK_HASH", None)),
        ("nullify", {}, ("MASK_NULL", None)),
        ("constant", {"value": 0}, ("MASK_CONSTANT", "0")),
        ("constant", {"value": ""}, ("MASK_CONSTANT", "")),
        ("constant", {"value": True}, ("MASK_CONSTANT", "true")),
        ("year", {}, ("MASK_DATE_SHOW_YEAR", None)),
        ("round", {"digits": -2}, ("MASK_ROUND", "-2")),
        ("custom", {"expression": "upper({col})"}, ("CUSTOM", "upper({col})")),
        ("none", {}, ("MASK_NONE", None)),
    ],
)
def test_masks_have_rangers_types(
    world: World, mask: str, arguments: dict, info: tuple[str, str | None]
) -> None:
    policy = world.policies.mask("lake.crm.customers", "email", mask, to="bob", **arguments)
    found = policy.document["dataMaskPolicyItems"][0]["dataMaskInfo"]
    assert (found["dataMaskType"], found.get("valueExpr")) == info
    assert values(policy.document, "column") == ["email"]


def test_whom_a_mask_excepts_is_asked_first(world: World) -> None:
    policy = world.policies.mask(
        "lake.crm.customers", "email", "hash", to="everyone", except_="bob"
    )
    first, second = policy.document["dataMaskPolicyItems"]
    assert (first["users"], first["dataMaskInfo"]["dataMaskType"]) == (["bob"], "MASK_NONE")
    assert (second["groups"], second["dataMaskInfo"]["dataMaskType"]) == (["public"], "MASK_HASH")


def test_a_field_of_a_struct_is_masked_by_its_path(world: World) -> None:
    policy = world.policies.mask("lake.crm.customers", "Contact.Email", "hash", to="bob")
    assert values(policy.document, "column") == ["contact.email"]


def test_a_row_filter_keeps_its_predicate_as_it_was_written(world: World) -> None:
    predicate = "region = '${{USER.region}}' AND amount > 1"
    policy = world.policies.filter_rows("lake.sales.orders", predicate, to="bob")
    (item,) = policy.document["rowFilterPolicyItems"]
    assert item["rowFilterInfo"] == {"filterExpr": predicate}
    assert "column" not in policy.document["resources"]


def test_tag_policies_belong_to_the_tag_service(world: World) -> None:
    world.tags.define("PII.EMAIL")
    mask = world.policies.mask_tag("PII.EMAIL", "hash", to="group:analysts")
    deny = world.policies.deny("select", on_tag="PII.EMAIL", to="bob")
    assert {mask.document["service"], deny.document["service"]} == {"iomete_tag"}
    item = mask.document["dataMaskPolicyItems"][0]
    assert item["accesses"][0]["type"] == "iomete:select"
    assert item["dataMaskInfo"]["dataMaskType"] == "iomete:MASK_HASH"
    assert deny.document["denyPolicyItems"][0]["accesses"][0]["type"] == "iomete:select"


def test_a_period_is_written_in_utc(world: World) -> None:
    policy = world.policies.grant(
        "select",
        on="lake.crm",
        to="bob",
        valid_from="2026-01-01T01:00:00+01:00",
        valid_until=datetime(2026, 7, 1, tzinfo=UTC),
    )
    assert policy.document["validitySchedules"] == [
        {
            "startTime": "2026/01/01 00:00:00",
            "endTime": "2026/07/01 00:00:00",
            "timeZone": "UTC",
            "recurrences": [],
        }
    ]


def test_a_policy_says_what_it_does_where_it_has_no_name(world: World) -> None:
    names = [world.policies.grant("select", on="lake.crm", to="bob").name for _ in range(3)]
    expected = "grant select on lake.crm to user:bob"
    assert names == [expected, f"{expected} (2)", f"{expected} (3)"]


def test_names_of_policies_are_unique(world: World) -> None:
    world.policies.grant("select", on="lake.crm", to="bob", name="crm")
    with pytest.raises(AlreadyExistsError, match="Policy `crm` exists"):
        world.policies.grant("select", on="lake.sales", to="bob", name="crm")
    assert world.policies.get("crm").on == "lake.crm"


def test_updating_changes_what_is_named_only(world: World) -> None:
    made = world.policies.mask(
        "lake.crm.customers", "email", "partial", show_first=2, to="bob", description="why"
    )
    after = world.policies.update(made.id, to="group:analysts", show_first=3)
    assert (after.id, after.version, after.to) == (made.id, 2, ("group:analysts",))
    assert after.document["dataMaskPolicyItems"][0]["dataMaskInfo"]["valueExpr"] == "3"
    assert after.description == "why"
    assert after.name == "mask email of lake.crm.customers to group:analysts"
    assert world.policies.update(after.name, mask="hash", column="id").version == 3
    last = world.policies.get(made.id)
    assert values(last.document, "column") == ["id"]
    assert last.document["version"] == 3


def test_a_name_that_was_given_stays_through_an_update(world: World) -> None:
    world.policies.grant("select", on="lake.crm", to="bob", name="crm")
    assert world.policies.update("crm", to="alice", valid_until="2099-01-01").name == "crm"
    assert world.policies.update("crm", name="crm 2", valid_until=None).name == "crm 2"
    assert "validitySchedules" not in world.policies.get("crm 2").document


def test_an_update_is_judged_like_a_new_policy(world: World) -> None:
    made = world.policies.grant("select", on="lake.crm.customers", to="bob")
    for changes in ({"to": "nobody"}, {"columns": ["nope"]}, {"on": "lake.x.y"}, {"mask": "hash"}):
        with pytest.raises(InvalidPolicyError):
            world.policies.update(made.id, **changes)
    assert world.policies.get(made.id) == made


def test_everything_that_happens_is_in_the_history(world: World) -> None:
    made = world.policies.grant("select", on="lake.crm", to="bob")
    assert world.policies.disable(made.id).enabled is False
    assert world.policies.disable(made.id).version == 2  # as it was
    world.policies.enable(made.id)
    world.policies.update(made.id, to="alice")
    world.policies.delete(made.id)
    changes = world.policies.history(made.id)
    assert [entry.change for entry in changes] == [
        "created", "disabled", "enabled", "updated", "deleted",
    ]  # fmt: skip
    assert [entry.version for entry in changes] == [1, 2, 3, 4, 5]
    assert changes[0].document == made.document
    assert all(entry.author == world.admin for entry in changes)
    with pytest.raises(PolicyNotFoundError):
        world.policies.get(made.id)


def test_an_id_is_never_given_again(world: World) -> None:
    first = world.policies.grant("select", on="lake.crm", to="bob")
    world.policies.delete(first.id)
    assert world.policies.grant("select", on="lake.crm", to="bob").id == first.id + 1


def test_a_missing_policy_is_named_with_the_nearest(world: World) -> None:
    world.policies.grant("select", on="lake.crm", to="bob", name="readers of crm")
    with pytest.raises(
        PolicyNotFoundError, match=r"`reader of crm`.*did you mean `readers of crm`"
    ):
        world.policies.get("reader of crm")
    for action in (world.policies.delete, world.policies.enable, world.policies.history):
        with pytest.raises(PolicyNotFoundError):
            action(4711)


def test_listing_by_resource_principal_and_kind(world: World) -> None:
    p = world.policies
    catalog = p.grant("select", on="lake", to="alice").id
    table = p.grant("select", on="lake.crm.customers", columns=["id"], to="group:analysts").id
    other = p.grant("select", on="lake.sales.orders", to="bob").id
    path = p.grant("read", on_path="s3://inbox", to="everyone").id
    mask = p.mask("lake.crm.customers", "email", "hash", to="bob").id

    def ids(**by: str) -> list[int]:
        return [policy.id for policy in p.list(**by)]

    assert ids() == [catalog, table, other, path, mask]
    assert ids(resource="lake.crm.customers.email") == [catalog, mask]
    assert ids(resource="lake.crm.customers") == [catalog, table, mask]
    assert ids(resource="lake.crm") == [catalog, table, mask]
    assert ids(resource="s3://inbox/2026/x.csv") == [path]
    assert ids(principal="alice") == [catalog, table, path]
    assert ids(principal="bob", kind="mask") == [mask]


def test_masks_that_can_meet_on_someone_are_warned_of(world: World) -> None:
    first = world.policies.mask("lake.crm.customers", "email", "hash", to="group:analysts")
    with pytest.warns(PolicyConflictWarning, match=rf"can meet `.*` \(id {first.id}\)") as caught:
        world.policies.mask("lake.crm.cust*", "*", "nullify", to="alice")
    assert caught[0].filename == __file__
    assert len(world.policies.list(kind="mask")) == 2  # it is a warning


def test_masks_that_cannot_meet_are_not_warned_of(world: World) -> None:
    p = world.policies
    p.mask("lake.crm.customers", "email", "hash", to="group:analysts")
    p.mask("lake.crm.customers", "email", "hash", to="bob")  # who is in no group
    p.mask("lake.crm.customers", "id", "hash", to="alice")  # another column
    p.mask("lake.crm.customers", "email", "none", to="alice", priority="override")
    p.mask("lake.crm.*", "phone", "hash", to="alice")
    old = p.filter_rows("lake.sales.orders", "id = 1", to="alice", valid_until="2020-01-01")
    p.filter_rows("lake.sales.orders", "id = 2", to="alice", valid_from="2021-01-01")
    with pytest.warns(PolicyConflictWarning):
        p.update(old.id, valid_until=None)


def test_a_batch_is_published_once(world: World) -> None:
    before = world.publisher.path.read_bytes()
    with world.policies.batch():
        world.policies.grant("select", on="lake.crm", to="bob")
        world.principals.add_user("carol")
        assert world.publisher.path.read_bytes() == before
    assert b'"carol"' in world.publisher.path.read_bytes()


def test_what_a_batch_did_before_an_error_is_published(world: World) -> None:
    def fail() -> None:
        with world.policies.batch():
            world.principals.add_user("carol")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert b'"carol"' in world.publisher.path.read_bytes()
