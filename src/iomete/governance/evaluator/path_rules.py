"""Decides about paths: locations in files and object stores, each with all below it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from iomete.governance.evaluator.decisions import NOTHING_SAID, Access, first_said
from iomete.governance.evaluator.matching import ANY_NAME, Asked, Match, example
from iomete.governance.evaluator.paths import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iomete.governance.evaluator.policies import CompiledPolicy
    from iomete.governance.evaluator.subjects import Subject


class PathRules:
    """The access policies that are on paths, in the order that they are asked in."""

    def __init__(self, access: Iterable[CompiledPolicy]) -> None:
        self._policies = sorted(
            (p for p in access if any(one.path for one in p.resources)),
            key=lambda policy: policy.order,
        )

    def decide(self, subject: Subject, action: str, path: str) -> Access:
        """Return whether an action is granted on a path and all below it, and by which policy."""
        found = canonical(path)
        if found is None:
            return NOTHING_SAID
        itself = self._access(subject, action, found)
        if not itself.is_allowed:
            return itself
        anything = self._access(subject, action, f"{found}/{ANY_NAME}")
        if not anything.is_allowed:
            return anything
        return self._denied_below(subject, action, found) or itself

    def on(self, subject: Subject, path: str) -> list[CompiledPolicy]:
        """Return the policies that are on a path, in the order that they are asked in."""
        return on_path(self._policies, subject, path)

    def _access(self, subject: Subject, action: str, path: str) -> Access:
        asked = Asked(user=subject.name)
        policies = ((p, Match.SELF) for p in self._policies if _is_on_path(p, path, asked))
        return first_said(policies, action, subject, None)

    def _denied_below(self, subject: Subject, action: str, path: str) -> Access | None:
        """Return the denial of something that lies below a path, or with a wildcard may do so."""
        for value in self._denied_paths:
            denied = value.replace("{USER}", subject.name)
            literal = re.split(r"[*?]", denied, maxsplit=1)[0]
            may_be_below = literal.startswith(f"{path}/") or (
                len(literal) < len(denied) and f"{path}/".startswith(literal)
            )
            if may_be_below:
                found = self._access(subject, action, example(denied))
                if found.is_denied:
                    return found
        return None

    @cached_property
    def _denied_paths(self) -> tuple[str, ...]:
        found = (
            value
            for policy in self._policies
            if policy.has_deny
            for one in policy.resources
            if one.path
            for value in one.path.texts
        )
        return tuple(dict.fromkeys(found))


def on_path(
    policies: Iterable[CompiledPolicy], subject: Subject, path: str
) -> list[CompiledPolicy]:
    """Return those policies that are on a path, in their order."""
    found = canonical(path)
    asked = Asked(user=subject.name)
    return [] if found is None else [one for one in policies if _is_on_path(one, found, asked)]


def _is_on_path(policy: CompiledPolicy, path: str, asked: Asked) -> bool:
    return any(one.path and one.path.match(path, asked) for one in policy.resources)
