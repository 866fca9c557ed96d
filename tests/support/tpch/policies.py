"""What three principals may see, each rule said twice: to iomete, and to Python."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from support.tpch import masks
from support.tpch.data import Data, Row
from support.tpch.masks import Mask

Keeps = Callable[[Row, Data], bool]

PRINCIPALS = ("tpch_ada", "tpch_ben", "tpch_cyd")
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "tpch_ada": {"not_region": "AFRICA", "since": "1992-06-01"},
    "tpch_ben": {"level": 8},
    "tpch_cyd": {"segment": "MACHINERY"},
}


@dataclass(frozen=True)
class Rules:
    """How one principal sees one table. A mask is on a column, or on a path into its structs."""

    filter: str | None = None  # names of tables in braces
    keeps: Keeps = lambda _row, _data: True
    masks: dict[str, Mask] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    def applied(self, rows: list[Row], data: Data) -> list[Row]:
        return [self._shown(row) for row in rows if self.keeps(row, data)]

    def _shown(self, row: Row) -> Row:
        shown = {name: value for name, value in row.items() if name not in self.hidden}
        for path, mask in self.masks.items():
            column, *fields = path.split(".")
            shown[column] = _masked(shown[column], fields, mask, row)
        return shown


def _masked(value: Any, fields: list[str], mask: Mask, row: Row) -> Any:
    if not fields:
        return mask.of(value, row)
    if value is None:
        return None
    if isinstance(value, list):
        return [_masked(element, fields, mask, row) for element in value]
    return value | {fields[0]: _masked(value[fields[0]], fields[1:], mask, row)}


def rules_of(principal: str, hash_key: bytes) -> dict[str, Rules]:
    """Return the rules of a principal by table; a table without is seen as it is."""
    return {"tpch_ada": _ada, "tpch_ben": _ben, "tpch_cyd": _cyd}[principal](hash_key)


def _ada(key: bytes) -> dict[str, Rules]:
    return {
        "customer": Rules(
            filter="c_mktsegment <> 'MACHINERY' AND c_nationkey IN"
            " (SELECT n_nationkey FROM {nation} JOIN {region} ON n_regionkey = r_regionkey"
            " WHERE r_name <> ${{{{USER.not_region}}}})",
            keeps=_is_in_regions_of_ada,
            masks={
                "c_name": masks.redact(),
                "c_phone": masks.last(4),
                "c_address": masks.hashed(key),
                "c_acctbal": masks.rounded(-2),
                "c_comment": masks.nullify(),
                "c_score": masks.rounded(1),
                "c_contact.email": masks.redact(),
                "c_contact.address.city": masks.constant("somewhere", "somewhere"),
            },
        ),
        "orders": Rules(
            filter="o_orderdate >= CAST('${{{{USER.since}}}}' AS DATE)"
            " AND o_orderdate < DATE'1998-06-01'",
            keeps=lambda row, _: dt.date(1992, 6, 1) <= row["o_orderdate"] < dt.date(1998, 6, 1),
            masks={
                "o_clerk": masks.constant("nobody", "nobody"),
                "o_totalprice": masks.rounded(0),
                "o_placed_at": masks.year(),
                "o_tags": masks.redact(),
            },
        ),
        "lineitem": Rules(
            filter="l_shipmode RLIKE '^(RAIL|SHIP|TRUCK|MAIL|FOB)'",
            keeps=lambda row, _: bool(re.match("RAIL|SHIP|TRUCK|MAIL|FOB", row["l_shipmode"])),
            masks={"l_comment": masks.redact(), "l_receiptdate": masks.unfit("hash")},
        ),
        "part": Rules(
            masks={
                "p_name": masks.redact(),
                "p_retailprice": masks.nullify(),
                "p_brand": masks.constant("Brand#12", "Brand#12"),
                "p_comment": masks.custom(
                    "concat(left({col}, 3), p_size)", lambda r: f"{r['p_comment'][:3]}{r['p_size']}"
                ),
            }
        ),
        "supplier": Rules(masks={"s_acctbal": masks.rounded(-3), "s_phone": masks.first(4)}),
        "partsupp": Rules(
            filter="ps_availqty > 100 AND 100 / (ps_availqty % 50) < 60",
            keeps=lambda row, _: (
                row["ps_availqty"] > 100
                and row["ps_availqty"] % 50 != 0
                and 100 / (row["ps_availqty"] % 50) < 60
            ),
            masks={"ps_comment": masks.last(10)},
        ),
    }


def _is_in_regions_of_ada(row: Row, data: Data) -> bool:
    regions = {r["r_regionkey"]: r["r_name"] for r in data["region"]}
    nations = {n["n_nationkey"]: regions[n["n_regionkey"]] for n in data["nation"]}
    kept = nations[row["c_nationkey"]] != ATTRIBUTES["tpch_ada"]["not_region"]
    return bool(kept and row["c_mktsegment"] != "MACHINERY")


def _ben(key: bytes) -> dict[str, Rules]:
    return {
        "customer": Rules(
            filter="c_mktsegment IN ('BUILDING', 'AUTOMOBILE', 'HOUSEHOLD')"
            " AND c_custkey % 10 < ${{{{USER.level}}}}",
            keeps=lambda row, _: (
                row["c_mktsegment"] in ("BUILDING", "AUTOMOBILE", "HOUSEHOLD")
                and row["c_custkey"] % 10 < ATTRIBUTES["tpch_ben"]["level"]
            ),
            masks={
                "c_custkey": masks.hashed(key),
                "c_ref": masks.custom("CAST(CAST({col} AS INT) + 1 AS STRING)", _plus_one),
                "c_score": masks.nullify(),
                "c_contact": masks.redact(),
            },
        ),
        "orders": Rules(
            filter="o_custkey IN (SELECT c_custkey FROM {customer} WHERE c_mktsegment LIKE '%B%')"
            " OR o_orderstatus = 'F'",
            keeps=_is_order_of_ben,
            masks={
                "o_custkey": masks.hashed(key),
                "o_comment": masks.first(12),
                "o_orderdate": masks.year(),
                "o_orderpriority": masks.custom(
                    "CASE WHEN {col} LIKE '1%' THEN {col} ELSE o_orderstatus END",
                    lambda r: r[
                        "o_orderpriority" if r["o_orderpriority"][0] == "1" else "o_orderstatus"
                    ],
                ),
                "o_parcels.sku": masks.last(2),
            },
        ),
        "lineitem": Rules(
            filter="l_shipmode NOT LIKE '%AIR%' AND l_quantity < 45",
            keeps=lambda row, _: "AIR" not in row["l_shipmode"] and row["l_quantity"] < 45,
            masks={
                "l_discount": masks.constant("0.05", Decimal("0.05")),
                "l_shipdate": masks.year(),
                "l_linenumber": masks.rounded(-1),
            },
        ),
        "part": Rules(
            filter="p_size > 3",
            keeps=lambda row, _: row["p_size"] > 3,
            masks={
                "p_code": masks.custom("CAST(100 / (CAST({col} AS INT) - 3) AS INT)", _hundredth),
                "p_type": masks.custom(
                    "upper(reverse({col}))", lambda r: r["p_type"][::-1].upper()
                ),
            },
        ),
        "supplier": Rules(
            filter="s_comment NOT RLIKE 'Customer.*Complaints' AND s_suppkey <> 7",
            keeps=lambda row, _: (
                not re.search("Customer.*Complaints", row["s_comment"]) and row["s_suppkey"] != 7
            ),
            masks={"s_address": masks.hashed(key), "s_name": masks.last(3)},
        ),
        "partsupp": Rules(
            masks={
                "ps_supplycost": masks.custom("{col} * 2", lambda r: r["ps_supplycost"] * 2),
                "ps_availqty": masks.rounded(-2),
            }
        ),
    }


def _is_order_of_ben(row: Row, data: Data) -> bool:
    segments = {c["c_custkey"]: c["c_mktsegment"] for c in data["customer"]}
    return "B" in segments[row["o_custkey"]] or row["o_orderstatus"] == "F"


def _plus_one(row: Row) -> str | None:
    return None if row["c_ref"] is None else str(int(row["c_ref"]) + 1)


def _hundredth(row: Row) -> str | None:
    divisor = int(row["p_code"]) - 3
    return str(int(100 / divisor)) if divisor else None


def _cyd(key: bytes) -> dict[str, Rules]:
    return {
        "customer": Rules(
            filter="c_mktsegment <> ${{{{USER.segment}}}} AND CAST(c_ref AS BIGINT) % 3 <> 1",
            keeps=lambda row, _: (
                row["c_mktsegment"] != ATTRIBUTES["tpch_cyd"]["segment"]
                and row["c_ref"] is not None
                and int(row["c_ref"]) % 3 != 1
            ),
            masks={"c_name": masks.hashed(key), "c_contact.phone": masks.nullify()},
            hidden=frozenset({"c_acctbal", "c_comment", "c_phone"}),
        ),
        "orders": Rules(
            filter="o_placed_at < TIMESTAMP'1998-02-01 00:00:00Z' AND"
            " (size(o_tags) > 0 OR o_tags IS NULL)",
            keeps=lambda row, _: (
                row["o_placed_at"] < dt.datetime(1998, 2, 1, tzinfo=dt.UTC)
                and (row["o_tags"] is None or len(row["o_tags"]) > 0)
            ),
            masks={"o_clerk": masks.redact()},
            hidden=frozenset({"o_shippriority"}),
        ),
        "lineitem": Rules(
            filter="l_shipmode NOT LIKE '%AIR' AND l_shipdate BETWEEN DATE'1992-03-01' AND"
            " DATE'1998-10-01'",
            keeps=lambda row, _: (
                not row["l_shipmode"].endswith("AIR")
                and dt.date(1992, 3, 1) <= row["l_shipdate"] <= dt.date(1998, 10, 1)
            ),
            masks={"l_extendedprice": masks.rounded(-1), "l_commitdate": masks.year()},
            hidden=frozenset({"l_tax"}),
        ),
        "part": Rules(masks={"p_container": masks.first(2)}, hidden=frozenset({"p_retailprice"})),
        "supplier": Rules(masks={"s_phone": masks.redact(tag="TPCH.PHONE")}),
        "partsupp": Rules(
            filter="EXISTS (SELECT 1 FROM {part} WHERE p_partkey = ps_partkey AND p_size > 5)",
            keeps=_is_offer_of_cyd,
            hidden=frozenset({"ps_comment"}),
        ),
    }


def _is_offer_of_cyd(row: Row, data: Data) -> bool:
    return bool(data["part"][row["ps_partkey"] - 1]["p_size"] > 5)
