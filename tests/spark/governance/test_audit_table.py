"""`lake.system.audit`: the audit trail in SQL, for auditors, and for nobody to change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException

import iomete
from iomete.errors import InvalidNameError, QueryError, TableNotFoundError
from iomete.governance.audit.lines import KEY_CHARACTERS
from spark.governance.conftest import Newcomer
from support.audit import event, spool_file
from support.scripts import RunScript

AUDIT = "lake.system.audit"
MISSING = "TABLE_OR_VIEW_NOT_FOUND"
COLUMNS = [
    "id",
    "time",
    "principal",
    "action",
    "resource",
    "columns",
    "verdict",
    "policies",
    "masks",
    "filters",
    "snapshot",
    "query",
    "session",
    "application",
    "via",
    "reason",
]


@pytest.fixture
def auditor(lake: iomete.Lakehouse, newcomer: Newcomer) -> iomete.Lakehouse:
    if "auditor" not in {role.name for role in lake.principals.roles()}:
        lake.principals.add_role("auditor")
    return lake.as_principal(newcomer(roles=["auditor"]))


@pytest.fixture
def caches(lake: iomete.Lakehouse) -> Iterator[None]:
    yield
    lake.spark.catalog.clearCache()


def refused(lake: iomete.Lakehouse, statement: str) -> str | None:
    with pytest.raises(QueryError) as caught:
        lake.sql(statement).collect()
    return caught.value.condition


def test_rows_are_the_events_with_types(
    lake: iomete.Lakehouse, auditor: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    grant = lake.policies.grant("select", on=people, to=name)
    lake.policies.mask(people, "ssn", "redact", to=name)
    rows = lake.policies.filter_rows(people, "region = 'EU'", to=name)
    lake.as_principal(name).sql(f"SELECT id, ssn FROM {people}").collect()
    (told,) = lake.audit.events(principal=name)
    found = auditor.sql(f"SELECT * FROM {AUDIT} WHERE principal = :name", name=name)
    assert found.columns == COLUMNS
    (row,) = found.collect()
    assert (row.id, row.action, row.resource, row.verdict) == (told.id, "select", people, "allowed")
    assert row.time.astimezone(UTC) == told.time
    assert set(row["columns"]) == set(told.columns or ()) >= {"id", "ssn"}
    assert (row.policies, row.filters) == ([grant.id], [rows.id])
    assert (row.masks, row.via, row.reason) == ({"ssn": "MASK"}, [], None)
    assert (row.snapshot, row.query, row.session) == (told.snapshot, told.query, told.session)


def test_for_others_it_does_not_exist(
    lake: iomete.Lakehouse, newcomer: Newcomer, namespace: str
) -> None:
    name = newcomer()
    lake.policies.grant("all", on="lake", to=name)
    other = lake.as_principal(name)
    for statement in (
        f"SELECT * FROM {AUDIT}",
        "SELECT * FROM system.audit",
        f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {AUDIT})",
        f"WITH a AS (SELECT * FROM {AUDIT}) SELECT count(*) FROM a",
        f"DESCRIBE {AUDIT}",
        f"INSERT INTO {AUDIT} VALUES (1)",
        f"DELETE FROM {AUDIT}",
        f"CACHE TABLE {AUDIT}",
        f"CREATE TEMPORARY VIEW mine AS SELECT * FROM {AUDIT}",
    ):
        assert refused(other, statement) == MISSING, statement
    with pytest.raises(AnalysisException, match=MISSING):
        other.spark.table(AUDIT)  # its schema, too
    assert not other.catalog.table_exists(AUDIT)
    with pytest.raises(TableNotFoundError):
        other.catalog.load_table(AUDIT)
    denied = lake.audit.events(principal=name, resource=AUDIT)
    assert denied
    assert {event.verdict for event in denied} == {"denied"}


def test_reading_it_leaves_an_event(lake: iomete.Lakehouse, auditor: iomete.Lakehouse) -> None:
    auditor.sql(f"SELECT count(*) FROM {AUDIT} WHERE action = 'select'").collect()
    (read,) = lake.audit.events(principal=auditor.principal)
    assert (read.action, read.resource, read.columns) == ("select", AUDIT, ("action",))


@pytest.mark.parametrize(
    ("statement", "condition"),
    [
        (f"INSERT INTO {AUDIT} SELECT * FROM {AUDIT}", "IOMETE_ACCESS_DENIED.ACTION"),
        (f"INSERT OVERWRITE {AUDIT} SELECT * FROM {AUDIT}", "IOMETE_ACCESS_DENIED.ACTION"),
        (f"DELETE FROM {AUDIT}", "IOMETE_ACCESS_DENIED.ACTION"),
        (f"UPDATE {AUDIT} SET principal = 'x'", "IOMETE_ACCESS_DENIED.ACTION"),
        (
            f"MERGE INTO {AUDIT} t USING (SELECT 'a' p) s ON t.id = s.p WHEN MATCHED THEN DELETE",
            "IOMETE_ACCESS_DENIED.ACTION",
        ),
        (f"DROP TABLE {AUDIT}", "IOMETE_RESERVED_NAME"),
        (f"DROP TABLE IF EXISTS {AUDIT}", "IOMETE_RESERVED_NAME"),
        (f"CREATE TABLE {AUDIT} (id INT)", "IOMETE_RESERVED_NAME"),
        (f"CREATE OR REPLACE TABLE {AUDIT} AS SELECT 1 AS id", "IOMETE_RESERVED_NAME"),
        (f"CREATE VIEW {AUDIT} AS SELECT 1 AS id", "IOMETE_RESERVED_NAME"),
        ("CREATE TABLE lake.system.below.t AS SELECT 1 AS id", "IOMETE_RESERVED_NAME"),
        ("CREATE NAMESPACE lake.system", "IOMETE_RESERVED_NAME"),
        (f"ALTER TABLE {AUDIT} ADD COLUMN x INT", MISSING),
        (f"ALTER TABLE {AUDIT} RENAME TO lake.n.x", MISSING),
        (f"TRUNCATE TABLE {AUDIT}", MISSING),
    ],
)
def test_nobody_changes_it_admins_neither(
    lake: iomete.Lakehouse, auditor: iomete.Lakehouse, statement: str, condition: str
) -> None:
    before = lake.sql(f"SELECT count(*) AS n FROM {AUDIT}").first().n
    for who in (lake, auditor):
        assert refused(who, statement) == condition
    assert lake.sql(f"SELECT count(*) AS n FROM {AUDIT}").first().n >= before


def test_no_other_way_to_put_something_there(
    lake: iomete.Lakehouse, people: str, namespace: str
) -> None:
    rows = lake.table(people)
    lake.sql(f"CREATE VIEW {namespace}.seen AS SELECT 1 AS id")
    for write in (
        lambda: rows.write.saveAsTable(f"{AUDIT}_2"),
        lambda: rows.writeTo("lake.system.mine").create(),
        lambda: lake.spark.sql(f"ALTER TABLE {people} RENAME TO lake.system.people"),
        lambda: lake.spark.sql(f"ALTER TABLE {people} RENAME TO system.people"),
        lambda: lake.spark.sql(f"ALTER VIEW {namespace}.seen RENAME TO lake.system.seen"),
    ):
        with pytest.raises(AnalysisException, match="IOMETE_RESERVED_NAME"):
            write()
    with pytest.raises(InvalidNameError, match="platform's own"):
        lake.catalog.create_namespace("lake.system.mine")


def test_a_view_of_it_is_read_with_its_creators_rights(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    view = f"{namespace}.reads"
    lake.sql(f"CREATE VIEW {view} AS SELECT principal, resource FROM {AUDIT}")
    name = newcomer()
    assert refused(lake.as_principal(name), f"SELECT * FROM {view}") == MISSING
    lake.policies.grant("select", on=view, to=name)
    assert lake.as_principal(name).table(view).columns == ["principal", "resource"]
    assert lake.as_principal(name).table(view).count() > 0


def test_what_one_has_cached_hides_nothing_from_others(
    lake: iomete.Lakehouse, auditor: iomete.Lakehouse, people: str, newcomer: Newcomer, caches: None
) -> None:
    name = newcomer()
    count = f"SELECT count(*) AS n FROM {AUDIT} WHERE principal = '{name}'"
    auditor.sql(f"CACHE TABLE {AUDIT}")
    auditor.sql(count).cache().count()
    with pytest.raises(QueryError):
        lake.as_principal(name).table(people)
    lake.audit.ingest()
    assert lake.sql(count).first().n == 1
    assert auditor.sql(count).first().n == 1


LONG = "lake.n.`" + "ü" * KEY_CHARACTERS + "`"


@pytest.fixture(scope="module")
def odd_events(lake: iomete.Lakehouse) -> list[dict[str, object]]:
    """Events whose texts and times are unlike others, in the store."""
    moments = ["2001-01-01T00:00:00.000001Z", "2001-01-01T00:00:00.000002Z", "1999-12-31T23:59:59Z"]
    texts = ["odd\\path", "odd\0nul", "odd%_'", LONG, LONG + "x", "odd [x", "odd~", "odd/a", "odd"]
    found = [
        event(id=f"odd-{n}", time=moments[n % 3], resource=text, action="read", principal=text[:9])
        for n, text in enumerate(texts)
    ]
    lines = "".join(json.dumps(one) + "\n" for one in found)
    spool_file(lake.folder / "spool", driver="odd").write_text(lines)
    lake.audit.ingest()
    return found


@pytest.mark.parametrize(
    ("condition", "fate"),
    [
        ("resource = r'odd\\path'", "pushed"),
        ("resource = 'odd\\0nul'", "pushed"),
        ("resource <=> 'odd%_\\''", "pushed"),
        (f"resource = '{LONG}'", "pushed"),
        (f"resource = '{LONG}x' OR resource = 'odd'", "pushed"),
        ("resource IN ('odd', 'odd~', 'nothing')", "pushed"),
        ("resource LIKE 'odd%'", "pushed"),
        ("resource LIKE 'odd/%'", "pushed"),
        ("resource LIKE 'odd [%'", "kept"),
        ("startswith(resource, 'odd~')", "kept"),
        (f"startswith(resource, '{LONG}x')", "pushed"),
        ("time = TIMESTAMP '2001-01-01 00:00:00.000001Z'", "pushed"),
        ("time > TIMESTAMP '2001-01-01 00:00:00.000001Z'", "pushed"),
        ("time <= TIMESTAMP '1999-12-31 23:59:59Z'", "pushed"),
        ("time < TIMESTAMP '12000-01-01 00:00:00Z'", "kept"),
        ("time >= TIMESTAMP '2000-01-01 00:00:00Z' AND principal IN ('odd', 'odd~')", "pushed"),
        ("NOT (resource = 'odd')", "kept"),
        ("get(columns, 0) = 'id'", "kept"),
        ("size(masks) = 1 AND verdict = 'allowed'", "pushed"),
    ],
)
def test_conditions_choose_the_same_rows_wherever_they_are_evaluated(
    lake: iomete.Lakehouse, odd_events: list[dict[str, object]], condition: str, fate: str
) -> None:
    odd = f"SELECT id FROM {AUDIT} WHERE {condition}"
    read = lake.sql(odd)
    ids = {row.id for row in read.collect() if row.id.startswith("odd-")}
    copied = lake.sql(f"SELECT * FROM {AUDIT}").localCheckpoint()
    of_copy = copied.where(f"({condition}) AND id LIKE 'odd-%'").select("id")
    assert ids == {row.id for row in of_copy.collect()}
    scan = read._jdf.queryExecution().optimizedPlan().collectLeaves().head()
    conditions = scan.scan().conditions()
    assert conditions.nonEmpty() == (fate == "pushed"), conditions.toString()


def test_few_rows_and_columns_are_read_for_few(lake: iomete.Lakehouse) -> None:
    few = lake.sql(f"SELECT principal FROM {AUDIT} LIMIT 3")
    assert few.count() == 3
    scan = few._jdf.queryExecution().optimizedPlan().collectLeaves().head().scan()
    assert scan.readSchema().simpleString() == "struct<principal:string>"
    assert scan.limit().get() == 3


def test_events_come_by_themselves(tmp_path: Path, run_script: RunScript) -> None:
    script = f"""
import time
import iomete

folder = {str(tmp_path / "lakehouse")!r}
lake = iomete.connect(folder, master="local[1]", audit={{"ingest_seconds": 0.2}})
lake.sql("CREATE NAMESPACE lake.n")
lake.sql("CREATE TABLE lake.n.t AS SELECT 1 AS id")
lake.table("lake.n.t").collect()
until = time.monotonic() + 20
where = "resource = 'lake.n.t' AND action = 'select'"
query = "SELECT count(*) AS n FROM lake.system.audit WHERE " + where
while lake.sql(query).first().n == 0:
    assert time.monotonic() < until
lake.table("lake.n.t").collect()
lake.close()
lake = iomete.connect(folder, master="local[1]")
print(lake.sql(query).first().n)
"""
    assert run_script(script).stdout.splitlines()[-1] == "2"


def test_events_are_kept_for_as_long_as_is_set(tmp_path: Path, run_script: RunScript) -> None:
    folder = tmp_path / "lakehouse"
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    script = f"""
import json, time
from pathlib import Path
import iomete
from support.audit import line, spool_file

(Path({str(folder)!r}) / "spool").mkdir(parents=True)
spool_file(Path({str(folder)!r}) / "spool").write_bytes(line(1, time={old!r}))
lake = iomete.connect(
    {str(folder)!r}, master="local[1]", audit={{"ingest_seconds": 0.2, "retention_days": 7}}
)
until = time.monotonic() + 20
while not (found := lake.audit.events(action="expire")):
    assert time.monotonic() < until
print(json.dumps([found[0].principal, found[0].resource, lake.audit.events(principal="alice")]))
"""
    tests = str(Path(__file__).parents[2])
    said = run_script(script, PYTHONPATH=tests).stdout.splitlines()[-1]
    assert json.loads(said) == ["{system}", AUDIT, []]


def test_it_is_read_from_postgresql_too(
    tmp_path: Path, postgres_url: str, run_script: RunScript
) -> None:
    script = f"""
import json
import iomete

lake = iomete.connect(
    {str(tmp_path / "lakehouse")!r}, master="local[1]", store={{"url": {postgres_url!r}}}
)
lake.sql("CREATE NAMESPACE lake.n")
lake.sql("CREATE TABLE lake.n.t AS SELECT 1 AS id")
lake.table("lake.n.t").collect()
lake.audit.ingest()
query = "SELECT principal, columns, time FROM lake.system.audit WHERE resource LIKE 'lake.n.t%' "
rows = lake.sql(query + "AND time > now() - INTERVAL 1 HOUR AND action = 'select'").collect()
told = lake.audit.events(resource="lake.n.t", action="select")
print(json.dumps([[row["columns"] for row in rows], [event.columns for event in told]]))
"""
    columns, told = json.loads(run_script(script).stdout.splitlines()[-1])
    assert columns == told == [["id"]]
