"""Nobody sees what is not granted, and nothing tells what is hidden from what is not there."""

from __future__ import annotations

import re

import pytest

import iomete
from iomete.errors import AccessDeniedError, QueryError, TableNotFoundError
from spark.governance.conftest import Newcomer


def told(lake: iomete.Lakehouse, query: str) -> tuple[str | None, str]:
    with pytest.raises(QueryError) as caught:
        lake.sql(query).collect()
    return caught.value.condition, str(caught.value)


def test_without_a_grant_a_table_is_one_that_does_not_exist(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    stranger = lake.as_principal(newcomer())
    hidden = told(stranger, f"SELECT * FROM {people}")
    missing = told(stranger, f"SELECT * FROM {people}x")
    assert hidden[0] == "TABLE_OR_VIEW_NOT_FOUND"
    assert hidden[1] == missing[1].replace("peoplex", "people")


@pytest.mark.parametrize(
    "query", ["SELECT * FROM nope_a JOIN {}", "SELECT nope FROM {}", "TABLE {}"]
)
def test_errors_come_in_the_order_of_missing_tables(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, query: str
) -> None:
    stranger = lake.as_principal(newcomer())
    hidden, missing = (told(stranger, query.format(t)) for t in (people, people + "x"))
    assert hidden[1] == missing[1].replace("peoplex", "people")


def test_a_principal_who_is_not_registered_may_read_only_local_data(
    lake: iomete.Lakehouse, people: str
) -> None:
    nobody = lake.as_principal("nobody-knows-me")
    assert nobody.sql("SELECT 1 AS one").collect()[0].one == 1
    assert told(nobody, f"SELECT * FROM {people}")[0] == "TABLE_OR_VIEW_NOT_FOUND"


def test_a_disabled_user_may_read_nothing(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    reader = lake.as_principal(name)
    assert reader.table(people).count() == 3
    lake.principals.disable_user(name)
    assert told(reader, f"SELECT * FROM {people}")[0] == "TABLE_OR_VIEW_NOT_FOUND"


def test_a_session_of_nobody_runs_nothing(lake: iomete.Lakehouse) -> None:
    from pyspark.errors import AnalysisException

    orphan = lake.spark.newSession()
    with pytest.raises(AnalysisException) as caught:
        orphan.sql("SELECT 1").collect()
    assert caught.value.getCondition() == "IOMETE_NO_PRINCIPAL"


def test_hidden_columns_are_absent(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name"], to=name)
    reader = lake.as_principal(name)
    assert reader.table(people).columns == ["id", "name"]
    hidden = told(reader, f"SELECT ssn FROM {people}")
    missing = told(reader, f"SELECT sxn FROM {people}")
    assert hidden[0] == missing[0] == "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    assert set(re.findall(r"`\w+`", hidden[1])) - {"`ssn`"} == set(
        re.findall(r"`\w+`", missing[1])
    ) - {"`sxn`"}
    assert told(reader, f"SELECT id FROM {people} ORDER BY ssn")[0] == hidden[0]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM {t} WHERE id = max(id)",
        "SELECT id FROM {t} WHERE id = (SELECT id, name FROM {t})",
        "SELECT a.id FROM {t} a JOIN {t} b ON a.id = sum(b.id)",
        "SELECT id FROM (SELECT * FROM {t}) WHERE explode(array(id)) = 1",
    ],
)
def test_plans_in_errors_name_no_hidden_column(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer, query: str
) -> None:
    name = newcomer()
    lake.policies.grant("select", on=people, columns=["id", "name"], to=name)
    message = told(lake.as_principal(name), query.format(t=people))[1]
    assert "ssn" not in message, message


def test_unrecognised_sources_and_paths_are_refused(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    stranger = lake.as_principal(newcomer())
    folder = lake.folder / "warehouse"
    condition, message = told(stranger, f"SELECT * FROM parquet.`{folder}/lake/*/*/data`")
    assert condition == "IOMETE_ACCESS_DENIED.PATH"
    assert "Hint:" in message


def test_only_admins_act_for_others(lake: iomete.Lakehouse, newcomer: Newcomer) -> None:
    stranger = lake.as_principal(newcomer())
    with pytest.raises(AccessDeniedError, match="act for others"):
        stranger.as_principal("root")
    with pytest.raises(AccessDeniedError):
        stranger.policies.list()
    with pytest.raises(AccessDeniedError):
        stranger.audit.events()


def test_the_catalog_facet_shows_what_may_be_known(
    lake: iomete.Lakehouse, people: str, newcomer: Newcomer
) -> None:
    name = newcomer()
    namespace = people.rsplit(".", 1)[0]
    lake.sql(f"CREATE TABLE {namespace}.secret (id INT) USING iceberg")
    reader = lake.as_principal(name)
    assert reader.catalog.list_catalogs() == []
    assert not reader.catalog.table_exists(people)
    with pytest.raises(TableNotFoundError):
        reader.catalog.load_table(people)
    lake.policies.grant("select", on=people, to=name)
    assert reader.catalog.list_catalogs() == ["lake"]
    assert reader.catalog.list_namespaces("lake") == [namespace]
    assert reader.catalog.list_tables(namespace) == [people]
    assert reader.catalog.load_table(people).scan().to_arrow().num_rows == 3
    lake.policies.mask(people, "home.zip", "redact", to=name)
    with pytest.raises(AccessDeniedError, match="hidden or masked"):
        reader.catalog.load_table(people)
    with pytest.raises(AccessDeniedError):
        reader.catalog.iceberg("lake")
