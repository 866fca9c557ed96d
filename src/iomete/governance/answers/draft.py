"""A change that isn't made yet: policies, memberships and tags, as they would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from iomete.governance.answers.draft_steps import (
    Delete,
    Member,
    Put,
    Step,
    Tagged,
    attachments_after,
    check_admin_left,
    memberships_after,
)
from iomete.governance.answers.drafted_policies import DraftedPolicies
from iomete.governance.documents.specifications import PolicyKind
from iomete.governance.principals.names import PrincipalKind

if TYPE_CHECKING:
    from iomete.governance.documents.document import Document
    from iomete.governance.evaluator import Attachment, Contents
    from iomete.governance.principals.names import PrincipalName

    IsTaken = Callable[[str], bool]

Names = str | Iterable[str]


class Drafting(Protocol):
    """Turns the words of a call into what would be kept; nothing is changed."""

    def contents(self) -> Contents:
        """Return what is decided by now, before the draft."""

    def policy(
        self, kind: PolicyKind, arguments: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return the document of the policy that a call would make, under a name that is free."""

    def updated(
        self, before: Document, changes: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return a policy's document, which has an id, as a call would change it."""

    def imported(self, documents: Sequence[Document], *, future: bool) -> Sequence[Document]:
        """Return documents as they would be imported in place of policies of their names."""

    def current(self, policy: int | str) -> Document:
        """Return the document of a policy by id or name, with its id and state."""

    def ids_by_name(self, names: frozenset[str]) -> dict[str, int]:
        """Return the ids of the policies that have some names, by name."""

    def members(
        self, kind: PrincipalKind, container: str, names: Names
    ) -> list[tuple[PrincipalName, PrincipalName]]:
        """Return a group or role with each member, if they exist."""

    def attachment(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Return a tag on a resource, if both exist."""

    def attached(self, tag: str) -> list[Attachment]:
        """Return where a tag is attached, if it exists."""

    def detached(
        self, tag: str, resource: str | Sequence[str], attached: Sequence[Attachment]
    ) -> list[Attachment]:
        """Return what of the places of a tag a full name can mean, which needn't exist."""


@dataclass(slots=True)
class Draft:
    """A change to try before it is made; `lake.policies.simulate(draft)` tells what it would do.

    Each method is that of `lake.policies`, `lake.principals` or `lake.tags`, with the same
    arguments and errors, and returns the draft, so that calls can follow each other: each counts
    on what those before it have left. Nothing is changed by them.
    """

    _drafting: Drafting
    _steps: list[Step] = field(default_factory=list)
    _policies: DraftedPolicies = field(init=False)

    def __post_init__(self) -> None:
        self._policies = DraftedPolicies(self._drafting.current, self._drafting.ids_by_name)

    @property
    def documents(self) -> tuple[Document, ...]:
        """Policies that the draft adds or changes, with ids."""
        return self._policies.documents

    @property
    def removed(self) -> frozenset[int]:
        """Ids of the policies that the draft takes away, or out of force."""
        return self._policies.removed

    @property
    def step_count(self) -> int:
        """How many steps it consists of; it grows with each change of the draft."""
        return len(self._steps)

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
        for short, long in (("table", "on"), ("column", "columns")):
            if short in changes:
                changes[long] = changes.pop(short)
        before, is_taken = self._policies.get(policy), self._policies.is_taken
        return self._do(Put(self._drafting.updated(before, changes, is_taken, future=future)))

    def enable(self, policy: int | str) -> Draft:
        """Put a disabled policy in force again."""
        return self._do(Put(self._policies.get(policy) | {"isEnabled": True}))

    def disable(self, policy: int | str) -> Draft:
        """Take a policy out of force."""
        return self._do(Put(self._policies.get(policy) | {"isEnabled": False}))

    def delete(self, policy: int | str) -> Draft:
        """Take a policy away, by id or name; one of the draft's own by its name."""
        return self._do(Delete(int(self._policies.get(policy)["id"])))

    def put(self, *documents: Document, future: bool = False) -> Draft:
        """Add Ranger policies as `lake.policies.import_` would, with `replace=True`.

        Args:
            documents: As an export holds them; policies of the same names are replaced.
            future: Whether tables and columns that are named needn't exist yet.

        Raises:
            InvalidPolicyError: With everything that is wrong with them.
        """
        checked = self._drafting.imported(documents, future=future)
        return self._do(*map(Put, self._policies.with_ids(checked)))

    def add_to_group(self, group: str, members: Names) -> Draft:
        """Put users and groups into a group; a bare name is a user.

        Raises:
            ConfigurationError: A group can't hold such a member.
            StillNeededError: A group would be in itself.
        """
        return self._move(PrincipalKind.GROUP, group, members, joins=True)

    def remove_from_group(self, group: str, members: Names) -> Draft:
        """Take users and groups out of a group; a bare name is a user.

        Raises:
            StillNeededError: It would leave the lakehouse without an admin.
        """
        return self._move(PrincipalKind.GROUP, group, members, joins=False)

    def grant_role(self, role: str, to: Names) -> Draft:
        """Give a role to users, groups and roles; a bare name is a user.

        Raises:
            ConfigurationError: Everyone can't hold a role.
            StillNeededError: A role would be held by itself.
        """
        return self._move(PrincipalKind.ROLE, role, to, joins=True)

    def revoke_role(self, role: str, of: Names) -> Draft:
        """Take a role from users, groups and roles that hold it directly.

        Raises:
            StillNeededError: It would leave the lakehouse without an admin.
        """
        return self._move(PrincipalKind.ROLE, role, of, joins=False)

    def attach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Attach a tag to a table or column."""
        return self._do(Tagged(self._drafting.attachment(tag, resource), is_attached=True))

    def detach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Take a tag from a table or column, which needn't exist any more.

        Raises:
            TagNotFoundError: The tag isn't defined, or isn't attached there.
        """
        attached = attachments_after(self._steps, self._drafting.attached(tag))
        found = self._drafting.detached(tag, resource, attached)
        return self._do(*(Tagged(one, is_attached=False) for one in found))

    def applied_to(self, contents: Contents) -> Contents:
        """Return what would be decided by after the change.

        Raises:
            StillNeededError: A group or role would be in itself.
        """
        return replace(
            self._policies.applied_to(contents),
            attachments=tuple(attachments_after(self._steps, contents.attachments)),
            memberships=memberships_after(self._steps, contents.memberships),
        )

    # --- steps -----------------------------------------------------------------------------------

    def _do(self, *steps: Step) -> Draft:
        for step in steps:
            self._steps.append(step)
            if isinstance(step, Put):
                self._policies.set(int(step.document["id"]), step.document)
            elif isinstance(step, Delete):
                self._policies.set(step.id, None)
        return self

    def _move(self, kind: PrincipalKind, container: str, names: Names, *, joins: bool) -> Draft:
        members = self._drafting.members(kind, container, names)
        moves = [Member(whole, member, joins) for whole, member in members]
        before = self._drafting.contents()
        after = memberships_after([*self._steps, *moves], before.memberships)
        if not joins:
            check_admin_left(moves, after, before.users)
        return self._do(*moves)

    def _add(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Draft:
        is_taken = self._policies.is_taken
        document = self._drafting.policy(kind, arguments, is_taken, future=future)
        return self._do(Put(document | {"id": self._policies.next_id()}))
