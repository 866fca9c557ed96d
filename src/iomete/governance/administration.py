"""Who may change governance, and how a change is made durable and put in force."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iomete.errors import AccessDeniedError, PrincipalNotFoundError, StillNeededError
from iomete.governance import counters
from iomete.governance.documents import TAG_SERVICE, tags_of
from iomete.governance.founding import found
from iomete.governance.memberships import is_admin
from iomete.governance.policy_records import read_policies
from iomete.governance.principal_names import PrincipalKind, PrincipalName
from iomete.governance.principal_records import check_exist, missing
from iomete.governance.tables import policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from iomete.access import Principal
    from iomete.governance.publisher import Publisher
    from iomete.store import Store


class Administration:
    """What principals, policies, tags and owners are administered through, as one principal.

    Whether that principal is an admin is asked in the very transaction that reads or changes.
    """

    def __init__(self, store: Store, actor: Principal, publisher: Publisher) -> None:
        self._store = store
        self._actor = PrincipalName(PrincipalKind.USER, actor.name)
        self._publisher = publisher
        self._batches = threading.local()

    @property
    def author(self) -> str:
        """The name that changes are recorded under."""
        return self._actor.name

    @contextmanager
    def reading(self, *, about: PrincipalName | None = None) -> Iterator[sa.Connection]:
        """Give a connection on one snapshot, to an admin.

        Args:
            about: A principal that may also ask: for itself.

        Raises:
            AccessDeniedError: The actor is no admin.
        """
        found(self._store)
        with self._store.read() as connection:
            if about != self._actor or missing(connection, [about]):
                self._require_admin(connection, "read")
            yield connection

    @contextmanager
    def changing(self) -> Iterator[sa.Connection]:
        """Give a connection for a change, to an admin; commit it, then put it in force.

        Raises:
            AccessDeniedError: The actor is no admin.
            PolicyPublishError: The change is saved, but couldn't be put in force.
        """
        found(self._store)
        with self._store.write() as connection:
            self._require_admin(connection, "change")
            yield connection
            counters.next_value(connection, counters.VERSION)
        if not self._depth:
            self._publisher.publish()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Put the changes that this thread makes inside in force once, at the end.

        Each is still a transaction of its own: what was changed before an error stays changed.
        """
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
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

    def require_admin(self, what: str) -> None:
        """Refuse who is no admin.

        Raises:
            AccessDeniedError: Names what the actor may not do, such as `act for others`.
        """
        with self._store.read() as connection:
            if not is_admin(connection, self._actor):
                raise AccessDeniedError(
                    f"`{self._actor.name}` may not {what}.",
                    hint="ask an admin of this lakehouse, who holds the role `admin`",
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

    @property
    def _depth(self) -> int:
        return getattr(self._batches, "depth", 0)

    @_depth.setter
    def _depth(self, value: int) -> None:
        self._batches.depth = value

    def _require_admin(self, connection: sa.Connection, verb: str) -> None:
        if not is_admin(connection, self._actor):
            raise AccessDeniedError(
                f"`{self._actor.name}` may not {verb} principals, policies, tags or owners.",
                hint="ask an admin of this lakehouse, who holds the role `admin`",
            )
