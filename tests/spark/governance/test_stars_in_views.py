"""What `*` in an Iceberg view stands for: the columns that its creator sees, by their names."""

from __future__ import annotations

import pytest

import iomete
from iomete.errors import QueryError
from spark.governance.conftest import Newcomer


@pytest.fixture
def base(lake: iomete.Lakehouse, namespace: str) -> str:
    table = f"{namespace}.base"
    lake.sql(f"CREATE TABLE {table} AS SELECT 'secret' AS ssn, 1 AS a, 'shown' AS b")
    return table


@pytest.fixture
def maker(lake: iomete.Lakehouse, base: str, namespace: str, newcomer: Newcomer) -> str:
    name = newcomer()
    lake.policies.grant("select", on=base, columns=["a", "b"], to=name)
    lake.policies.grant(["create", "select"], on=namespace + "_mart", to=name)
    return name


@pytest.fixture
def mart(lake: iomete.Lakehouse, namespace: str) -> str:
    lake.catalog.create_namespace(namespace + "_mart")
    return namespace + "_mart"


@pytest.mark.parametrize("query", ["SELECT * FROM {}", "TABLE {}", "SELECT t.* FROM {} t",
                                   "SELECT a, b FROM (SELECT * FROM {})"])  # fmt: skip
def test_it_stands_for_what_the_creator_sees(
    lake: iomete.Lakehouse, mart: str, base: str, maker: str, newcomer: Newcomer, query: str
) -> None:
    lake.as_principal(maker).sql(f"CREATE VIEW {mart}.v AS {query.format(base)}")
    reader = newcomer()
    lake.policies.grant("select", on=f"{mart}.v", to=reader)
    for name in (maker, reader):
        rows = lake.as_principal(name).sql(f"SELECT b, a FROM {mart}.v").collect()
        assert [tuple(row) for row in rows] == [("shown", 1)]
        assert lake.as_principal(name).sql(f"SELECT * FROM {mart}.v").columns == ["a", "b"]
    assert lake.sql(f"SELECT * FROM {mart}.v").columns == ["a", "b"]


def test_what_comes_to_be_hidden_shifts_nothing(
    lake: iomete.Lakehouse, mart: str, base: str, maker: str, newcomer: Newcomer
) -> None:
    lake.as_principal(maker).sql(f"CREATE VIEW {mart}.v AS SELECT * FROM {base}")
    reader = newcomer()
    lake.policies.grant("select", on=f"{mart}.v", to=reader)
    lake.policies.mask(f"{mart}.v", "a", "nullify", to=reader)
    lake.policies.deny("select", on=base, columns="a", to=maker)
    for query in ("SELECT b FROM {}.v", "SELECT a FROM {}.v", "SELECT count(*) FROM {}.v"):
        with pytest.raises(QueryError) as refused:
            lake.as_principal(reader).sql(query.format(mart)).collect()
        assert refused.value.condition == "IOMETE_VIEW_OF_OTHER_COLUMNS"
        assert base not in str(refused.value)


def test_columns_that_change_places_shift_nothing(
    lake: iomete.Lakehouse, mart: str, base: str, maker: str, newcomer: Newcomer
) -> None:
    lake.as_principal(maker).sql(f"CREATE VIEW {mart}.v (x, y) AS SELECT * FROM {base}")
    reader = newcomer()
    lake.policies.grant("select", on=f"{mart}.v", to=reader)
    lake.sql(f"ALTER TABLE {base} ALTER COLUMN b FIRST")
    with pytest.raises(QueryError) as refused:
        lake.as_principal(reader).sql(f"SELECT x FROM {mart}.v").collect()
    assert refused.value.condition == "IOMETE_VIEW_OF_OTHER_COLUMNS"
    lake.sql(f"ALTER TABLE {base} ALTER COLUMN b AFTER a")
    (row,) = lake.as_principal(reader).sql(f"SELECT x, y FROM {mart}.v").collect()
    assert tuple(row) == (1, "shown")


def test_it_goes_by_the_creators_of_views_inside(
    lake: iomete.Lakehouse, mart: str, base: str, maker: str, newcomer: Newcomer
) -> None:
    outer, reader = newcomer(), newcomer()
    lake.as_principal(maker).sql(f"CREATE VIEW {mart}.inner_view AS SELECT * FROM {base}")
    lake.policies.grant("select", on=f"{mart}.inner_view", columns="b", to=outer)
    lake.policies.grant("create", on=mart, to=outer)
    lake.as_principal(outer).sql(
        f"CREATE VIEW {mart}.outer_view AS SELECT * FROM {mart}.inner_view"
    )
    lake.policies.grant("select", on=f"{mart}.outer_view", to=reader)
    rows = lake.as_principal(reader).sql(f"SELECT * FROM {mart}.outer_view").collect()
    assert [row.asDict() for row in rows] == [{"b": "shown"}]
