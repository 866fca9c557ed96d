"""The gate's vocabulary: who asks, and what was decided.

Lower layers ask without knowing who answers; governance answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from iomete.errors import ConfigurationError


class Verdict(StrEnum):
    """What was decided."""

    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone, or something, that acts on the lakehouse; written as its bare name."""

    name: str

    def __post_init__(self) -> None:
        """Refuse names that can't be told apart in policies and logs."""
        if not isinstance(self.name, str):
            raise ConfigurationError(f"A principal's name is text, not {type(self.name).__name__}.")
        if not self.name or self.name != self.name.strip() or not self.name.isprintable():
            raise ConfigurationError(
                f"`{self.name[:80]!r}` is not a principal's name.",
                hint="use a name without leading, trailing or control characters",
            )

    def __str__(self) -> str:
        return self.name


class Gate(Protocol):
    """What one principal may do; asked by every operation that isn't a query.

    `parts` are those of a full name: catalog, levels of the namespace, table.
    """

    def is_admin(self) -> bool:
        """Tell whether the principal holds the role `admin`."""

    def may_know(self, parts: Sequence[str], /) -> bool:
        """Tell whether anything is granted on what is named, or below it."""

    def may(self, action: str, parts: Sequence[str], /) -> bool:
        """Tell whether an action, such as `create`, is granted on what is named."""

    def reads_plainly(self, table: Sequence[str], /) -> bool:
        """Tell whether a table is seen as it is: no column hidden or masked, no row filtered."""


class Trail(Protocol):
    """Where what one principal does is recorded, before it is done.

    `resource` is what it is done to: a full name, a principal, a tag. `detail` is what else there
    is to say.
    """

    def allowed(
        self,
        action: str,
        resource: str,
        *,
        policies: Iterable[int] = (),
        detail: str | None = None,
    ) -> None:
        """Record that something is done.

        Raises:
            AuditUnavailableError: It can't be recorded, and it must be.
        """

    def denied(self, action: str, resource: str, reason: str) -> None:
        """Record that something was refused.

        Raises:
            AuditUnavailableError: It can't be recorded, and it must be.
        """


def operating_system_principal() -> Principal:
    """Return the user that the operating system says this process runs as.

    Environment variables such as `USER` and `LOGNAME` are not asked: anyone can set them.
    """
    import pwd  # not on every platform, and only needed here

    try:
        return Principal(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:  # containers run under numbers that no user has
        return Principal(f"uid-{os.geteuid()}")


__all__ = ["Gate", "Principal", "Trail", "Verdict", "operating_system_principal"]
