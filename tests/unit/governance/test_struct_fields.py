"""Fields of structs in answers about policies: what covers them, and what they make of columns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iomete.access import Verdict
from iomete.governance.answers import FindingKind
from iomete.governance.audit.trail import AuditEvent
from support.governed_world import World

TABLE = "lake.crm.people"
FIELDS = ["contact.address", "contact.address.city", "contact.address.zip", "contact.email"]


@pytest.fixture(autouse=True)
def _people(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.principals.add_user("bob")
    kind = "struct<address:struct<city:string,zip:string>,email:string>"
    world.tables.tables = {TABLE: {"id": "int", "contact": kind}}
    monkeypatch.setattr(world.tables, "fields_of", lambda _: FIELDS)
    world.policies.grant("select", on=TABLE, to="bob")


def masked(world: World, column: str) -> list[str]:
    return [one.type for one in world.policies.explain("bob", "select", f"{TABLE}.{column}").masks]


def test_the_mask_of_an_outer_struct_covers_what_is_below_it(world: World) -> None:
    world.policies.mask(TABLE, "contact.address", "nullify", to="bob")
    world.policies.mask(TABLE, "contact.address.zip", "hash", to="bob")
    assert masked(world, "contact.address") == ["MASK_NULL"]
    assert masked(world, "contact.address.city") == ["MASK_NULL"]
    assert masked(world, "contact.address.zip") == ["MASK_NULL"]
    assert masked(world, "contact.email") == []
    (right,) = world.policies.what_can("bob")
    assert right.columns["contact.address.zip"] == "MASK_NULL"


def test_a_custom_mask_of_an_outer_struct_is_given_masked_fields(world: World) -> None:
    world.policies.mask(TABLE, "contact.address.zip", "hash", to="bob")
    world.policies.mask(TABLE, "contact.address", "custom", expression="{col}", to="bob")
    world.policies.mask(TABLE, "contact", "redact", to="bob")
    assert masked(world, "contact.address.zip") == ["MASK_HASH", "CUSTOM", "MASK"]
    assert masked(world, "contact.address.city") == ["CUSTOM", "MASK"]


def test_a_denied_outer_struct_leaves_nulls_below_it(world: World) -> None:
    (grant,) = world.policies.list()
    document = grant.document | {"name": "no address"}
    document["resources"] = document["resources"] | {"column": {"values": ["contact.address"]}}
    document["denyPolicyItems"] = document.pop("policyItems")
    (denial,) = world.policies.import_({"policies": [document]}, future=True)
    world.policies.mask(TABLE, "contact.address.zip", "hash", to="bob")
    (zip_code,) = world.policies.explain("bob", "select", f"{TABLE}.contact.address.zip").masks
    assert (zip_code.type, zip_code.policy) == ("MASK_NULL", denial.id)


def test_a_drafted_outer_mask_changes_what_is_below_it(world: World) -> None:
    world.policies.mask(TABLE, "contact.address.zip", "hash", to="bob")
    draft = world.policies.draft().mask(TABLE, "contact.address", "nullify", to="bob")
    changed = {
        effect.resource: (effect.before, effect.after)
        for effect in world.policies.simulate(draft).masks.examples
    }
    assert changed == {
        f"{TABLE}.contact.address": (None, "MASK_NULL"),
        f"{TABLE}.contact.address.zip": ("MASK_HASH", "MASK_NULL"),
    }


def test_a_tagged_field_below_a_masked_struct_is_masked(world: World) -> None:
    world.tags.define("PII")
    world.tags.attach("PII", f"{TABLE}.contact.address.zip")
    assert FindingKind.UNMASKED_TAG in {one.kind for one in world.policies.findings()}
    world.policies.mask(TABLE, "contact.address", "nullify", to="bob")
    assert FindingKind.UNMASKED_TAG not in {one.kind for one in world.policies.findings()}


@pytest.mark.parametrize("column", ["contact.address.zip", "contact.address.*"])
@pytest.mark.parametrize("struct", ["contact", "contact.address"])
def test_a_struct_that_is_asked_about_is_told_with_its_masked_fields(
    world: World, column: str, struct: str
) -> None:
    mask = world.policies.mask(TABLE, column, "hash", to="bob", future=True)
    found = world.policies.explain("bob", "select", f"{TABLE}.{struct}")
    assert found.masks == ()
    seen = {one.column: one.mask for one in found.columns}
    assert seen[struct] is None
    assert seen["contact.address.zip"].type == "MASK_HASH"
    assert ("contact.address.city" in seen) == column.endswith("*")
    assert mask.id in {one.id for one in found.policies}
    assert "column `contact.address.zip`" in found.text
    (holder,) = (one for one in world.policies.who_can("select", f"{TABLE}.{struct}")
                 if one.principal == "bob")  # fmt: skip
    assert holder.mask is None
    assert {name for name, shown in holder.columns.items() if shown} == set(seen) - {struct}


def test_who_can_tells_the_masked_columns_of_a_table(world: World) -> None:
    world.policies.mask(TABLE, "contact.email", "redact", to="bob")
    world.policies.deny("select", on=TABLE, columns="id", to="bob")
    holders = {one.principal: one for one in world.policies.who_can("select", TABLE)}
    assert {name: shown and shown.type for name, shown in holders["bob"].columns.items()} == {
        "contact": None,
        "contact.email": "MASK",
    }
    assert holders[world.admin].columns == {}


def test_masks_of_fields_that_an_event_recorded_are_no_difference(world: World) -> None:
    world.tags.define("PII")
    world.tags.attach("PII", TABLE)
    world.policies.mask_tag("PII", "nullify", to="bob")
    masks = dict.fromkeys(["contact", *FIELDS], "MASK_NULL")
    event = read_event(world, masks=masks, columns=("contact",))
    assert world.policies.explain_event(event).differs == ()
    event = read_event(world, masks=masks | {"contact.email": "MASK_HASH"}, columns=("contact",))
    (difference,) = world.policies.explain_event(event).differs
    assert "contact.email as MASK_HASH" in difference
    event = read_event(world, masks={"id": "MASK_NULL"}, columns=("id",))
    assert world.policies.explain_event(event).differs == ()


def read_event(world: World, *, masks: dict[str, str], columns: tuple[str, ...]) -> AuditEvent:
    policies = world.policies.explain("bob", "select", TABLE).deciding
    return AuditEvent(
        id="e1",
        time=datetime.now(UTC),
        principal="bob",
        action="select",
        resource=TABLE,
        columns=columns,
        verdict=Verdict.ALLOWED,
        policies=policies,
        masks=masks,
        filters=(),
        snapshot=None,
        query="q",
        session="s",
        application="a",
        via=(),
        reason=None,
    )
