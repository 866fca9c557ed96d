"""A change that isn't made yet: policies, memberships and tags, as they would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from iomete.errors import PolicyNotFoundError, StillNeededError
from iomete.governance.documents import TAG_SERVICE
from iomete.governance.evaluator import Attachment, Contents, Memberships
from iomete.governance.specifications import PolicyKind

if TYPE_CHECKING:
    from iomete.governance.documents import Document

Names = str | Iterable[str]
FIRST_DRAFTED_ID = 1 << 60
"""Ids of drafted policies are from here on: the store gives out none of them."""


class Drafting(Protocol):
    """Turns the words of a call into what would be kept; nothing is changed."""

    def policy(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Document:
        """Return the document of the policy that a call would make."""

    def updated(self, policy: int | str, changes: dict[str, Any], *, future: bool) -> Document:
        """Return the document of a policy as a call would change it, with its id."""

    def current(self, policy: int | str) -> Document:
        """Return the document of a policy by id or name, with its id and state."""

    def members(self, container: str, names: Names) -> list[tuple[str, str]]:
        """Return a group or role with each member, written with their kinds, if they exist."""

    def attachment(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Return a tag on a resource, if both exist."""


@dataclass(slots=True)
class Draft:
    """A change to try before it is made; `lake.policies.simulate(draft)` tells what it would do.

    Each method is that of `lake.policies`, `lake.principals` or `lake.tags`, with the same
    arguments and errors, and returns the draft, so that calls can follow each other. Nothing is
    changed by them.
    """

    _drafting: Drafting
    _documents: list[Document] = field(default_factory=list)
    _removed: set[int] = field(default_factory=set)
    _joined: list[tuple[str, str]] = field(default_factory=list)
    _left: list[tuple[str, str]] = field(default_factory=list)
    _attached: list[Attachment] = field(default_factory=list)
    _detached: list[Attachment] = field(default_factory=list)

    @property
    def documents(self) -> tuple[Document, ...]:
        """Policies that the draft adds or changes, with ids."""
        return tuple(self._documents)

    @property
    def removed(self) -> frozenset[int]:
        """Ids of the policies that the draft takes away, or out of force."""
        return frozenset(self._removed)

    def grant(self, actions: Names, *, to: Names, future: bool = False, **more: Any) -> Draft:
        """Add what `lake.policies.grant` would make."""
        arguments = {"actions": actions, "to": to} | more
        return self._add(PolicyKind.GRANT, arguments, future=future)

    def deny(self, actions: Names, *, to: Names, future: bool = False, **more: Any) -> Draft:
        """Add what `lake.policies.deny` would make."""
        arguments = {"actions": actions, "to": to} | more
        return self._add(PolicyKind.DENY, arguments, future=future)

    def mask(
        self,
        table: str | Sequence[str],
        column: Names,
        mask: str,
        *,
        to: Names,
        future: bool = False,
        **more: Any,
    ) -> Draft:
        """Add what `lake.policies.mask` would make."""
        arguments = {"on": table, "columns": column, "mask": mask, "to": to} | more
        return self._add(PolicyKind.MASK, arguments, future=future)

    def mask_tag(self, tag: str, mask: str, *, to: Names, **more: Any) -> Draft:
        """Add what `lake.policies.mask_tag` would make."""
        arguments = {"on_tag": tag, "mask": mask, "to": to} | more
        return self._add(PolicyKind.MASK, arguments, future=False)

    def filter_rows(
        self,
        table: str | Sequence[str],
        predicate: str,
        *,
        to: Names,
        future: bool = False,
        **more: Any,
    ) -> Draft:
        """Add what `lake.policies.filter_rows` would make."""
        arguments = {"on": table, "predicate": predicate, "to": to} | more
        return self._add(PolicyKind.FILTER, arguments, future=future)

    def update(self, policy: int | str, *, future: bool = False, **changes: Any) -> Draft:
        """Change a policy as `lake.policies.update` would."""
        return self._put(self._drafting.updated(policy, changes, future=future))

    def enable(self, policy: int | str) -> Draft:
        """Put a disabled policy in force again."""
        return self._put(self._drafting.current(policy) | {"isEnabled": True})

    def disable(self, policy: int | str) -> Draft:
        """Take a policy out of force."""
        return self.delete(policy)

    def delete(self, policy: int | str) -> Draft:
        """Take a policy away, by id or name; one of the draft's own by its name."""
        own = [document for document in self._documents if document["name"] == policy]
        if own:
            self._documents = [document for document in self._documents if document not in own]
            return self
        self._removed.add(int(self._drafting.current(policy)["id"]))
        return self

    def put(self, document: Document) -> Draft:
        """Add a Ranger policy as `lake.policies.import_` would, with `replace=True`.

        Args:
            document: As an export holds it; a policy of the same name is replaced.
        """
        document = {member: value for member, value in document.items() if member != "id"}
        self._documents = [one for one in self._documents if one["name"] != document["name"]]
        try:
            before = self._drafting.current(document["name"])
        except PolicyNotFoundError:
            return self._put(document | {"id": FIRST_DRAFTED_ID + len(self._documents)})
        return self._put(document | {"id": before["id"]})

    def add_to_group(self, group: str, members: Names) -> Draft:
        """Put users and groups into a group; a bare name is a user."""
        self._joined += self._drafting.members(f"group:{group.removeprefix('group:')}", members)
        return self

    def remove_from_group(self, group: str, members: Names) -> Draft:
        """Take users and groups out of a group; a bare name is a user."""
        self._left += self._drafting.members(f"group:{group.removeprefix('group:')}", members)
        return self

    def grant_role(self, role: str, to: Names) -> Draft:
        """Give a role to users, groups and roles; a bare name is a user."""
        self._joined += self._drafting.members(f"role:{role.removeprefix('role:')}", to)
        return self

    def revoke_role(self, role: str, of: Names) -> Draft:
        """Take a role from users, groups and roles that hold it directly."""
        self._left += self._drafting.members(f"role:{role.removeprefix('role:')}", of)
        return self

    def attach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Attach a tag to a table or column."""
        self._attached.append(self._drafting.attachment(tag, resource))
        return self

    def detach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Take a tag from a table or column."""
        self._detached.append(self._drafting.attachment(tag, resource))
        return self

    def applied_to(self, contents: Contents) -> Contents:
        """Return what would be decided by after the change.

        Raises:
            StillNeededError: A group or role would be in itself.
        """
        gone = self._removed | {document["id"] for document in self._documents}
        added = [document for document in self._documents if document.get("isEnabled", True)]
        tagged = [document for document in added if document.get("service") == TAG_SERVICE]
        attachments = [one for one in contents.attachments if not _is_among(one, self._detached)]
        return replace(
            contents,
            access=[
                *(document for document in contents.access if document["id"] not in gone),
                *(document for document in added if document not in tagged),
            ],
            tag=[*(document for document in contents.tag if document["id"] not in gone), *tagged],
            attachments=(*attachments, *self._attached),
            memberships=self._memberships(contents.memberships),
        )

    def _memberships(self, before: Memberships) -> Memberships:
        if not self._joined and not self._left:
            return before
        direct = {member: list(above) for member, above in before.direct.items()}
        for container, member in self._left:
            direct[member] = [one for one in direct.get(member, ()) if one != container]
        for container, member in self._joined:
            _check_no_circle(direct, container, member)
            if container not in direct.setdefault(member, []):
                direct[member].append(container)
        return Memberships({member: tuple(above) for member, above in direct.items()})

    def _add(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Draft:
        document = self._drafting.policy(kind, arguments, future=future)
        taken = {one["name"] for one in self._documents}
        name, number = document["name"], 1
        while document["name"] in taken:
            number += 1
            document |= {"name": f"{name} ({number})"}
        return self._put(document | {"id": FIRST_DRAFTED_ID + len(self._documents)})

    def _put(self, document: Document) -> Draft:
        self._documents = [one for one in self._documents if one["id"] != document["id"]]
        self._documents.append(document)
        return self


def _is_among(one: Attachment, others: Iterable[Attachment]) -> bool:
    return any(one.tag == other.tag and one.resources == other.resources for other in others)


def _check_no_circle(direct: Mapping[str, Sequence[str]], container: str, member: str) -> None:
    reached, queue = {container}, [container]
    while queue:
        for above in direct.get(queue.pop(), ()):
            if above not in reached:
                reached.add(above)
                queue.append(above)
    if member in reached:
        raise StillNeededError(
            f"`{member}` can't be put into `{container}`, which is itself in it.",
            hint=f"take `{container}` out of `{member}` first",
        )
