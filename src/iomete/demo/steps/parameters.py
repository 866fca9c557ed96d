"""Ask questions in SQL, with named parameters."""

from iomete.demo.tour import Step, Tour


def run(tour: Tour) -> None:
    """Ask the same way of real and of synthetic tables."""
    tour.narrator.say(
        "lake.sql(query, **parameters) returns a Spark DataFrame. A parameter is bound as a value, "
        "never pasted as text. Which airlines leave New York late in summer?"
    )
    tour.sql(
        """
SELECT a.name AS airline, count(*) AS flights, round(avg(f.dep_delay), 1) AS minutes_late
FROM lake.nyc.flights f JOIN lake.nyc.airlines a USING (carrier)
WHERE f.origin = :origin AND f.month BETWEEN :first AND :last
GROUP BY a.name
ORDER BY minutes_late DESC LIMIT 5
""",
        origin="JFK",
        first=6,
        last=8,
    )
    tour.narrator.say("What do customers of each loyalty tier spend on one destination?")
    tour.sql(
        """
SELECT c.loyalty_tier, count(DISTINCT c.customer_id) AS customers, sum(b.price) AS revenue
FROM lake.crm.bookings b
JOIN lake.crm.customers c USING (customer_id)
JOIN lake.nyc.airports p ON p.faa = b.dest
WHERE p.name = :airport
GROUP BY c.loyalty_tier
ORDER BY revenue DESC
""",
        airport="Los Angeles Intl",
    )


STEP = Step(title="SQL with named parameters", run=run)
