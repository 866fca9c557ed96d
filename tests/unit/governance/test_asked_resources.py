"""What questions about policies are about has to be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from iomete.errors import ColumnNotFoundError, NotFoundError
from iomete.governance import Policies
from iomete.governance.questions.known_tables import KnownTables
from support.governed_world import World

CUSTOMERS = "lake.crm.customers"
ASKED: list[Callable[[Policies, str], Any]] = [
    lambda policies, name: policies.explain("bob", "select", name),
    lambda policies, name: policies.who_can("select", name),
]


@pytest.fixture(params=["all tables", "those that Spark has met"])
def policies(request: pytest.FixtureRequest, world: World) -> Policies:
    world.principals.add_user("bob")
    world.policies.grant("select", on=CUSTOMERS, to="bob")
    if request.param == "all tables":
        return world.policies
    paths = ("id", "email", "region", "contact", "contact.email", "contact.phone")
    world.meet_table(CUSTOMERS, {str(number): path for number, path in enumerate(paths)})
    return Policies(world.administration, KnownTables(world.store))


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("emial", "did you mean `email`?"),
        ("contact.emial", "did you mean `contact.email`?"),
        ("Contact.Emial", "did you mean `contact.email`?"),
        ("contact.nofield", "see its fields by DESCRIBE"),
        ("contact.phone.number", "`contact.phone` is no struct: ask about it as a whole"),
        ("id.x.y", "`id` is no struct: ask about it as a whole"),
    ],
)
def test_columns_and_fields_that_are_not_there_are_told_with_the_nearest_name(
    policies: Policies, ask: Callable[[Policies, str], Any], name: str, hint: str
) -> None:
    with pytest.raises(ColumnNotFoundError) as caught:
        ask(policies, f"{CUSTOMERS}.{name}")
    assert caught.value.hint == hint


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("name", ["email", "EMAIL", "contact", "contact.phone", "Contact.PHONE"])
def test_columns_and_fields_that_are_there_are_answered(
    policies: Policies, ask: Callable[[Policies, str], Any], name: str
) -> None:
    assert ask(policies, f"{CUSTOMERS}.{name}")


@pytest.mark.parametrize(
    ("name", "alike"), [("lake.crmm", "lake.crm"), ("lakke", "lake"), ("lakke.crmm", "lake.crm")]
)
def test_namespaces_and_catalogs_that_are_not_there_are_told_with_the_nearest_name(
    policies: Policies, name: str, alike: str
) -> None:
    for ask in (
        lambda: policies.explain("bob", "use", name),
        lambda: policies.who_can("use", name),
    ):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.hint == f"did you mean `{alike}`?"
    with pytest.raises(NotFoundError) as caught:
        policies.explain("bob", "use", "lake.zzz")
    assert "did you mean" not in str(caught.value.hint)


def test_columns_and_fields_can_be_to_come(policies: Policies) -> None:
    for name in ("birthday", "contact.fax"):
        found = policies.explain("bob", "select", f"{CUSTOMERS}.{name}", future=True)
        assert found.is_allowed
