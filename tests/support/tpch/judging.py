"""Whether the two worlds agree on what was generated."""

from __future__ import annotations

from support.tpch.configurations import CONFIGURATIONS
from support.tpch.frames import Program
from support.tpch.outcome import Failure, Rows
from support.tpch.statements import Statement
from support.tpch.world import World


def judge(world: World, case: Statement | Program) -> str | None:
    """Return a report of a disagreement; None if there is none."""
    try:
        governed, copied = world.compare(case.principal, case, case.configuration)
    finally:
        world.sessions[case.principal].catalog.clearCache()
    is_excused = isinstance(case, Statement) and not case.is_strict and isinstance(governed, Rows)
    if is_excused and isinstance(copied, Failure) and copied.is_of_values:
        return None
    configuration = CONFIGURATIONS[case.configuration]
    return world.disagreement(case.principal, f"{case} under {configuration}", (governed, copied))
