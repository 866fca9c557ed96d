"""What decides in Python by the policies that a store holds now."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.governance import counters
from iomete.governance.bundle import build_bundle
from iomete.governance.evaluator import Contents, Evaluator, PolicyBook
from iomete.governance.principals.names import PrincipalKind
from iomete.governance.tables import memberships, principals

if TYPE_CHECKING:
    from datetime import datetime

    from iomete.store import Store


class CurrentPolicies:
    """The policies of a store, read again where they have another version.

    It asks nobody whether they may: what it answers is what anybody may do. `PolicyGate` makes of
    it what one principal is told, without Spark:

        gate = PolicyGate(CurrentPolicies(store).evaluator, principal, columns=columns_of)

    Safe for threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._book: PolicyBook | None = None

    def evaluator(self, at: datetime | None = None) -> Evaluator:
        """Return what decides at a moment; now, unless said otherwise.

        Cost: one small read of the store; of all policies, where they have changed.
        """
        return self.book().at(at)

    def book(self) -> PolicyBook:
        """Return all policies of the version that the store has."""
        with self._lock, self._store.read() as connection:
            version = counters.read_version(connection) or 0
            if self._book is None or self._book.contents.version != version:
                self._book = PolicyBook(read_contents(connection))
            return self._book


def read_contents(connection: sa.Connection) -> Contents:
    """Return everything that decisions rest on, from one snapshot of the store."""
    direct: dict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        sa.select(memberships.c.container, memberships.c.member).order_by(memberships.c.container)
    )
    for container, member in rows:
        direct[member].append(container)
    others = sa.select(principals.c.principal).where(principals.c.kind != str(PrincipalKind.USER))
    bundle = json.loads(build_bundle(connection, "").content)
    containers = tuple(connection.execute(others).scalars())
    return Contents.of_bundle(bundle, direct=direct, containers=containers)
