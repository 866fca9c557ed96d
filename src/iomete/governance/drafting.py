"""Turns the calls of a draft into what the store would keep, and keeps nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.catalog.governed_names import GovernedTable, governed_column
from iomete.catalog.tables import tag_attachments, tags
from iomete.errors import InvalidPolicyError, TableNotFoundError, TagNotFoundError
from iomete.governance.evaluator import Attachment
from iomete.governance.policy_records import find_policy
from iomete.governance.policy_writer import PolicyWriter
from iomete.governance.principal_names import PrincipalName, parse_principals
from iomete.governance.principal_records import check_exist
from iomete.names import as_parts, nearest, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iomete.governance.administration import Administration
    from iomete.governance.checks import PolicyChecks
    from iomete.governance.documents import Document
    from iomete.governance.specifications import PolicyKind


class StoreDrafting:
    """What a draft needs of the lakehouse that it is for."""

    def __init__(
        self, administration: Administration, writer: object, checks: PolicyChecks
    ) -> None:
        if not isinstance(writer, PolicyWriter):
            raise TypeError("Only policies of the store are drafted.")
        self._administration = administration
        self._writer = writer
        self._checks = checks

    def policy(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Document:
        """Return the document of the policy that a call would make."""
        return self._writer.drafted(kind, arguments, future=future)

    def updated(self, before: Document, changes: dict[str, Any], *, future: bool) -> Document:
        """Return a policy's document, which has an id, as a call would change it."""
        return self._writer.drafted_update(before, changes, future=future)

    def current(self, policy: int | str) -> Document:
        """Return the document of a policy by id or name, with its id and state."""
        with self._administration.reading() as connection:
            found = find_policy(connection, policy)
        return found.document | {"id": found.id, "isEnabled": found.enabled}

    def members(self, container: str, names: str | Iterable[str]) -> list[tuple[str, str]]:
        """Return a group or role with each member, if they exist."""
        whole = PrincipalName.parse(container)
        members = parse_principals(names)
        with self._administration.reading() as connection:
            check_exist(connection, [whole, *members])
        return [(str(whole), str(member)) for member in members]

    def attachment(self, tag: str, resource: str | Sequence[str]) -> Attachment:
        """Return a tag on a table or column, if both exist."""
        with self._administration.reading() as connection:
            _check_defined(connection, tag)
        parts = as_parts(resource)
        for length in range(len(parts), 2, -1):
            if self._checks.kind_of(parts[:length]) == "table":
                return Attachment(tag=tag, resources=_levels(parts[:length], parts[length:]))
        if len(parts) < 3:
            raise InvalidPolicyError(
                [f"tag: `{quote_parts(parts)}` is no table and no column"],
                hint="tags are attached to tables and columns",
            )
        raise TableNotFoundError(f"No table of `{quote_parts(parts)[:200]}` exists.")

    def attached(self, tag: str) -> list[Attachment]:
        """Return where a tag is attached, if it exists."""
        with self._administration.reading() as connection:
            _check_defined(connection, tag)
            rows = connection.execute(sa.select(tag_attachments.c.parts).filter_by(tag=tag))
            return [Attachment(tag=tag, resources=_values(json.loads(parts))) for (parts,) in rows]

    def possible_attachments(self, tag: str, resource: str | Sequence[str]) -> list[Attachment]:
        """Return a tag on everything that a full name can mean, whether it exists or not."""
        parts = as_parts(resource)
        return [
            Attachment(tag=tag, resources=_levels(parts[:length], parts[length:]))
            for length in range(len(parts), 2, -1)
        ]


def _check_defined(connection: sa.Connection, tag: str) -> None:
    defined = set(connection.execute(sa.select(tags.c.tag)).scalars())
    if tag not in defined:
        alike = nearest(tag, defined)
        raise TagNotFoundError(
            f"Tag `{tag[:80]}` does not exist.",
            hint=f"did you mean `{alike}`?" if alike else f'lake.tags.define("{tag[:80]}")',
        )


def _levels(table: Sequence[str], path: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    named = GovernedTable.parse(table)
    levels = {"catalog": named.catalog, "namespace": named.namespace, "table": named.table}
    if path:
        levels["column"] = governed_column(path)
    return _values(levels)


def _values(levels: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    return {level: {"values": [value]} for level, value in levels.items()}
