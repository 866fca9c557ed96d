"""One thing that is wrong, or may be, with policies, tags or principals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """Kinds of findings."""

    UNUSED = "unused"
    """Nothing that exists is under the policy, nobody is meant by it, or its time is over."""
    SHADOWED = "shadowed"
    """Wherever the policy has something to say, a stronger one says otherwise."""
    REDUNDANT = "redundant"
    """Nothing would change without it: others that are asked first say the same, or beat it."""
    OVER_BROAD = "over-broad"
    """A grant of much to many: everyone in a whole catalog, or all rights in it."""
    UNMASKED_TAG = "unmasked tag"
    """Somebody reads a tagged column, or columns of a tagged table, as they are."""
    ORPHANED_PRINCIPAL = "orphaned principal"
    """A group or role without members, or a user whom nothing reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at.

    `subject` is what it is about: a policy's name, a column, a principal. `policy` is the policy's
    id, `others` are those of the policies that are the reason.
    """

    kind: FindingKind
    subject: str
    message: str
    policy: int | None = None
    others: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"
