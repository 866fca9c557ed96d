"""What a user knows of: tables, namespaces and catalogs where anything is granted to them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.matching import ANY_NAME, example
from iomete.governance.evaluator.policies import TABLE_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iomete.governance.evaluator.evaluator import Evaluator
    from iomete.governance.evaluator.resource_names import Parts


class KnownNames:
    """Tells which names an evaluator's users know of."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def knows_table(self, name: str, table: Sequence[str]) -> bool:
        """Tell whether anything is granted on a table or one of its columns."""
        return self._is_anything_granted(name, tuple(table))

    def knows_namespace(self, name: str, catalog: str, namespace: str) -> bool:
        """Tell whether anything is granted on a namespace, or below it.

        What is nested in one is no part of it to Ranger: a denial of the one may leave the other.
        """
        nested = f"{namespace}.{ANY_NAME}"
        if any(self._is_anything_granted(name, (catalog, one)) for one in (namespace, nested)):
            return True
        below = (found.replace("{USER}", name) for found in self._namespaces_below(namespace))
        return any(self._is_anything_granted(name, (catalog, found)) for found in below) or any(
            self._is_anything_granted(name, table)
            for table in self._owned_below(name, (catalog, *namespace.split(".")))
        )

    def knows_catalog(self, name: str, catalog: str) -> bool:
        """Tell whether anything is granted on a catalog, or below it."""
        return self._is_anything_granted(name, (catalog,)) or any(
            self._is_anything_granted(name, table) for table in self._owned_below(name, (catalog,))
        )

    def _is_anything_granted(self, name: str, parts: Parts) -> bool:
        subject = self._evaluator.subject(name)
        if subject is None:
            return False
        return subject.is_admin or any(
            self._evaluator.access(subject, action, parts, below=True).is_allowed
            for action in TABLE_ACTIONS
        )

    @cached_property
    def _namespaces(self) -> list[str]:
        """Names of namespaces that policies and tags are about, sorted; patterns by an example."""
        found = set(self._evaluator.tags.namespaces)
        for policy in self._evaluator.policies:
            if policy.is_tagged or policy.kind is not PolicyType.ACCESS:
                continue
            for resources in policy.resources:
                if len(resources.levels) > 1:
                    found.update(map(example, resources.levels[1].texts))
        return sorted(found)

    def _namespaces_below(self, namespace: str) -> Iterator[str]:
        prefix = f"{namespace}."
        for position in range(bisect_left(self._namespaces, prefix), len(self._namespaces)):
            if not self._namespaces[position].startswith(prefix):
                return
            yield self._namespaces[position]

    @cached_property
    def _owned(self) -> dict[str, list[Parts]]:
        """Tables by who owns them."""
        found: dict[str, list[Parts]] = defaultdict(list)
        for table, owner in self._evaluator.owners.items():
            found[owner].append(table)
        return found

    def _owned_below(self, name: str, above: Parts) -> Iterator[Parts]:
        for table in self._owned.get(name, ()):
            if table[: len(above)] == above:
                yield table[0], ".".join(table[1:-1]), table[-1]
