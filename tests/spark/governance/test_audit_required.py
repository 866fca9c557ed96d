"""Where auditing is required, what can't be recorded isn't done."""

from __future__ import annotations

import json
from pathlib import Path

from support.scripts import RunScript

TESTS = str(Path(__file__).parents[2])

OPENED = """
import json
from pathlib import Path
from pyspark.errors import PySparkException
import iomete
from iomete.errors import AuditUnavailableError, IometeError, QueryError

folder = Path({folder!r})
lake = iomete.connect(folder, master="local[1]", audit={{"required": {required}}})
lake.sql("CREATE NAMESPACE lake.n")
lake.sql("CREATE TABLE lake.n.t AS SELECT 1 AS id")
lake.principals.add_user("ana")
ana = lake.as_principal("ana")
kept = lake.table("lake.n.t")
kept.collect()

def outcome(do):
    try:
        do()
    except QueryError as error:
        return error.condition
    except PySparkException as error:
        return error.getCondition()
    except IometeError as error:
        return type(error).__name__
    return "done"

def block():
    (folder / "spool").rename(folder / "away")
    (folder / "spool").write_text("in the way")

def unblock():
    (folder / "spool").unlink()
    (folder / "away").rename(folder / "spool")
"""

DOINGS = """
doings = {
    "query": lambda: lake.sql("SELECT * FROM lake.n.t").collect(),
    "again": kept.collect,
    "to a table": lambda: lake.sql("CREATE TABLE lake.n.u AS SELECT * FROM lake.n.t"),
    "refusal": lambda: ana.sql("SELECT * FROM lake.n.t"),
    "load": lambda: lake.catalog.load_table("lake.n.t"),
    "user": lambda: lake.principals.add_user("bob"),
    "refused user": lambda: ana.principals.add_user("eve"),
    "policy": lambda: lake.policies.grant("select", on="lake.n.t", to="ana"),
    "impersonation": lambda: lake.as_principal("ana"),
    "namespace": lambda: lake.catalog.create_namespace("lake.m"),
}
block()
blocked = {name: outcome(do) for name, do in doings.items()}
left = [lake.catalog.table_exists("lake.n.u"), lake.catalog.namespace_exists("lake.m")]
left += [len(lake.principals.users()), len(lake.policies.list())]
unblock()
after = {name: outcome(do) for name, do in doings.items()}
print(json.dumps([blocked, left, after]))
"""

AFTER = {
    "query": "done",
    "again": "done",
    "to a table": "done",
    "refusal": "TABLE_OR_VIEW_NOT_FOUND",
    "load": "done",
    "user": "done",
    "refused user": "AccessDeniedError",
    "policy": "done",
    "impersonation": "done",
    "namespace": "done",
}


def test_what_can_not_be_recorded_is_not_done_and_is_once_it_can(
    tmp_path: Path, run_script: RunScript
) -> None:
    script = OPENED.format(folder=str(tmp_path / "lakehouse"), required=True) + DOINGS
    blocked, left, after = json.loads(run_script(script).stdout.splitlines()[-1])
    assert blocked == {
        "query": "IOMETE_AUDIT_FAILED",
        "again": "IOMETE_AUDIT_FAILED",
        "to a table": "IOMETE_AUDIT_FAILED",
        "refusal": "IOMETE_AUDIT_FAILED",
        "load": "AuditUnavailableError",
        "user": "AuditUnavailableError",
        "refused user": "AuditUnavailableError",
        "policy": "AuditUnavailableError",
        "impersonation": "AuditUnavailableError",
        "namespace": "AuditUnavailableError",
    }
    assert left == [False, False, 2, 0]
    assert after == AFTER


def test_where_it_is_not_required_work_goes_on(tmp_path: Path, run_script: RunScript) -> None:
    script = OPENED.format(folder=str(tmp_path / "lakehouse"), required=False)
    script += DOINGS
    done, left, _ = json.loads(run_script(script).stdout.splitlines()[-1])
    assert done == AFTER
    assert left == [True, True, 3, 1]


def test_a_stream_stops_at_the_batch_that_can_not_be_recorded(
    tmp_path: Path, run_script: RunScript
) -> None:
    script = OPENED.format(folder=str(tmp_path / "lakehouse"), required=True)
    script += """
import pyarrow as pa
by_others = lake.catalog.iceberg("lake").load_table("n.t")
stream = lake.spark.readStream.table("lake.n.t").writeStream.format("memory").queryName("seen")
query = stream.option("checkpointLocation", str(folder / "c")).start()
query.processAllAvailable()
block()
lake_rows = outcome(lambda: (lake.spark.range(1).write.format("noop").mode("append").save()))
by_others.append(pa.table({"id": pa.array([2], pa.int32())}))
first = outcome(query.processAllAvailable)
alive = query.isActive
cause = "IOMETE_AUDIT_FAILED" in str(query.exception())
unblock()
query = stream.option("checkpointLocation", str(folder / "c2")).queryName("later").start()
query.processAllAvailable()
print(json.dumps([first, alive, cause, lake.table("later").count()]))
"""
    first, alive, cause, rows = json.loads(run_script(script).stdout.splitlines()[-1])
    assert first != "done"
    assert (alive, cause, rows) == (False, True, 2)


def test_opening_with_a_spool_that_can_not_be_written_fails(
    tmp_path: Path, run_script: RunScript
) -> None:
    script = f"""
from pathlib import Path
import iomete
from iomete.errors import EngineError

folder = Path({str(tmp_path / "lakehouse")!r})
folder.mkdir()
(folder / "spool").write_text("in the way")
try:
    iomete.connect(folder, master="local[1]", audit={{"required": True}})
except (EngineError, OSError) as error:
    print(type(error).__name__, error)
"""
    assert "spool" in run_script(script).stdout.splitlines()[-1]
