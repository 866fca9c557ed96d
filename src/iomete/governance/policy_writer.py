"""Every way in which policies change: judged first, then stored, then put in force.

Spark is asked before the store's write transaction begins, never inside it: it may take seconds,
and may itself write to the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.tables import tags
from iomete.errors import AlreadyExistsError
from iomete.governance.administration import ADMINISTRATION
from iomete.governance.audit.lines import KEY_CHARACTERS
from iomete.governance.documents.checks import PolicyChecks, Problems
from iomete.governance.documents.conflicts import find_conflicts, warn_of_conflicts
from iomete.governance.documents.document import Document, all_principals, tags_of
from iomete.governance.documents.existence import check_against_tables
from iomete.governance.documents.patterns import has_wildcard
from iomete.governance.documents.requests import NOWHERE, change_specification, make_specification
from iomete.governance.documents.specifications import (
    PolicyKind,
    Specification,
    from_document,
    to_document,
)
from iomete.governance.interchange import check_against_all_tables, read_documents
from iomete.governance.policy_records import (
    Change,
    Policy,
    delete_policy,
    find_policy,
    insert_policy,
    replace_policy,
    taken_names,
)
from iomete.governance.principals.records import missing, not_found
from iomete.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iomete.governance.administration import Administration
    from iomete.governance.principals.names import PrincipalName

    IsTaken = Callable[[str], bool]

_CALLER = 3
"""Frames from a warning here to the caller of `lake.policies`."""


class _ChangedMeanwhileError(Exception):
    """Another process changed the policy between its reading and its writing."""


class PolicyWriter:
    """Creates, changes, deletes and imports policies as one principal."""

    def __init__(self, administration: Administration, checks: PolicyChecks) -> None:
        self._administration = administration
        self._checks = checks

    def create(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Policy:
        """Make the policy that a call asks for."""
        spec = self._specified(kind, arguments, future=future)
        with self._administration.changing("policy.create", spec.target.text) as connection:
            _check_references(connection, spec)
            document = to_document(spec) | {"name": _free_name(spec, _taken_in(connection))}
            policy = insert_policy(connection, document, author=self._administration.author)
            self._administration.concerns(policy.on, policy.id)
            conflicts = find_conflicts(connection, policy)
        warn_of_conflicts(policy, conflicts, stacklevel=_CALLER)
        return policy

    def drafted(
        self, kind: PolicyKind, arguments: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return the document of the policy that a call asks for, and keep nothing."""
        spec = self._specified(kind, arguments, future=future)
        return to_document(spec) | {"name": _free_name(spec, is_taken)}

    def drafted_update(
        self, before: Document, changes: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return a policy's document as a call would change it, and keep nothing."""
        with self._administration.reading("policy.update", f"policy:{before['id']}"):
            pass
        spec, made_up = self._changed(before, changes, future=future)
        kept = {
            "id": before["id"],
            "name": _free_name(spec, is_taken, own=before["name"], made_up=made_up),
            "isEnabled": before.get("isEnabled", True),
        }
        return to_document(spec) | kept

    def update(self, policy: int | str, changes: dict[str, Any], *, future: bool) -> Policy:
        """Change what a policy says; start again where another process was faster."""
        while True:
            try:
                after, conflicts = self._update(policy, changes, future=future)
            except _ChangedMeanwhileError:
                continue
            warn_of_conflicts(after, conflicts, stacklevel=_CALLER)
            return after

    def set_enabled(self, policy: int | str, *, enabled: bool) -> Policy:
        """Put a policy in or out of force."""
        change = Change.ENABLED if enabled else Change.DISABLED
        action = "policy.enable" if enabled else "policy.disable"
        with self._administration.changing(action, f"policy:{policy}") as connection:
            before = find_policy(connection, policy)
            self._administration.concerns(before.on, before.id)
            if before.enabled == enabled:
                return before
            after = replace_policy(
                connection,
                before,
                before.document | {"isEnabled": enabled},
                author=self._administration.author,
                change=change,
            )
            conflicts = find_conflicts(connection, after)
        warn_of_conflicts(after, conflicts, stacklevel=_CALLER)
        return after

    def delete(self, policy: int | str) -> None:
        """Delete a policy."""
        with self._administration.changing("policy.delete", f"policy:{policy}") as connection:
            before = find_policy(connection, policy)
            self._administration.concerns(before.on, before.id)
            delete_policy(connection, before, author=self._administration.author)

    def import_documents(
        self, source: Document | str | Path, *, replace: bool, future: bool
    ) -> Sequence[Policy]:
        """Keep the policies of an export, all or none."""
        documents = self.checked_documents(source, replace=replace, future=future)
        problems = Problems()
        with self._administration.changing("policy.import") as connection:
            _check_documents(connection, documents, problems, replace=replace)
            problems.raise_any()
            taken = taken_names(connection, {document["name"] for document in documents})
            stored = [self._put(connection, document, taken) for document in documents]
            for policy in stored:
                self._administration.concerns(policy.on, policy.id)
            conflicts = [(policy, find_conflicts(connection, policy)) for policy in stored]
        for policy, others in conflicts:
            warn_of_conflicts(policy, others, stacklevel=_CALLER)
        return stored

    def checked_documents(
        self, source: Document | str | Path, *, replace: bool, future: bool
    ) -> list[Document]:
        """Return the policies of an export that can be imported, and keep nothing."""
        with self._administration.reading("policy.import"):
            pass
        problems = Problems()
        documents = read_documents(source, problems)
        if not future:
            check_against_all_tables(documents, self._checks, problems)
        with self._administration.reading() as connection:
            _check_documents(connection, documents, problems, replace=replace)
        problems.raise_any()
        return documents

    def _update(
        self, policy: int | str, changes: dict[str, Any], *, future: bool
    ) -> tuple[Policy, list[Policy]]:
        with self._administration.reading("policy.update", f"policy:{policy}") as connection:
            before = find_policy(connection, policy)
        spec, made_up = self._changed(before.document, changes, future=future)
        with self._administration.changing("policy.update", before.on) as connection:
            if find_policy(connection, before.id).version != before.version:
                raise _ChangedMeanwhileError
            _check_references(connection, spec)
            is_taken = _taken_in(connection)
            name = _free_name(spec, is_taken, own=before.name, made_up=made_up)
            after = replace_policy(
                connection,
                before,
                to_document(spec) | {"name": name, "isEnabled": before.enabled},
                author=self._administration.author,
            )
            for on in dict.fromkeys((before.on, after.on)):
                self._administration.concerns(on, after.id)
            return after, find_conflicts(connection, after)

    def _put(self, connection: sa.Connection, document: Document, taken: set[str]) -> Policy:
        author = self._administration.author
        if document["name"] not in taken:
            return insert_policy(connection, document, author=author, change=Change.IMPORTED)
        before = find_policy(connection, document["name"])
        return replace_policy(connection, before, document, author=author, change=Change.IMPORTED)

    def _specified(
        self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool
    ) -> Specification:
        """Return what a call that makes a policy says, once it is right."""
        with self._administration.reading("policy.create", _words(arguments)):
            pass  # whoever may not gets no answer about what exists
        problems = Problems()
        spec = make_specification(kind, self._checks.kind_of, arguments, problems)
        self._check(spec, problems, future=future)
        return spec

    def _changed(
        self, before: Document, changes: dict[str, Any], *, future: bool
    ) -> tuple[Specification, bool]:
        """Return what a policy says after a call, and whether its name only tells what it does."""
        old = from_document(before)
        problems = Problems()
        spec = change_specification(old, self._checks.kind_of, changes, problems)
        self._check(spec, problems, future=future)
        return spec, "name" not in changes and before["name"].startswith(old.described())

    def _check(self, spec: Specification, problems: Problems, *, future: bool) -> None:
        """Hold a policy to who and what there is, and raise all that is wrong with it."""
        with self._administration.reading() as connection:
            _note_missing(connection, {*spec.to, *spec.except_}, problems)
            _note_missing_tag(connection, {spec.target.tag} - {""}, problems)
        if not future and spec.target != NOWHERE:
            check_against_tables(to_document(spec), self._checks, problems)
        problems.raise_any()


def _words(arguments: dict[str, Any]) -> str:
    """Return what a call says that a policy is on, before that is judged."""
    given = [arguments.get(name) for name in ("on", "on_path", "on_tag")]
    return next((str(value)[:KEY_CHARACTERS] for value in given if value), ADMINISTRATION)


def _check_references(connection: sa.Connection, spec: Specification) -> None:
    """Hold a policy once more to who and what there is, now that nothing can change."""
    problems = Problems()
    _note_missing(connection, {*spec.to, *spec.except_}, problems)
    _note_missing_tag(connection, {spec.target.tag} - {""}, problems)
    problems.raise_any()


def _note_missing(
    connection: sa.Connection, names: set[PrincipalName], problems: Problems, place: str = "to"
) -> None:
    needed = sorted(name for name in names if not name.is_token)
    for name in missing(connection, needed) if needed else ():
        error = not_found(connection, name)
        problems.add(place, error.message, hint=error.hint)


def _note_missing_tag(
    connection: sa.Connection, names: set[str], problems: Problems, place: str = "on_tag"
) -> None:
    names = {name for name in names if not has_wildcard(name)}
    if not names:
        return
    defined = set(connection.execute(sa.select(tags.c.tag)).scalars())
    for name in sorted(names - defined):
        alike = nearest(name, defined)
        hint = f"did you mean `{alike}`?" if alike else f'lake.tags.define("{name}")'
        problems.add(place, f"tag `{name[:80]}` does not exist", hint=hint)


def _check_documents(
    connection: sa.Connection, documents: Sequence[Document], problems: Problems, *, replace: bool
) -> None:
    names = {document["name"] for document in documents}
    if not replace:
        for name in sorted(taken_names(connection, names)):
            problems.add(f"policy `{name}`", "it exists", hint="pass replace=True")
    named: set[PrincipalName] = set().union(*(all_principals(document) for document in documents))
    unknown = set(missing(connection, sorted(named)))
    for document in documents:
        place = f"policy `{document['name']}`"
        _note_missing(connection, all_principals(document) & unknown, problems, place)
        _note_missing_tag(connection, tags_of(document), problems, place)


def _taken_in(connection: sa.Connection) -> IsTaken:
    return lambda name: bool(taken_names(connection, {name}))


def _free_name(
    spec: Specification, is_taken: IsTaken, *, own: str | None = None, made_up: bool = False
) -> str:
    """Return the name that a policy was given, or one that says what it does and is free.

    Args:
        spec: What it says.
        is_taken: Tells whether a policy has a name.
        own: The name that it has so far, which is free for it.
        made_up: Whether that name was not given, and says what it did.
    """
    if spec.name and not made_up:
        if spec.name != own and is_taken(spec.name):
            raise AlreadyExistsError(
                f"Policy `{spec.name}` exists.", hint="use another name, or update() that one"
            )
        return spec.name
    wanted, number = spec.described(), 1
    name = wanted
    while name != own and is_taken(name):
        number += 1
        name = f"{wanted} ({number})"
    return name
