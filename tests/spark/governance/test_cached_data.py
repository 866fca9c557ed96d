"""What is cached is everybody's memory, and only who has cached it makes Spark forget it."""

from __future__ import annotations

import pytest

import iomete
from spark.governance.conftest import Newcomer


@pytest.fixture
def ann(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    name = newcomer()
    lake.policies.grant("select", on=people, to=name)
    return lake.as_principal(name)


@pytest.fixture
def bob(lake: iomete.Lakehouse, people: str, newcomer: Newcomer) -> iomete.Lakehouse:
    """Somebody who reads the table masked, and may add to it."""
    name = newcomer()
    lake.policies.grant(["select", "insert"], on=people, to=name)
    lake.policies.mask(people, "ssn", "nullify", to=name)
    return lake.as_principal(name)


def test_clearing_the_cache_forgets_ones_own(
    ann: iomete.Lakehouse, bob: iomete.Lakehouse, people: str
) -> None:
    for way in (lambda lake: lake.sql("CLEAR CACHE"), lambda lake: lake.spark.catalog.clearCache()):
        ann.sql(f"CACHE TABLE {people}")
        bob.sql(f"CACHE TABLE {people}")
        assert ann.spark.catalog.isCached(people)
        assert bob.spark.catalog.isCached(people)
        way(bob)
        assert ann.spark.catalog.isCached(people)
        assert not bob.spark.catalog.isCached(people)
        way(ann)
        assert not ann.spark.catalog.isCached(people)


def test_uncaching_forgets_ones_own(
    ann: iomete.Lakehouse, bob: iomete.Lakehouse, people: str
) -> None:
    ann.sql(f"CACHE TABLE {people}")
    bob.sql(f"UNCACHE TABLE {people}")
    bob.spark.catalog.uncacheTable(people)
    assert ann.spark.catalog.isCached(people)
    ann.sql(f"UNCACHE TABLE {people}")
    assert not ann.spark.catalog.isCached(people)
    ann.sql(f"UNCACHE TABLE IF EXISTS {people}_nowhere")


def test_rows_of_a_query_alone_are_ones_own_too(
    ann: iomete.Lakehouse, bob: iomete.Lakehouse
) -> None:
    ann.sql("CACHE TABLE numbers AS SELECT * FROM VALUES (1), (2) AS t (n)")
    bob.sql("CLEAR CACHE")
    assert ann.spark.catalog.isCached("numbers")
    ann.sql("UNCACHE TABLE numbers")
    assert not ann.spark.catalog.isCached("numbers")


def test_an_administrator_clears_all(
    lake: iomete.Lakehouse, ann: iomete.Lakehouse, people: str
) -> None:
    ann.sql(f"CACHE TABLE {people}")
    lake.sql("CLEAR CACHE")
    assert not ann.spark.catalog.isCached(people)


@pytest.mark.parametrize(
    "change", ["INSERT INTO {t} (id, name, score) VALUES (9, 'New', 1)", "REFRESH TABLE {t}"]
)
def test_what_one_changes_is_not_cached_anew_for_others_as_one_sees_it(
    lake: iomete.Lakehouse, ann: iomete.Lakehouse, bob: iomete.Lakehouse, people: str, change: str
) -> None:
    ann.sql(f"CACHE TABLE {people}")
    bob.sql(change.format(t=people))
    seen = {row.ssn for row in ann.table(people).where("id < 9").collect()}
    assert seen == {"111-11-1111", "222-22-2222", "333-33-3333"}
    assert ann.table(people).count() == lake.table(people).count()
    assert {row.ssn for row in bob.table(people).collect()} == {None}
    ann.sql("CLEAR CACHE")
