from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ConfigurationError,
    PrincipalNotFoundError,
    StillNeededError,
)
from iomete.governance import PrincipalKind, PrincipalName, hash_key
from iomete.governance.principals.names import EVERYONE, check_new
from support.governed_world import World


def test_whoever_made_the_lakehouse_is_its_first_admin(world: World) -> None:
    assert [user.name for user in world.principals.users()] == [world.admin]
    assert world.principals.roles_of(world.admin) == ["admin"]
    assert world.principals.groups() == []


def test_a_user_is_added_with_everything_at_once(world: World) -> None:
    world.principals.add_group("analysts")
    world.principals.add_role("auditor")
    made = world.principals.add_user(
        "alice",
        groups="analysts",
        roles=["role:auditor"],
        attributes={"region": "EU", "levels": (1, 2)},
    )
    assert made == world.principals.get("user:alice")
    assert (made.groups, made.roles) == (("analysts",), ("auditor",))
    assert made.attributes == {"region": "EU", "levels": [1, 2]}


def test_a_user_with_an_unknown_group_is_not_added(world: World) -> None:
    world.principals.add_group("analysts")
    with pytest.raises(
        PrincipalNotFoundError, match=r"Group `analyst` .*did you mean `group:analysts`"
    ):
        world.principals.add_user("alice", groups="analyst")
    with pytest.raises(PrincipalNotFoundError, match="User `alice` does not exist"):
        world.principals.get("alice")


def test_a_second_user_of_a_name_is_refused(world: World) -> None:
    world.principals.add_user("alice")
    with pytest.raises(AlreadyExistsError, match="User `alice` exists"):
        world.principals.add_user("alice")
    world.principals.add_user("Alice")  # names are exact
    world.principals.add_group("alice")  # and of a kind


@pytest.mark.parametrize(
    "name",
    [
        "",
        " alice",
        "a\nb",
        "{USER}",
        "{OWNER}",
        "a{b",
        "everyone",
        "Public",
        "user:user:x",
        "x" * 256,
        None,
        7,
    ],
)
def test_names_that_could_be_taken_for_another_are_refused(world: World, name: str) -> None:
    with pytest.raises(ConfigurationError):
        world.principals.add_user(name)


@pytest.mark.parametrize(
    "name", ["system:serviceaccount:ns:job", "CORP\\ann", "ann@corp.example", "Åsa"]
)
def test_names_of_other_systems_are_taken(world: World, name: str) -> None:
    assert world.principals.add_user(name).name == name
    assert world.principals.get(f"user:{name}") == world.principals.get(name)


def test_groups_nest_and_roles_come_through_all_of_them(world: World) -> None:
    p = world.principals
    p.add_group("all")
    p.add_group("eu", groups="all")
    p.add_user("alice", groups="eu")
    p.add_role("reader", to="group:all")
    p.add_role("viewer", to="role:reader")
    assert p.groups_of("alice") == ["all", "eu"]
    assert p.roles_of("alice") == ["reader", "viewer"]
    p.remove_from_group("all", "group:eu")
    assert p.groups_of("alice") == ["eu"]
    assert p.roles_of("alice") == []


def test_circles_are_refused(world: World) -> None:
    p = world.principals
    p.add_group("a")
    p.add_group("b", groups="a")
    p.add_group("c", groups="b")
    for members in ("group:a", "group:b", "group:c"):
        with pytest.raises(StillNeededError, match="itself in it"):
            p.add_to_group("c", members)
    p.add_role("x")
    p.add_role("y", to="role:x")
    with pytest.raises(StillNeededError):
        p.grant_role("x", "role:y")


def test_what_can_hold_nothing_or_be_in_nothing_is_refused(world: World) -> None:
    world.principals.add_group("g")
    world.principals.add_role("r")
    with pytest.raises(ConfigurationError, match=r"grant_role\(\"r\", \"group:g\"\)"):
        world.principals.add_to_group("g", "role:r")
    with pytest.raises(ConfigurationError, match="everyone"):
        world.principals.grant_role("r", "everyone")
    with pytest.raises(ConfigurationError, match="everyone"):
        world.principals.add_to_group("public", "alice" if False else world.admin)


@pytest.mark.parametrize("way", ["remove", "disable", "revoke", "update"])
def test_the_last_admin_stays(world: World, way: str) -> None:
    ways = {
        "remove": lambda: world.principals.remove_user(world.admin),
        "disable": lambda: world.principals.disable_user(world.admin),
        "revoke": lambda: world.principals.revoke_role("admin", world.admin),
        "update": lambda: world.principals.update_user(world.admin, roles=[]),
    }
    world.principals.add_user("alice", roles="admin")
    world.principals.disable_user("alice")  # who doesn't count then
    with pytest.raises(StillNeededError, match="without an admin"):
        ways[way]()
    assert world.principals.roles_of(world.admin) == ["admin"]
    world.principals.enable_user("alice")
    ways[way]()
    with pytest.raises(AccessDeniedError):
        world.principals.users()
    assert world.act_as("alice").principals.roles_of("alice") == ["admin"]


def test_an_admin_by_a_group_counts(world: World) -> None:
    world.principals.add_group("ops")
    world.principals.add_user("alice", groups="ops")
    world.principals.grant_role("admin", "group:ops")
    world.principals.revoke_role("admin", world.admin)
    with pytest.raises(StillNeededError, match="without an admin"):
        world.act_as("alice").principals.remove_group("ops")


def test_whom_policies_name_stays_until_they_go(world: World) -> None:
    world.principals.add_user("alice")
    world.principals.add_group("g")
    policy = world.policies.grant("select", on="lake.crm.customers", to="group:g", except_="alice")
    with pytest.raises(StillNeededError, match=rf"policies {policy.id}.*disable_user"):
        world.principals.remove_user("alice")
    with pytest.raises(StillNeededError, match="Group `g` is named"):
        world.principals.remove_group("g")
    world.policies.delete(policy.id)
    world.principals.remove_user("alice")
    world.principals.remove_group("g")


def test_what_is_reserved_stays(world: World) -> None:
    with pytest.raises(StillNeededError):
        world.principals.remove_role("admin")
    with pytest.raises(StillNeededError):
        world.principals.remove_group("public")


def test_a_removed_user_leaves_nothing_to_a_namesake(world: World) -> None:
    world.principals.add_group("g")
    world.principals.add_user("alice", groups="g", attributes={"region": "EU"})
    world.principals.remove_user("alice")
    again = world.principals.add_user("alice")
    assert (again.groups, again.attributes) == ((), {})


def test_updating_replaces_what_is_given_and_leaves_the_rest(world: World) -> None:
    p = world.principals
    for group in ("a", "b"):
        p.add_group(group)
    p.add_user("alice", groups="a", attributes={"x": 1})
    assert p.update_user("alice", groups=["b"]).groups == ("b",)
    assert p.get("alice").attributes == {"x": 1}
    assert p.update_user("alice", attributes={"y": 2.5}).attributes == {"y": 2.5}
    assert p.get("alice").groups == ("b",)


def test_attributes_are_set_and_taken_away_one_by_one(world: World) -> None:
    world.principals.add_user("alice", attributes={"region": "EU", "level": 3})
    world.principals.set_attributes("alice", {"level": None, "vip": True})
    world.principals.set_attribute("alice", "rate", 3.0)
    found = world.principals.get("alice").attributes
    assert found == {"region": "EU", "vip": True, "rate": 3.0}
    assert [type(found[name]) for name in ("vip", "rate")] == [bool, float]


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"a b": 1}, "no name"),
        ({"x": None}, "NoneType"),
        ({"x": {"y": 1}}, "dict"),
        ({"x": [1, "a"]}, "several types"),
        ({"x": [1, True]}, "several types"),
        ({"x": [[1]]}, "list"),
        ({"x": float("nan")}, "finite"),
        ({"x": 2**63}, "64 bits"),
        ({"x": "\ud800"}, "Unicode"),
        ([1], "dict"),
    ],
)
def test_attributes_that_a_filter_cannot_use_are_refused(
    world: World, attributes: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        world.principals.add_user("alice", attributes=attributes)  # type: ignore[arg-type]


def test_only_admins_administer_but_anyone_may_look_at_themselves(world: World) -> None:
    world.principals.add_user("alice")
    world.principals.add_user("bob")
    alice = world.act_as("alice")
    assert alice.principals.get("alice").name == "alice"
    assert alice.principals.roles_of("user:alice") == []
    for denied in (
        lambda: alice.principals.get("bob"),
        lambda: alice.principals.get("nobody"),
        alice.principals.users,
        lambda: alice.principals.add_user("carol"),
        lambda: alice.principals.grant_role("admin", "alice"),
        alice.policies.list,
        lambda: alice.policies.version,
        lambda: alice.policies.grant("select", on="lake", to="alice"),
        alice.tags.list,
        lambda: alice.owners.set_owner("lake.crm.customers", "alice"),
        alice.policies.publish,
    ):
        with pytest.raises(PermissionError, match="`alice` may not"):
            denied()


def test_an_unknown_or_disabled_admin_may_nothing(world: World) -> None:
    world.principals.add_user("alice", roles="admin")
    world.principals.disable_user("alice")
    for name in ("alice", "nobody"):
        with pytest.raises(AccessDeniedError):
            world.act_as(name).principals.users()
    with pytest.raises(AccessDeniedError):  # and learns no names that are like it
        world.act_as("alicf").principals.get("alicf")


def test_the_hash_key_is_made_once(world: World) -> None:
    key = hash_key(world.store)
    assert len(key) == 32
    assert hash_key(world.store) == key


@given(
    kind=st.sampled_from(PrincipalKind),
    name=st.text(max_size=30) | st.sampled_from(["user:x", "group:", "role:admin", "everyone"]),
)
def test_a_principal_that_can_be_made_is_read_back_from_its_text(
    kind: PrincipalKind, name: str
) -> None:
    try:
        made = check_new(PrincipalName.parse(f"{kind}:{name}"))
    except ConfigurationError:
        return
    assert (made.kind, made.name) == (kind, name)
    assert PrincipalName.parse(str(made)) == made
    assert PrincipalName.parse(name, bare=kind) == made  # a bare name is never another's
    assert made != EVERYONE
