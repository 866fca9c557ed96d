"""Make a Delta table, and join it with an Iceberg one."""

from iomete.demo.tables import MARK
from iomete.demo.tour import Step, Tour
from iomete.errors import AlreadyExistsError

NAMESPACE = "spark_catalog.nyc"
TABLE = f"{NAMESPACE}.daily_weather"


def run(tour: Tour) -> None:
    """Sum the weather up by day, as Delta, and see what rain does to flights."""
    _check_free(tour)
    tour.lake.catalog.create_namespace(NAMESPACE)
    tour.narrator.say(
        "Delta tables live in spark_catalog and go into the same statements. This one is made "
        "from an Iceberg table."
    )
    tour.sql(
        """
CREATE OR REPLACE TABLE spark_catalog.nyc.daily_weather USING delta
COMMENT 'Rain and wind by airport and day'
TBLPROPERTIES ('iomete.demo' = '1') AS
SELECT origin, make_date(year, month, day) AS day,
       round(sum(precip), 2) AS rain_inches, max(wind_speed) AS wind_mph
FROM lake.nyc.weather
GROUP BY ALL
"""
    )
    tour.narrator.say("Does rain delay flights?")
    tour.sql(
        """
SELECT CASE WHEN w.rain_inches = 0 THEN 'dry' WHEN w.rain_inches < :wet THEN 'some rain'
            ELSE 'wet' END AS day_was,
       count(*) AS flights, round(avg(f.dep_delay), 1) AS minutes_late
FROM lake.nyc.flights f
JOIN spark_catalog.nyc.daily_weather w
  ON w.origin = f.origin AND w.day = make_date(f.year, f.month, f.day)
GROUP BY day_was
ORDER BY minutes_late
""",
        wet=0.5,
    )


def _check_free(tour: Tour) -> None:
    if not (
        tour.lake.catalog.namespace_exists(NAMESPACE) and tour.lake.catalog.table_exists(TABLE)
    ):
        return
    properties = {row.key for row in tour.lake.sql(f"SHOW TBLPROPERTIES {TABLE}").collect()}
    if MARK not in properties:
        raise AlreadyExistsError(
            f"Table `{TABLE}` exists, and the demo didn't make it.",
            hint="give the demo a folder of its own: iomete demo -l demo_lakehouse",
        )


STEP = Step(title="A Delta table, joined with an Iceberg one", run=run)
