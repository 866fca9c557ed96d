"""Holds what files say to what is in the store: principals, tags, and who owns which policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.tables import tags
from iomete.governance.as_code.declared import RANGER, fields_of
from iomete.governance.as_code.ownership import project_of
from iomete.governance.as_code.plan import differences
from iomete.governance.checks import Problems
from iomete.governance.documents import all_principals, tags_of
from iomete.governance.existence import check_against_tables
from iomete.governance.interchange import RememberedChecks
from iomete.governance.patterns import has_wildcard
from iomete.governance.principal_records import missing, not_found
from iomete.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.as_code.files import DeclaredPolicy
    from iomete.governance.as_code.folder import FileProblems
    from iomete.governance.checks import PolicyChecks
    from iomete.governance.policy_records import Policy
    from iomete.governance.principal_names import PrincipalName

_KEYS = {"predicate": "filter_rows"}


def note_missing(
    connection: sa.Connection, policies: Sequence[DeclaredPolicy], problems: FileProblems
) -> None:
    """Note principals and tags that don't exist, where they are named."""
    named = {name for policy in policies for name in all_principals(policy.document)}
    unknown = set(missing(connection, sorted(named))) if named else set()
    defined = set(connection.execute(sa.select(tags.c.tag)).scalars())
    for policy in policies:
        for name in sorted(all_principals(policy.document) & unknown):
            error = not_found(connection, name)
            message = f"{error.message.removesuffix('.')} ({error.hint})"
            _note(policy, _key_that_names(policy, name), message, problems)
        for tag in sorted(t for t in tags_of(policy.document) - defined if not has_wildcard(t)):
            alike = nearest(tag, defined)
            step = f"did you mean `{alike}`?" if alike else f'lake.tags.define("{tag}")'
            _note(policy, "on_tag", f"tag `{tag[:80]}` does not exist ({step})", problems)


def note_others(
    policies: Sequence[DeclaredPolicy],
    stored: Mapping[str, Policy],
    problems: FileProblems,
    *,
    project: str,
    adopt: bool,
) -> None:
    """Note policies whose names those of other projects have, or of people who made them by hand.

    What says the same already isn't anybody's loss: it is adopted.
    """
    for policy in policies:
        there = stored.get(policy.name)
        owner = None if there is None else project_of(there.document)
        if there is None or owner == project:
            continue
        if owner is not None:
            message = f"it is owned by the files of project `{owner}`; take it out of one of them"
            _note(policy, "name", message, problems)
        elif not adopt and differences(there.document, policy.document):
            message = (
                f"`{there.author}` has made a policy of this name by hand (id {there.id}), which "
                "says other things; use another name, or plan with `adopt` to take it over"
            )
            _note(policy, "name", message, problems)


def note_absent_tables(
    policies: Iterable[DeclaredPolicy], checks: PolicyChecks, problems: FileProblems
) -> None:
    """Note tables and columns that don't exist, and SQL that Spark doesn't understand.

    Cost: metadata of each table that is named, once; row filters and masks are analysed.
    """
    remembered = RememberedChecks(checks)
    for policy in policies:
        own = Problems()
        check_against_tables(policy.document, remembered, own)
        for text in own:
            place, _, message = text.partition(": ")
            _note(policy, _KEYS.get(place, place), message, problems)


def _key_that_names(policy: DeclaredPolicy, name: PrincipalName) -> str:
    fields = fields_of(policy.document)
    if RANGER in fields:
        return RANGER
    excepted = fields.get("except", ())
    return (
        "except" if str(name) in ([excepted] if isinstance(excepted, str) else excepted) else "to"
    )


def _note(policy: DeclaredPolicy, key: str, message: str, problems: FileProblems) -> None:
    shown = f"policy `{policy.name[:80]}`, `{key}`: {message}"
    problems.add(policy.file, policy.place_of(key), shown)
