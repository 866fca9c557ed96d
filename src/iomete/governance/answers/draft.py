"""A change that isn't made yet: policies, memberships and tags, as they would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from iomete.errors import PolicyNotFoundError, TagNotFoundError
from iomete.governance.answers.draft_steps import (
    Delete,
    Member,
    Put,
    Step,
    Tagged,
    attachments_after,
    is_among,
    memberships_after,
)
from iomete.governance.answers.drafted_policies import DraftedPolicies
from iomete.governance.document_rules import check_document
from iomete.governance.specifications import PolicyKind

if TYPE_CHECKING:
    from iomete.governance.documents import Document
    from iomete.governance.evaluator import Attachment, Contents

Names = str | Iterable[str]


class Drafting(Protocol):
    """Turns the words of a call into what would be kept; nothing is changed."""

    def policy(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Document:
        """Return the document of the policy that a call would make."""

    def updated(self, before: Document, changes: dict[str, Any], *, future: bool) -> Document:
        """Return a policy's document, which has an id, as a call would change it."""

    def current(self, policy: int | str) -> Document:
        """Return the document of a policy by id or name, with its id and state."""

    def members(self, container: str, names: Names) -> list[tuple[str, str]]:
        """Return a group or role with each member, written with their kinds, if they exist."""

    def attachment(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Return a tag on a resource, if both exist."""

    def attached(self, tag: str) -> list[Attachment]:
        """Return where a tag is attached, if it exists."""

    def possible_attachments(self, tag: str, resource: str | Sequence[str]) -> list[Attachment]:
        """Return a tag on everything that a full name can mean, whether it exists or not."""


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
        self._policies = DraftedPolicies(self._drafting.current)

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
        before = self._policies.get(policy)
        after = self._drafting.updated(before, changes, future=future)
        if after["name"] != before["name"]:
            self._policies.check_free(after["name"])
        return self._do(Put(after))

    def enable(self, policy: int | str) -> Draft:
        """Put a disabled policy in force again."""
        return self._do(Put(self._policies.get(policy) | {"isEnabled": True}))

    def disable(self, policy: int | str) -> Draft:
        """Take a policy out of force."""
        return self._do(Put(self._policies.get(policy) | {"isEnabled": False}))

    def delete(self, policy: int | str) -> Draft:
        """Take a policy away, by id or name; one of the draft's own by its name."""
        return self._do(Delete(int(self._policies.get(policy)["id"])))

    def put(self, document: Document) -> Draft:
        """Add a Ranger policy as `lake.policies.import_` would, with `replace=True`.

        Args:
            document: As an export holds it; a policy of the same name is replaced.

        Raises:
            InvalidPolicyError: With everything that is wrong with it.
        """
        checked = check_document(document)
        try:
            policy_id = int(self._policies.named(checked["name"])["id"])
        except PolicyNotFoundError:
            policy_id = self._policies.next_id()
        return self._do(Put(checked | {"id": policy_id}))

    def add_to_group(self, group: str, members: Names) -> Draft:
        """Put users and groups into a group; a bare name is a user."""
        return self._move(f"group:{group.removeprefix('group:')}", members, joins=True)

    def remove_from_group(self, group: str, members: Names) -> Draft:
        """Take users and groups out of a group; a bare name is a user."""
        return self._move(f"group:{group.removeprefix('group:')}", members, joins=False)

    def grant_role(self, role: str, to: Names) -> Draft:
        """Give a role to users, groups and roles; a bare name is a user."""
        return self._move(f"role:{role.removeprefix('role:')}", to, joins=True)

    def revoke_role(self, role: str, of: Names) -> Draft:
        """Take a role from users, groups and roles that hold it directly."""
        return self._move(f"role:{role.removeprefix('role:')}", of, joins=False)

    def attach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Attach a tag to a table or column."""
        return self._do(Tagged(self._drafting.attachment(tag, resource), is_attached=True))

    def detach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Take a tag from a table or column, which needn't exist any more.

        Raises:
            TagNotFoundError: The tag isn't defined, or isn't attached there.
        """
        attached = attachments_after(self._steps, self._drafting.attached(tag))
        possible = self._drafting.possible_attachments(tag, resource)
        found = [one for one in possible if is_among(one, attached)]
        if not found:
            raise TagNotFoundError(
                f"Tag `{tag}` is not attached to `{str(resource)[:200]}`.",
                hint=f'see lake.tags.resources("{tag}")',
            )
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

    def _move(self, container: str, names: Names, *, joins: bool) -> Draft:
        members = self._drafting.members(container, names)
        return self._do(*(Member(whole, member, joins) for whole, member in members))

    def _add(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Draft:
        document = self._drafting.policy(kind, arguments, future=future)
        if arguments.get("name"):
            self._policies.check_free(document["name"])
        document = self._policies.with_free_name(document)
        return self._do(Put(document | {"id": self._policies.next_id()}))
