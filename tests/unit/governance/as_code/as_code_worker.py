"""What the tests of applying run in processes of their own."""

import sys
import time
from pathlib import Path

from iomete.errors import PlanOutdatedError
from iomete.store import Store
from support.governed_world import World


def apply(root: str, plan: str, start: str) -> None:
    """Apply a saved plan at a moment that all processes share; print `won` or `lost`."""
    with Store.open(Path(root) / "store.db") as store:
        policies = World(Path(root), store).policies
        loaded = policies.load_plan(plan)
        time.sleep(max(0.0, float(start) - time.time()))
        try:
            policies.apply(loaded)
        except PlanOutdatedError:
            print("lost")
        else:
            print("won")


if __name__ == "__main__":
    apply(*sys.argv[1:])
