from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iomete.access import Verdict
from iomete.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ColumnNotFoundError,
    ConfigurationError,
    InvalidPolicyError,
    NamespaceNotFoundError,
    PolicyNotFoundError,
    PrincipalNotFoundError,
    StillNeededError,
    TableNotFoundError,
    TagNotFoundError,
)
from iomete.governance import Policies
from iomete.governance.answers import Draft, EffectKind, FindingKind, Outcome
from iomete.governance.answers.findings import find_findings
from iomete.governance.audit.trail import AuditEvent
from iomete.governance.evaluator import PolicyBook
from iomete.governance.questions.known_tables import KnownTables
from support.governed_world import World

CUSTOMERS = "lake.crm.customers"
ORDERS = "lake.sales.orders"


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_group("eu", groups=["analysts"])
    world.principals.add_role("dpo", to="group:eu")
    world.principals.add_user("alice", groups=["eu"])
    world.principals.add_user("bob", groups=["analysts"])
    world.principals.add_user("carol")
    world.tags.define("PII.EMAIL")


# --- explain -------------------------------------------------------------------------------------


def test_a_grant_is_explained_with_the_way_to_whom_it_names(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    found = world.policies.explain("alice", "select", f"{CUSTOMERS}.email")
    assert found.is_allowed
    assert found.policy == policy.id
    assert found.deciding == (policy.id,)
    (considered,) = found.policies
    assert considered.outcome is Outcome.DECIDES
    assert considered.through == ("user:alice", "group:eu", "group:analysts")
    assert "by way of group:eu" in found.text
    assert found.version == world.policies.version


def test_without_a_policy_the_reason_says_so(world: World) -> None:
    found = world.policies.explain("carol", "select", CUSTOMERS)
    assert not found.is_allowed
    assert found.policy is None
    assert "no column of it is granted" in found.reason
    assert "no policy grants it" in world.policies.explain("carol", "insert", CUSTOMERS).reason


def test_a_denial_beats_a_grant_and_both_are_told(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    deny = world.policies.deny("select", on=CUSTOMERS, columns="email", to="group:eu")
    found = world.policies.explain("alice", "select", f"{CUSTOMERS}.email")
    assert not found.is_allowed
    assert [(p.id, p.outcome) for p in found.policies] == [
        (deny.id, Outcome.DECIDES),
        (grant.id, Outcome.LOSES),
    ]
    assert "beats a grant" in found.policies[1].why
    assert world.policies.explain("bob", "select", f"{CUSTOMERS}.email").is_allowed


def test_an_override_is_asked_first(world: World) -> None:
    deny = world.policies.deny("select", on=CUSTOMERS, to="group:analysts")
    grant = world.policies.grant("select", on="lake.crm", to="role:dpo", priority="override")
    found = world.policies.explain("alice", "select", f"{CUSTOMERS}.id")
    assert found.is_allowed
    assert found.policy == grant.id
    lost = next(policy for policy in found.policies if policy.id == deny.id)
    assert lost.outcome is Outcome.LOSES
    assert "priority override" in lost.why


def test_who_is_excepted_is_told_so(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts", except_="bob")
    (considered,) = world.policies.explain("bob", "select", f"{CUSTOMERS}.id").policies
    assert considered.outcome is Outcome.SAYS_NOTHING
    assert "excepts `bob`" in considered.why


def test_a_table_is_explained_column_by_column(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, columns=["id", "email"], to="bob")
    mask = world.policies.mask(CUSTOMERS, "email", "partial", show_last=2, to="bob")
    rows = world.policies.filter_rows(CUSTOMERS, "region = 'EU'", to="bob")
    found = world.policies.explain("bob", "select", CUSTOMERS)
    seen = {column.column: column for column in found.columns}
    assert [name for name, column in seen.items() if column.verdict == "allowed"] == ["id", "email"]
    shown = seen["email"].mask
    assert shown is not None
    assert (shown.expression, shown.policy) == ("MASK_SHOW_LAST(2)", mask.id)
    assert found.filter is not None
    assert (found.filter.expression, found.filter.policy) == ("region = 'EU'", rows.id)
    assert found.deciding == (grant.id,)
    assert "hidden: region, contact" in found.reason
    assert "masked: email" in found.reason


def test_the_way_of_a_tag_is_told(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    mask = world.policies.mask_tag("PII.*", "hash", to="group:analysts")
    found = world.policies.explain("bob", "select", f"{CUSTOMERS}.email")
    assert found.mask is not None
    assert (found.mask.policy, found.mask.type) == (mask.id, "MASK_HASH")
    (tag,) = found.mask.tags
    assert (tag.tag, tag.attached_to, tag.through) == ("PII.EMAIL", f"{CUSTOMERS}.email", ())


def test_a_field_of_a_struct_is_seen_with_its_column_and_masked_by_itself(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, columns="contact", to="bob")
    world.policies.mask(CUSTOMERS, "contact.email", "nullify", to="bob")
    found = world.policies.explain("bob", "select", f"{CUSTOMERS}.contact.email")
    assert found.is_allowed
    assert found.mask is not None
    assert found.mask.type == "MASK_NULL"


def test_masks_and_filters_that_lost_are_told_too(world: World) -> None:
    p = world.policies
    p.grant("select", on=CUSTOMERS, to="group:analysts", name="read")
    p.mask(CUSTOMERS, "email", "hash", to="group:analysts", name="hashed")
    raw = p.mask(CUSTOMERS, "email", "none", to="alice", priority="override", name="raw")
    p.mask(CUSTOMERS, "email", "redact", to="carol", name="others")
    p.filter_rows(CUSTOMERS, "region = 'EU'", to="group:analysts", name="rows")
    p.filter_rows(CUSTOMERS, "true", to="alice", priority="override", name="all rows")
    expected = [
        ("read", "grants", "decides", "it grants `select` to `group:analysts`, by way of group:eu"),
        ("raw", "masks", "decides", "it shows values as they are to `user:alice`"),
        ("hashed", "masks", "loses", f"policy {raw.id} has priority override, and is asked first"),
        ("others", "", "says nothing", "it isn't for `alice`"),
        ("all rows", "filters", "decides", "it shows rows where true to `user:alice`"),
        (
            "rows",
            "filters",
            "loses",
            f"policy {raw.id + 3} has priority override, and is asked first",
        ),
    ]
    for resource in (CUSTOMERS, f"{CUSTOMERS}.email"):
        found = p.explain("alice", "select", resource)
        assert [(o.name, o.says, str(o.outcome), o.why) for o in found.policies] == expected
        assert "policy 102 `raw` decides: it shows values as they are" in found.text
    found = p.explain("bob", "select", f"{CUSTOMERS}.email")
    assert [(o.name, str(o.outcome)) for o in found.policies if o.says == "masks"] == [
        ("hashed", "decides")
    ]
    assert [o.name for o in p.explain("carol", "select", f"{CUSTOMERS}.email").policies] == ["read"]
    assert [o.name for o in p.explain("alice", "insert", CUSTOMERS).policies] == ["read"]


def test_a_mask_that_is_not_in_force_is_named(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob", valid_from="2090-01-01")
    mask = world.policies.explain("bob", "select", f"{CUSTOMERS}.email").policies[1]
    assert (mask.says, mask.outcome) == ("masks", Outcome.NOT_IN_FORCE)


def test_a_mask_on_a_tag_beats_that_of_the_column_and_says_so(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    on_tag = world.policies.mask_tag("PII.EMAIL", "hash", to="bob", name="tag")
    world.policies.mask(CUSTOMERS, "email", "redact", to="bob", name="column")
    found = world.policies.explain("bob", "select", f"{CUSTOMERS}.email")
    masks = {one.name: one for one in found.policies if one.says == "masks"}
    assert masks["tag"].tags[0].attached_to == f"{CUSTOMERS}.email"
    assert masks["column"].outcome is Outcome.LOSES
    assert masks["column"].why == f"policy {on_tag.id} is on a tag, and is asked first"


def test_policies_that_are_not_in_force_are_named(world: World) -> None:
    policy = world.policies.grant(
        "select", on=CUSTOMERS, to="bob", valid_from="2030-01-01", valid_until="2030-12-31"
    )
    found = world.policies.explain("bob", "select", f"{CUSTOMERS}.id")
    assert not found.is_allowed
    assert [(p.id, p.outcome) for p in found.policies] == [(policy.id, Outcome.NOT_IN_FORCE)]
    then = datetime(2030, 6, 1, tzinfo=UTC)
    assert world.policies.explain("bob", "select", f"{CUSTOMERS}.id", at=then).is_allowed


def test_admins_are_out_of_the_reach_of_policies(world: World) -> None:
    world.policies.deny("all", on=CUSTOMERS, to="everyone")
    found = world.policies.explain(world.admin, "drop", CUSTOMERS)
    assert found.is_allowed
    assert "role `admin`" in found.reason
    assert found.deciding == (1,)


def test_a_disabled_user_has_no_rights(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="everyone")
    world.principals.disable_user("carol")
    assert "disabled" in world.policies.explain("carol", "select", CUSTOMERS).reason


def test_groups_stand_for_a_user_who_is_in_nothing_else(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    assert world.policies.explain("group:eu", "select", CUSTOMERS).is_allowed
    assert not world.policies.explain("role:dpo", "select", CUSTOMERS).is_allowed
    assert not world.policies.explain("everyone", "select", CUSTOMERS).is_allowed


def test_paths_are_explained(world: World) -> None:
    grant = world.policies.grant("read", on_path="s3://inbox/", to="bob")
    deny = world.policies.deny("read", on_path="s3://inbox/hr/", to="everyone")
    assert world.policies.explain("bob", "read", "s3a://inbox/x").policy == grant.id
    found = world.policies.explain("bob", "read", "s3://inbox/hr/pay.csv")
    assert (found.is_allowed, found.policy) == (False, deny.id)
    assert world.policies.explain("bob", "read", "s3://inbox").policies[0].id == deny.id


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("alise", "select", CUSTOMERS), PrincipalNotFoundError, "user:alice"),
        (("group:analyst", "select", CUSTOMERS), PrincipalNotFoundError, "group:analysts"),
        (("alice", "selct", CUSTOMERS), ConfigurationError, "`select`"),
        (("alice", "read", CUSTOMERS), ConfigurationError, "actions are select"),
        (("alice", "select", "s3://inbox"), ConfigurationError, "read, write"),
        (("alice", "read", "/a/../b"), ConfigurationError, "s3://"),
        (("alice", "select", "lake.crm.custmers"), TableNotFoundError, CUSTOMERS),
        (("alice", "select", f"{CUSTOMERS}.emial"), ColumnNotFoundError, "`email`"),
        (("alice", "select", "lake.nope"), NamespaceNotFoundError, "future=True"),
    ],
)
def test_what_does_not_exist_is_told_with_what_is_near(
    world: World, arguments: tuple[str, str, str], error: type[Exception], hint: str
) -> None:
    with pytest.raises(error) as raised:
        world.policies.explain(*arguments)
    assert hint in str(raised.value)


def test_only_admins_ask(world: World) -> None:
    world.act_as("bob")
    for call in (
        lambda: world.policies.explain("bob", "select", CUSTOMERS),
        lambda: world.policies.who_can("select", CUSTOMERS),
        lambda: world.policies.what_can("bob"),
        world.policies.findings,
    ):
        with pytest.raises(AccessDeniedError):
            call()


def test_an_answer_follows_a_change(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob")
    assert world.policies.explain("bob", "select", CUSTOMERS).is_allowed
    world.policies.disable(policy.id)
    assert not world.policies.explain("bob", "select", CUSTOMERS).is_allowed


# --- who and what --------------------------------------------------------------------------------


def test_who_can_tells_by_what(world: World) -> None:
    grant = world.policies.grant("select", on="lake.crm", to="group:analysts")
    world.policies.deny("select", on=CUSTOMERS, columns="email", to="bob")
    world.policies.mask(CUSTOMERS, "email", "redact", to="group:analysts")
    holders = {h.principal: h for h in world.policies.who_can("select", f"{CUSTOMERS}.email")}
    assert sorted(holders) == sorted({"alice", world.admin})
    assert holders["alice"].policy == grant.id
    assert holders["alice"].through == ("user:alice", "group:eu", "group:analysts")
    assert holders["alice"].mask is not None
    assert holders[world.admin].through[-1] == "role:admin"
    table = [holder.principal for holder in world.policies.who_can("select", CUSTOMERS)]
    assert "bob" in table


def test_what_can_tells_tables_columns_and_masks(world: World) -> None:
    world.policies.grant(["select", "insert"], on="lake.crm", to="bob")
    world.policies.mask(CUSTOMERS, "email", "redact", to="bob")
    world.policies.deny("select", on=CUSTOMERS, columns="region", to="bob")
    (right,) = world.policies.what_can("bob")
    assert right.resource == CUSTOMERS
    assert right.actions == ("insert", "select")
    assert right.columns == {"email": "MASK", "*": None}
    assert world.policies.what_can("carol") == []


# --- simulate ------------------------------------------------------------------------------------


def test_a_drafted_grant_gains_and_changes_nothing(world: World) -> None:
    draft = world.policies.draft().grant("select", on="lake.crm", to="group:analysts")
    found = world.policies.simulate(draft)
    assert (found.gains.count, found.gains.principals, found.gains.resources) == (2, 2, 1)
    (effect,) = found.gains.examples
    assert effect.principals == ("alice", "bob")
    assert effect.resource == f"{CUSTOMERS}.*"
    assert found.losses.count == 0
    assert "alice, bob may select" in found.text
    assert world.policies.list() == []


def test_a_drafted_mask_names_what_was_and_will_be(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    draft = world.policies.draft().mask(CUSTOMERS, "email", "hash", to="group:eu")
    (effect,) = world.policies.simulate(draft).masks.examples
    assert (effect.kind, effect.resource) == (EffectKind.MASK, f"{CUSTOMERS}.email")
    assert (effect.before, effect.after, effect.principals) == (None, "MASK_HASH", ("alice",))


def test_a_drafted_filter_is_a_change_of_rows(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    draft = world.policies.draft().filter_rows(CUSTOMERS, "id > 1", to="bob")
    (effect,) = world.policies.simulate(draft).filters.examples
    assert (effect.before, effect.after) == (None, "id > 1")


def test_a_gain_says_which_rows_come_with_it(world: World) -> None:
    world.policies.filter_rows(CUSTOMERS, "id > 1", to="bob")
    draft = world.policies.draft().grant("select", on=CUSTOMERS, to="group:analysts")
    found = {
        effect.principals: str(effect) for effect in world.policies.simulate(draft).gains.examples
    }
    assert found == {
        ("alice",): f"alice may select {CUSTOMERS}.*",
        ("bob",): f"bob may select {CUSTOMERS}.*, rows where id > 1",
    }


def test_deleting_updating_and_enabling_are_tried(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="bob", name="for bob")
    asleep = world.policies.grant("insert", on=CUSTOMERS, to="bob")
    world.policies.disable(asleep.id)
    found = world.policies.simulate(world.policies.draft().delete("for bob").enable(asleep.id))
    assert (found.losses.count, found.gains.count) == (1, 1)
    moved = world.policies.simulate(world.policies.draft().update(grant.id, to="alice"))
    assert {e.principals for e in moved.gains.examples} == {("alice",)}
    assert {e.principals for e in moved.losses.examples} == {("bob",)}


def test_memberships_and_tags_are_tried(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="role:dpo")
    world.policies.mask_tag("PII.EMAIL", "redact", to="everyone")
    draft = world.policies.draft().add_to_group("eu", "carol")
    assert world.policies.simulate(draft).gains.examples[0].principals == ("carol",)
    draft = world.policies.draft().attach("PII.EMAIL", f"{CUSTOMERS}.email")
    (effect,) = world.policies.simulate(draft).masks.examples
    assert (effect.resource, effect.after) == (f"{CUSTOMERS}.email", "MASK")


def test_a_tag_moves_every_right_that_policies_on_tags_give(world: World) -> None:
    world.policies.grant(["insert", "delete"], on_tag="PII.EMAIL", to="bob")
    world.tags.attach("PII.EMAIL", CUSTOMERS)
    draft = world.policies.draft().detach("PII.EMAIL", CUSTOMERS)
    lost = {(e.principals, e.action) for e in world.policies.simulate(draft).losses.examples}
    assert lost == {(("bob",), "insert"), (("bob",), "delete")}
    draft = world.policies.draft().attach("PII.EMAIL", ORDERS)
    assert gains(world, draft) == {(("bob",), action, ORDERS) for action in ("insert", "delete")}


def test_a_tag_takes_what_a_policy_on_it_denies(world: World) -> None:
    world.policies.grant(["select", "insert", "update"], on=CUSTOMERS, to="alice")
    world.policies.deny("insert", on_tag="PII.EMAIL", to="alice")
    draft = world.policies.draft().attach("PII.EMAIL", CUSTOMERS)
    (effect,) = world.policies.simulate(draft).losses.examples
    assert (effect.principals, effect.action, effect.resource) == (("alice",), "insert", CUSTOMERS)


def test_a_becoming_admin_gains_everything(world: World) -> None:
    found = world.policies.simulate(world.policies.draft().grant_role("admin", "carol"))
    assert found.gains.principals == 1
    assert {"drop", "select"} <= {effect.action for effect in found.gains.examples}


def test_namespaces_and_paths_are_compared(world: World) -> None:
    draft = world.policies.draft().grant("create", on="lake.crm", to="bob")
    draft.grant("read", on_path="s3://inbox", to="bob")
    found = {(e.action, e.resource) for e in world.policies.simulate(draft).gains.examples}
    assert ("create", "lake.crm") in found
    assert ("read", "s3://inbox") in found


def test_a_document_replaces_the_policy_of_its_name(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob", name="one")
    document = policy.document | {"policyItems": []} | {"denyPolicyItems": []}
    document["policyItems"] = [{"accesses": [{"type": "select"}], "users": ["carol"]}]
    found = world.policies.simulate(world.policies.draft().put(document))
    assert found.gains.examples[0].principals == ("carol",)
    assert found.losses.examples[0].principals == ("bob",)


def test_what_changes_nothing_says_so(world: World) -> None:
    world.policies.grant("select", on="lake.crm", to="group:analysts")
    found = world.policies.simulate(
        world.policies.draft().grant("select", on=CUSTOMERS, to="alice")
    )
    assert found.changes_nothing
    assert found.text == "Nobody's rights change.\nJudged on 4 tables, for 4 users."


def test_bad_drafts_are_refused_where_they_are_written(world: World) -> None:
    draft = world.policies.draft()
    with pytest.raises(InvalidPolicyError, match="does not exist"):
        draft.grant("select", on="lake.crm.nope", to="alice")
    with pytest.raises(PolicyNotFoundError):
        draft.delete("nope")
    with pytest.raises(PrincipalNotFoundError):
        draft.add_to_group("analysts", "nobody")
    with pytest.raises(TagNotFoundError):
        draft.attach("PII.EMIAL", f"{CUSTOMERS}.email")
    with pytest.raises(StillNeededError, match="itself in it"):
        world.policies.simulate(world.policies.draft().add_to_group("eu", "group:analysts"))


# --- findings ------------------------------------------------------------------------------------


def found_kinds(world: World) -> dict[FindingKind, set[str]]:
    kinds: dict[FindingKind, set[str]] = {}
    for finding in world.policies.findings():
        kinds.setdefault(finding.kind, set()).add(finding.subject)
    return kinds


def test_policies_on_nothing_for_nobody_or_of_the_past_are_unused(world: World) -> None:
    world.principals.add_group("empty")
    world.policies.grant("select", on="lake.crm.gone", to="alice", future=True, name="gone")
    world.policies.grant("select", on=CUSTOMERS, to="group:empty", name="nobody")
    world.policies.grant("select", on=CUSTOMERS, to="bob", valid_until="2001-01-01", name="over")
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="fine")
    found = found_kinds(world)
    assert found[FindingKind.UNUSED] == {"gone", "nobody", "over"}
    assert "group:empty" in found[FindingKind.ORPHANED_PRINCIPAL]


def test_policies_that_never_count_are_shadowed_or_redundant(world: World) -> None:
    world.policies.grant("select", on="lake.crm", to="group:analysts", name="all")
    world.policies.grant("select", on=CUSTOMERS, to="alice", name="again")
    world.policies.deny("insert", on="lake.crm", to="everyone", name="never")
    world.policies.grant("insert", on=CUSTOMERS, to="bob", name="beaten")
    found = found_kinds(world)
    assert found[FindingKind.SHADOWED] == {"beaten"}
    assert found[FindingKind.REDUNDANT] == {"again"}


def test_what_holds_at_times_makes_nothing_redundant_or_shadowed(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="a", valid_until="2090-01-01")
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="b")
    world.policies.deny("insert", on=ORDERS, to="bob", name="freeze", valid_until="2090-01-01")
    world.policies.grant("insert", on=ORDERS, to="bob", name="writes")
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob", name="c")
    until: dict[str, Any] = {"priority": "override", "valid_until": "2090-01-01"}
    world.policies.mask(CUSTOMERS, "email", "redact", to="bob", name="d", **until)
    found = found_kinds(world)
    assert FindingKind.REDUNDANT not in found
    assert FindingKind.SHADOWED not in found


def test_what_holds_at_times_is_not_redundant_itself(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="a")
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="b", valid_until="2090-01-01")
    assert FindingKind.REDUNDANT not in found_kinds(world)


def test_what_a_tag_with_a_schedule_decides_makes_nothing_redundant(world: World) -> None:
    world.tags.attach("PII.EMAIL", CUSTOMERS)
    world.policies.grant("select", on_tag="PII.EMAIL", to="bob", name="tagged")
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="own")
    contents = world.policies.evaluator().contents
    (attachment,) = contents.attachments
    schedule = {"startTime": "2020/01/01 00:00:00", "endTime": "2090/01/01 00:00:00"}
    tables, now = world.tables, datetime.now(UTC)
    for schedules, redundant in (((), {"own"}), ((schedule,), set())):
        held = replace(contents, attachments=(replace(attachment, schedules=schedules),))
        found = find_findings(PolicyBook(held), tables, now)
        assert {f.subject for f in found if f.kind is FindingKind.REDUNDANT} == redundant
    over = schedule | {"endTime": "2021/01/01 00:00:00"}
    held = replace(contents, attachments=(replace(attachment, schedules=(over,)),))
    found = find_findings(PolicyBook(held), tables, now)
    assert not {f.subject for f in found if f.kind is FindingKind.UNUSED}


def test_what_is_on_patterns_is_neither_redundant_nor_shadowed(world: World) -> None:
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    grant, mask = world.policies.grant, world.policies.mask_tag
    grant("select", on=CUSTOMERS, to="bob", name="a")
    grant("select", on="lake.crm.cust*", to="bob", name="b", future=True)
    grant("select", on=CUSTOMERS, columns="em*", to="bob", name="c", future=True)
    mask("PII.EMAIL", "hash", to="bob", name="d", priority="override")
    mask("PII.*", "redact", to="bob", name="e")
    found = found_kinds(world)
    assert found[FindingKind.REDUNDANT] == {"a"}
    assert FindingKind.SHADOWED not in found


def test_what_is_for_who_is_to_come_is_neither_redundant_nor_shadowed(world: World) -> None:
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    world.owners.set_owner(CUSTOMERS, "bob")
    grant = world.policies.grant
    for name in ("alice", "bob"):
        grant("select", on=CUSTOMERS, to=name, name=f"own {name}", priority="override")
    grant("select", on=CUSTOMERS, to="group:analysts", name="group")
    grant("select", on=CUSTOMERS, to="{OWNER}", name="owner")
    world.policies.mask_tag("PII.EMAIL", "hash", to="bob", name="tag")
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob", priority="override", name="mask")
    assert FindingKind.REDUNDANT not in found_kinds(world)
    assert FindingKind.SHADOWED not in found_kinds(world)
    grant("select", on=CUSTOMERS, to="group:eu", name="less")
    assert found_kinds(world)[FindingKind.REDUNDANT] == {"less"}


def test_without_spark_only_what_is_on_known_tables_is_redundant(
    world: World, offline: Policies
) -> None:
    world.meet_table(CUSTOMERS, {"1": "id", "2": "email"})
    world.policies.grant("select", on="lake", to="group:analysts")
    for name, tables in (("one", ["customers"]), ("two", ["customers", "orders"])):
        own = world.policies.grant("select", on=CUSTOMERS, to="bob", name=name)
        document = own.document
        document["resources"]["table"]["values"] = tables
        world.policies.import_({"policies": [document]}, replace=True, future=True)
    found = {one.subject for one in offline.findings() if one.kind is FindingKind.REDUNDANT}
    assert found == {"one"}


def test_policies_that_nobody_is_meant_by_are_unused(world: World) -> None:
    grant = world.policies.grant
    grant("select", on=CUSTOMERS, to="group:eu", except_="alice", name="nobody is left")
    grant("select", on=CUSTOMERS, to=world.admin, name="for an admin")
    grant("select", on=CUSTOMERS, columns="gone", to="bob", future=True, name="no column")
    grant("select", on=CUSTOMERS, columns="gone*", to="bob", future=True, name="no pattern")
    world.policies.mask(CUSTOMERS, "contact.email", "hash", to="bob", name="a field")
    grant("select", on=CUSTOMERS, to="group:analysts", except_="alice", name="somebody is left")
    found = {one.subject: one.message for one in world.policies.findings()
             if one.kind is FindingKind.UNUSED}  # fmt: skip
    assert set(found) == {"nobody is left", "for an admin", "no column", "no pattern"}
    assert "only admins are meant" in found["for an admin"]
    assert "no table, view or column" in found["no column"]


def test_much_to_many_is_over_broad(world: World) -> None:
    world.policies.grant("select", on="lake", to="everyone", name="open")
    world.policies.grant("all", on="lake", to="bob", name="mighty")
    world.policies.grant("select", on="lake", to="bob", name="fine")
    assert found_kinds(world)[FindingKind.OVER_BROAD] == {"open", "mighty"}


def test_tagged_columns_that_are_read_unmasked_are_found(world: World) -> None:
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    assert FindingKind.UNMASKED_TAG not in found_kinds(world)
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    assert found_kinds(world)[FindingKind.UNMASKED_TAG] == {f"{CUSTOMERS}.email"}
    world.policies.mask_tag("PII.*", "redact", to="group:analysts")
    assert FindingKind.UNMASKED_TAG not in found_kinds(world)


def test_principals_whom_nothing_reaches_are_orphaned(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    assert found_kinds(world)[FindingKind.ORPHANED_PRINCIPAL] == {"user:carol"}


def test_owners_whom_policies_mean_are_not_orphaned(world: World) -> None:
    world.owners.set_owner(ORDERS, "bob")
    world.owners.set_owner(CUSTOMERS, "carol")
    world.policies.grant("all", on="lake.sales", to="{OWNER}")
    assert found_kinds(world)[FindingKind.ORPHANED_PRINCIPAL] == {"user:alice", "user:carol"}
    world.tags.attach("PII.EMAIL", CUSTOMERS)
    world.policies.grant("select", on_tag="PII.*", to="{OWNER}")
    assert found_kinds(world)[FindingKind.ORPHANED_PRINCIPAL] == {"user:alice"}


def test_nobody_is_orphaned_where_everyone_is_granted_something(world: World) -> None:
    world.policies.deny("insert", on=CUSTOMERS, to="everyone")
    assert "user:bob" in found_kinds(world)[FindingKind.ORPHANED_PRINCIPAL]
    world.policies.grant("select", on=CUSTOMERS, to="everyone")
    assert FindingKind.ORPHANED_PRINCIPAL not in found_kinds(world)


# --- drafts, step by step -------------------------------------------------------------------------


def gains(world: World, draft: Draft) -> set[tuple[tuple[str, ...], str, str]]:
    found = world.policies.simulate(draft).gains.examples
    return {(effect.principals, effect.action, effect.resource) for effect in found}


def test_drafted_policies_keep_their_own_ids_after_one_is_deleted(world: World) -> None:
    draft = world.policies.draft()
    draft.grant("insert", on=CUSTOMERS, to="alice", name="a")
    draft.grant("insert", on=CUSTOMERS, to="bob", name="b")
    draft.delete("a").grant("insert", on=CUSTOMERS, to="carol", name="c")
    assert gains(world, draft) == {(("bob", "carol"), "insert", CUSTOMERS)}
    assert [document["name"] for document in draft.documents] == ["b", "c"]


@pytest.mark.parametrize("step", ["delete", "disable"])
@pytest.mark.parametrize("by", ["name", "id"])
def test_what_is_updated_and_then_taken_away_is_gone(world: World, step: str, by: str) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob", name="for bob")
    draft = world.policies.draft().update("for bob", to="alice")
    getattr(draft, step)(getattr(policy, by))
    found = world.policies.simulate(draft)
    assert found.gains.count == 0
    assert {effect.principals for effect in found.losses.examples} == {("bob",)}
    assert draft.removed == {policy.id}


def test_what_is_disabled_and_then_enabled_is_in_force(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob")
    draft = world.policies.draft().disable(policy.id).enable(policy.id)
    assert world.policies.simulate(draft).changes_nothing
    assert world.policies.simulate(draft.disable(policy.id)).losses.count == 1


def test_a_second_update_goes_on_from_the_first(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob")
    draft = world.policies.draft().update(policy.id, to="alice").update(policy.id, on=ORDERS)
    assert gains(world, draft) == {(("alice",), "select", f"{ORDERS}.*")}


def test_what_the_draft_took_away_is_not_there_to_change(world: World) -> None:
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob", name="one")
    for key in (policy.id, "one"):
        with pytest.raises(PolicyNotFoundError, match="any more"):
            world.policies.draft().delete("one").update(key, to="alice")
    with pytest.raises(AlreadyExistsError, match="`two` exists"):
        world.policies.draft().grant("select", on=ORDERS, to="bob", name="two").grant(
            "select", on=ORDERS, to="bob", name="two"
        )


def test_memberships_and_tags_are_as_the_last_step_leaves_them(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    world.policies.mask_tag("PII.EMAIL", "redact", to="everyone")
    email = f"{CUSTOMERS}.email"
    draft = world.policies.draft().add_to_group("analysts", "carol")
    assert world.policies.simulate(draft).gains.count
    draft.remove_from_group("analysts", "carol").attach("PII.EMAIL", email)
    assert world.policies.simulate(draft).masks.count
    assert world.policies.simulate(draft.detach("PII.EMAIL", email)).changes_nothing
    again = world.policies.draft().remove_from_group("eu", "alice").add_to_group("eu", "alice")
    assert world.policies.simulate(again).changes_nothing


def test_only_a_tag_that_is_attached_is_detached(world: World) -> None:
    email = f"{CUSTOMERS}.email"
    with pytest.raises(TagNotFoundError, match="not attached"):
        world.policies.draft().detach("PII.EMAIL", email)
    world.tags.attach("PII.EMAIL", email)
    draft = world.policies.draft().detach("PII.EMAIL", email)
    with pytest.raises(TagNotFoundError, match="not attached"):
        draft.detach("PII.EMAIL", email)


def test_a_document_that_says_nothing_is_refused_where_it_is_put(world: World) -> None:
    with pytest.raises(InvalidPolicyError, match="resources"):
        world.policies.draft().put({"name": "x"})


# --- denials on catalogs and namespaces -----------------------------------------------------------


def denial_on(level: dict[str, str], name: str = "held", **more: Any) -> dict[str, Any]:
    """Return a denial on a catalog or namespace alone, as Ranger Admin may have it."""
    return {
        "service": "iomete",
        "name": name,
        "resources": {key: {"values": [value]} for key, value in level.items()},
        "denyPolicyItems": [{"accesses": [{"type": "select"}], "users": ["bob"]}],
    } | more


@pytest.mark.parametrize("level", [{"catalog": "lake"}, {"catalog": "lake", "namespace": "crm"}])
def test_a_denial_on_what_holds_a_table_is_simulated(world: World, level: dict[str, str]) -> None:
    world.policies.grant("select", on="*", to="bob")
    draft = world.policies.draft().put(denial_on(level))
    losses = {effect.resource for effect in world.policies.simulate(draft).losses.examples}
    assert f"{CUSTOMERS}.*" in losses
    assert (f"{ORDERS}.*" in losses) == ("namespace" not in level)
    assert not world.policies.explain("bob", "select", CUSTOMERS, after=draft).is_allowed


def test_a_stronger_grant_on_a_namespace_takes_its_denial_back(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    level = {"catalog": "lake", "namespace": "crm"}
    world.policies.import_({"policies": [denial_on(level)]})
    grant = denial_on(level, "stronger", policyPriority=1)
    grant["policyItems"] = grant.pop("denyPolicyItems")
    found = world.policies.simulate(world.policies.draft().put(grant))
    assert (found.gains.count, found.losses.count) == (1, 0)


@pytest.mark.parametrize("step", [1, -1])
def test_what_can_tells_tables_apart_by_what_holds_them(world: World, step: int) -> None:
    world.policies.grant("select", on="lake", to="bob")
    world.policies.import_({"policies": [denial_on({"catalog": "lake", "namespace": "crm"})]})
    world.tables.tables = dict([*world.tables.tables.items()][::step])
    assert [right.resource for right in world.policies.what_can("bob")] == [
        "lake.a.b.c",
        ORDERS,
    ]


def test_findings_see_denials_on_namespaces(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="of crm")
    world.policies.grant("select", on=ORDERS, to="bob", name="of sales")
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    assert FindingKind.UNMASKED_TAG in found_kinds(world)
    world.policies.import_({"policies": [denial_on({"catalog": "lake", "namespace": "crm"})]})
    found = found_kinds(world)
    assert FindingKind.UNMASKED_TAG not in found
    assert FindingKind.UNUSED not in found


# --- fields of structs ----------------------------------------------------------------------------

CONTACT = f"{CUSTOMERS}.contact"


def test_who_reads_a_column_reads_its_fields(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, columns=["contact"], to="alice")
    assert world.policies.explain("alice", "select", f"{CONTACT}.email").is_allowed
    holders = [one.principal for one in world.policies.who_can("select", f"{CONTACT}.email")]
    assert "alice" in holders
    assert "bob" not in holders


def test_a_drafted_mask_of_a_field_is_simulated(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, columns=["contact"], to="group:analysts")
    draft = world.policies.draft().mask(CUSTOMERS, "contact.email", "hash", to="bob")
    (effect,) = world.policies.simulate(draft).masks.examples
    assert (effect.resource, effect.principals) == (f"{CONTACT}.email", ("bob",))
    assert (effect.before, effect.after) == (None, "MASK_HASH")
    shown = world.policies.explain("bob", "select", f"{CONTACT}.email", after=draft).mask
    assert shown is not None
    assert shown.type == "MASK_HASH"


def test_a_mask_of_a_field_shows_where_columns_are_told_apart_by_patterns(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, columns=["cont*", "id"], to="bob")
    draft = world.policies.draft().mask(CUSTOMERS, "contact.email", "hash", to="bob")
    assert [e.resource for e in world.policies.simulate(draft).masks.examples] == [
        f"{CONTACT}.email"
    ]


@pytest.mark.parametrize("column", ["contact.*", "*.email", "contact.e?ail"])
def test_patterns_of_fields_are_told(world: World, column: str) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    draft = world.policies.draft()
    draft.mask(CUSTOMERS, column, "redact", to="bob", future=True)
    masked = {effect.resource for effect in world.policies.simulate(draft).masks.examples}
    assert f"{CUSTOMERS}.contact.email" in masked
    assert (f"{CUSTOMERS}.contact.phone" in masked) == (column == "contact.*")
    assert f"{CUSTOMERS}.contact" not in masked
    explained = world.policies.explain("bob", "select", CUSTOMERS, after=draft)
    assert {c.column for c in explained.columns if c.mask} == {
        resource.removeprefix(f"{CUSTOMERS}.") for resource in masked
    }
    world.policies.mask(CUSTOMERS, column, "redact", to="bob", future=True)
    (right,) = world.policies.what_can("bob")
    assert right.columns["contact.email"] == "MASK"
    assert right.columns["contact"] is None


def test_masked_fields_show_in_tables_and_rights(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    world.policies.mask(CUSTOMERS, "contact.email", "hash", to="bob")
    found = world.policies.explain("bob", "select", CUSTOMERS)
    seen = {one.column: one.mask and one.mask.type for one in found.columns}
    assert seen == {
        "id": None,
        "email": None,
        "region": None,
        "contact": None,
        "contact.email": "MASK_HASH",
    }
    assert "masked: contact.email" in found.reason
    others = world.policies.explain("alice", "select", CUSTOMERS)
    assert {one.column for one in others.columns} == {"id", "email", "region", "contact"}
    assert "masked" not in others.reason
    (right,) = world.policies.what_can("bob")
    assert right.columns == {"contact": None, "contact.email": "MASK_HASH", "*": None}


def test_a_field_has_the_mask_of_its_column_too(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.policies.mask(CUSTOMERS, "contact", "nullify", to="bob")
    shown = world.policies.explain("bob", "select", f"{CONTACT}.email").mask
    assert shown is not None
    assert shown.type == "MASK_NULL"
    world.policies.mask(CUSTOMERS, "contact.email", "hash", to="bob")
    (right,) = world.policies.what_can("bob")
    assert right.columns["contact.email"] == "MASK_HASH, then MASK_NULL"


def test_a_denied_field_is_null_in_its_column(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="bob")
    document = grant.document | {"name": "no email"}
    document["resources"] = document["resources"] | {"column": {"values": ["contact.email"]}}
    document["denyPolicyItems"] = document.pop("policyItems")
    (deny,) = world.policies.import_({"policies": [document]}, future=True)
    found = world.policies.explain("bob", "select", CUSTOMERS)
    assert (found.columns[-1].column, found.columns[-1].policy) == ("contact.email", deny.id)
    assert found.columns[-1].mask is not None
    assert found.columns[-1].mask.type == "MASK_NULL"
    assert found.deciding == (grant.id, deny.id)
    assert f"by policy {grant.id}, all columns; masked: contact.email." in found.reason
    (right,) = world.policies.what_can("bob")
    assert right.columns["contact.email"] == "MASK_NULL"


# --- which policies are the reason ----------------------------------------------------------------


def test_a_table_is_granted_by_grants_and_hidden_by_denials(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    deny = world.policies.deny("select", on=CUSTOMERS, columns="email", to="bob")
    found = world.policies.explain("bob", "select", CUSTOMERS)
    assert found.reason == (
        f"`bob` may select from `{CUSTOMERS}`, by policy {grant.id}; "
        f"hidden: email (by policy {deny.id})."
    )
    assert found.deciding == (grant.id, deny.id)
    holder = next(h for h in world.policies.who_can("select", CUSTOMERS) if h.principal == "bob")
    assert holder.policy == grant.id
    assert holder.through == ("user:bob", "group:analysts")


# --- without Spark --------------------------------------------------------------------------------


@pytest.fixture
def offline(world: World) -> Policies:
    """The policies of a lakehouse whose tables nobody has met."""
    return Policies(world.administration, KnownTables(world.store))


def test_an_unknown_table_is_told_by_the_columns_that_policies_name(
    world: World, offline: Policies
) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, columns=["id", "email"], to="bob")
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob")
    found = offline.explain("bob", "select", CUSTOMERS, future=True)
    assert found.is_allowed
    assert found.reason == (
        f"`bob` may select some columns of `{CUSTOMERS}`, by policy {grant.id}: email, id; "
        "masked: email."
    )
    assert [(one.column, str(one.verdict)) for one in found.columns] == [
        ("email", "allowed"),
        ("id", "allowed"),
        ("*", "denied"),
    ]
    assert not offline.explain("alice", "select", CUSTOMERS, future=True).is_allowed
    assert offline.explain(world.admin, "select", CUSTOMERS, future=True).is_allowed


def test_patterns_of_columns_count_on_an_unknown_table(world: World, offline: Policies) -> None:
    world.policies.grant("select", on=CUSTOMERS, columns="e*", to="bob")
    found = offline.explain("bob", "select", CUSTOMERS, future=True)
    assert found.is_allowed
    assert "some columns" in found.reason
    assert ": e*." in found.reason
    world.policies.grant("select", on=CUSTOMERS, to="alice")
    world.policies.mask(CUSTOMERS, "contact.email", "hash", to="alice")
    found = offline.explain("alice", "select", CUSTOMERS, future=True)
    assert "all columns; masked: contact.email." in found.reason


# --- events ---------------------------------------------------------------------------------------


def event_of(
    time: datetime, policies: tuple[int, ...] = (), verdict: str = "allowed", **more: Any
) -> AuditEvent:
    """Return what the audit trail has of bob's reading customers."""
    given: dict[str, Any] = {
        "id": "e-1",
        "principal": "bob",
        "action": "select",
        "resource": CUSTOMERS,
        "columns": ("email", "id"),
        "masks": {},
        "filters": (),
        "snapshot": None,
        "query": "q-1",
        "session": "s-1",
        "application": "a-1",
        "via": (),
        "reason": None,
    }
    return AuditEvent(time=time, policies=policies, verdict=Verdict(verdict), **given | more)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_event_is_explained_by_the_policies_of_its_time(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="bob")
    mask = world.policies.mask(CUSTOMERS, "email", "partial", to="bob")
    rows = world.policies.filter_rows(CUSTOMERS, "id > 1", to="bob")
    event = event_of(now(), (grant.id,), masks={"email": "MASK_SHOW_LAST"}, filters=(rows.id,))
    world.policies.delete(grant.id)
    world.policies.update(mask.id, mask="hash")
    world.policies.disable(rows.id)
    found = world.policies.explain_event(event)
    assert found.is_allowed
    assert found.deciding == (grant.id,)
    assert found.differs == ()
    assert "by the policies of" in found.text
    assert not world.policies.explain("bob", "select", CUSTOMERS).is_allowed
    again = world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    masks = {"email": "MASK_HASH"}
    assert world.policies.explain_event(event_of(now(), (again.id,), masks=masks)).differs == ()


def test_what_an_event_recorded_otherwise_is_told(world: World) -> None:
    world.principals.add_user("dave", groups="analysts")
    grant = world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    event = event_of(now(), (grant.id,), principal="dave")
    world.principals.remove_from_group("analysts", "dave")
    found = world.policies.explain_event(event)
    assert found.differs == (f"it was allowed by policy {grant.id}, and would be denied",)
    assert "the event differs: it was allowed" in found.text
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob")
    odd = event_of(now(), (grant.id, 999), filters=(7,))
    assert world.policies.explain_event(odd).differs == (
        f"policies {grant.id}, 999 decided, and policy {grant.id} would",
        "masked were none, and would be email as MASK_HASH",
        "rows were filtered by policy 7, and would be by no policy",
    )
    refused = event_of(now(), verdict="denied", reason="no column of it is granted")
    assert world.policies.explain_event(refused).differs == ("it was denied, and would be allowed",)


def test_an_event_before_all_history_says_so(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="bob")
    found = world.policies.explain_event(event_of(datetime(2020, 1, 1, tzinfo=UTC), (grant.id,)))
    assert not found.is_allowed
    assert "history of policies begins after the event" in found.text
    assert found.differs


def test_an_event_of_a_table_that_is_not_known_is_explained(
    world: World, offline: Policies
) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, columns=["id", "email"], to="bob")
    found = offline.explain_event(event_of(now(), (grant.id,)))
    assert found.is_allowed
    assert found.differs == ()
    assert offline.explain_event(event_of(now(), (grant.id,), columns=None)).is_allowed


def test_events_of_one_time_share_their_policies(world: World) -> None:
    grant = world.policies.grant("select", on=CUSTOMERS, to="bob")
    then = now()
    world.policies.delete(grant.id)
    world.policies.explain_event(event_of(then, (grant.id,)))
    book = next(iter(world.policies._asked._past._books.values()))
    world.policies.explain_event(event_of(then, (grant.id,), columns=("id",)))
    assert [*world.policies._asked._past._books.values()] == [book]


# --- moments --------------------------------------------------------------------------------------


def test_a_moment_without_a_time_zone_is_in_utc(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        world.policies.grant(
            "select", on=CUSTOMERS, to="bob", valid_from="2030-01-01", valid_until="2030-01-02"
        )
        within = datetime(2030, 1, 1, 1)  # noqa: DTZ001  # that it has no zone is the point
        draft = world.policies.draft().grant("select", on=CUSTOMERS, to="alice")
        found = world.policies.simulate(draft, at=within)
        assert (found.gains.principals, found.losses.count) == (1, 0)
        assert world.policies.explain("bob", "select", CUSTOMERS, at=within).is_allowed
        assert not any(one.kind is FindingKind.UNUSED for one in world.policies.findings(at=within))
        over = datetime(2030, 1, 3)  # noqa: DTZ001
        assert any(one.kind is FindingKind.UNUSED for one in world.policies.findings(at=over))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_was_compiled_is_used_again(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob", valid_until="2030-01-01")
    soon, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2029, 2031))
    first = world.policies.evaluator(at=soon)
    assert world.policies.evaluator(at=late) is not first
    assert world.policies.evaluator(at=soon) is first
    draft = world.policies.draft().grant("select", on=ORDERS, to="bob")
    asked = world.policies._asked
    book = asked.drafted(draft, asked.current())
    world.policies.explain("bob", "select", ORDERS, after=draft)
    assert asked.drafted(draft, asked.current()) is book
    draft.delete(draft.documents[0]["name"])
    assert not world.policies.explain("bob", "select", ORDERS, after=draft).is_allowed


# --- tags that are read as they are ---------------------------------------------------------------


def unmasked(world: World) -> list[str]:
    return [one.message for one in world.policies.findings() if one.kind == "unmasked tag"]


def test_who_reads_a_tagged_column_as_it_is_is_named(world: World) -> None:
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.email")
    world.policies.grant("select", on=CUSTOMERS, to="everyone")
    world.policies.mask(CUSTOMERS, "email", "hash", to="alice")
    assert unmasked(world) == [
        f"`{CUSTOMERS}.email` has tag `PII.EMAIL`, and bob, carol read it as it is."
    ]
    world.policies.mask(CUSTOMERS, "email", "hash", to="carol")
    none = world.policies.mask(CUSTOMERS, "email", "none", to="bob")
    (message,) = unmasked(world)
    assert message.endswith(f"and bob reads it as it is (excepted by policy {none.id}).")
    world.policies.update(none.id, mask="redact")
    assert unmasked(world) == []


def test_tags_of_whole_tables_count(world: World) -> None:
    world.tags.attach("PII.EMAIL", CUSTOMERS)
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.policies.mask(CUSTOMERS, "email", "hash", to="bob")
    assert unmasked(world) == [
        f"`{CUSTOMERS}` has tag `PII.EMAIL`, and bob reads columns of it as they are: *."
    ]
    world.policies.mask_tag("PII.EMAIL", "redact", to="everyone")
    assert unmasked(world) == []


def test_a_tagged_field_is_read_with_its_column(world: World) -> None:
    world.tags.attach("PII.EMAIL", f"{CUSTOMERS}.contact.email")
    world.policies.grant("select", on=CUSTOMERS, columns="contact", to="bob")
    assert len(unmasked(world)) == 1
    world.policies.mask(CUSTOMERS, "contact", "nullify", to="bob")
    assert unmasked(world) == []


def test_without_spark_no_policy_is_said_to_be_on_nothing(world: World, offline: Policies) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    world.policies.grant("select", on=CUSTOMERS, to="bob", valid_until="2001-01-01", name="over")
    assert [one.subject for one in offline.findings() if one.kind is FindingKind.UNUSED] == ["over"]


# --- what isn't judged ----------------------------------------------------------------------------


def test_paths_that_other_policies_name_are_compared(world: World) -> None:
    world.policies.grant("read", on_path="s3://b", to="bob")
    world.policies.grant("read", on_path="s3://elsewhere", to="bob")
    draft = world.policies.draft().deny("read", on_path="s3://b/secret", to="everyone")
    losses = world.policies.simulate(draft).losses.examples
    assert {effect.resource for effect in losses} == {"s3://b", "s3://b/secret"}
    assert {effect.principals for effect in losses} == {("bob",)}


def test_who_joins_a_group_gains_its_paths(world: World) -> None:
    world.policies.grant("read", on_path="s3://b", to="group:analysts")
    draft = world.policies.draft().add_to_group("analysts", "carol")
    assert gains(world, draft) == {(("carol",), "read", "s3://b")}


def test_paths_that_patterns_stand_for_are_said_not_to_be_judged(world: World) -> None:
    world.policies.grant("read", on_path="s3://b/x", to="bob")
    draft = world.policies.draft().deny("read", on_path="s3://b/*", to="bob")
    draft.grant("read", on_path="/home/{USER}", to="everyone")
    found = world.policies.simulate(draft)
    assert {effect.resource for effect in found.losses.examples} == {"s3://b/x"}
    assert found.unjudged == ("paths that patterns stand for: /home/{USER}, s3://b/*",)
    assert "Not judged: paths" in found.text


def test_a_namespace_without_tables_is_judged(world: World) -> None:
    draft = world.policies.draft().grant("create", on="lake.empty", to="bob", future=True)
    assert (("bob",), "create", "lake.empty") in gains(world, draft)


def test_a_policy_on_nothing_is_not_judged(world: World, offline: Policies) -> None:
    draft = world.policies.draft().grant(
        "select", on="lake.crm.later", to="bob", future=True, name="for later"
    )
    found = world.policies.simulate(draft)
    assert found.changes_nothing
    assert found.unjudged == ("policy `for later`: nothing that is known is under it",)
    draft = offline.draft().grant("select", on="lake", to="everyone", future=True, name="all")
    assert offline.simulate(draft).text.splitlines() == [
        "Nobody's rights change.",
        "Judged on 0 tables, for 4 users.",
        "Not judged: tables that Spark hasn't met.",
        "Not judged: policy `all`: nothing that is known is under it.",
    ]


def test_what_begins_or_ends_later_is_told(world: World) -> None:
    world.policies.grant("select", on=ORDERS, to="bob", name="kept", valid_until="2090-01-01")
    world.policies.grant("insert", on=ORDERS, to="bob", name="gone", valid_from="2091-01-01")
    draft = world.policies.draft().delete("gone")
    draft.grant("all", on="lake", to="everyone", name="open", valid_from="2090-01-01")
    period = {"valid_from": "2090-01-01", "valid_until": "2092-01-01"}
    draft.deny("all", on="lake", to="bob", name="shut", **period)
    draft.grant("select", on=CUSTOMERS, to="bob", name="short", valid_until="2090-01-01")
    draft.grant("select", on=CUSTOMERS, to="bob", name="begun", valid_from="2001-01-01")
    draft.grant("select", on=CUSTOMERS, to="bob", name="over", valid_until="2001-01-01")
    assert world.policies.simulate(draft).unjudged == (
        "policy `gone` as it was: it is in force from 2091-01-01 00:00:00 UTC",
        "policy `open`: it is in force from 2090-01-01 00:00:00 UTC",
        "policy `shut`: it is in force from 2090-01-01 00:00:00 UTC until 2092-01-01 00:00:00 UTC",
        "policy `short`: it is in force until 2090-01-01 00:00:00 UTC",
    )
    draft = world.policies.draft().update("kept", valid_until="2080-01-01")
    found = world.policies.simulate(draft)
    assert found.changes_nothing
    assert found.unjudged == (
        "policy `kept` as it was: it is in force until 2090-01-01 00:00:00 UTC",
        "policy `kept`: it is in force until 2080-01-01 00:00:00 UTC",
    )


def test_what_holds_later_for_who_moves_is_told(world: World) -> None:
    later = {"valid_from": "2090-01-01"}
    world.policies.grant("select", on=ORDERS, to="group:analysts", name="for analysts", **later)
    world.policies.grant("select", on_tag="PII.EMAIL", to="bob", name="by tag", **later)
    draft = world.policies.draft().add_to_group("analysts", "carol")
    told = "it is in force from 2090-01-01 00:00:00 UTC"
    assert world.policies.simulate(draft).unjudged == (
        f"policy `for analysts`, for who moves: {told}",
    )
    draft = world.policies.draft().attach("PII.EMAIL", CUSTOMERS)
    assert world.policies.simulate(draft).unjudged == (f"policy `by tag`, by its tags: {told}",)


def test_a_refused_table_is_told_by_what_refuses_it(world: World) -> None:
    explain = world.policies.explain
    over = {"valid_until": "2020-01-01", "name": "over"}
    world.policies.deny("select", on=CUSTOMERS, to="alice", **over)
    nothing = f"may not select from `{CUSTOMERS}`: no column of it is granted"
    assert explain("alice", "select", CUSTOMERS).reason == f"`alice` {nothing}."
    one = world.policies.deny("select", on=CUSTOMERS, columns="region", to="bob", name="one")
    told = f"`bob` {nothing}; denied: region (by policy {one.id})."
    assert explain("bob", "select", CUSTOMERS).reason == told
    whole = world.policies.deny("select", on=CUSTOMERS, to="bob", name="whole")
    assert f"policy {whole.id} `whole` decides" in explain("bob", "select", CUSTOMERS).reason


def test_a_group_that_is_asked_about_is_told_by_its_way(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="group:analysts")
    world.policies.mask(CUSTOMERS, "email", "hash", to="everyone")
    found = world.policies.explain("group:eu", "select", f"{CUSTOMERS}.email")
    assert found.policies[0].through == ("group:eu", "group:analysts")
    assert found.policies[0].why == "it grants `select` to `group:analysts`"
    assert found.mask is not None
    assert found.mask.through == ("group:eu", "group:public")
    role = world.policies.explain("role:dpo", "select", CUSTOMERS)
    assert (
        role.reason == f"`role:dpo` may not select from `{CUSTOMERS}`: no column of it is granted."
    )
    assert world.policies.explain("everyone", "select", CUSTOMERS).reason.startswith("`everyone`")


def test_what_is_not_in_force_on_a_path_is_told(world: World) -> None:
    over = {"valid_until": "2020-01-01", "name": "over"}
    world.policies.grant("write", on_path="/data", to="bob", **over)
    (policy,) = world.policies.explain("bob", "write", "/data/x").policies
    assert policy.outcome is Outcome.NOT_IN_FORCE


def test_without_spark_a_table_made_anew_has_the_columns_of_both(
    world: World, offline: Policies
) -> None:
    world.meet_table(CUSTOMERS, {"1": "id", "2": "email"}, identity="iceberg:ffff")
    world.meet_table(CUSTOMERS, {"1": "id", "2": "ssn"}, identity="iceberg:1111")
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    seen = offline.explain("bob", "select", CUSTOMERS).columns
    assert {one.column for one in seen} == {"id", "email", "ssn"}


def test_a_drafted_policy_is_called_a_draft(world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="bob", name="given")
    draft = world.policies.draft().deny("select", on=CUSTOMERS, to="bob", name="taken")
    found = world.policies.explain("bob", "select", f"{CUSTOMERS}.id", after=draft)
    assert "policy draft 1 `taken` denies it" in found.reason
    assert "policy draft 1 denies it, which beats a grant" in found.text
    assert str(1 << 60) not in found.text
    whole = world.policies.explain("bob", "select", CUSTOMERS, after=draft)
    assert str(1 << 60) not in whole.text


def test_what_recurs_is_told(world: World) -> None:
    schedule = {"startTime": "2020/01/01 00:00:00", "endTime": "2090/01/01 00:00:00"} | {
        "recurrences": [
            {
                "schedule": {"minute": "0", "hour": "8", "dayOfWeek": "2", "month": "*"}
                | {"dayOfMonth": "", "year": "*"},
                "interval": {"days": 0, "hours": 8, "minutes": 0},
            }
        ]
    }
    policy = world.policies.grant("select", on=CUSTOMERS, to="bob", name="one")
    draft = world.policies.draft().put(policy.document | {"validitySchedules": [schedule]})
    (line,) = world.policies.simulate(draft).unjudged
    assert line == (
        "policy `one`: it is in force only at the times of its schedules, "
        "until 2090-01-01 00:00:00 UTC"
    )


def test_what_is_no_moment_or_no_draft_is_told(world: World) -> None:
    text: Any = "2020-01-01"
    for ask in (
        lambda: world.policies.explain("alice", "select", CUSTOMERS, at=text),
        lambda: world.policies.who_can("select", CUSTOMERS, at=text),
        lambda: world.policies.findings(at=text),
        lambda: world.policies.simulate(world.policies.draft(), at=text),
    ):
        with pytest.raises(ConfigurationError, match=r"datetime, not str\.\s.*fromisoformat"):
            ask()
    nothing: Any = None
    with pytest.raises(ConfigurationError, match=r"lake\.policies\.draft"):
        world.policies.simulate(nothing)


def test_tables_that_name_nobody_are_judged_once(world: World) -> None:
    names = [*(f"t{number}" for number in range(200)), "alice", "bob"]
    world.tables.tables = {f"lake.crm.{name}": {"id": "int"} for name in names}
    world.policies.grant("insert", on="lake.crm.{USER}", to="everyone", future=True)
    draft = world.policies.draft().grant(
        "insert", on="lake.crm.*", to="group:analysts", future=True
    )
    found = world.policies.simulate(draft)
    assert found.judgements < 30
    assert found.gains.count == 2 * 202 - 2 + 2  # all tables but their own, and the namespace
    draft = world.policies.draft().delete(100)
    lost = world.policies.simulate(draft).losses.examples
    assert {(effect.principals, effect.resource) for effect in lost} == {
        (("alice",), "lake.crm.alice"),
        (("bob",), "lake.crm.bob"),
    }


@pytest.mark.parametrize(
    ("pattern", "table", "expected"),
    [
        ("lake.{USER}.*", "lake.alice.t", "alice"),
        ("lake.x_{USER}_y.t", "lake.x_alice_y.t", "alice"),
        ("lake.{USER}_{USER}.t", "lake.bob_bob.t", "bob"),
        ("lake.{USER}*.t", "lake.carolx.t", "carol"),
        ("lake.{OWNER}.{USER}", "lake.carol.bob", "bob"),
        ("lake.{USER}.t", "lake.x_alice.t", None),
        ("lake.x{USER}x.t", "lake.x.t", None),
    ],
)
def test_whom_a_name_is_filled_in_for_is_found(
    world: World, pattern: str, table: str, expected: str | None
) -> None:
    world.tables.tables = {table: {"id": "int"}, "lake.n.t": {"id": "int"}}
    world.owners.set_owner(table, "carol")
    draft = world.policies.draft().grant("insert", on=pattern, to="everyone", future=True)
    gained = {users for users, _, resource in gains(world, draft) if resource == table}
    assert gained == ({(expected,)} if expected else set())


@pytest.mark.parametrize("column", ["{USER}", "{USER}_note", "*_{USER}", "{OWNER}"])
def test_columns_that_are_named_by_who_asks_tell_users_apart(world: World, column: str) -> None:
    names = ["alice", "bob", "alice_note", "my_bob", "carol", "id"]
    world.tables.tables = {"lake.n.t": dict.fromkeys(names, "int")}
    world.owners.set_owner("lake.n.t", "carol")
    draft = world.policies.draft()
    draft.grant("select", on="lake.n.t", columns=column, to="everyone", future=True)
    expected = {
        "{USER}": {("alice", "alice"), ("bob", "bob"), ("carol", "carol")},
        "{USER}_note": {("alice", "alice_note")},
        "*_{USER}": {("bob", "my_bob")},
        "{OWNER}": {(name, "carol") for name in ("alice", "bob", "carol")},
    }[column]
    gained = {
        (name, resource.rpartition(".")[2])
        for users, _, resource in gains(world, draft)
        for name in users
    }
    assert gained == expected


# --- names and paths ------------------------------------------------------------------------------


def test_what_begins_with_a_scheme_is_a_path(world: World) -> None:
    grant = world.policies.grant("read", on_path="/srv/x", to="alice")
    assert world.policies.explain("alice", "read", "file:/srv/x").policy == grant.id
    assert "alice" in {one.principal for one in world.policies.who_can("read", "file:/srv/x/y")}


def test_without_spark_the_step_to_an_unknown_table_can_be_taken(offline: Policies) -> None:
    with pytest.raises(TableNotFoundError, match="--tables"):
        offline.who_can("select", CUSTOMERS)
    with pytest.raises(TableNotFoundError, match="future=True"):
        offline.explain("alice", "select", CUSTOMERS)


def test_tables_that_spark_has_met_are_known_by_every_spelling(world: World) -> None:
    columns = {"1": "id", "2": "a.b", "3": "contact", "4": "contact.email"}
    world.meet_table("spark_catalog.default.events", columns)
    known = KnownTables(world.store)
    for name in ("spark_catalog.default.events", "Spark_Catalog.Default.Events"):
        assert known.kind_of(name.split(".")) == "table"
        assert known.kind_of(name.split(".")[:2]) == "namespace"
        assert [column for column, _ in known.columns(name)] == ["id", "a.b", "contact"]
        assert known.fields_of(name.split(".")) == ["contact.email"]
    offline = Policies(world.administration, known)
    world.policies.grant("select", on="spark_catalog.default", to="bob")
    found = offline.explain("bob", "select", "Spark_Catalog.Default.Events.`a.b`")
    assert found.is_allowed
    assert found.resource == "spark_catalog.default.events.`a.b`"
    found = offline.explain("bob", "select", "spark_catalog.default.events.contact.email")
    assert found.resource == "spark_catalog.default.events.contact.email"


def test_columns_that_a_table_does_not_have_are_no_rights(world: World) -> None:
    draft = world.policies.draft()
    draft.grant("select", on=ORDERS, columns=["salary"], to="bob", future=True)
    assert world.policies.simulate(draft).changes_nothing
    world.policies.grant("select", on=ORDERS, columns=["salary", "region"], to="bob", future=True)
    (right,) = world.policies.what_can("bob")
    assert dict(right.columns) == {"region": None}
    seen = world.policies.explain("bob", "select", ORDERS).columns
    assert [one.column for one in seen if one.verdict is Verdict.ALLOWED] == ["region"]


def test_effects_name_columns_as_sql_does(world: World) -> None:
    world.tables.tables["lake.sales.orders"]["e-mail"] = "string"
    world.policies.grant("select", on=ORDERS, to="bob")
    draft = world.policies.draft().mask(ORDERS, "`e-mail`", "hash", to="bob")
    (effect,) = world.policies.simulate(draft).masks.examples
    assert effect.resource == f"{ORDERS}.`e-mail`"
