"""Policies as values, and how they are kept in the store: what is, and all that was."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from iomete.errors import PolicyNotFoundError
from iomete.governance import counters
from iomete.governance.documents.document import (
    ALL_ITEMS,
    LABELS,
    Document,
    Priority,
    all_principals,
    all_resources,
    principals_of,
    to_json,
)
from iomete.governance.documents.patterns import has_wildcard
from iomete.governance.documents.specifications import PolicyKind, kind_of, target_text
from iomete.governance.tables import policies, policy_history, policy_principals
from iomete.names import nearest

_MAX_PARAMETERS = 1000
"""Most values that a statement compares with; databases have a limit of their own."""


_SEVERAL = ","
"""What `target_text` joins several values of one level with."""


class Change(StrEnum):
    """What happened to a policy."""

    CREATED = "created"
    UPDATED = "updated"
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"
    IMPORTED = "imported"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy in being.

    `on` is what it is on, as people write it (columns are in `document`); `to` are all whom it
    names, exceptions left out; times are in UTC; `author` made this `version`; `document` is the
    Ranger policy that is enforced.
    """

    id: int
    name: str
    kind: PolicyKind
    on: str
    to: tuple[str, ...]
    priority: str
    enabled: bool
    version: int
    description: str | None
    author: str
    created_at: datetime
    updated_at: datetime
    document: Document = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One change of a policy: what was done, by whom, when (UTC), and the document it left."""

    policy_id: int
    version: int
    change: Change
    name: str
    author: str
    changed_at: datetime
    document: Document = field(repr=False)


def insert_policy(
    connection: sa.Connection, document: Document, *, author: str, change: Change = Change.CREATED
) -> Policy:
    """Keep a new policy, under an id of its own."""
    policy_id = counters.next_value(connection, counters.POLICY_ID)
    now = datetime.now(UTC)
    row = _row(policy_id, 1, document) | {"created_at": now, "updated_at": now, "author": author}
    connection.execute(sa.insert(policies).values(row))
    _record(connection, row, change)
    _list_principals(connection, policy_id, document)
    return to_policy(row)


def replace_policy(
    connection: sa.Connection,
    policy: Policy,
    document: Document,
    *,
    author: str,
    change: Change = Change.UPDATED,
) -> Policy:
    """Keep another document under a policy's id, as its next version.

    A document that says nothing of labels keeps those that the policy has.
    """
    labelled = {LABELS: policy.document.get(LABELS, ())} | document
    row = _row(policy.id, policy.version + 1, labelled) | {
        "created_at": policy.created_at,
        "updated_at": datetime.now(UTC),
        "author": author,
    }
    connection.execute(sa.update(policies).filter_by(policy_id=policy.id).values(row))
    _record(connection, row, change)
    connection.execute(sa.delete(policy_principals).filter_by(policy_id=policy.id))
    _list_principals(connection, policy.id, document)
    return to_policy(row)


def delete_policy(connection: sa.Connection, policy: Policy, *, author: str) -> None:
    """Take a policy away; its history stays."""
    connection.execute(sa.delete(policies).filter_by(policy_id=policy.id))
    row = _row(policy.id, policy.version + 1, policy.document)
    _record(connection, row | {"updated_at": datetime.now(UTC), "author": author}, Change.DELETED)


def find_policy(connection: sa.Connection, policy: int | str) -> Policy:
    """Return a policy by id or name.

    Raises:
        PolicyNotFoundError: There is none.
    """
    is_id = isinstance(policy, int) or str(policy).isdecimal()
    key = {"policy_id": int(policy)} if is_id else {"name": policy}
    row = connection.execute(sa.select(policies).filter_by(**key)).first()
    if row is None:
        names = () if is_id else connection.execute(sa.select(policies.c.name)).scalars()
        alike = nearest(str(policy), names)
        raise PolicyNotFoundError(
            f"Policy `{str(policy)[:200]}` does not exist.",
            hint=f"did you mean `{alike}`?" if alike else "see lake.policies.list()",
        )
    return to_policy(row._mapping)  # noqa: SLF001  # public, in spite of its name


def read_policies(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Policy]:
    """Return the policies that conditions hold for, by id."""
    rows = connection.execute(
        sa.select(policies).where(*conditions).order_by(policies.c.policy_id)
    ).mappings()
    return [to_policy(row) for row in rows]


def read_history(connection: sa.Connection, policy_id: int) -> list[PolicyVersion]:
    """Return all changes of a policy, oldest first, deleted ones included."""
    rows = connection.execute(
        sa.select(policy_history).filter_by(policy_id=policy_id).order_by(policy_history.c.version)
    )
    return [
        PolicyVersion(
            policy_id=row.policy_id,
            version=row.version,
            change=Change(row.change),
            name=row.name,
            author=row.author,
            changed_at=row.changed_at,
            document=json.loads(row.document),
        )
        for row in rows
    ]


def taken_names(connection: sa.Connection, names: set[str]) -> set[str]:
    """Return the names among `names` that policies have."""
    return set(ids_by_name(connection, names))


def ids_by_name(connection: sa.Connection, names: Set[str]) -> dict[str, int]:
    """Return the ids of the policies that have the names among `names`, by name."""
    query = sa.select(policies.c.name, policies.c.policy_id)
    if len(names) <= _MAX_PARAMETERS:
        query = query.where(policies.c.name.in_(names))
    return {name: policy_id for name, policy_id in connection.execute(query) if name in names}


def to_policy(row: Any) -> Policy:
    """Return the policy of a row, as a mapping by column."""
    document = json.loads(row["document"])
    items = (i for member in ALL_ITEMS[:4] for i in document.get(member, ()))
    named = dict.fromkeys(str(name) for item in items for name in principals_of(item))
    return Policy(
        id=row["policy_id"],
        name=row["name"],
        kind=PolicyKind(row["kind"]),
        on=row["target"],
        to=tuple(named),
        priority=Priority(row["priority"]).name.lower(),
        enabled=row["enabled"],
        version=row["version"],
        description=document.get("description"),
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        document=document,
    )


def is_on_several(target: str, document: Document) -> bool:
    """Tell whether other targets than its own can be under a document's."""
    return has_wildcard(target) or _SEVERAL in target or len(all_resources(document)) > 1


def _row(policy_id: int, version: int, document: Document) -> dict[str, Any]:
    enabled = document.get("isEnabled", True)
    target = target_text(document)
    given = {"id", "version", "isEnabled", *(() if document.get(LABELS) else (LABELS,))}
    kept = {k: v for k, v in document.items() if k not in given}
    stored = {"id": policy_id, "version": version, "isEnabled": enabled, **kept}
    return {
        "policy_id": policy_id,
        "name": document["name"],
        "kind": str(kind_of(document)),
        "service": document["service"],
        "target": target,
        "is_pattern": is_on_several(target, document),
        "priority": document.get("policyPriority", 0),
        "enabled": enabled,
        "version": version,
        "document": to_json(stored),
    }


def _record(connection: sa.Connection, row: dict[str, Any], change: Change) -> None:
    copied = {name: row[name] for name in ("policy_id", "version", "name", "document", "author")}
    connection.execute(
        sa.insert(policy_history).values(**copied, change=str(change), changed_at=row["updated_at"])
    )


def _list_principals(connection: sa.Connection, policy_id: int, document: Document) -> None:
    rows = [
        {"policy_id": policy_id, "principal": str(name)}
        for name in sorted(all_principals(document))
    ]
    if rows:
        connection.execute(sa.insert(policy_principals), rows)
