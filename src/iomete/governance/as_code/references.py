"""Holds what files say to what is in the store: principals, tags, and who owns which policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.catalog.tables import tags
from iomete.governance.as_code.declared import RANGER, fields_of
from iomete.governance.as_code.faulty import FaultyPolicy
from iomete.governance.as_code.ownership import project_of
from iomete.governance.as_code.plan import differences
from iomete.governance.documents.checks import Problems
from iomete.governance.documents.document import all_principals, tags_of
from iomete.governance.documents.existence import check_against_tables
from iomete.governance.documents.patterns import has_wildcard
from iomete.governance.interchange import RememberedChecks
from iomete.governance.principals.records import missing, not_found
from iomete.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from iomete.governance.as_code.files import DeclaredPolicy
    from iomete.governance.as_code.folder import FileProblems
    from iomete.governance.documents.checks import PolicyChecks
    from iomete.governance.policy_records import Policy
    from iomete.governance.principals.names import PrincipalName

_KEYS = {"predicate": "filter_rows"}


def note_missing(
    connection: sa.Connection,
    policies: Sequence[DeclaredPolicy],
    faulty: Sequence[FaultyPolicy],
    problems: FileProblems,
) -> None:
    """Note principals and tags that don't exist, where they are named."""
    named: list[tuple[DeclaredPolicy | FaultyPolicy, Set[PrincipalName], Set[str]]] = [
        *((one, all_principals(one.document), tags_of(one.document)) for one in policies),
        *((one, one.principals.keys(), one.tags) for one in faulty),
    ]
    all_named = {name for _, names, _ in named for name in names}
    unknown = set(missing(connection, sorted(all_named))) if all_named else set()
    defined = set(connection.execute(sa.select(tags.c.tag)).scalars())
    for policy, names, on_tags in named:
        for name in sorted(names & unknown):
            error = not_found(connection, name)
            message = f"{error.message.removesuffix('.')} ({error.hint})"
            _note(policy, _key_that_names(policy, name), message, problems)
        for tag in sorted(t for t in on_tags - defined if not has_wildcard(t)):
            alike = nearest(tag, defined)
            step = f"did you mean `{alike}`?" if alike else f'lake.tags.define("{tag}")'
            key = "on_tag" if "on_tag" in policy.places else RANGER
            _note(policy, key, f"tag `{tag[:80]}` does not exist ({step})", problems)


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


def _key_that_names(policy: DeclaredPolicy | FaultyPolicy, name: PrincipalName) -> str:
    if isinstance(policy, FaultyPolicy):
        return policy.principals[name]
    fields = fields_of(policy.document)
    if RANGER in fields:
        return RANGER
    excepted = fields.get("except", ())
    return (
        "except" if str(name) in ([excepted] if isinstance(excepted, str) else excepted) else "to"
    )


def _note(
    policy: DeclaredPolicy | FaultyPolicy, key: str, message: str, problems: FileProblems
) -> None:
    problems.add(policy.file, policy.place_of(key), f"{policy.label}, `{key}`: {message}")
