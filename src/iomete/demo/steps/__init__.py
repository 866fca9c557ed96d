"""The steps of the demo, in order; each is a module with a `STEP`."""

from iomete.demo.steps import (
    delta,
    governance,
    load,
    merge,
    parameters,
    policies,
    time_travel,
    without_spark,
)

STEPS = (
    load.STEP,
    parameters.STEP,
    time_travel.STEP,
    delta.STEP,
    merge.STEP,
    without_spark.STEP,
    governance.STEP,
    policies.STEP,
)

__all__ = ["STEPS"]
