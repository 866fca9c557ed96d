"""Generated queries give on governed tables what they give on filtered and masked copies."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings

from support.tpch.configurations import RUNTIME_FILTERS
from support.tpch.frames import Program, programs
from support.tpch.judging import judge
from support.tpch.statements import Statement, statements
from support.tpch.world import World

SETTINGS = settings(suppress_health_check=list(HealthCheck))


@settings(SETTINGS, max_examples=60)
@given(statement=statements())
def test_statement_gives_what_it_gives_on_a_copy(tpch: World, statement: Statement) -> None:
    assert (report := judge(tpch, statement)) is None, report


@settings(SETTINGS, max_examples=30)
@given(program=programs())
@example(Program("tpch_ada", "customer", (("cache", 0),), configuration=RUNTIME_FILTERS))
def test_dataframe_program_gives_what_it_gives_on_a_copy(tpch: World, program: Program) -> None:
    assert (report := judge(tpch, program)) is None, report
