"""Policies of files, as Spark enforces them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

import iomete
from iomete.errors import PolicyFilesError, QueryDeniedError
from spark.governance.conftest import Newcomer

FOLLOWING_SECONDS = 20.0  # generous, as for any change by another process

POLICIES = """\
project: {project}
policies:
  - name: {name} sees people
    grant: select
    on: {table}
    columns: [id, ssn, region]
    to: {name}
  - name: numbers of {name}
    mask: redact
    on: {table}
    columns: ssn
    to: {name}
  - name: region of {name}
    filter_rows: region = ${{{{USER.region}}}}
    on: {table}
    to: {name}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


def rows(lake: iomete.Lakehouse, name: str, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in lake.as_principal(name).table(table).orderBy("id").collect()]


def test_what_files_say_is_enforced_and_follows_them(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, files: Path
) -> None:
    name = newcomer(attributes={"region": "US"})
    text = POLICIES.format(project=name, name=name, table=people)
    (files / "a.yaml").write_text(text)
    plan = lake.policies.plan(files)
    gained = {effect.what for effect in plan.effects or () if effect.principal == name}
    assert f"select on {people}.id, rows where region = ${{{{USER.region}}}}" in gained
    assert len(lake.policies.apply(plan).created) == 3
    assert rows(lake, name, people) == [(3, "nnn-nn-nnnn", "US")]
    (files / "a.yaml").write_text(text.replace("redact", "nullify"))
    command = "import sys, iomete.cli\nsys.argv = ['iomete', 'policies', 'apply', *sys.argv[1:]]"
    arguments = [str(files), "--future", "--yes", "--lakehouse", str(lake.folder)]
    subprocess.run(
        [sys.executable, "-c", f"{command}\niomete.cli.main()", *arguments],
        env={**os.environ, "JAVA_HOME": "/nowhere"}, check=True, capture_output=True,
    )  # fmt: skip
    deadline = time.monotonic() + FOLLOWING_SECONDS
    while time.monotonic() < deadline:
        with suppress(QueryDeniedError, PySparkException):  # they change between plan and execution
            if rows(lake, name, people)[0][1] is None:
                break
        time.sleep(0.2)
    assert rows(lake, name, people) == [(3, None, "US")]
    (files / "a.yaml").write_text(f"project: {name}\npolicies: []\n")
    lake.policies.apply(files)
    assert not lake.as_principal(name).catalog.table_exists(people)


def test_tables_columns_and_sql_are_held_to_what_there_is(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, files: Path
) -> None:
    name = newcomer()
    (files / "a.yaml").write_text(
        "policies:\n"
        f"  - {{name: a, grant: select, on: {people}x, to: {name}}}\n"
        f"  - {{name: b, mask: hash, on: {people}, columns: snn, to: {name}}}\n"
        f"  - {{name: c, filter_rows: \"regoin = 'EU'\", on: {people}, to: {name}}}\n"
    )
    before = lake.policies.version
    with pytest.raises(PolicyFilesError) as caught:
        lake.policies.plan(files)
    table, column, sql = (one.partition("a.yaml:")[2] for one in caught.value.problems)
    assert table.startswith("2:")
    assert "does not exist" in table
    assert "did you mean `ssn`?" in column
    assert sql.startswith("4:15: policy `c`, `filter_rows`: [UNRESOLVED_COLUMN")
    assert lake.policies.version == before
