"""Masks and row filters that can meet: where two of one priority match, order decides, not people.

Ranger asks them by how specific they are, then by name (`PolicyEvalOrderComparator`), and the first
that matches is the verdict.
"""

from __future__ import annotations

import warnings
from itertools import product
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import InvalidPolicyError
from iomete.governance.documents.document import Document, all_grantees, all_resources
from iomete.governance.documents.specifications import PolicyKind
from iomete.governance.documents.targets import resources_meet
from iomete.governance.documents.validity import period_of
from iomete.governance.policy_records import Policy, is_on_several, read_policies
from iomete.governance.principals.memberships import users_among
from iomete.governance.principals.names import ASKER, EVERYONE, OWNER, PrincipalName
from iomete.governance.tables import policies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class PolicyConflictWarning(UserWarning):
    """Two masks or row filters of one priority can meet on one principal."""


def find_conflicts(connection: sa.Connection, policy: Policy) -> list[Policy]:
    """Return the policies of its kind and priority that a mask or row filter can meet.

    Cost: one read of the policies on the same table, on patterns, or for a pattern of all.
    """
    if policy.kind not in (PolicyKind.MASK, PolicyKind.FILTER) or not policy.enabled:
        return []
    found = _candidates(connection, policy)
    return [other for other in found if _meet(connection, policy, other)]


def warn_of_conflicts(policy: Policy, conflicts: Sequence[Policy], *, stacklevel: int) -> None:
    """Warn of the policies that one can meet, if there are any."""
    if not conflicts:
        return
    names = ", ".join(f"`{other.name}` (id {other.id})" for other in conflicts[:3])
    more = f" and {len(conflicts) - 3} more" if len(conflicts) > 3 else ""
    warnings.warn(
        f"Policy `{policy.name}` can meet {names}{more}: each is a {policy.kind} of priority "
        f"`{policy.priority}` for the same people on `{policy.on}`, and one of them will count. "
        "Hint: give the one that shall win priority='override', or except from one whom the "
        "other is for.",
        PolicyConflictWarning,
        stacklevel=stacklevel + 1,
    )


def _candidates(connection: sa.Connection, policy: Policy) -> Sequence[Policy]:
    document = policy.document
    conditions = [
        policies.c.policy_id != policy.id,
        policies.c.kind == str(policy.kind),
        policies.c.service == document["service"],
        policies.c.priority == document.get("policyPriority", 0),
        policies.c.enabled,
    ]
    if not is_on_several(policy.on, document):
        conditions.append(sa.or_(policies.c.target == policy.on, policies.c.is_pattern))
    return read_policies(connection, *conditions)


def _meet(connection: sa.Connection, one: Policy, other: Policy) -> bool:
    return (
        any(
            resources_meet(ours, theirs)
            for ours, theirs in product(all_resources(one.document), all_resources(other.document))
        )
        and _periods_meet(one.document, other.document)
        and _principals_meet(connection, all_grantees(one.document), all_grantees(other.document))
    )


def _principals_meet(
    connection: sa.Connection, ours: set[PrincipalName], theirs: set[PrincipalName]
) -> bool:
    """Excepted principals count: they are shown everything, which is a verdict as well.

    Whoever asks is anyone, and an owner may be anyone.
    """
    if ours & theirs or {EVERYONE, ASKER, OWNER} & (ours | theirs):
        return True
    return bool(users_among(connection, ours) & users_among(connection, theirs))


def _periods_meet(one: Document, other: Document) -> bool:
    (from_1, until_1), (from_2, until_2) = _period(one), _period(other)
    return not (
        (until_1 and from_2 and until_1 < from_2) or (until_2 and from_1 and until_2 < from_1)
    )


def _period(document: Document) -> tuple[datetime | None, datetime | None]:
    schedules = document.get("validitySchedules") or [{}]
    try:
        return period_of(schedules[0]) if len(schedules) == 1 else (None, None)
    except InvalidPolicyError:
        return (None, None)
