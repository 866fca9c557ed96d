"""Who may change governance, and how a change is made durable and put in force."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iomete.access import Principal
from iomete.errors import AccessDeniedError, PrincipalNotFoundError, StillNeededError
from iomete.governance import counters
from iomete.governance.audit.tables import AUDIT_TABLE
from iomete.governance.documents.document import TAG_SERVICE, tags_of
from iomete.governance.founding import found
from iomete.governance.policy_records import read_policies
from iomete.governance.principals.memberships import is_admin, is_auditor
from iomete.governance.principals.names import PrincipalKind, PrincipalName
from iomete.governance.principals.records import check_exist, missing
from iomete.governance.tables import policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from iomete.access import Trail
    from iomete.governance.publisher import Publisher
    from iomete.store import Store


ADMINISTRATION = "administration"
"""What events are about that name no resource."""

_NO_ADMIN = "the role `admin` isn't held"


class _OfThread(threading.local):
    """What a thread is in the middle of: batches within batches, and what its change is about."""

    def __init__(self) -> None:
        self.depth = 0
        self.concerned: list[tuple[str | None, str, tuple[int, ...]]] = []


class Administration:
    """What principals, policies, tags and owners are administered through, as one principal.

    Whether that principal is an admin is asked in the very transaction that reads or changes.
    """

    def __init__(
        self, store: Store, actor: Principal, publisher: Publisher, *, trail: Trail
    ) -> None:
        self._store = store
        self._actor = PrincipalName(PrincipalKind.USER, actor.name)
        self._publisher = publisher
        self._trail = trail
        self._thread = _OfThread()

    @property
    def parts(self) -> tuple[Store, Principal, Publisher, Trail]:
        """What it was made of."""
        return self._store, Principal(self._actor.name), self._publisher, self._trail

    @property
    def author(self) -> str:
        """The name that changes are recorded under."""
        return self._actor.name

    @contextmanager
    def reading(
        self,
        action: str = "administration.read",
        on: str = ADMINISTRATION,
        *,
        about: PrincipalName | None = None,
    ) -> Iterator[sa.Connection]:
        """Give a connection on one snapshot, to an admin.

        Args:
            action: What is recorded if it is refused.
            on: What it is about.
            about: A principal that may also ask: for itself.

        Raises:
            AccessDeniedError: The actor is no admin.
        """
        found(self._store)
        with self._store.read() as connection:
            if about != self._actor or missing(connection, [about]):
                self._require_admin(connection, "read", action, on)
            yield connection

    @contextmanager
    def changing(
        self, action: str, on: str = ADMINISTRATION, *, detail: str | None = None
    ) -> Iterator[sa.Connection]:
        """Give a connection for a change, to an admin; record it, commit it, put it in force.

        Args:
            action: What is recorded, such as `user.add`; refused or done.
            on: What it is about, unless `concerns` says so meanwhile.
            detail: What else there is to say.

        Raises:
            AccessDeniedError: The actor is no admin.
            AuditUnavailableError: It can't be recorded, and it must be: nothing was changed.
            PolicyPublishError: The change is saved, but couldn't be put in force.
        """
        found(self._store)
        with self._store.write() as connection:
            self._require_admin(connection, "change", action, on)
            self._thread.concerned = []
            yield connection
            counters.next_value(connection, counters.VERSION)
            for own, resource, policy_ids in self._thread.concerned or [(None, on, ())]:
                self._trail.allowed(own or action, resource, policies=policy_ids, detail=detail)
        if not self._thread.depth:
            self._publisher.publish()

    def concerns(self, on: str, *policies: int, action: str | None = None) -> None:
        """Say, inside of `changing`, what is changed; each call leaves an event of its own.

        Args:
            on: What the policies are on.
            policies: Their ids.
            action: What is recorded; unset: what `changing` was told.
        """
        self._thread.concerned.append((action, on, policies))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Put the changes that this thread makes inside in force once, at the end.

        Each is still a transaction of its own: what was changed before an error stays changed.
        """
        self._thread.depth += 1
        try:
            yield
        finally:
            self._thread.depth -= 1
            if not self._thread.depth:
                self._publisher.ensure_published()

    def publish(self) -> int:
        """Put what the store holds in force again; return the version.

        Raises:
            AccessDeniedError: The actor is no admin.
            PolicyPublishError: It couldn't be put in force.
        """
        with self.reading():
            pass
        return self._publisher.publish()

    def require_admin(self, what: str, action: str, on: str = ADMINISTRATION) -> None:
        """Refuse who is no admin, and record that or what is done.

        Args:
            what: What the actor wants to do, in words, such as `act for others`.
            action: What is recorded.
            on: What it is about.

        Raises:
            AccessDeniedError: Names what the actor may not do.
            AuditUnavailableError: It can't be recorded, and it must be.
        """
        with self._store.read() as connection:
            may = is_admin(connection, self._actor)
        if may:
            self._trail.allowed(action, on)
            return
        self._trail.denied(action, on, _NO_ADMIN)
        raise AccessDeniedError(
            f"`{self._actor.name}` may not {what}.",
            hint="ask an admin of this lakehouse, who holds the role `admin`",
        )

    def require_auditor(self) -> None:
        """Refuse who is neither admin nor auditor, and record that.

        Raises:
            AccessDeniedError: The actor isn't.
        """
        with self._store.read() as connection:
            if is_auditor(connection, self._actor):
                return
        self._trail.denied("select", AUDIT_TABLE, "the role `auditor` isn't held")
        raise AccessDeniedError(
            f"`{self._actor.name}` may not read the audit trail.",
            hint="ask an admin for the role `auditor`",
        )

    def version(self) -> int:
        """Return the version of governance, which grows with each change."""
        with self.reading() as connection:
            return counters.read_version(connection) or 0

    def next_id(self, connection: sa.Connection, counter: str) -> int:
        """Return an id that `counter` never gave out before."""
        return counters.next_value(connection, counter)

    def now(self) -> datetime:
        """Return the time that a change is recorded at, in UTC."""
        return datetime.now(UTC)

    def check_user(self, connection: sa.Connection, name: str) -> str:
        """Return the name of a user, if there is one.

        Raises:
            PrincipalNotFoundError: There is none.
        """
        user = PrincipalName.parse(name)
        if user.kind is not PrincipalKind.USER:
            raise PrincipalNotFoundError(
                f"{user.words} is not a user.", hint="name a user, as `user:alice` or `alice`"
            )
        check_exist(connection, [user])
        return user.name

    def check_tag_unused(self, connection: sa.Connection, tag: str) -> None:
        """Refuse to remove a tag that policies are on: a later namesake would inherit them.

        Raises:
            StillNeededError: Some are.
        """
        for policy in read_policies(connection, policies.c.service == TAG_SERVICE):
            if tag in tags_of(policy.document):
                raise StillNeededError(
                    f"Policy `{policy.name}` (id {policy.id}) is on tag `{tag}`.",
                    hint=f"lake.policies.delete({policy.id})",
                )

    def _require_admin(self, connection: sa.Connection, verb: str, action: str, on: str) -> None:
        if not is_admin(connection, self._actor):
            self._trail.denied(action, on, _NO_ADMIN)
            raise AccessDeniedError(
                f"`{self._actor.name}` may not {verb} principals, policies, tags or owners.",
                hint="ask an admin of this lakehouse, who holds the role `admin`",
            )
