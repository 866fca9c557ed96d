"""Effects of a change as they are found: counted by kind, and the first of each kept."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iomete.governance.answers.effects import Effect, EffectKind, Effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.answers.audience import Audience
    from iomete.governance.answers.differences import Change

_EXAMPLES = 100
_EXAMPLE_NAMES = 5


class _Gathered:
    """Effects of one kind, as they are found."""

    def __init__(self) -> None:
        self.count = 0
        self.users = 0
        self.resources: set[str] = set()
        self.examples: list[Effect] = []


class GatheredEffects:
    """What a change does on all resources.

    Args:
        audience: The users whom its effects are about.
    """

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._gathered: dict[EffectKind, _Gathered] = defaultdict(_Gathered)

    def add(self, name: str, changes: Sequence[Change]) -> None:
        """Count what changes on a resource, which is named in full."""
        for change in changes:
            gathered = self._gathered[change.difference.kind]
            gathered.count += change.users.bit_count()
            gathered.users |= change.users
            gathered.resources.add(name)
            if len(gathered.examples) < _EXAMPLES:
                gathered.examples.append(self._effect(name, change))

    def of(self, kind: EffectKind) -> Effects:
        """Return all effects of one kind."""
        found = self._gathered[kind]
        return Effects(
            count=found.count,
            principals=found.users.bit_count(),
            resources=len(found.resources),
            examples=tuple(found.examples),
        )

    def _effect(self, name: str, change: Change) -> Effect:
        found = change.difference
        members = self._audience.members(change.users)
        return Effect(
            kind=found.kind,
            action=found.action,
            resource=name if found.column is None else f"{name}.{found.column}",
            count=change.users.bit_count(),
            principals=tuple(name for name, _ in zip(members, range(_EXAMPLE_NAMES), strict=False)),
            before=found.before,
            after=found.after,
            rows=found.rows,
        )
