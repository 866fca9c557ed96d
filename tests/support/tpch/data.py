"""TPC-H's tables as plain Python values, with columns added that its own tables have no kind of."""

from __future__ import annotations

import datetime as dt
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Data = dict[str, list[Row]]

SCALE_FACTOR = "0.002"
TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")

# What makes a cast or a division fail is in these rows only, and every row filter hides them.
POISONED_SEGMENT = "MACHINERY"
POISONED_MODES = ("AIR", "REG AIR")

_CONTACT = pa.struct(
    [
        ("email", pa.string()),
        ("phone", pa.string()),
        ("address", pa.struct([("city", pa.string()), ("zip", pa.int32())])),
    ]
)
_ADDED = {
    "customer": {
        "c_ref": pa.string(),
        "c_divisor": pa.int32(),
        "c_score": pa.float64(),
        "c_contact": _CONTACT,
    },
    "orders": {
        "o_placed_at": pa.timestamp("us", tz="UTC"),
        "o_tags": pa.list_(pa.string()),
        "o_parcels": pa.list_(pa.struct([("sku", pa.string()), ("pieces", pa.int32())])),
    },
    "lineitem": {"l_note": pa.string()},
    "part": {"p_code": pa.string()},
}


class Tpch:
    """All rows of all tables, as they are before any policy."""

    def __init__(self, folder: Path) -> None:
        program = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
        subprocess.run(
            [program, "parquet", "-q", "-s", SCALE_FACTOR, "-o", folder], check=True, timeout=120
        )
        self.schemas: dict[str, pa.Schema] = {}
        self.rows: Data = {}
        for table in TABLES:
            read = pq.read_table(folder / f"{table}.parquet")
            added = _ADDED.get(table, {})
            fields = [pa.field(f.name, _plain(f.type)) for f in read.schema]
            fields += [pa.field(name, kind) for name, kind in added.items()]
            self.schemas[table] = pa.schema(fields)
            self.rows[table] = [_extended(table, row) for row in read.to_pylist()]

    def write(self, table: str, rows: list[Row], columns: list[str], path: Path) -> None:
        """Write rows as one Parquet file."""
        schema = pa.schema([self.schemas[table].field(name) for name in columns])
        narrowed = [{name: row[name] for name in columns} for row in rows]
        pq.write_table(pa.Table.from_pylist(narrowed, schema=schema), path)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_string_view(kind) else kind


def _extended(table: str, row: Row) -> Row:
    match table:
        case "customer":
            return row | _of_customer(row["c_custkey"], row)
        case "orders":
            return row | _of_order(row["o_orderkey"], row)
        case "lineitem":
            poisoned = row["l_shipmode"] in POISONED_MODES
            note = None if row["l_linenumber"] == 6 else str(int(row["l_quantity"]))
            return row | {"l_note": "n/a" if poisoned else note}
        case "part":
            return row | {"p_code": str(row["p_partkey"] % 9)}
    return row


def _of_customer(key: int, row: Row) -> Row:
    poisoned = row["c_mktsegment"] == POISONED_SEGMENT
    contact = {
        "email": f"{row['c_name'].lower()}@example.org" if key % 5 else None,
        "phone": row["c_phone"],
        "address": {"city": f"City {key % 12}", "zip": 10000 + key} if key % 4 else None,
    }
    number = None if key % 7 == 0 else str(key * 37)
    score = None if key % 11 == 0 else float("nan") if key % 13 == 0 else key * 0.37
    return {
        "c_ref": f"ref-{key}" if poisoned else number,
        "c_divisor": 0 if poisoned else key % 5 + 1,
        "c_score": score,
        "c_contact": contact if key % 17 else None,
    }


def _of_order(key: int, row: Row) -> Row:
    midnight = dt.datetime.combine(row["o_orderdate"], dt.time(), dt.UTC)
    tags = ["gift", None, row["o_orderpriority"], "Express!"][: key % 5]
    parcels = [{"sku": f"SKU-{key % 10}{n}", "pieces": n} for n in range(key % 3)]
    return {
        "o_placed_at": midnight + dt.timedelta(seconds=key * 7919 % 86400),
        "o_tags": tags if key % 6 else None,
        "o_parcels": [*parcels, None] if key % 8 == 0 else parcels,
    }
