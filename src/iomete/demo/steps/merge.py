"""Bring late corrections in with MERGE."""

from __future__ import annotations

from datetime import date

from iomete.demo.tables import CUSTOMERS
from iomete.demo.tour import Step, Tour
from iomete.engine import translate_errors

CORRECTIONS = (
    # two people with other addresses, and one who is new
    (1, None, "first@example.org", "gold"),
    (2, None, "second@example.org", "platinum"),
    (1001, "Ada Example", "ada@example.org", "basic"),
)
VIEW = "corrections"


def run(tour: Tour) -> None:
    """Merge a DataFrame into the customers, and show what became different."""
    tour.narrator.say(
        "Corrections come late: two customers have new addresses, one of them a new tier, and a "
        "third is new. They are a DataFrame here; a MERGE applies them in one commit."
    )
    tour.narrator.code(
        "corrections = lake.spark.createDataFrame(rows, schema)\n"
        'corrections.createOrReplaceTempView("corrections")',
        "python",
    )
    make_view(tour)
    tour.sql(
        """
MERGE INTO lake.crm.customers c
USING corrections n ON c.customer_id = n.customer_id
WHEN MATCHED THEN UPDATE SET email = n.email, loyalty_tier = n.loyalty_tier
WHEN NOT MATCHED THEN INSERT *
"""
    )
    tour.narrator.say("What the merge changed: the table against the snapshot it was loaded with.")
    tour.sql(
        """
SELECT c.customer_id, o.email AS email_before, c.email AS email_now,
       o.loyalty_tier AS tier_before, c.loyalty_tier AS tier_now
FROM lake.crm.customers c
LEFT JOIN lake.crm.customers VERSION AS OF 'as_loaded' o USING (customer_id)
WHERE c.email IS DISTINCT FROM o.email
ORDER BY c.customer_id
"""
    )
    tour.lake.spark.catalog.dropTempView(VIEW)


def make_view(tour: Tour) -> None:
    """Make the temporary view of the corrections, with all columns of the customers."""
    rows = [
        (number, name, email, None, "US", date(1990, 1, 1), tier, "JFK")
        for number, name, email, tier in CORRECTIONS
    ]
    with translate_errors():
        frame = tour.lake.spark.createDataFrame(rows, schema=CUSTOMERS.spark_schema())
        frame.createOrReplaceTempView(VIEW)


STEP = Step(title="MERGE with late corrections", run=run)
