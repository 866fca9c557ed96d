"""The steps of a draft, and what they leave of tags and memberships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomete.errors import StillNeededError
from iomete.governance.evaluator import Attachment, Memberships

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.documents import Document


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

    container: str
    member: str
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
        StillNeededError: A group or role would be in itself.
    """
    moves = [step for step in steps if isinstance(step, Member)]
    if not moves:
        return before
    direct = {member: list(above) for member, above in before.direct.items()}
    for step in moves:
        above = direct.setdefault(step.member, [])
        if not step.joins:
            direct[step.member] = [one for one in above if one != step.container]
        elif step.container not in above:
            _check_no_circle(direct, step.container, step.member)
            above.append(step.container)
    return Memberships({member: tuple(above) for member, above in direct.items()})


def is_among(one: Attachment, others: Iterable[Attachment]) -> bool:
    """Tell whether a tag is attached to the same by one of others."""
    return any(_is_same(one, other) for other in others)


def _is_same(one: Attachment, other: Attachment) -> bool:
    return one.tag == other.tag and one.resources == other.resources


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
