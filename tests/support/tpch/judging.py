"""Whether the two worlds agree on what was generated."""

from __future__ import annotations

from support.tpch.frames import Program
from support.tpch.outcome import Failure, Rows
from support.tpch.statements import Statement
from support.tpch.world import World


def judge(world: World, case: Statement | Program) -> str | None:
    """Return a report of a disagreement; None if there is none."""
    if isinstance(case, Statement):
        return _judge_statement(world, case)
    return _judge_program(world, case)


def _judge_statement(world: World, statement: Statement) -> str | None:
    governed, copied = world.compare_sql(statement.principal, statement.sql)
    is_excused = not statement.is_strict and isinstance(governed, Rows)
    if is_excused and isinstance(copied, Failure) and copied.is_of_values:
        return None
    return world.disagreement(statement.principal, statement.sql, (governed, copied))


def _judge_program(world: World, program: Program) -> str | None:
    try:
        outcomes = world.compare(program.principal, program)
        return world.disagreement(program.principal, str(program), outcomes)
    finally:
        world.sessions[program.principal].catalog.clearCache()
