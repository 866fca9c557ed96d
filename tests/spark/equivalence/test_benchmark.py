"""TPC-H's own queries give on governed tables what they give on filtered and masked copies."""

from __future__ import annotations

import pytest

from support.tpch.benchmark import QUERIES
from support.tpch.outcome import Failure, Rows
from support.tpch.policies import PRINCIPALS
from support.tpch.world import World

# What names a column that is hidden from somebody: those queries fail, as on the copy.
NAMING_HIDDEN_COLUMNS = {"tpch_cyd": {1, 3, 10, 22}}


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize("number", QUERIES)
def test_query_gives_what_it_gives_on_a_copy(tpch: World, principal: str, number: int) -> None:
    governed, copied = tpch.compare_sql(principal, QUERIES[number])
    report = tpch.disagreement(principal, QUERIES[number], (governed, copied))
    assert report is None, report
    if number in NAMING_HIDDEN_COLUMNS.get(principal, ()):
        assert isinstance(governed, Failure)
        assert governed.condition == "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    else:
        assert isinstance(governed, Rows), governed
