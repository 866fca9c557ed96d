"""The policies of a draft, as it leaves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iomete.errors import PolicyNotFoundError
from iomete.governance.answers.policy_ids import FIRST_DRAFTED_ID
from iomete.governance.documents.document import TAG_SERVICE

if TYPE_CHECKING:
    from iomete.governance.documents.document import Document
    from iomete.governance.evaluator import Contents


@dataclass(slots=True)
class DraftedPolicies:
    """Policies that a draft adds, changes or takes away; of all others it asks the lakehouse.

    Args:
        _kept: Returns the document of a policy of the lakehouse by id or name.
        _kept_ids: Returns the ids of the policies of the lakehouse that have some names, by name.
    """

    _kept: Callable[[int | str], Document]
    _kept_ids: Callable[[frozenset[str]], dict[str, int]]
    _policies: dict[int, Document | None] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _last_id: int = FIRST_DRAFTED_ID - 1

    @property
    def documents(self) -> tuple[Document, ...]:
        """Policies that the draft adds or changes, with ids."""
        return tuple(document for document in self._policies.values() if document is not None)

    @property
    def removed(self) -> frozenset[int]:
        """Ids of the policies that the draft takes away, or out of force."""
        return frozenset(
            policy_id
            for policy_id, document in self._policies.items()
            if policy_id < FIRST_DRAFTED_ID
            and (document is None or not document.get("isEnabled", True))
        )

    def get(self, policy: int | str) -> Document:
        """Return a policy as the draft leaves it, by id or name.

        Raises:
            PolicyNotFoundError: There is none, or no longer.
        """
        if not isinstance(policy, int) and not str(policy).isdecimal():
            return self._named(policy)
        if int(policy) not in self._policies:
            return self._kept(int(policy))
        document = self._policies[int(policy)]
        if document is None:
            raise _not_found(policy)
        return document

    def is_taken(self, name: str) -> bool:
        """Tell whether a policy has a name, as the draft leaves them."""
        return name in self._ids_by_name(frozenset((name,)))

    def with_ids(self, documents: Sequence[Document]) -> list[Document]:
        """Return documents with the ids of the policies of their names; new ones get new ids."""
        ids = self._ids_by_name(frozenset(document["name"] for document in documents))
        return [
            document | {"id": ids.get(document["name"]) or self.next_id()} for document in documents
        ]

    def set(self, policy_id: int, document: Document | None) -> None:
        """Put a policy as a document says; None: take it away."""
        before = self._policies.get(policy_id)
        if before is not None:
            del self._names[before["name"]]
        self._policies[policy_id] = document
        if document is not None:
            self._names[document["name"]] = policy_id

    def next_id(self) -> int:
        """Return an id for a policy that is new."""
        self._last_id += 1
        return self._last_id

    def applied_to(self, contents: Contents) -> Contents:
        """Return what would be decided by with the policies as the draft leaves them."""
        policies = self._policies
        added = [one for one in policies.values() if one and one.get("isEnabled", True)]
        tagged = [document for document in added if document.get("service") == TAG_SERVICE]
        others = [document for document in added if document.get("service") != TAG_SERVICE]
        return replace(
            contents,
            access=[
                *(document for document in contents.access if document["id"] not in policies),
                *others,
            ],
            tag=[
                *(document for document in contents.tag if document["id"] not in policies),
                *tagged,
            ],
        )

    def _named(self, name: str) -> Document:
        document = self._policies.get(self._names.get(name, 0))
        if document is not None:
            return document
        document = self._kept(name)
        if int(document["id"]) in self._policies:
            raise _not_found(name)
        return document

    def _ids_by_name(self, names: frozenset[str]) -> dict[str, int]:
        own = {name: self._names[name] for name in names & self._names.keys()}
        kept = self._kept_ids(names - own.keys())
        changed = self._policies  # taken away, or of another name by now
        return own | {name: key for name, key in kept.items() if key not in changed}


def _not_found(policy: int | str) -> PolicyNotFoundError:
    return PolicyNotFoundError(
        f"Policy `{str(policy)[:200]}` does not exist.",
        hint="it isn't there any more: the draft takes it away, or gives it another name",
    )
