"""The policies of a store as they were at a time, from its history."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.governance.counters import FIRST_POLICY_ID
from iomete.governance.documents.document import TAG_SERVICE
from iomete.governance.evaluator import PolicyBook
from iomete.governance.policy_records import Change
from iomete.governance.tables import policy_history

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iomete.governance.documents.document import Document

_KEPT_BOOKS = 8
_Version = tuple[int, int]


class PastPolicies:
    """Books of the policies that there were; principals, attributes, tags and owners are today's.

    What a policy says today as it did then is shared with today's book.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._books: OrderedDict[tuple[int, frozenset[_Version]], PolicyBook] = OrderedDict()

    def book(self, connection: sa.Connection, moment: datetime, today: PolicyBook) -> PolicyBook:
        """Return the policies of a moment.

        Cost: one read of each policy's last version before the moment.
        """
        rows = _read(connection, moment)
        versions = frozenset((policy_id, version) for policy_id, version, _ in rows)
        known = {_version(one): one for one in _of_users(today)}
        if versions == known.keys():
            return today
        key = today.contents.version, versions
        with self._lock:
            return self._kept(key, today, rows, known)

    def _kept(
        self,
        key: tuple[int, frozenset[_Version]],
        today: PolicyBook,
        rows: list[tuple[int, int, str]],
        known: dict[_Version, Document],
    ) -> PolicyBook:
        if key not in self._books:
            documents = [
                known.get((one, version)) or json.loads(text) for one, version, text in rows
            ]
            self._books[key] = _book(today, documents)
            if len(self._books) > _KEPT_BOOKS:
                self._books.popitem(last=False)
        self._books.move_to_end(key)
        return self._books[key]


def has_history(connection: sa.Connection, moment: datetime) -> bool:
    """Tell whether the history of policies had begun at a moment."""
    begun = sa.select(policy_history.c.policy_id).where(policy_history.c.changed_at <= moment)
    return connection.execute(begun.limit(1)).first() is not None


def _read(connection: sa.Connection, moment: datetime) -> list[tuple[int, int, str]]:
    """Return the last version of each policy up to a moment, but of those that were deleted."""
    last = (
        sa.select(
            policy_history.c.policy_id, sa.func.max(policy_history.c.version).label("version")
        )
        .where(policy_history.c.changed_at <= moment)
        .group_by(policy_history.c.policy_id)
        .subquery()
    )
    columns = policy_history.c
    query = (
        sa.select(columns.policy_id, columns.version, columns.document)
        .join(
            last,
            sa.and_(
                columns.policy_id == last.c.policy_id,
                columns.version == last.c.version,
            ),
        )
        .where(columns.change.not_in([str(Change.DELETED), str(Change.DISABLED)]))
        .order_by(columns.policy_id)
    )
    return [(row.policy_id, row.version, row.document) for row in connection.execute(query)]


def _book(today: PolicyBook, documents: Iterable[Document]) -> PolicyBook:
    access = [one for one in today.contents.access if one["id"] < FIRST_POLICY_ID]
    tag = [one for one in today.contents.tag if one["id"] < FIRST_POLICY_ID]
    for document in documents:
        if document.get("isEnabled", True):
            (tag if document["service"] == TAG_SERVICE else access).append(document)
    return PolicyBook(replace(today.contents, access=access, tag=tag), like=today)


def _of_users(book: PolicyBook) -> list[Document]:
    documents = (*book.contents.access, *book.contents.tag)
    return [one for one in documents if one["id"] >= FIRST_POLICY_ID]


def _version(document: Document) -> _Version:
    return document["id"], document.get("version", 0)
