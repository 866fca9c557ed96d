from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iomete.access import Principal
from iomete.catalog.owners import Owners
from iomete.catalog.tags import Tags
from iomete.governance import Administration, Policies, Principals, Publisher
from iomete.store import Store
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from collections.abc import Iterator, Sequence


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

    def check_filter(self, table: str, predicate: str, /) -> str | None:  # noqa: ARG002
        return "it can't be parsed" if "(" in predicate and ")" not in predicate else None

    def check_mask(
        self, table: str, column: str, mask_type: str, value: str | None, /
    ) -> str | None:
        return "the expression can't be parsed" if value == "upper({col}" else None


class World:
    """A lakehouse's governance without Spark, as its first admin."""

    def __init__(self, root: Path, store: Store) -> None:
        self.store = store
        self.publisher = Publisher(store, root / "policies")
        self.tables = Tables()
        self.admin = store.identity().created_by
        self.act_as(self.admin)

    def act_as(self, name: str) -> World:
        self.administration = Administration(self.store, Principal(name), self.publisher)
        self.principals = Principals(self.administration)
        self.policies = Policies(self.administration, self.tables)
        self.tags = Tags(self.administration, self.tables)
        self.owners = Owners(self.administration, self.tables)
        return self


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path, store: Store) -> World:
    return World(tmp_path, store)
