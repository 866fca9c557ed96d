"""Finds the policies that can be on a resource, without looking at the others.

Names without wildcards, which is nearly all there are, are found by hashing; so is a namespace
with all that is nested in it. What is left is looked at each time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from iomete.governance.evaluator.matching import Asked, Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iomete.governance.evaluator.matching import ResourceSet, Values
    from iomete.governance.evaluator.policies import CompiledPolicy

_MAX_KEYS = 64
"""A policy on more names than these is looked at each time."""

_MAX_FOUND = 200_000
"""Resources whose policies are remembered; some hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that is on a resource, or can be, and what of it is."""

    policy: CompiledPolicy
    sets: tuple[ResourceSet, ...]

    def match(self, parts: Sequence[str], asked: Asked) -> Match:
        """Return how it relates to a resource."""
        found = Match.NONE
        for resources in self.sets:
            match = resources.match(parts, asked)
            if match.covers:
                return match
            found = match or found
        return found


class ResourceIndex:
    """Policies of one kind, by what they are on; in the order that Ranger asks them in."""

    def __init__(self, policies: Iterable[CompiledPolicy]) -> None:
        self._tables: dict[tuple[str, str, str], list[Candidate]] = defaultdict(list)
        self._namespaces: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        self._nested: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        self._in_namespace: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        self._in_catalog: dict[str, list[Candidate]] = defaultdict(list)
        self._others: list[Candidate] = []
        self._found: dict[tuple[str, ...], tuple[Candidate, ...]] = {}
        for policy in policies:
            for resources in policy.resources:
                if resources.path is None:
                    self._add(Candidate(policy, (resources,)))

    def on(self, parts: Sequence[str]) -> tuple[Candidate, ...]:
        """Return the policies that can be on a table, a namespace or a catalog, or on more of it.

        Args:
            parts: Catalog, namespace, table; or the first ones of these.
        """
        key = tuple(parts[:3])
        known = self._found.get(key)
        if known is None:
            if len(self._found) >= _MAX_FOUND:
                self._found.clear()
            known = self._found[key] = tuple(_merged(self._find(key)))
        return known

    def _find(self, parts: tuple[str, ...]) -> Iterator[Candidate]:
        yield from self._others
        if len(parts) == 1:
            yield from self._in_catalog.get(parts[0], ())
            return
        catalog, namespace = parts[:2]
        yield from self._namespaces.get((catalog, namespace), ())
        levels = namespace.split(".")
        for depth in range(1, len(levels)):
            yield from self._nested.get((catalog, ".".join(levels[:depth])), ())
        if len(parts) == 2:
            yield from self._in_namespace.get((catalog, namespace), ())
        else:
            yield from self._tables.get((catalog, namespace, parts[2]), ())

    def _add(self, candidate: Candidate) -> None:
        (resources,) = candidate.sets
        names = [values.names for values in resources.levels[:3]]
        catalogs = names[0]
        spaces = _spaces(resources.levels[1]) if len(resources.levels) > 1 else None
        if catalogs is None or (spaces is None and len(resources.levels) > 1):
            self._others.append(candidate)
            return
        exact, nested = spaces or (set(), set())
        tables = names[2] if len(names) > 2 else None
        if tables is not None and len(catalogs) * len(exact) * len(tables) > _MAX_KEYS:
            self._others.append(candidate)
            return
        for catalog in catalogs:
            self._in_catalog[catalog].append(candidate)
        if tables is None or nested:
            for key in product(catalogs, exact):
                self._namespaces[key].append(candidate)
            for key in product(catalogs, nested):
                self._nested[key].append(candidate)
            return
        for catalog, namespace in product(catalogs, exact):
            self._in_namespace[catalog, namespace].append(candidate)
            for table in tables:
                self._tables[catalog, namespace, table].append(candidate)


def _spaces(values: Values) -> tuple[set[str], set[str]] | None:
    """Return the namespaces that values name, and those whose nested ones they name.

    None where they say more, or where more than those of one name are nested.
    """
    if values.is_any or values.excludes or values.depends_on_asker:
        return None
    exact = {text for text in values.texts if not text.endswith(".*")}
    nested = {text.removesuffix(".*") for text in values.texts if text.endswith(".*")}
    if any("*" in text or "?" in text for text in exact | nested):
        return None
    return exact, nested


def _merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return one candidate a policy, in Ranger's order."""
    found: dict[int, Candidate] = {}
    for candidate in candidates:
        known = found.get(candidate.policy.id)
        if known is None:
            found[candidate.policy.id] = candidate
        elif candidate.sets[0] not in known.sets:
            found[candidate.policy.id] = Candidate(known.policy, known.sets + candidate.sets)
    if len(found) < 2:
        return list(found.values())
    return sorted(found.values(), key=_order_of)


def _order_of(candidate: Candidate) -> tuple[int, bool, int, bytes]:
    return candidate.policy.order
