"""What can be in what: rules that changes of memberships are held to, and drafts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.errors import ConfigurationError, StillNeededError
from iomete.governance.principals.names import EVERYONE, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from iomete.governance.principals.names import PrincipalName


def check_can_hold(container: PrincipalName, member: PrincipalName) -> None:
    """Refuse members of a kind that a group or role can't have.

    Raises:
        ConfigurationError: Such a thing can't hold such a member.
    """
    if EVERYONE in (container, member):
        raise ConfigurationError(
            "Everyone is in the group `public`, which holds nobody else and is in nothing.",
            hint='write policies to "everyone"',
        )
    if container.kind is PrincipalKind.GROUP and member.kind is PrincipalKind.ROLE:
        raise ConfigurationError(
            f"{member.words} can't be in a group.",
            hint=f'give the role to the group: grant_role("{member.name}", "{container}")',
        )


def check_no_circle(
    container: PrincipalName, member: PrincipalName, above: Collection[PrincipalName]
) -> None:
    """Refuse a membership that would make something a member of itself.

    Args:
        container: What the member is put into.
        member: What is put there.
        above: What the container is in, directly or through others.

    Raises:
        StillNeededError: It would.
    """
    if container == member or member in above:
        raise StillNeededError(
            f"{member.words} can't be put into {container.kind} `{container.name}`, which is "
            "itself in it.",
            hint=f"take `{container}` out of `{member}` first",
        )


def no_admin_left() -> StillNeededError:
    """Return the error of a change after which no enabled user holds the role `admin`."""
    return StillNeededError(
        "That would leave the lakehouse without an admin.",
        hint='give another user the role first: lake.principals.grant_role("admin", "user:…")',
    )
