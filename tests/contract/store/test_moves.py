"""Policies, tags and owners follow what Spark says was renamed."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable
from iomete.governance import carry_out_moves
from iomete.governance.renames.moves import has_moves
from iomete.governance.tables import known_tables, table_moves
from iomete.store import Store
from support.governed_world import World

CUSTOMERS = "lake.crm.customers"
COLUMNS = {"1": "id", "2": "email", "3": "region", "4": "contact", "5": "contact.phone"}


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    world = World(tmp_path, store)
    world.principals.add_user("ana")
    return world


def know(store: Store, identity: str, table: str, columns: dict[str, str] | None = None) -> None:
    """What Spark records of a table when it meets it."""
    name = GovernedTable.parse(table)
    with store.write() as connection:
        connection.execute(
            sa.insert(known_tables).values(
                identity=identity,
                since=0,
                catalog=name.catalog,
                namespace=name.namespace,
                table_name=name.table,
                columns=json.dumps(columns or COLUMNS),
            )
        )


def tell(
    store: Store,
    old: str,
    new: str,
    *,
    identity: str | None = None,
    since: int = 0,
    columns: dict[str, str] | None = None,
    kind: str = "statement",
    state: str = "done",
    age: timedelta = timedelta(0),
) -> None:
    """What Spark records of a rename."""
    before, after = GovernedTable.parse(old), GovernedTable.parse(new)
    with store.write() as connection:
        connection.execute(
            sa.insert(table_moves).values(
                move_id=str(uuid.uuid4()),
                state=state,
                kind=kind,
                identity=identity,
                since=since,
                from_catalog=before.catalog,
                from_namespace=before.namespace,
                from_table=before.table,
                to_catalog=after.catalog,
                to_namespace=after.namespace,
                to_table=after.table,
                columns=json.dumps(columns or (COLUMNS if identity else {})),
                principal="bo",
                recorded_at=datetime.now(UTC) - age,
            )
        )


def newest(store: Store, identity: str) -> tuple[str, int]:
    with store.read() as connection:
        row = connection.execute(
            sa.select(known_tables)
            .filter_by(identity=identity)
            .order_by(known_tables.c.since.desc())
        ).first()
    assert row is not None
    return f"{row.catalog}.{row.namespace}.{row.table_name}", row.since


def kinds(world: World, resource: str) -> set[str]:
    """Kinds of the policies on a table itself."""
    return {str(p.kind) for p in world.policies.list() if p.on == resource}


def test_a_table_takes_its_policies_tags_and_owner_along(store: Store, world: World) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="ana")
    world.policies.deny("select", on=CUSTOMERS, columns="region", to="ana")
    mask = world.policies.mask(CUSTOMERS, "email", "redact", to="ana")
    world.policies.filter_rows(CUSTOMERS, "customers.region = 'EU'", to="ana")
    world.tags.define("PII")
    world.tags.attach("PII", f"{CUSTOMERS}.email")
    world.owners.set_owner(CUSTOMERS, "ana")
    know(store, "iceberg:1", CUSTOMERS)
    before = world.administration.version()
    tell(store, CUSTOMERS, "lake.crm.clients", identity="iceberg:1")
    assert carry_out_moves(store) == 1
    assert not has_moves(store)
    assert kinds(world, CUSTOMERS) == set()
    assert kinds(world, "lake.crm.clients") == {"grant", "deny", "mask", "filter"}
    (filter_,) = world.policies.list(kind="filter")
    assert "clients.region = 'EU'" in str(filter_.document)
    assert world.tags.of("lake.crm.clients.email") == ["PII"]
    assert world.owners.owner_of("lake.crm.clients") == "ana"
    last = world.policies.history(mask.id)[-1]
    assert (last.change, last.author) == ("moved", "bo")
    assert newest(store, "iceberg:1") == ("lake.crm.clients", before + 1)


def test_columns_that_change_names_with_each_other_change_policies(
    store: Store, world: World
) -> None:
    world.policies.mask(CUSTOMERS, "email", "redact", to="ana")
    world.policies.deny("select", on=CUSTOMERS, columns="region", to="ana")
    world.policies.filter_rows(CUSTOMERS, "region = 'EU' AND email <> 'x'", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    swapped = COLUMNS | {"2": "region", "3": "email"}
    tell(store, CUSTOMERS, CUSTOMERS, identity="iceberg:1", columns=swapped)
    carry_out_moves(store)
    named = {str(p.kind): p.document["resources"].get("column") for p in world.policies.list()}
    assert named["mask"]["values"] == ["region"]
    assert named["deny"]["values"] == ["email"]
    (filter_,) = world.policies.list(kind="filter")
    assert "email = 'EU' AND region <> 'x'" in str(filter_.document)


def test_a_renamed_struct_takes_the_masks_of_its_fields_along(store: Store, world: World) -> None:
    world.policies.mask(CUSTOMERS, "contact.phone", "redact", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    renamed = COLUMNS | {"4": "reach", "5": "reach.phone"}
    tell(store, CUSTOMERS, CUSTOMERS, identity="iceberg:1", columns=renamed)
    carry_out_moves(store)
    (mask,) = world.policies.list(kind="mask")
    assert mask.document["resources"]["column"]["values"] == ["reach.phone"]


def test_protection_by_patterns_follows_out_of_a_namespace_and_grants_do_not(
    store: Store, world: World
) -> None:
    world.policies.grant("select", on="lake.crm", to="ana")
    world.policies.mask("lake.crm.*", "email", "redact", to="ana")
    world.policies.deny("select", on="lake.crm", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    tell(store, CUSTOMERS, "lake.sales.clients", identity="iceberg:1")
    carry_out_moves(store)
    assert kinds(world, "lake.sales.clients") == {"mask", "deny"}
    assert {str(p.kind) for p in world.policies.list() if p.on == "lake.crm"} == {"grant", "deny"}


def test_a_pattern_that_matches_the_new_name_as_well_makes_nothing_new(
    store: Store, world: World
) -> None:
    world.policies.mask("lake.crm.*", "email", "redact", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    tell(store, CUSTOMERS, "lake.crm.clients", identity="iceberg:1")
    carry_out_moves(store)
    assert len(world.policies.list()) == 1


def test_a_column_that_a_grant_left_out_is_denied_by_its_new_name(
    store: Store, world: World
) -> None:
    world.policies.grant("select", on="lake.crm.*", except_columns=["email"], to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    tell(store, CUSTOMERS, CUSTOMERS, identity="iceberg:1", columns=COLUMNS | {"2": "mail"})
    carry_out_moves(store)
    (denial,) = world.policies.list(kind="deny")
    assert denial.document["resources"]["column"]["values"] == ["mail"]


def test_what_was_found_where_two_tables_had_the_name_is_protected_under_both(
    store: Store, world: World
) -> None:
    world.policies.grant("select", on=CUSTOMERS, to="ana")
    world.policies.mask(CUSTOMERS, "email", "redact", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    know(store, "iceberg:2", CUSTOMERS)
    tell(store, CUSTOMERS, "lake.crm.clients", identity="iceberg:1", kind="found")
    carry_out_moves(store)
    assert kinds(world, CUSTOMERS) == {"grant", "mask"}
    assert kinds(world, "lake.crm.clients") == {"mask"}
    assert newest(store, "iceberg:2") == (CUSTOMERS, 0)


def test_a_table_that_had_the_name_before_is_still_bound_to_its_policies(
    store: Store, world: World
) -> None:
    """Dropped, and perhaps brought back one day: its policies are where they went."""
    know(store, "iceberg:dropped", CUSTOMERS)
    know(store, "iceberg:2", CUSTOMERS)
    tell(store, CUSTOMERS, "lake.crm.clients", identity="iceberg:2")
    carry_out_moves(store)
    assert newest(store, "iceberg:dropped")[0] == "lake.crm.clients"


def test_a_move_that_was_told_twice_is_made_once(store: Store, world: World) -> None:
    world.policies.mask(CUSTOMERS, "email", "redact", to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    tell(store, CUSTOMERS, "lake.crm.clients", identity="iceberg:1")
    tell(store, CUSTOMERS, "lake.crm.stale", identity="iceberg:1")
    assert carry_out_moves(store) == 1
    assert not has_moves(store)
    assert len(world.policies.list()) == 1


def test_a_rename_that_began_and_never_ended_protects_both_names(
    store: Store, world: World
) -> None:
    world.policies.mask(CUSTOMERS, "email", "redact", to="ana")
    tell(store, CUSTOMERS, "lake.crm.clients", state="begun")
    assert carry_out_moves(store) == 0
    assert has_moves(store)
    tell(store, CUSTOMERS, "lake.crm.others", state="begun", age=timedelta(minutes=2))
    carry_out_moves(store)
    assert kinds(world, CUSTOMERS) == kinds(world, "lake.crm.others") == {"mask"}


def test_sql_that_cannot_be_changed_leaves_the_move_for_later(
    store: Store, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    predicate = "region IN (SELECT region FROM lake.sales.orders)"
    filter_ = world.policies.filter_rows(CUSTOMERS, predicate, to="ana")
    know(store, "iceberg:1", CUSTOMERS)
    tell(store, CUSTOMERS, CUSTOMERS, identity="iceberg:1", columns=COLUMNS | {"3": "area"})
    stuck: set[str] = set()
    for _ in range(2):
        assert carry_out_moves(store, stuck=stuck) == 0
    assert has_moves(store)
    (told,) = caplog.messages
    assert told.startswith(f"Columns of `{CUSTOMERS}` were renamed (`region` to `area`), and ")
    world.policies.delete(filter_.id)
    assert carry_out_moves(store) == 1
