"""The gate's vocabulary: who asks, and what was decided.

Lower layers ask without knowing who answers; governance answers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from iomete.errors import ConfigurationError


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


def operating_system_principal() -> Principal:
    """Return the user that the operating system says this process runs as.

    Environment variables such as `USER` and `LOGNAME` are not asked: anyone can set them.
    """
    import pwd  # not on every platform, and only needed here

    try:
        return Principal(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:  # containers run under numbers that no user has
        return Principal(f"uid-{os.geteuid()}")


__all__ = ["Principal", "operating_system_principal"]
