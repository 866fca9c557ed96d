"""Read the same tables without Spark."""

from iomete.demo.tables import FLIGHTS
from iomete.demo.tour import Step, Tour


def run(tour: Tour) -> None:
    """Count and sum the flights with PyIceberg and with Spark, and compare."""
    tour.narrator.say(
        "The tables are plain Iceberg: PyIceberg reads them without Spark, into Arrow or pandas."
    )
    tour.narrator.code(
        """
table = lake.catalog.load_table("lake.nyc.flights")
table.scan().count()
table.scan(row_filter="carrier == 'HA'", selected_fields=("arr_delay",)).to_pandas().mean()
""",
        "python",
    )
    table = tour.lake.catalog.load_table(FLIGHTS.name)
    count = table.scan().count()
    scan = table.scan(row_filter="carrier == 'HA'", selected_fields=("arr_delay",))
    mean = float(scan.to_pandas()["arr_delay"].mean())
    query = (
        "SELECT count(*) AS flights, avg(arr_delay) FILTER (WHERE carrier = 'HA') AS mean "
        "FROM lake.nyc.flights"
    )
    (by_spark,) = tour.lake.sql(query).collect()
    tour.narrator.rows(
        ("read by", "flights", "minutes late, HA"),
        [
            ("PyIceberg", f"{count:,}", f"{mean:.2f}"),
            ("Spark", f"{by_spark.flights:,}", f"{by_spark.mean:.2f}"),
        ],
        right=(False, True, True),
    )


STEP = Step(title="The same tables without Spark", run=run)
