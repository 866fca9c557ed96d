"""Names of columns in the SQL of policies."""

from __future__ import annotations

import pytest

from iomete.governance.renames.expressions import UnsureExpressionError, moved_expression


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("region = 'EU'", "area = 'EU'"),
        ("REGION='region' -- region", "area='region' -- region"),
        ("`region` IS NOT NULL", "area IS NOT NULL"),
        ("region(x) = 1", "region(x) = 1"),
        ("lower (region) LIKE 'e%'", "lower (area) LIKE 'e%'"),
        ("region = ${{USER.region}}", "area = ${{USER.region}}"),
        ("concat({col}, region)", "concat({col}, area)"),
        ("customers.region = 'EU'", "clients.area = 'EU'"),
        ("home.city = 'Rome' AND home.zip = 1", "house.town = 'Rome' AND home.zip = 1"),
        ("id = 1", "id = 1"),
        ("id IN (SELECT id FROM lake.a.b)", "id IN (SELECT id FROM lake.a.b)"),
    ],
)
def test_columns_are_called_by_their_new_names(text: str, moved: str) -> None:
    columns = {"region": "area", "home.city": "house.town"}
    assert moved_expression(text, columns, old_table="customers", new_table="clients") == moved


@pytest.mark.parametrize(
    "text",
    [
        "region IN (SELECT region FROM lake.a.b)",
        "exists(tags, region -> region = 'x')",
        "CAST(region AS STRING) = 'EU'",
    ],
)
def test_what_may_be_something_else_is_not_changed(text: str) -> None:
    with pytest.raises(UnsureExpressionError):
        moved_expression(text, {"region": "area"})


def test_a_column_called_like_a_type_is_not_looked_for() -> None:
    with pytest.raises(UnsureExpressionError):
        moved_expression("date = DATE '2020-01-01'", {"date": "day_of"})


def test_names_with_other_letters_are_quoted() -> None:
    assert moved_expression("region = 1", {"region": "a b"}) == "`a b` = 1"
