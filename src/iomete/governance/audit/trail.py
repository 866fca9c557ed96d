"""The audit trail: who did what to which data, and what was refused.

One event is one decision on one resource of one execution; `query` is what the events of an
execution share. Drivers report events in the lakehouse's spool; every question here first takes in
what is there, so that an answer is complete up to the moment it was asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iomete.access import Verdict
from iomete.errors import ConfigurationError
from iomete.governance.audit.matching import on_resource
from iomete.governance.audit.spool import IDLE_SECONDS, SpoolReader
from iomete.governance.audit.tables import AUDIT_TABLE, audit_events

if TYPE_CHECKING:
    from iomete.access import Trail
    from iomete.governance.audit.intake import Ingestion
    from iomete.names import Resource
    from iomete.store import Store

_READING = ("select", "read")
_event = audit_events.c


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One decision. `time` is in UTC.

    `resource` is a full name, or a path where `action` is read or write. `columns` are those used,
    in lower case; None where they aren't known. `policies` and `filters` are ids of policies: those
    that decided, and those whose row filters applied. `masks` gives the mask type by column.
    `via` are the views that led to the resource, outermost first. `reason` is that of a refusal, or
    says more of what was done, such as the tag that was attached.
    """

    id: str
    time: datetime
    principal: str
    action: str
    resource: str
    columns: tuple[str, ...] | None
    verdict: Verdict
    policies: tuple[int, ...]
    masks: Mapping[str, str]
    filters: tuple[int, ...]
    snapshot: str | None
    query: str
    session: str
    application: str
    via: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Someone who read a resource.

    Times are in UTC. `executions` counts queries and micro-batches; `columns` are all that they
    used of the tables in question, sorted, where that is known.
    """

    principal: str
    first_read: datetime
    last_read: datetime
    executions: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a principal did to a resource on one day, in UTC.

    `executions` counts those with an allowed event, `denied` those with a refused one.
    """

    day: date
    principal: str
    resource: str
    executions: int
    denied: int


class Audit:
    """Questions to the audit trail, for admins and auditors.

    Args:
        store: Where the events are kept.
        spool_folder: Where drivers report them; it may not exist yet.
        may_read: Asked before each question; raises if the principal is neither admin nor auditor.
        trail: Where each question is recorded; its answer doesn't hold that event yet.
        idle_seconds: When a spool file whose driver has ended is deleted; see `SpoolReader`.
    """

    def __init__(
        self,
        store: Store,
        spool_folder: str | os.PathLike[str],
        *,
        may_read: Callable[[], None],
        trail: Trail,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._may_read = may_read
        self._trail = trail
        self._spool = SpoolReader(store, spool_folder, idle_seconds=idle_seconds)

    def ingest(self) -> Ingestion:
        """Take in what drivers have reported.

        Anyone may ask for it: it shows nothing but numbers.

        Raises:
            LakehouseFolderError: A file of the spool can't be read.
            StoreError: The store can't be written.
        """
        return self._spool.ingest()

    def events(
        self,
        *,
        principal: str | None = None,
        resource: str | Sequence[str] | Resource | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        verdict: str | None = None,
        action: str | None = None,
        limit: int | None = None,
    ) -> list[AuditEvent]:
        """Return events, newest last.

        Args:
            principal: A user: `alice` or `user:alice`.
            resource: A full name or a path. A catalog or namespace stands for all below it; a
                column, for the events that used it, which are not those whose columns aren't known.
            since: From this time on.
            until: Before this time.
            verdict: `allowed` or `denied`.
            action: Such as `select`.
            limit: The newest this many.

        Raises:
            ConfigurationError: An argument is wrong.
            LakehouseFolderError: A file of the spool can't be read.
            StoreError: The store can't be used.
        """
        self._may_read()
        conditions = [*_between(since, until), *_of_principal(principal), *_on(resource)]
        if verdict is not None:
            conditions.append(_event.verdict == _as_verdict(verdict).value)
        if action is not None:
            conditions.append(_event.action == action)
        # Within a microsecond, ids of one driver are in order of their length and text.
        newest_first = (
            _event.occurred_at.desc(),
            sa.func.length(_event.event_id).desc(),
            _event.event_id.desc(),
        )
        query = sa.select(audit_events).where(*conditions).order_by(*newest_first)
        if limit is not None:
            query = query.limit(_as_limit(limit))
        rows = self._rows(query)
        return [_as_event(row) for row in reversed(rows)]

    def readers(
        self, resource: str | Sequence[str] | Resource, *, since: datetime | None = None
    ) -> list[Reader]:
        """Return who has read a resource, most recent first.

        Args:
            resource: As for `events`.
            since: From this time on.

        Raises:
            ConfigurationError: An argument is wrong.
            LakehouseFolderError: A file of the spool can't be read.
            StoreError: The store can't be used.
        """
        self._may_read()
        conditions = [
            _event.action.in_(_READING),
            _event.verdict == Verdict.ALLOWED.value,
            *_between(since, None),
            *_on(resource),
        ]
        last_read = sa.func.max(_event.occurred_at).label("last_read")
        reads = (
            sa.select(
                _event.principal,
                sa.func.min(_event.occurred_at).label("first_read"),
                last_read,
                sa.func.count(_event.query_id.distinct()).label("executions"),
            )
            .where(*conditions)
            .group_by(_event.principal)
            .order_by(last_read.desc(), _event.principal)
        )
        used = sa.select(_event.principal, _event.columns).where(*conditions).distinct()
        self._prepare()
        with self._store.read() as connection:  # one snapshot for both
            columns: dict[str, set[str]] = {}
            for row in connection.execute(used):
                columns.setdefault(row.principal, set()).update(row.columns or ())
            return [
                Reader(columns=tuple(sorted(columns[row["principal"]])), **row)
                for row in connection.execute(reads).mappings()
            ]

    def summary(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[Consumption]:
        """Return who consumed what: one row a day, principal and resource, oldest first.

        Args:
            since: From this time on.
            until: Before this time.

        Raises:
            ConfigurationError: An argument is wrong.
            LakehouseFolderError: A file of the spool can't be read.
            StoreError: The store can't be used.
        """
        self._may_read()
        # Written out: as parameters, the two uses of the expression would differ to PostgreSQL.
        day = sa.literal_column("substr(audit_events.occurred_at, 1, 10)", sa.Text)
        query = (
            sa.select(
                day.label("day"),
                _event.principal,
                _event.resource,
                _executions(Verdict.ALLOWED).label("executions"),
                _executions(Verdict.DENIED).label("denied"),
            )
            .where(*_between(since, until))
            .group_by(day, _event.principal, _event.resource)
            .order_by(day, _event.principal, _event.resource)
        )
        return [
            Consumption(
                day=date.fromisoformat(row.day),
                principal=row.principal,
                resource=row.resource,
                executions=row.executions,
                denied=row.denied,
            )
            for row in self._rows(query)
        ]

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        self._prepare()
        with self._store.read() as connection:
            return connection.execute(query).all()

    def _prepare(self) -> None:
        self.ingest()
        self._trail.allowed("select", AUDIT_TABLE)


def _executions(verdict: Verdict) -> sa.ColumnElement[int]:
    with_verdict = sa.case((_event.verdict == verdict.value, _event.query_id))
    return sa.func.count(with_verdict.distinct())


def _between(since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    for moment in (since, until):
        if moment is not None and moment.tzinfo is None:
            raise ConfigurationError(
                f"`{moment.isoformat()}` has no time zone.", hint="use datetime(…, tzinfo=UTC)"
            )
    conditions = []
    if since is not None:
        conditions.append(_event.occurred_at >= since)
    if until is not None:
        conditions.append(_event.occurred_at < until)
    return conditions


def _of_principal(principal: str | None) -> list[sa.ColumnElement[bool]]:
    if principal is None:
        return []
    kind, colon, name = principal.partition(":")
    if colon and kind in ("group", "role"):
        raise ConfigurationError(
            f"The audit trail knows users, not `{principal}`.", hint="ask for each of its members"
        )
    return [_event.principal == (name if colon and kind == "user" else principal)]


def _on(resource: str | Sequence[str] | Resource | None) -> list[sa.ColumnElement[bool]]:
    return [] if resource is None else [on_resource(resource)]


def _as_verdict(verdict: str) -> Verdict:
    try:
        return Verdict(verdict)
    except ValueError as error:
        raise ConfigurationError(
            f"`{verdict}` is not a verdict.", hint="use `allowed` or `denied`"
        ) from error


def _as_limit(limit: int) -> int:
    if limit < 1:
        raise ConfigurationError(
            f"A limit of `{limit}` leaves no events.", hint="use a number from 1, or leave it out"
        )
    return limit


def _as_event(row: sa.Row[Any]) -> AuditEvent:
    return AuditEvent(
        id=row.event_id,
        time=row.occurred_at,
        principal=row.principal,
        action=row.action,
        resource=row.resource,
        columns=None if row.columns is None else tuple(row.columns),
        verdict=Verdict(row.verdict),
        policies=tuple(row.policies),
        masks=row.masks,
        filters=tuple(row.filters),
        snapshot=row.snapshot,
        query=row.query_id,
        session=row.session_id,
        application=row.application_id,
        via=tuple(row.via),
        reason=row.reason,
    )
