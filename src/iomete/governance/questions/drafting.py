"""Turns the calls of a draft into what the store would keep, and keeps nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.tables import tag_attachments
from iomete.catalog.tags import find_tagged, not_attached, possibly_tagged, read_tag
from iomete.governance.answers.draft_steps import is_among
from iomete.governance.evaluator import Attachment
from iomete.governance.policy_records import find_policy, ids_by_name
from iomete.governance.policy_writer import PolicyWriter
from iomete.governance.principals.names import parse_of_kind, parse_principals
from iomete.governance.principals.records import check_exist
from iomete.names import as_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from iomete.governance.administration import Administration
    from iomete.governance.documents.checks import PolicyChecks
    from iomete.governance.documents.document import Document
    from iomete.governance.documents.specifications import PolicyKind
    from iomete.governance.evaluator import Contents
    from iomete.governance.principals.names import PrincipalKind, PrincipalName
    from iomete.governance.questions.asked_policies import AskedPolicies

    IsTaken = Callable[[str], bool]


class StoreDrafting:
    """What a draft needs of the lakehouse that it is for."""

    def __init__(
        self,
        administration: Administration,
        writer: object,
        checks: PolicyChecks,
        asked: AskedPolicies,
    ) -> None:
        if not isinstance(writer, PolicyWriter):
            raise TypeError("Only policies of the store are drafted.")
        self._administration = administration
        self._writer = writer
        self._checks = checks
        self._asked = asked

    def contents(self) -> Contents:
        """Return what is decided by now, before the draft."""
        return self._asked.current().contents

    # --- policies ---------------------------------------------------------------------------------

    def policy(
        self, kind: PolicyKind, arguments: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return the document of the policy that a call would make, under a name that is free."""
        return self._writer.drafted(kind, arguments, is_taken, future=future)

    def updated(
        self, before: Document, changes: dict[str, Any], is_taken: IsTaken, *, future: bool
    ) -> Document:
        """Return a policy's document, which has an id, as a call would change it."""
        return self._writer.drafted_update(before, changes, is_taken, future=future)

    def imported(self, documents: Sequence[Document], *, future: bool) -> list[Document]:
        """Return documents as they would be imported in place of policies of their names."""
        source = {"policies": list(documents)}
        return self._writer.checked_documents(source, replace=True, future=future)

    def current(self, policy: int | str) -> Document:
        """Return the document of a policy by id or name, with its id and state."""
        with self._administration.reading() as connection:
            found = find_policy(connection, policy)
        return found.document | {"id": found.id, "isEnabled": found.enabled}

    def ids_by_name(self, names: frozenset[str]) -> dict[str, int]:
        """Return the ids of the policies that have some names, by name."""
        with self._administration.reading() as connection:
            return ids_by_name(connection, names)

    # --- principals -------------------------------------------------------------------------------

    def members(
        self, kind: PrincipalKind, container: str, names: str | Iterable[str]
    ) -> list[tuple[PrincipalName, PrincipalName]]:
        """Return a group or role with each member, if they exist."""
        whole = parse_of_kind(container, kind)
        members = parse_principals(names)
        with self._administration.reading() as connection:
            check_exist(connection, [whole, *members])
        return [(whole, member) for member in members]

    # --- tags -------------------------------------------------------------------------------------

    def attachment(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Return a tag on a table or column, if both exist."""
        tagged = find_tagged(resource, _KnownColumns(self._checks))
        with self._administration.reading() as connection:
            read_tag(connection, tag)
        return Attachment(tag=tag, resources=_values(tagged.parts))

    def attached(self, tag: str) -> list[Attachment]:
        """Return where a tag is attached, if it exists."""
        with self._administration.reading() as connection:
            read_tag(connection, tag)
            rows = connection.execute(sa.select(tag_attachments.c.parts).filter_by(tag=tag))
            return [Attachment(tag=tag, resources=_values(json.loads(parts))) for (parts,) in rows]

    def detached(
        self, tag: str, resource: str | Sequence[str], attached: Sequence[Attachment]
    ) -> list[Attachment]:
        """Return what of the places of a tag a full name can mean, which needn't exist."""
        possible = possibly_tagged(resource)
        ways = [Attachment(tag=tag, resources=_values(tagged.parts)) for tagged in possible]
        found = [one for one in ways if is_among(one, attached)]
        if not found:
            raise not_attached(tag, possible[0].resource)
        return found


class _KnownColumns:
    """Columns of tables that are known; without Spark, others can't be asked about.

    Args:
        checks: Tells what is known.
    """

    def __init__(self, checks: PolicyChecks) -> None:
        self._checks = checks

    def columns(self, table: str, /) -> Sequence[tuple[str, str]] | None:
        """Return name and type of a table's columns; None if no such table is known."""
        is_known = self._checks.kind_of(as_parts(table)) == "table"
        return self._checks.columns(table) if is_known else None

    def fields_of(self, table: Sequence[str], /) -> Sequence[str]:
        """Return the paths of the fields of a table's structs, in lower case."""
        return self._checks.fields_of(table)


def _values(levels: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    return {level: {"values": [value]} for level, value in levels.items()}
