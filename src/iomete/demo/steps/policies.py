"""Why somebody sees what they see, and what a change would do before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.demo.steps.governance import ANALYST, CUSTOMERS, DESK
from iomete.demo.tour import Step

if TYPE_CHECKING:
    from iomete.demo.tour import Tour

WHY = """
lake.policies.explain("dana@demo", "select", "lake.crm.customers.email")
"""
CHANGE = """
draft = lake.policies.draft()
draft.deny("select", on="lake.crm.customers", columns="email", to="dana@demo")
draft.mask("lake.crm.customers", "customer_id", "nullify", to="eli@demo")
lake.policies.simulate(draft)
"""


def run(tour: Tour) -> None:
    """Explain one decision, and try a change; nothing of it is made."""
    policies = tour.lake.policies
    tour.narrator.say("Why does Dana see addresses? The policies themselves say it.")
    tour.narrator.code(WHY, "python")
    explained = policies.explain(DESK, "select", f"{CUSTOMERS}.email")
    tour.narrator.rows(
        ("policy", "what became of it", "the way to it"),
        [(one.name, one.outcome, " → ".join(one.through)) for one in explained.policies],
    )
    if explained.filter is not None:
        tour.narrator.note(f"rows where {explained.filter.expression}")
    tour.narrator.say("What would change for whom, before anything is changed?")
    tour.narrator.code(CHANGE, "python")
    draft = policies.draft()
    draft.deny("select", on=CUSTOMERS, columns="email", to=DESK)
    draft.mask(CUSTOMERS, "customer_id", "nullify", to=ANALYST)
    with tour.narrator.working("Trying"):
        simulated = policies.simulate(draft)
    found = (simulated.gains, simulated.losses, simulated.masks, simulated.filters)
    tour.narrator.rows(("what would be",), [(effect,) for one in found for effect in one.examples])


STEP = Step(title="Why, and what if", run=run)
