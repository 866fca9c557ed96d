"""Gates for catalogs that are tested without Spark."""

from __future__ import annotations

from collections.abc import Sequence


class AdminGate:
    """What an administrator meets: everything is open."""

    def is_admin(self) -> bool:
        return True

    def may_know(self, parts: Sequence[str]) -> bool:
        return bool(parts)

    def may(self, action: str, parts: Sequence[str]) -> bool:
        return bool(action and parts)

    def reads_plainly(self, table: Sequence[str]) -> bool:
        return bool(table)
