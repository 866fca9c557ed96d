"""What the tests of publishing run in processes of their own."""

import os
import signal
import sys
from pathlib import Path

from iomete.store import Store
from support.governed_world import World


def write(root: str, name: str, count: str) -> None:
    with Store.open(Path(root) / "store.db") as store:
        world = World(Path(root), store)
        for number in range(int(count)):
            world.policies.grant("select", on="lake.crm", to=world.admin, name=f"{name} {number}")


def die_before_publishing(root: str) -> None:
    with Store.open(Path(root) / "store.db") as store:
        world = World(Path(root), store)
        world.publisher.publish = lambda: os.kill(os.getpid(), signal.SIGKILL)
        world.principals.add_user("committed")


def die_while_writing(root: str) -> None:
    with Store.open(Path(root) / "store.db") as store:
        world = World(Path(root), store)
        Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        world.principals.add_user("committed")


if __name__ == "__main__":
    actions = {f.__name__: f for f in (write, die_before_publishing, die_while_writing)}
    actions[sys.argv[1]](*sys.argv[2:])
