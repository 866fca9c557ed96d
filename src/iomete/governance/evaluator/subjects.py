"""Who asks: a user with all groups and roles, as the items of policies compare them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iomete.governance.principals.names import ADMIN, AUDITOR, EVERYONE, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER = f"{PrincipalKind.USER}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An enabled user, or a group or role that stands for one who is in nothing else.

    `keys` are the user, and every group and role, written with their kind; `container` is the group
    or role that is asked about.
    """

    name: str
    keys: frozenset[str]
    container: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it is itself, written with its kind."""
        return f"{_USER}{self.name}" if self.container is None else self.container

    @property
    def is_admin(self) -> bool:
        """Whether it is a holder of the role `admin`, whom policies don't reach."""
        return str(ADMIN) in self.keys

    @property
    def is_auditor(self) -> bool:
        """Whether it may read the audit trail."""
        return self.is_admin or str(AUDITOR) in self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as registered; attributes are texts, numbers, booleans or lists of one of these."""

    enabled: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Memberships:
    """Who is in what, directly; and from it, who is in what through others.

    Args:
        direct: By member, the groups and roles that it is put into itself.
    """

    def __init__(self, direct: Mapping[str, tuple[str, ...]]) -> None:
        self._direct = direct
        self._above: dict[str, frozenset[str]] = {}

    @property
    def direct(self) -> Mapping[str, tuple[str, ...]]:
        """By member, the groups and roles that it is put into itself."""
        return self._direct

    def keys_of(self, user: str) -> frozenset[str]:
        """Return the keys of a user by its bare name; everybody is in `group:public`.

        Circles end: what contains itself is in itself, and that is all.
        """
        key = f"{_USER}{user}"
        above = {self._containers_of(one) for one in self._direct.get(key, ())}
        everyone = self._containers_of(str(EVERYONE))
        return frozenset((key,)).union(everyone, *above)

    def keys_with(self, container: str) -> frozenset[str]:
        """Return the keys of somebody who is in one group or role, and in nothing else."""
        return self._containers_of(container) | self._containers_of(str(EVERYONE))

    def path(self, start: str, wanted: str) -> tuple[str, ...]:
        """Return a shortest way from a member to a group or role; empty if there is none.

        Both are in it, written with their kind: `user:alice`, `group:eu`, `role:dpo`.
        """
        if start == wanted:
            return (start,)
        before: dict[str, str] = {str(EVERYONE): start}
        queue = deque([start, str(EVERYONE)])
        while queue:
            member = queue.popleft()
            if member == wanted:
                break
            for container in self._direct.get(member, ()):
                if container not in before:
                    before[container] = member
                    queue.append(container)
        if wanted not in before:
            return ()
        steps = [wanted]
        while steps[-1] != start:
            steps.append(before[steps[-1]])
        return tuple(reversed(steps))

    def _containers_of(self, container: str) -> frozenset[str]:
        """Return a group or role with all that it is in."""
        known = self._above.get(container)
        if known is None:
            reached, queue = {container}, deque([container])
            while queue:
                for above in self._direct.get(queue.popleft(), ()):
                    if above not in reached:
                        reached.add(above)
                        queue.append(above)
            known = self._above[container] = frozenset(reached)
        return known
