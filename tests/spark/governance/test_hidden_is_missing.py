"""An error about what is hidden is, to the letter, the one about what isn't there."""

from __future__ import annotations

import re

import pytest
from pyspark.errors import PySparkException

import iomete
from spark.governance.conftest import Newcomer


def said(lake: iomete.Lakehouse, query: str, name: str) -> str:
    """The error of a query, with a name taken out."""
    with pytest.raises(PySparkException) as error:
        lake.spark.sql(query.format(t=name))
    text = re.sub(r"#\d+L?", "#", str(error.value))
    for part in reversed(name.split(".")):
        text = text.replace(part, "@")
    return f"{type(error.value).__name__} {error.value.getCondition()} {text}"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM {t}",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM {t})",
        "WITH c AS (SELECT * FROM {t}) SELECT count(*) FROM c JOIN range(3)",
        "FROM {t} |> WHERE id > 1",
        "SELECT * FROM {t} WITH (`split-size` = '1')",
        "SELECT * FROM {t} VERSION AS OF 1",
        "SELECT * FROM {t} FOR VERSION AS OF 'main'",
        "SELECT * FROM {t} TIMESTAMP AS OF '2020-01-01'",
        "SELECT * FROM {t}.files",
        "SELECT * FROM {t}.branch_x",
        "SELECT * FROM {t}.tag_x VERSION AS OF 1",
        "SELECT * FROM {t}.snapshot_id_1",
        "DESCRIBE {t}.snapshots",
        "INSERT INTO {t}.branch_x VALUES (1)",
        "INSERT INTO {t} VALUES (1)",
        "DELETE FROM {t} WHERE id = 1",
    ],
)
def test_a_table_denied_among_granted_ones_is_a_missing_one(
    lake: iomete.Lakehouse, namespace: str, people: str, newcomer: Newcomer, query: str
) -> None:
    name = newcomer()
    lake.policies.grant(["select", "insert", "delete"], on=namespace, to=name)
    lake.policies.deny(["select", "insert", "delete"], on=people, to=name)
    reader = lake.as_principal(name)
    assert said(reader, query, people) == said(reader, query, f"{namespace}.nobody")


def test_a_table_called_as_a_part_of_tables_is_a_table(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    inner = lake.catalog.create_namespace(f"{namespace}.people")
    lake.sql(f"CREATE TABLE {inner}.files AS SELECT 1 AS id")
    lake.policies.grant("select", on=f"{inner}.files", to=name)
    assert lake.as_principal(name).table(f"{inner}.files").count() == 1


@pytest.mark.parametrize("kind", ["iceberg", "delta", "parquet"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT nope FROM {t}",
        "SELECT hidden FROM {t}",
        "SELECT x.hidden FROM {t} x",
        "SELECT id FROM {t} GROUP BY id HAVING max(hidden) > 1",
        "SELECT id FROM {t} WHERE id = max(id)",
        "SELECT sum(code) FROM {t} WHERE id IN (SELECT id, code FROM {t})",
    ],
)
def test_a_table_with_a_hidden_column_is_one_without_it(
    lake: iomete.Lakehouse, namespace: str, newcomer: Newcomer, kind: str, query: str
) -> None:
    name = newcomer()
    place = namespace if kind == "iceberg" else namespace.replace("lake.", "spark_catalog.")
    lake.sql(f"CREATE NAMESPACE IF NOT EXISTS {place}")
    lake.sql(f"CREATE TABLE {place}.whole (id INT, code CHAR(3), hidden INT) USING {kind}")
    lake.sql(f"CREATE TABLE {place}.small (id INT, code CHAR(3)) USING {kind}")
    lake.policies.grant("select", on=f"{place}.whole", columns=["id", "code"], to=name)
    lake.policies.grant("select", on=f"{place}.small", to=name)
    reader = lake.as_principal(name)
    whole, small = (said(reader, query, f"{place}.{table}") for table in ("whole", "small"))
    assert whole == small
