"""Two people ask one query, and each gets an answer of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iomete.demo.tour import Step, Tour
from iomete.engine import translate_errors

if TYPE_CHECKING:
    from iomete.lakehouse import Lakehouse

STAFF, DESK, ANALYST = "group:demo-staff", "user:dana@demo", "user:eli@demo"
CUSTOMERS = "lake.crm.customers"

RULES = """
customers, policies = "lake.crm.customers", lake.policies
policies.grant("select", on="lake.nyc", to="group:demo-staff")
policies.grant("select", on="lake.crm", to="group:demo-staff")
policies.filter_rows(customers, "home_airport = ${{USER.airport}}", to="dana@demo")
policies.mask(customers, ["name", "email"], "redact", to="eli@demo")
"""
QUERY = """
SELECT c.name, c.email, c.home_airport AS home, f.dest, f.dep_delay AS minutes_late
FROM lake.nyc.flights f
JOIN lake.crm.bookings b USING (time_hour, carrier, flight, origin, dest)
JOIN lake.crm.customers c USING (customer_id)
ORDER BY f.dep_delay DESC NULLS LAST, b.booking_id LIMIT 4
"""


def run(tour: Tour) -> None:
    """Write the rules, ask as two people, and show what was recorded of it."""
    tour.narrator.say(
        "Dana works at the service desk of JFK, and sees the customers who leave from there. Eli "
        "is an analyst, and sees everybody, but nobody's name or address."
    )
    tour.narrator.code(RULES, "python")
    write_rules(tour.lake)
    began = datetime.now(UTC)
    tour.narrator.say("Both ask who had to wait the longest.")
    tour.narrator.code(QUERY, "sql")
    tour.narrator.say("What Dana sees: lake.as_principal('dana@demo').sql(query)")
    _answer(tour, DESK)
    tour.narrator.say("What Eli sees: lake.as_principal('eli@demo').sql(query)")
    _answer(tour, ANALYST)
    tour.narrator.say("What was recorded: lake.audit.events(resource=customers, since=began)")
    events = tour.lake.audit.events(resource=CUSTOMERS, since=began)
    tour.narrator.rows(
        ("principal", "verdict", "columns used", "masked", "row filters"),
        [
            (e.principal, e.verdict, ", ".join(e.columns or ()), ", ".join(e.masks), len(e.filters))
            for e in events
        ],
        right=(False, False, False, False, True),
    )


def write_rules(lake: Lakehouse) -> None:
    """Make the demo's people and policies, or make them anew."""
    ours = {STAFF, DESK, ANALYST}
    names = {user.name for user in lake.principals.users()}
    groups = {group.name for group in lake.principals.groups()}
    with lake.policies.batch():
        for policy in lake.policies.list():
            if ours.issuperset(policy.to):
                lake.policies.delete(policy.id)
        if _bare(STAFF) not in groups:
            lake.principals.add_group(STAFF)
        for person in (DESK, ANALYST):
            if _bare(person) not in names:
                lake.principals.add_user(person)
        lake.principals.add_to_group(STAFF, [DESK, ANALYST])
        lake.principals.set_attribute(DESK, "airport", "JFK")
        lake.policies.grant("select", on="lake.nyc", to=STAFF)
        lake.policies.grant("select", on="lake.crm", to=STAFF)
        lake.policies.filter_rows(CUSTOMERS, "home_airport = ${{USER.airport}}", to=DESK)
        lake.policies.mask(CUSTOMERS, ["name", "email"], "redact", to=ANALYST)


def _answer(tour: Tour, person: str) -> None:
    with tour.narrator.working("Running"), translate_errors():
        frame = tour.lake.as_principal(person).sql(QUERY)
        rows = frame.collect()
    right = [name == "minutes_late" for name in frame.columns]
    tour.narrator.rows(frame.columns, rows, right=right)


def _bare(principal: str) -> str:
    return principal.partition(":")[2]


STEP = Step(title="Two people, one query", run=run)
