"""The two worlds in one lakehouse: what is governed, and each principal's copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

import iomete
from iomete.governance import hash_key
from support.tpch.configurations import CONFIGURATIONS, configured
from support.tpch.data import TABLES, Tpch
from support.tpch.outcome import Outcome, disagreement, outcome_of
from support.tpch.policies import ATTRIBUTES, PRINCIPALS, Rules, rules_of

Names = dict[str, str]

DELTA = {"orders", "supplier"}
UNRESTRICTED = {"nation", "region"}  # for everyone: they need no copy
PARTITIONS = {"lineitem": "l_shipmode", "orders": "o_orderstatus"}

# Of the same length, so that advice by edit distance is the same, too.
GOVERNED = "tpch_g"
COPIES = dict(zip(PRINCIPALS, ("tpch_a", "tpch_b", "tpch_c"), strict=True))

# Views select what every principal may see by name; they are of the catalogs' two kinds.
VIEWS = {
    "purchases": (
        "lake",
        """SELECT c_custkey, c_name, c_mktsegment, c_ref, c_contact, o_orderkey, o_orderdate,
        o_totalprice, o_clerk FROM {customer} JOIN {orders} ON c_custkey = o_custkey""",
    ),
    "offers": (
        "spark_catalog",
        """SELECT p_partkey, p_name, p_type, p_code, max(s_phone) AS phone, count(*) AS suppliers,
        min(ps_supplycost) AS least FROM {part} LEFT JOIN {partsupp} ON ps_partkey = p_partkey
        LEFT JOIN {supplier} ON s_suppkey = ps_suppkey GROUP BY ALL""",
    ),
}


@dataclass
class World:
    """Sessions of the principals, and what the tables are called on either side."""

    sessions: dict[str, SparkSession]

    def compare(
        self,
        principal: str,
        query: Callable[[SparkSession, Names], DataFrame],
        configuration: int = 0,
    ) -> tuple[Outcome, Outcome]:
        """Run a query on what is governed, and on the copy; return both outcomes."""
        spark = self.sessions[principal]
        with configured(spark, CONFIGURATIONS[configuration]):
            return (
                outcome_of(lambda: query(spark, names_of(GOVERNED))),
                outcome_of(lambda: query(spark, names_of(COPIES[principal]))),
            )

    def compare_sql(self, principal: str, statement: str) -> tuple[Outcome, Outcome]:
        return self.compare(principal, lambda spark, names: spark.sql(statement.format(**names)))

    def disagreement(
        self, principal: str, described: str, outcomes: tuple[Outcome, Outcome]
    ) -> str | None:
        """Report how two outcomes of a query differ; None if they don't."""
        difference = disagreement(*outcomes)
        if difference is None:
            return None
        governed, copied = outcomes
        return (
            f"{principal}: {difference}\n  query: {described}\n"
            f"  governed: {governed}\n  copy: {copied}"
        )


def names_of(namespace: str) -> Names:
    """Return full names by the names that queries use."""
    tables = {
        name: f"{'spark_catalog' if name in DELTA else 'lake'}"
        f".{GOVERNED if name in UNRESTRICTED else namespace}.{name}"
        for name in TABLES
    }
    return tables | {name: f"{catalog}.{namespace}.{name}" for name, (catalog, _) in VIEWS.items()}


def build(lake: iomete.Lakehouse, folder: Path) -> World:
    """Load TPC-H, put the policies in force, and make a copy for each principal.

    Cost: about forty small tables.
    """
    tpch = Tpch(folder)
    key = hash_key(lake._parts.store)
    _load(lake, tpch, GOVERNED, folder, {})
    with lake.policies.batch():
        for principal in PRINCIPALS:
            lake.principals.add_user(principal, attributes=ATTRIBUTES[principal])
            _govern(lake, tpch, principal, rules_of(principal, key))
    for principal, namespace in COPIES.items():
        _load(lake, tpch, namespace, folder, rules_of(principal, key))
        for catalog in ("lake", "spark_catalog"):
            lake.policies.grant("select", on=f"{catalog}.{namespace}", to=principal)
    return World({name: lake.as_principal(name).spark for name in PRINCIPALS})


def _load(
    lake: iomete.Lakehouse, tpch: Tpch, namespace: str, folder: Path, rules: dict[str, Rules]
) -> None:
    for catalog in ("lake", "spark_catalog"):
        lake.sql(f"CREATE NAMESPACE {catalog}.{namespace}")
    names = names_of(namespace)
    for table in TABLES:
        if namespace != GOVERNED and table in UNRESTRICTED:
            continue
        applied = rules.get(table, Rules())
        columns = [c for c in tpch.schemas[table].names if c not in applied.hidden]
        rows = applied.applied(tpch.rows[table], tpch.rows)
        file = folder / f"{namespace}_{table}.parquet"
        tpch.write(table, rows, columns, file)
        partitions = f"PARTITIONED BY ({PARTITIONS[table]})" if table in PARTITIONS else ""
        lake.sql(
            f"CREATE TABLE {names[table]} USING {'delta' if table in DELTA else 'iceberg'}"
            f" {partitions} AS SELECT * FROM parquet.`{file}`"
        )
    for name, (_, body) in VIEWS.items():
        lake.sql(f"CREATE VIEW {names[name]} AS {body.format(**names)}")


def _govern(lake: iomete.Lakehouse, tpch: Tpch, principal: str, rules: dict[str, Rules]) -> None:
    names = names_of(GOVERNED)
    for view in VIEWS:
        lake.policies.grant("select", on=names[view], to=principal)
    for table in TABLES:
        rule = rules.get(table, Rules())
        visible = [c for c in tpch.schemas[table].names if c not in rule.hidden]
        lake.policies.grant(
            "select", on=names[table], columns=visible if rule.hidden else None, to=principal
        )
        if rule.filter is not None:
            lake.policies.filter_rows(names[table], rule.filter.format(**names), to=principal)
        for column, mask in rule.masks.items():
            if mask.tag is None:
                is_field = "." in column
                lake.policies.mask(
                    names[table], column, mask.kind, to=principal, future=is_field, **mask.options
                )
            else:
                lake.tags.define(mask.tag)
                lake.tags.attach(mask.tag, f"{names[table]}.{column}")
                lake.policies.mask_tag(mask.tag, mask.kind, to=principal)
