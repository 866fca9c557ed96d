from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

import iomete

APPEND_FROM_ANOTHER_PROCESS = """
import json, sys
import pyarrow as pa
from pyiceberg.catalog import load_catalog

properties, table, writer, commits = json.loads(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
catalog = load_catalog("lake", **properties)
for number in range(commits):
    row = {"writer": [writer], "number": [number]}
    schema = pa.schema([("writer", pa.int32()), ("number", pa.int32())])
    for attempt in range(50):
        try:
            catalog.load_table(table).append(pa.table(row, schema=schema))
            break
        except Exception as error:  # a concurrent commit won: PyIceberg leaves the retry to us
            if "Commit" not in type(error).__name__:
                raise
    else:
        sys.exit("gave up")
"""


def test_pyiceberg_reads_and_appends_what_spark_wrote(
    lake: iomete.Lakehouse, namespace: str
) -> None:
    lake.sql(f"CREATE TABLE {namespace}.t AS SELECT id, 'spark' AS author FROM range(3)")
    table = lake.catalog.load_table(f"{namespace}.t")
    table.append(pa.table({"id": [3], "author": ["pyiceberg"]}))
    rows = lake.sql(f"SELECT author, count(*) AS n FROM {namespace}.t GROUP BY ALL ORDER BY 1")
    assert [tuple(row) for row in rows.collect()] == [("pyiceberg", 1), ("spark", 3)]


def test_spark_reads_and_changes_what_pyiceberg_made(
    lake: iomete.Lakehouse, namespace: str
) -> None:
    made = lake.catalog.iceberg("lake").create_table(
        (*namespace.split(".")[1:], "made"),
        schema=pa.schema([pa.field("id", pa.int64()), pa.field("name", pa.string())]),
    )
    made.append(pa.table({"id": [1, 2], "name": ["a", "b"]}))
    lake.sql(f"UPDATE {namespace}.made SET name = 'B' WHERE id = 2")
    lake.sql(f"ALTER TABLE {namespace}.made ADD COLUMN added DOUBLE")
    made.refresh()
    assert made.scan().to_arrow().sort_by("id").column("name").to_pylist() == ["a", "B"]
    assert made.schema().find_field("added").field_type == made.schema().find_type("added")


def test_concurrent_writers_of_both_engines_lose_nothing(
    lake: iomete.Lakehouse, namespace: str
) -> None:
    import json

    commits = 12
    table = f"{namespace}.busy"
    lake.sql(f"CREATE TABLE {table} (writer INT, number INT)")
    properties = json.dumps(lake.catalog.pyiceberg_properties("lake"))

    def by_spark(writer: int) -> None:
        for number in range(commits):
            lake.sql(f"INSERT INTO {table} VALUES ({writer}, {number})")

    outside = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                APPEND_FROM_ANOTHER_PROCESS,
                properties,
                table.removeprefix("lake."),
                str(writer),
                str(commits),
            ],
            stderr=subprocess.PIPE,
        )
        for writer in (1, 2)
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(by_spark, (3, 4)))
    for process in outside:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()[-3000:]
    rows = lake.sql(
        f"SELECT writer, count(DISTINCT number) AS n FROM {table} GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows.collect()] == [(writer, commits) for writer in (1, 2, 3, 4)]
