from __future__ import annotations

import pytest

from iomete.errors import (
    AlreadyExistsError,
    ColumnNotFoundError,
    ConfigurationError,
    InvalidNameError,
    PrincipalNotFoundError,
    StillNeededError,
    TableNotFoundError,
    TagNotFoundError,
)
from support.governed_world import World


def test_tags_are_defined_attached_and_found(world: World) -> None:
    tags = world.tags
    made = tags.define("PII.EMAIL", description="an address", attributes={"level": "high"})
    tags.define("GOLD")
    assert [tag.name for tag in tags.list()] == ["GOLD", "PII.EMAIL"]
    assert tags.list()[1] == made
    column = tags.attach("PII.EMAIL", "lake.crm.customers.EMAIL")
    table = tags.attach("GOLD", ("lake", "crm", "customers"))
    field = tags.attach("PII.EMAIL", "lake.crm.customers.contact.email")
    assert (column.resource, column.kind) == ("lake.crm.customers.email", "column")
    assert (table.resource, table.kind) == ("lake.crm.customers", "table")
    assert tags.of("lake.crm.customers.Email") == ["PII.EMAIL"]
    assert tags.of("lake.crm.customers") == ["GOLD"]
    assert tags.resources("PII.EMAIL") == [field, column]


def test_attaching_twice_does_no_harm(world: World) -> None:
    world.tags.define("GOLD")
    first = world.tags.attach("GOLD", "lake.crm.customers")
    assert world.tags.attach("GOLD", "lake.crm.customers") == first
    assert world.tags.resources("GOLD") == [first]


def test_the_longest_table_that_exists_is_meant(world: World) -> None:
    world.tables.tables["lake.a.b"] = {"c": "int"}
    world.tags.define("GOLD")
    assert world.tags.attach("GOLD", "lake.a.b.c").kind == "table"
    del world.tables.tables["lake.a.b.c"]
    world.tags.detach("GOLD", "lake.a.b.c")
    assert world.tags.attach("GOLD", "lake.a.b.c").kind == "column"


def test_names_of_the_session_catalog_fold(world: World) -> None:
    world.tags.define("GOLD")
    attached = world.tags.attach("GOLD", "SPARK_CATALOG.Default.Events")
    assert attached.resource in {"spark_catalog.`default`.events", "spark_catalog.default.events"}
    assert world.tags.of("spark_catalog.default.EVENTS") == ["GOLD"]


def test_a_tag_goes_once_it_is_attached_to_nothing(world: World) -> None:
    world.tags.define("GOLD")
    world.tags.attach("GOLD", "lake.crm.customers")
    with pytest.raises(StillNeededError, match=r"attached to `lake\.crm\.customers`"):
        world.tags.remove("GOLD")
    world.tables.tables.clear()  # what is gone can still be detached
    world.tags.detach("GOLD", "lake.crm.customers")
    world.tags.remove("GOLD")
    assert world.tags.list() == []


def test_a_tag_that_policies_are_on_stays(world: World) -> None:
    world.tags.define("GOLD")
    policy = world.policies.grant("select", on_tag="GOLD", to="everyone")
    with pytest.raises(StillNeededError, match=f"{policy.id}"):
        world.tags.remove("GOLD")
    world.policies.delete(policy.id)
    world.tags.remove("GOLD")


def test_what_does_not_exist_is_named(world: World) -> None:
    world.tags.define("GOLD")
    with pytest.raises(TagNotFoundError, match="did you mean `GOLD`"):
        world.tags.attach("GOLDEN", "lake.crm.customers")
    with pytest.raises(TableNotFoundError):
        world.tags.attach("GOLD", "lake.crm.nope")
    for column in ("emial", "email.x"):
        with pytest.raises(ColumnNotFoundError):
            world.tags.attach("GOLD", f"lake.crm.customers.{column}")
    with pytest.raises(TagNotFoundError, match="not attached"):
        world.tags.detach("GOLD", "lake.crm.customers")
    with pytest.raises(TagNotFoundError):
        world.tags.resources("NOPE")
    with pytest.raises(InvalidNameError):
        world.tags.of("lake.crm")


@pytest.mark.parametrize("name", ["", "a b", "*", "PII*", "{x}", ".x", "x" * 129, None])
def test_names_that_ranger_would_read_otherwise_are_no_tags(world: World, name: str) -> None:
    with pytest.raises(InvalidNameError):
        world.tags.define(name)


def test_a_second_tag_of_a_name_is_refused(world: World) -> None:
    world.tags.define("GOLD")
    with pytest.raises(AlreadyExistsError):
        world.tags.define("GOLD")
    world.tags.define("gold")  # names are exact
    with pytest.raises(ConfigurationError):
        world.tags.define("X", attributes={"level": 3})  # type: ignore[dict-item]


def test_owners_are_set_changed_and_taken_away(world: World) -> None:
    world.principals.add_user("alice")
    owners = world.owners
    owners.set_owner("lake.crm.customers", "user:alice")
    owners.set_owner("SPARK_CATALOG.DEFAULT.EVENTS".lower(), "alice")
    assert owners.owner_of("lake.crm.customers") == "alice"
    assert len(owners.owned_by("alice")) == 2
    with pytest.raises(StillNeededError, match="owns tables"):
        world.principals.remove_user("alice")
    owners.set_owner("lake.crm.customers", world.admin)
    owners.set_owner("spark_catalog.default.events", None)
    assert owners.owned_by("alice") == []
    world.principals.remove_user("alice")


def test_an_owner_is_a_user_of_a_table_that_exists(world: World) -> None:
    world.principals.add_group("g")
    for owner in ("nobody", "group:g"):
        with pytest.raises(PrincipalNotFoundError):
            world.owners.set_owner("lake.crm.customers", owner)
    with pytest.raises(TableNotFoundError):
        world.owners.set_owner("lake.crm.nope", world.admin)
    with pytest.raises(InvalidNameError):
        world.owners.set_owner("lake.crm", world.admin)
    assert world.owners.owner_of("lake.crm.customers") is None
