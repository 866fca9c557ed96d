"""A change that isn't made yet: policies, memberships and tags, as they would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from iomete.errors import (
    AlreadyExistsError,
    PolicyNotFoundError,
    StillNeededError,
    TagNotFoundError,
)
from iomete.governance.document_rules import check_document
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


@dataclass(frozen=True, slots=True)
class _Put:
    """A policy is as a document says."""

    document: Document


@dataclass(frozen=True, slots=True)
class _Delete:
    """A policy is taken away."""

    id: int


@dataclass(frozen=True, slots=True)
class _Member:
    """A member is put into a group or role, or taken out of it."""

    container: str
    member: str
    joins: bool


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A tag is attached, or detached."""

    attachment: Attachment
    is_attached: bool


_Operation = _Put | _Delete | _Member | _Tagged


@dataclass(slots=True)
class Draft:
    """A change to try before it is made; `lake.policies.simulate(draft)` tells what it would do.

    Each method is that of `lake.policies`, `lake.principals` or `lake.tags`, with the same
    arguments and errors, and returns the draft, so that calls can follow each other: each counts
    on what those before it have left. Nothing is changed by them.
    """

    _drafting: Drafting
    _operations: list[_Operation] = field(default_factory=list)
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

    @property
    def step_count(self) -> int:
        """How many steps it consists of; it grows with each change of the draft."""
        return len(self._operations)

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
        before = self._current(policy)
        after = self._drafting.updated(before, changes, future=future)
        if after["name"] != before["name"]:
            self._check_free(after["name"])
        return self._do(_Put(after))

    def enable(self, policy: int | str) -> Draft:
        """Put a disabled policy in force again."""
        return self._do(_Put(self._current(policy) | {"isEnabled": True}))

    def disable(self, policy: int | str) -> Draft:
        """Take a policy out of force."""
        return self._do(_Put(self._current(policy) | {"isEnabled": False}))

    def delete(self, policy: int | str) -> Draft:
        """Take a policy away, by id or name; one of the draft's own by its name."""
        return self._do(_Delete(int(self._current(policy)["id"])))

    def put(self, document: Document) -> Draft:
        """Add a Ranger policy as `lake.policies.import_` would, with `replace=True`.

        Args:
            document: As an export holds it; a policy of the same name is replaced.

        Raises:
            InvalidPolicyError: With everything that is wrong with it.
        """
        checked = check_document(document)
        try:
            policy_id = int(self._named(checked["name"])["id"])
        except PolicyNotFoundError:
            policy_id = self._next_id()
        return self._do(_Put(checked | {"id": policy_id}))

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
        return self._do(_Tagged(self._drafting.attachment(tag, resource), is_attached=True))

    def detach(self, tag: str, resource: str | Sequence[str]) -> Draft:
        """Take a tag from a table or column, which needn't exist any more.

        Raises:
            TagNotFoundError: The tag isn't defined, or isn't attached there.
        """
        attached = self._attachments(self._drafting.attached(tag))
        possible = self._drafting.possible_attachments(tag, resource)
        found = [one for one in possible if _is_among(one, attached)]
        if not found:
            raise TagNotFoundError(
                f"Tag `{tag}` is not attached to `{str(resource)[:200]}`.",
                hint=f'see lake.tags.resources("{tag}")',
            )
        return self._do(*(_Tagged(one, is_attached=False) for one in found))

    def applied_to(self, contents: Contents) -> Contents:
        """Return what would be decided by after the change.

        Raises:
            StillNeededError: A group or role would be in itself.
        """
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
            attachments=tuple(self._attachments(contents.attachments)),
            memberships=self._memberships(contents.memberships),
        )

    # --- what the steps leave -------------------------------------------------------------------

    def _attachments(self, before: Iterable[Attachment]) -> list[Attachment]:
        found = list(before)
        for step in self._operations:
            if not isinstance(step, _Tagged):
                continue
            if not step.is_attached:
                found = [one for one in found if not _is_same(one, step.attachment)]
            elif not _is_among(step.attachment, found):
                found.append(step.attachment)
        return found

    def _memberships(self, before: Memberships) -> Memberships:
        steps = [step for step in self._operations if isinstance(step, _Member)]
        if not steps:
            return before
        direct = {member: list(above) for member, above in before.direct.items()}
        for step in steps:
            above = direct.setdefault(step.member, [])
            if not step.joins:
                direct[step.member] = [one for one in above if one != step.container]
            elif step.container not in above:
                _check_no_circle(direct, step.container, step.member)
                above.append(step.container)
        return Memberships({member: tuple(above) for member, above in direct.items()})

    def _current(self, policy: int | str) -> Document:
        """Return a policy as the draft leaves it, by id or name.

        Raises:
            PolicyNotFoundError: There is none, or no longer.
        """
        if not isinstance(policy, int) and not policy.isdecimal():
            return self._named(policy)
        if int(policy) not in self._policies:
            return self._drafting.current(int(policy))
        document = self._policies[int(policy)]
        if document is None:
            raise _not_found(policy)
        return document

    def _named(self, name: str) -> Document:
        document = self._policies.get(self._names.get(name, 0))
        if document is not None:
            return document
        document = self._drafting.current(name)
        if int(document["id"]) in self._policies:  # taken away, or of another name by now
            raise _not_found(name)
        return document

    # --- steps -----------------------------------------------------------------------------------

    def _do(self, *steps: _Operation) -> Draft:
        for step in steps:
            self._operations.append(step)
            if isinstance(step, _Put):
                self._set(int(step.document["id"]), step.document)
            elif isinstance(step, _Delete):
                self._set(step.id, None)
        return self

    def _set(self, policy_id: int, document: Document | None) -> None:
        before = self._policies.get(policy_id)
        if before is not None:
            del self._names[before["name"]]
        self._policies[policy_id] = document
        if document is not None:
            self._names[document["name"]] = policy_id

    def _move(self, container: str, names: Names, *, joins: bool) -> Draft:
        members = self._drafting.members(container, names)
        return self._do(*(_Member(whole, member, joins) for whole, member in members))

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _check_free(self, name: str) -> None:
        if name in self._names:
            raise AlreadyExistsError(
                f"Policy `{name}` is in the draft.", hint="use another name, or update() that one"
            )

    def _add(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Draft:
        document = self._drafting.policy(kind, arguments, future=future)
        if arguments.get("name"):
            self._check_free(document["name"])
        name, number = document["name"], 1
        while document["name"] in self._names:
            number += 1
            document |= {"name": f"{name} ({number})"}
        return self._do(_Put(document | {"id": self._next_id()}))


def _is_same(one: Attachment, other: Attachment) -> bool:
    return one.tag == other.tag and one.resources == other.resources


def _is_among(one: Attachment, others: Iterable[Attachment]) -> bool:
    return any(_is_same(one, other) for other in others)


def _not_found(policy: int | str) -> PolicyNotFoundError:
    return PolicyNotFoundError(
        f"Policy `{str(policy)[:200]}` does not exist any more.", hint="the draft takes it away"
    )


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
