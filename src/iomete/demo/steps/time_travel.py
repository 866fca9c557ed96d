"""Change rows, and read the table as it was."""

from iomete.demo.tables import FLIGHTS
from iomete.demo.tour import Step, Tour
from iomete.errors import TableNotFoundError


def run(tour: Tour) -> None:
    """Correct an airline's delays, and compare the table with its earlier snapshot."""
    before = tour.lake.catalog.load_table(FLIGHTS.name).current_snapshot()
    if before is None:
        raise TableNotFoundError(f"Table `{FLIGHTS.name}` is empty.", hint="run the demo again")
    tour.narrator.say(
        "Suppose that Hawaiian Airlines reported its arrivals 15 minutes too late. An UPDATE "
        "corrects them, and makes a new snapshot."
    )
    tour.sql(
        """
UPDATE lake.nyc.flights SET arr_delay = arr_delay - :minutes WHERE carrier = :carrier
""",
        minutes=15,
        carrier="HA",
    )
    tour.narrator.say("The table as it was stays readable, next to the table as it is.")
    tour.sql(
        """
SELECT 'before' AS version, count(*) AS flights, round(avg(arr_delay), 2) AS minutes_late
FROM lake.nyc.flights VERSION AS OF :snapshot WHERE carrier = :carrier
UNION ALL
SELECT 'now', count(*), round(avg(arr_delay), 2)
FROM lake.nyc.flights WHERE carrier = :carrier
""",
        snapshot=str(before.snapshot_id),
        carrier="HA",
    )


STEP = Step(title="Time travel", run=run)
