"""The steps of a draft, and what they leave of tags and memberships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.governance.evaluator import Attachment, Memberships, User
from iomete.governance.principals.membership_rules import (
    check_can_hold,
    check_no_circle,
    no_admin_left,
)
from iomete.governance.principals.names import ADMIN, PrincipalName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.documents.document import Document


@dataclass(frozen=True, slots=True)
class Put:
    """A policy is as a document says."""

    document: Document


@dataclass(frozen=True, slots=True)
class Delete:
    """A policy is taken away."""

    id: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member is put into a group or role, or taken out of it."""

    container: PrincipalName
    member: PrincipalName
    joins: bool


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag is attached, or detached."""

    attachment: Attachment
    is_attached: bool


Step = Put | Delete | Member | Tagged


def attachments_after(steps: Iterable[Step], before: Iterable[Attachment]) -> list[Attachment]:
    """Return where tags are attached after steps of a draft."""
    found = list(before)
    for step in steps:
        if not isinstance(step, Tagged):
            continue
        if not step.is_attached:
            found = [one for one in found if not _is_same(one, step.attachment)]
        elif not is_among(step.attachment, found):
            found.append(step.attachment)
    return found


def memberships_after(steps: Iterable[Step], before: Memberships) -> Memberships:
    """Return who is in what after steps of a draft.

    Raises:
        ConfigurationError: A group or role can't hold such a member.
        StillNeededError: A group or role would be in itself.
    """
    moves = [step for step in steps if isinstance(step, Member)]
    if not moves:
        return before
    direct = dict(before.direct)
    for step in moves:
        container, member = str(step.container), str(step.member)
        above = direct.get(member, ())
        if not step.joins:
            direct[member] = tuple(one for one in above if one != container)
            continue
        check_can_hold(step.container, step.member)
        check_no_circle(step.container, step.member, _above(direct, step.container))
        if container not in above:
            direct[member] = (*above, container)
    return Memberships(direct)


def check_admin_left(
    left: Iterable[Member], memberships: Memberships, users: Mapping[str, User]
) -> None:
    """Refuse to take members out of something, where nobody may administer afterwards.

    Args:
        left: Which members were taken out of what; only what holds the role `admin` matters.
        memberships: Those that remain.
        users: All users by name.

    Raises:
        StillNeededError: No enabled user holds the role `admin`.
    """
    if not any(str(ADMIN) in memberships.keys_with(str(step.container)) for step in left):
        return
    enabled = (name for name, user in users.items() if user.enabled)
    if not any(str(ADMIN) in memberships.keys_of(name) for name in enabled):
        raise no_admin_left()


def is_among(one: Attachment, others: Iterable[Attachment]) -> bool:
    """Tell whether a tag is attached to the same by one of others."""
    return any(_is_same(one, other) for other in others)


def _is_same(one: Attachment, other: Attachment) -> bool:
    return one.tag == other.tag and one.resources == other.resources


def _above(direct: Mapping[str, Sequence[str]], container: PrincipalName) -> set[PrincipalName]:
    """Return what a group or role is in, directly or through others."""
    reached: set[str] = set()
    queue = [str(container)]
    while queue:
        for above in direct.get(queue.pop(), ()):
            if above not in reached:
                reached.add(above)
                queue.append(above)
    return {PrincipalName.parse(text) for text in reached}
