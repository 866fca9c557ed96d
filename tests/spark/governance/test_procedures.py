"""CALL: each of Iceberg's procedures by the rights on the table that it names."""

from __future__ import annotations

import pytest

import iomete
from iomete.errors import QueryDeniedError, QueryError
from spark.governance.conftest import Newcomer

NEEDS_ALTER = [
    "rewrite_data_files('{t}')",
    "rewrite_data_files(table => '{t}', options => map('rewrite-all', 'true'), where => 'id > 1')",
    "rewrite_manifests('{t}')",
    "rewrite_position_delete_files('{t}')",
    "compute_table_stats('{t}')",
    "expire_snapshots('{t}')",
    "remove_orphan_files(table => '{t}', dry_run => true)",
    "set_current_snapshot(table => '{t}', snapshot_id => {s})",
    "rollback_to_snapshot(table => '{t}', snapshot_id => {s})",
    "rollback_to_timestamp('{t}', TIMESTAMP '2099-01-01 00:00:00')",
]

ONLY_READ = [
    "ancestors_of('{t}')",
    "create_changelog_view(table => '{t}', changelog_view => 'changes')",
]

FOR_ADMINS = [
    "register_table(table => '{n}.registered', metadata_file => '/nowhere/metadata.json')",
    "add_files(table => '{t}', source_table => '`parquet`.`/nowhere`')",
    "snapshot(source_table => 'spark_catalog.default.x', table => '{n}.x')",
    "migrate('spark_catalog.default.x')",
    "rewrite_table_path(table => '{t}', source_prefix => 'a', target_prefix => 'b')",
    "remove_orphan_files(table => '{t}', location => '/nowhere')",
    "rewrite_data_files(table => '{t}', where => 'id IN (SELECT 1)')",
    "no_such_procedure('{t}')",
]


@pytest.fixture
def snapshot(lake: iomete.Lakehouse, people: str) -> int:
    return int(lake.sql(f"SELECT max(snapshot_id) AS id FROM {people}.snapshots").collect()[0].id)


@pytest.fixture
def owner(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    name = newcomer()
    lake.policies.grant("all", on=people, to=name)
    return lake.as_principal(name)


def called(lake: iomete.Lakehouse, call: str, table: str, snapshot: int) -> object:
    namespace = table.rsplit(".", 1)[0].removeprefix("lake.")
    text = call.format(t=table.removeprefix("lake."), s=snapshot, n=namespace)
    return lake.sql(f"CALL lake.system.{text}").collect()


@pytest.mark.parametrize("call", [*NEEDS_ALTER, *ONLY_READ])
def test_an_owner_maintains_their_table(
    lake: iomete.Lakehouse, owner: iomete.Lakehouse, people: str, snapshot: int, call: str
) -> None:
    called(owner, call, people, snapshot)
    assert lake.table(people).count() == 3


@pytest.mark.parametrize("call", NEEDS_ALTER)
def test_a_reader_does_not(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, snapshot: int, call: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    with pytest.raises(QueryDeniedError) as caught:
        called(lake.as_principal(name), call, people, snapshot)
    assert caught.value.condition == "IOMETE_ACCESS_DENIED.ACTION"


@pytest.mark.parametrize("call", [*NEEDS_ALTER, *ONLY_READ])
def test_who_sees_the_table_in_part_calls_nothing_on_it(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, snapshot: int, call: str
) -> None:
    name = newcomer()
    lake.policies.grant("all", on=people, to=name)
    lake.policies.filter_rows(people, "region = 'EU'", to=name)
    before = lake.sql(f"SELECT count(*) FROM {people}.snapshots").collect()
    with pytest.raises(QueryDeniedError) as caught:
        called(lake.as_principal(name), call, people, snapshot)
    assert caught.value.condition == "IOMETE_ACCESS_DENIED.ACTION"
    assert lake.sql(f"SELECT count(*) FROM {people}.snapshots").collect() == before


@pytest.mark.parametrize("call", FOR_ADMINS)
def test_what_reaches_files_or_other_tables_is_for_administrators(
    owner: iomete.Lakehouse, people: str, snapshot: int, call: str
) -> None:
    with pytest.raises(QueryError):
        called(owner, call, people, snapshot)


@pytest.mark.parametrize("call", [*NEEDS_ALTER, *ONLY_READ])
def test_a_hidden_table_is_a_missing_one(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, snapshot: int, call: str
) -> None:
    name = newcomer()
    lake.sql(f"CREATE TABLE {people}_own (id INT) USING iceberg")
    lake.policies.grant("all", on=f"{people}_own", to=name)
    stranger = lake.as_principal(name)
    told = []
    for table in (people, f"{people}x"):
        with pytest.raises(QueryError) as caught:
            called(stranger, call, table, snapshot)
        told.append(str(caught.value).replace("peoplex", "people"))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "call",
    [
        "remove_orphan_files(table => '{t}', location => concat('/now', 'here'), dry_run => true)",
        "rewrite_data_files(table => '{t}', where => concat('id IN (SELECT', ' 1)'))",
        "ancestors_of(concat('{n}.', 'other'))",
    ],
)
def test_arguments_are_judged_as_the_procedure_gets_them(
    lake: iomete.Lakehouse, owner: iomete.Lakehouse, people: str, snapshot: int, call: str
) -> None:
    lake.sql(f"CREATE TABLE {people.removesuffix('people')}other (id INT) USING iceberg")
    owner.spark.conf.set(
        "spark.sql.optimizer.excludedRules",
        "org.apache.spark.sql.catalyst.optimizer.ConstantFolding",
    )
    with pytest.raises(QueryError) as caught:
        called(owner, call, people, snapshot)
    assert caught.value.condition in {"IOMETE_COMMAND_REFUSED", "TABLE_OR_VIEW_NOT_FOUND"}
    table = people.removeprefix("lake.")
    text = f"CALL lake.system.ancestors_of(concat('{table[:4]}', '{table[4:]}'))"
    assert owner.sql(text).count() == 1


@pytest.mark.parametrize(
    "statement", ["CALL {}('a.b')", "EXPLAIN CALL {}('a.b')", "DESCRIBE PROCEDURE {}"]
)
def test_a_catalog_of_which_nothing_is_known_has_no_procedures(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, statement: str
) -> None:
    stranger = lake.as_principal(newcomer())
    told = []
    for catalog in ("lake", "fake"):
        with pytest.raises(QueryError) as caught:
            stranger.sql(statement.format(f"{catalog}.system.ancestors_of"))
        told.append(str(caught.value).replace("fake", "lake"))
    assert told[0] == told[1]
