"""Streams write by the same rights as statements, and to a checkpoint of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException, StreamingQueryException
from pyspark.sql import DataFrame

import iomete
from spark.governance.conftest import Newcomer


@pytest.fixture
def source(lake: iomete.Lakehouse, namespace: str) -> str:
    table = f"{namespace}.source"
    lake.sql(f"CREATE TABLE {table} AS SELECT 1 AS id, '111' AS ssn")
    return table


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def name(lake: iomete.Lakehouse, source: str, outbox: Path, newcomer: Newcomer) -> str:
    """Somebody who may write below a folder, and reads a masked table."""
    name = newcomer()
    lake.policies.grant("select", on=source, to=name)
    lake.policies.mask(source, "ssn", "redact", to=name)
    lake.policies.grant(["read", "write"], on_path=str(outbox), to=name)
    return name


@pytest.fixture
def streaming(lake: iomete.Lakehouse, name: str, source: str) -> DataFrame:
    return lake.as_principal(name).spark.readStream.table(source)


def writer(stream: DataFrame, checkpoint: Path, format_: str) -> Any:
    return (
        stream.writeStream.format(format_)
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
    )


@pytest.mark.parametrize("format_", ["parquet", "delta"])
def test_a_stream_to_a_path_needs_the_path_and_its_checkpoint(
    lake: iomete.Lakehouse, streaming: DataFrame, outbox: Path, format_: str
) -> None:
    place = outbox / "out"
    writer(streaming, outbox / "checkpoint", format_).start(str(place)).awaitTermination()
    written = lake.spark.read.format(format_).load(str(place)).collect()
    assert [tuple(row) for row in written] == [(1, "nnn")]
    outside = outbox.parent / "outside"
    for target, checkpoint in ((outside, outbox / "second"), (outbox / "other", outside)):
        with pytest.raises(AnalysisException) as caught:
            writer(streaming, checkpoint, format_).start(str(target))
        assert caught.value.getCondition() == "IOMETE_ACCESS_DENIED.PATH"
        assert not list(outside.rglob("*"))


@pytest.mark.parametrize("catalog", ["lake", "spark_catalog"])
def test_a_stream_to_a_table_needs_its_right_at_each_batch(
    lake: iomete.Lakehouse,
    streaming: DataFrame,
    name: str,
    source: str,
    session_namespace: str,
    outbox: Path,
    catalog: str,
) -> None:
    table = f"{session_namespace.replace('spark_catalog', catalog)}.target"
    format_ = "iceberg" if catalog == "lake" else "delta"
    lake.sql(f"CREATE TABLE {table} (id INT, ssn STRING) USING {format_}")

    def run() -> None:
        writer(streaming, outbox / "checkpoint", format_).toTable(table).awaitTermination()

    with pytest.raises(AnalysisException):
        run()
    granted = lake.policies.grant("insert", on=table, to=name)
    run()
    assert [tuple(row) for row in lake.table(table).collect()] == [(1, "nnn")]
    query = (
        streaming.writeStream.format(format_)
        .option("checkpointLocation", str(outbox / "checkpoint"))
        .trigger(processingTime="200 milliseconds")
        .toTable(table)
    )
    lake.policies.delete(granted.id)
    lake.sql(f"INSERT INTO {source} VALUES (2, '222')")
    with pytest.raises(StreamingQueryException):
        query.awaitTermination(60)
    query.stop()
    assert lake.table(table).count() == 1


def test_a_stream_makes_its_table_by_the_right_to_create(
    lake: iomete.Lakehouse, streaming: DataFrame, name: str, session_namespace: str, outbox: Path
) -> None:
    table = f"{session_namespace}.made"
    with pytest.raises(AnalysisException):
        writer(streaming, outbox / "checkpoint", "delta").toTable(table)
    assert not lake.catalog.table_exists(table)
    lake.policies.grant(["create", "insert"], on=session_namespace, to=name)
    writer(streaming, outbox / "checkpoint", "delta").toTable(table).awaitTermination()
    assert lake.table(table).count() == 1


def test_what_a_batch_function_writes_is_an_ordinary_write(
    lake: iomete.Lakehouse, streaming: DataFrame, name: str, namespace: str, outbox: Path
) -> None:
    table = f"{namespace}.by_batch"
    lake.sql(f"CREATE TABLE {table} (id INT, ssn STRING)")

    def run() -> None:
        (
            streaming.writeStream.foreachBatch(lambda batch, _number: batch.writeTo(table).append())
            .option("checkpointLocation", str(outbox / "checkpoint"))
            .trigger(availableNow=True)
            .start()
            .awaitTermination()
        )

    with pytest.raises(StreamingQueryException):
        run()
    lake.policies.grant("insert", on=table, to=name)
    run()
    assert [tuple(row) for row in lake.table(table).collect()] == [(1, "nnn")]


@pytest.mark.parametrize("format_", ["memory", "console", "noop"])
def test_what_keeps_nothing_needs_nothing(streaming: DataFrame, format_: str) -> None:
    started = streaming.writeStream.format(format_).queryName(f"to_{format_}")
    query = started.trigger(availableNow=True).start()
    query.awaitTermination()
    assert query.exception() is None
    assert [progress["numInputRows"] for progress in query.recentProgress] == [1]
