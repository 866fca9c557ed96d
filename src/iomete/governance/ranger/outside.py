"""Policies that come from a Ranger Admin: what is in force, and why nothing is changed here."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from iomete.errors import PoliciesElsewhereError
from iomete.governance.administration import ADMINISTRATION, Administration
from iomete.governance.policy_writer import PolicyWriter
from iomete.governance.ranger.kept import KEPT_FILE, KeptPolicies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import sqlalchemy as sa

    from iomete.governance.documents.specifications import PolicyKind
    from iomete.governance.policy_records import Policy
    from iomete.settings import GovernanceSettings


class PolicyEngineState(Protocol):
    """What Spark's policy engine says of itself."""

    @property
    def problem(self) -> str | None:
        """Why the newest policies aren't in force, if they aren't."""

    @property
    def broken_policies(self) -> Sequence[str]:
        """Policies that can't be carried out, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """What Spark goes by.

    `source` is `store`, or the Ranger Admin and its service; `versions` are Ranger's, of
    `policies`, `tags`, `roles` and `users`; `problem` says why the newest aren't in force, None
    where they are; `broken` lists policies that can't be carried out, whose tables are closed to
    all but admins.
    """

    source: str
    versions: Mapping[str, int]
    problem: str | None
    broken: tuple[str, ...]


class OutsidePolicies:
    """The Ranger Admin whose policies are in force.

    Args:
        settings: Of a lakehouse whose `governance.source` is `ranger`.
        folder: The lakehouse's `policies` folder.
    """

    def __init__(self, settings: GovernanceSettings, folder: Path) -> None:
        self.name = f"service `{settings.ranger.service}` of Ranger Admin `{settings.ranger.url}`"
        self.kept = KeptPolicies(folder / KEPT_FILE)

    def refuse_changes(self) -> NoReturn:
        """Say where policies and tags can be changed.

        Raises:
            PoliciesElsewhereError: Always.
        """
        raise PoliciesElsewhereError(
            f"Policies and tags of this lakehouse are those of {self.name}, and can't be changed "
            "here.",
            hint="change them in Ranger Admin, or set `governance.source` to `store`",
        )

    def refuse_history(self) -> NoReturn:
        """Say where the history of policies is.

        Raises:
            PoliciesElsewhereError: Always.
        """
        raise PoliciesElsewhereError(
            f"What policies were before is known to {self.name}.",
            hint="see Ranger Admin, under Audit, Admin",
        )


class OutsideWriter(PolicyWriter):
    """Changes nothing, for an admin, and says why."""

    def __init__(
        self, administration: Administration, checks: Any, outside: OutsidePolicies
    ) -> None:
        super().__init__(administration, checks)
        self._outside = outside

    def create(self, kind: PolicyKind, arguments: dict[str, Any], *, future: bool) -> Policy:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def update(self, policy: int | str, changes: dict[str, Any], *, future: bool) -> Policy:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def set_enabled(self, policy: int | str, *, enabled: bool) -> Policy:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def delete(self, policy: int | str) -> None:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def import_documents(
        self,
        source: object,  # noqa: ARG002
        *,
        replace: bool,  # noqa: ARG002
        future: bool,  # noqa: ARG002
    ) -> Sequence[Policy]:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        with self._administration.reading():
            pass  # whoever may not gets no answer about where policies are
        self._outside.refuse_changes()


class OutsideAdministration(Administration):
    """An administration for what can't be changed here, such as tags; owners and admins can."""

    def __init__(self, administration: Administration, outside: OutsidePolicies) -> None:
        store, actor, publisher, trail = administration.parts
        super().__init__(store, actor, publisher, trail=trail)
        self._outside = outside

    @contextmanager
    def changing(
        self,
        action: str,
        on: str = ADMINISTRATION,
        *,
        detail: str | None = None,  # noqa: ARG002  # nothing is done, so there is nothing to say
    ) -> Iterator[sa.Connection]:
        """Refuse.

        Raises:
            AccessDeniedError: The actor is no admin.
            PoliciesElsewhereError: Otherwise.
        """
        with self.reading(action, on) as connection:
            self._outside.refuse_changes()
            yield connection
