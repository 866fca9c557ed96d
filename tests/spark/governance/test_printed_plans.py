"""Plans as text: no policy, no bound, no body of a view for those whom policies apply to."""

from __future__ import annotations

from typing import Any

import pytest

import iomete
from spark.governance.conftest import Newcomer

MODES = ["simple", "extended", "codegen", "cost", "formatted"]
SECRETS = ("region_filter", "EU", "ssn", "score", "warehouse", "sha", "redact", "111-")


@pytest.fixture
def reader(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    name = newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name", "region"], to=name)
    lake.policies.grant("insert", on=f"{people}_copy", to=name, future=True)
    lake.policies.filter_rows(people, "region = 'EU' AND 'region_filter' <> ''", to=name)
    lake.policies.mask(people, "name", "custom", expression="concat({col}, 'custom_mask')", to=name)
    return lake.as_principal(name)


def printed(lake: iomete.Lakehouse, frame: Any, mode: str) -> str:
    jvm: Any = lake.spark._jvm
    return str(jvm.PythonSQLUtils.explainString(frame._jdf.queryExecution(), mode))


def everything(frame: Any) -> str:
    execution = frame._jdf.queryExecution()
    parts = [
        execution.toString(),
        execution.stringWithStats(),
        execution.analyzed().toString(),
        execution.normalized().toString(),
        execution.withCachedData().toString(),
        execution.optimizedPlan().toString(),
        execution.executedPlan().toString(),
        execution.executedPlan().treeString(),
    ]
    return "\n".join(str(part) for part in parts)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM {t}",
        "SELECT count(*) FROM {t} GROUP BY region",
        "SELECT a.id FROM {t} a JOIN {t} b ON a.id = b.id",
        "SELECT (SELECT max(id) FROM {t})",
        "SELECT 1 WHERE 5 IN (SELECT id FROM {t})",
    ],
)
@pytest.mark.parametrize("has_run", [True, False])
def test_explain_prints_no_policy(
    reader: iomete.Lakehouse, people: str, mode: str, query: str, *, has_run: bool
) -> None:
    frame = reader.sql(query.format(t=people))
    if has_run:
        frame.collect()
    shown = printed(reader, frame, mode)
    for secret in (*SECRETS, "custom_mask"):
        assert secret not in shown, shown
    assert "Governed" in shown or mode == "codegen"


def test_no_part_of_an_execution_prints_a_policy(reader: iomete.Lakehouse, people: str) -> None:
    frame = reader.sql(f"SELECT id, name FROM {people} WHERE id > 1")
    frame.collect()
    shown = everything(frame)
    for secret in (*SECRETS, "custom_mask"):
        assert secret not in shown, shown


def test_what_is_printed_of_a_cached_query_is_no_policy_either(
    reader: iomete.Lakehouse, people: str
) -> None:
    frame = reader.table(people).cache()
    assert frame.count() == 2
    shown = everything(frame.where("id > 1"))
    frame.unpersist()
    for secret in (*SECRETS, "custom_mask"):
        assert secret not in shown, shown


@pytest.mark.parametrize("mode", MODES)
def test_what_a_write_reads_prints_no_policy(
    lake: iomete.Lakehouse, reader: iomete.Lakehouse, people: str, mode: str
) -> None:
    lake.sql(f"CREATE TABLE {people}_copy (id INT, name STRING) USING iceberg")
    frame = reader.sql(f"INSERT INTO {people}_copy SELECT id, name FROM {people}")
    shown = printed(reader, frame, mode)
    for secret in ("region_filter", "custom_mask", "ssn", "score"):
        assert secret not in shown, shown
    assert lake.table(f"{people}_copy").count() == 2


@pytest.mark.parametrize("mode", MODES)
def test_the_body_of_a_view_is_not_printed(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, mode: str
) -> None:
    view, name = f"{people}_body", newcomer()
    lake.sql(f"CREATE VIEW {view} AS SELECT id FROM {people} WHERE ssn <> 'body_text'")
    lake.policies.grant("select", on=view, to=name)
    frame = lake.as_principal(name).table(view)
    assert frame.count() == 3
    shown = printed(lake, frame, mode)
    for secret in ("body_text", "ssn", "warehouse"):
        assert secret not in shown, shown


@pytest.mark.parametrize("mode", MODES)
def test_sizes_are_no_oracle(reader: iomete.Lakehouse, people: str, mode: str) -> None:
    shown = {
        printed(reader, reader.sql(f"SELECT id FROM {people} WHERE region = '{region}'"), mode)
        .replace(region, "")
        .split("== Optimized Logical Plan ==")[-1]
        for region in ("US", "EE")
    }
    assert len({"".join(c for c in text if not c.isdigit()) for text in shown}) == 1


@pytest.mark.parametrize("mode", MODES)
def test_who_sees_a_table_as_it_is_sees_the_plan(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, mode: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    plain = lake.as_principal(name)
    assert "Governed:" not in printed(plain, plain.sql(f"SELECT id FROM {people}"), mode)
