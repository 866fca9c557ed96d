"""What of `lake.policies` is about a Ranger Admin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from iomete.governance.policy_writer import PolicyWriter
from iomete.governance.ranger.client import RangerClient, connection_of
from iomete.governance.ranger.outside import OutsideWriter, PolicyStatus
from iomete.governance.ranger.pulling import fetch
from iomete.governance.ranger.pushing import Contents, PushReport, push
from iomete.settings import RangerSettings

if TYPE_CHECKING:
    from iomete.governance.administration import Administration
    from iomete.governance.documents.checks import Inventory
    from iomete.governance.policy_records import Policy
    from iomete.governance.ranger.outside import OutsidePolicies, PolicyEngineState

Names = str | Iterable[str]


class RangerExchange:
    """Policies that are sent to Ranger, fetched from it, or in force there.

    Args:
        administration: Who asks, and the store.
        checks: What exists; new policies are held to it.
        ranger: What isn't passed to `push` and `pull`.
        outside: The Ranger Admin whose policies are in force; None: those of the store are.
        engine: The policy engine in Spark, where one runs.
    """

    def __init__(
        self,
        administration: Administration,
        checks: Inventory,
        *,
        ranger: RangerSettings | None = None,
        outside: OutsidePolicies | None = None,
        engine: PolicyEngineState | None = None,
    ) -> None:
        self._administration = administration
        self._checks = checks
        self._ranger = RangerSettings() if ranger is None else ranger
        self._outside = outside
        self._engine = engine
        self._writer = (
            PolicyWriter(administration, checks)
            if outside is None
            else OutsideWriter(administration, checks, outside)
        )

    def push(
        self,
        *,
        url: str | None = None,
        service: str | None = None,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        prune: bool = False,
        replace_roles: bool = False,
    ) -> PushReport:
        """Send the policies that are kept in this lakehouse to a Ranger Admin, with roles and tags.

        The service definition and the services are made where they are missing. A policy takes the
        place of one of the same name; all tags of the service are replaced. Users, groups and
        attributes are Ranger's own business: it learns of them by its user sync. So is the role
        `admin`.

        Args:
            url: Of Ranger Admin; unset: `governance.ranger.url`, and so are the others.
            service: The service there.
            user: Who sends them; they must be an admin there.
            password: That user's.
            token: A bearer token, instead of a user.
            prune: Whether policies of the service that aren't here are deleted there, those that
                Ranger gives a new service included.
            replace_roles: Whether roles that Ranger has get the members that they have here. They
                are for all services of Ranger's.

        Raises:
            AccessDeniedError: The actor is no admin.
            ConfigurationError: It isn't said where Ranger is.
            InvalidPolicyError: Ranger can't hold these policies; nothing was sent.
            RangerError: Ranger can't be reached, or refuses; what it took before that, it has.
            MissingExtraError: The extra `ranger` isn't installed.

        Cost: about one request a policy and role.
        """
        with self._administration.reading() as connection:
            contents = Contents.read(connection)
        where = connection_of(
            self._ranger, url=url, service=service, user=user, password=password, token=token
        )
        return push(contents, RangerClient(where), where, prune=prune, replace_roles=replace_roles)

    def pull(
        self,
        *,
        url: str | None = None,
        service: str | None = None,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        skip: Names = (),
        replace: bool = False,
        future: bool = False,
    ) -> Sequence[Policy]:
        """Add the policies of a Ranger Admin's service to those kept here, all or none.

        Args:
            url: Of Ranger Admin; unset: `governance.ranger.url`, and so are the others.
            service: The service there; that of its tags comes along.
            user: Who asks.
            password: That user's.
            token: A bearer token, instead of a user.
            skip: Names of policies to leave out, such as those that Ranger gives a new service.
            replace: As for `import_`.
            future: As for `import_`.

        Raises:
            AccessDeniedError: The actor is no admin.
            PoliciesElsewhereError: Policies come from Ranger as it is.
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            ConfigurationError: It isn't said where Ranger is.
            RangerError: Ranger can't be reached, or refuses.
            MissingExtraError: The extra `ranger` isn't installed.
        """
        with self._administration.reading():
            if self._outside is not None:
                self._outside.refuse_changes()
        where = connection_of(
            self._ranger, url=url, service=service, user=user, password=password, token=token
        )
        skipped = {skip} if isinstance(skip, str) else set(skip)
        fetched = fetch(RangerClient(where), where, skip=skipped)
        return self._writer.import_documents(fetched, replace=replace, future=future)

    def status(self) -> PolicyStatus:
        """Return what Spark goes by, and what keeps it from going by the newest policies."""
        with self._administration.reading():
            outside, engine = self._outside, self._engine
        return PolicyStatus(
            source="store" if outside is None else outside.name,
            versions={} if outside is None else outside.kept.versions(),
            problem=None if engine is None else engine.problem,
            broken=() if engine is None else tuple(engine.broken_policies),
        )
