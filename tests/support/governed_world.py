"""The administration of a lakehouse without Spark: what exists is a value."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.access import Principal
from iomete.catalog.governed_names import GovernedTable
from iomete.catalog.owners import Owners
from iomete.catalog.tags import Tags
from iomete.errors import PlanOutdatedError
from iomete.governance import Administration, Policies, Principals, Publisher
from iomete.governance.tables import known_tables
from iomete.store import Store
from support.audit import trail_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

CUSTOMERS_FILE = """\
policies:
  - name: customers
    grant: select
    on: lake.crm.customers
    columns: [id, email]
    to: group:analysts
  - name: emails
    mask: partial
    on: lake.crm.customers
    columns: email
    to: group:analysts
"""
"""A policy file: analysts read two columns of customers, one of them masked."""


@dataclass
class Tables:
    """What exists, as a value: tables by full name, with the types of their columns."""

    tables: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "lake.crm.customers": {
                "id": "bigint",
                "email": "string",
                "region": "string",
                "contact": "struct<email:string,phone:string>",
            },
            "lake.sales.orders": {"id": "bigint", "region": "string", "amount": "decimal(10,2)"},
            "lake.a.b.c": {"x": "int"},
            "spark_catalog.default.events": {"id": "int"},
        }
    )
    asked: list[str] = field(default_factory=list)

    def kind_of(self, parts: Sequence[str], /) -> str | None:
        name = ".".join(parts)
        if name in self.tables:
            return "table"
        if any(table.startswith(f"{name}.") for table in self.tables):
            return "catalog" if len(parts) == 1 else "namespace"
        return None

    def columns(self, table: str, /) -> list[tuple[str, str]] | None:
        self.asked.append(table)
        return list(self.tables[table].items()) if table in self.tables else None

    def list_tables(self) -> list[tuple[str, ...]]:
        return [tuple(name.split(".")) for name in self.tables]

    def columns_of(self, table: Sequence[str], /) -> list[str] | None:
        found = self.columns(".".join(table))
        return None if found is None else [name for name, _ in found]

    def fields_of(self, table: Sequence[str], /) -> list[str]:
        """Return the fields of its structs, which hold no structs themselves."""
        return [
            f"{name}.{field.split(':')[0]}"
            for name, kind in self.columns(".".join(table)) or ()
            if kind.startswith("struct<")
            for field in kind.removeprefix("struct<").removesuffix(">").split(",")
        ]

    def check_filter(self, table: str, predicate: str, /) -> str | None:
        return f"no predicate on {table}" if "(" in predicate and ")" not in predicate else None

    def check_mask(
        self, table: str, column: str, mask_type: str, value: str | None, /
    ) -> str | None:
        broken = value is not None and value.count("(") != value.count(")")
        return f"{mask_type} of {table}.{column} can't be parsed" if broken else None


class World:
    """A lakehouse's governance without Spark, as its first admin."""

    def __init__(self, root: Path, store: Store) -> None:
        self.store = store
        self.spool = root / "spool"
        self.publisher = Publisher(store, root / "policies")
        self.tables = Tables()
        self.admin = store.identity().created_by
        self.act_as(self.admin)

    def act_as(self, name: str) -> World:
        trail = trail_in(self.spool, name)
        self.administration = Administration(
            self.store, Principal(name), self.publisher, trail=trail
        )
        self.principals = Principals(self.administration)
        self.policies = Policies(self.administration, self.tables)
        self.tags = Tags(self.administration, self.tables)
        self.owners = Owners(self.administration, self.tables)
        return self

    def meet_table(
        self,
        full_name: str,
        columns: Mapping[str, str],
        *,
        since: int = 0,
        identity: str = "iceberg:1",
    ) -> None:
        """Record a table in the store as Spark does once it has met it.

        Args:
            full_name: Its name.
            columns: Names of its columns and of fields in them, by their ids.
            since: How many states of it were recorded before.
            identity: What its format calls it for life.
        """
        name = GovernedTable.parse(full_name)
        with self.store.write() as connection:
            connection.execute(
                sa.insert(known_tables).values(
                    identity=identity, since=since, catalog=name.catalog,
                    namespace=name.namespace, table_name=name.table, columns=json.dumps(columns),
                )
            )  # fmt: skip


def add_policies(url: str, root: str, name: str) -> None:
    """Add ten policies; for processes that a test spawns."""
    with Store.open(url) as store:
        world = World(Path(root), store)
        for number in range(10):
            world.policies.grant("select", on="lake.crm", to=world.admin, name=f"{name} {number}")


def apply_plan(url: str, root: str, plan: str, ready: Barrier, results: Queue[str]) -> None:
    """Apply a saved plan at the same time as others; for processes that a test spawns."""
    with Store.open(url) as store:
        policies = World(Path(root), store).policies
        loaded = policies.load_plan(plan)
        ready.wait(60)
        try:
            policies.apply(loaded)
        except PlanOutdatedError:
            results.put("lost")
        else:
            results.put("won")
