"""Which policies answer a question: those of now, of the past, or as a draft leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.errors import ConfigurationError, PoliciesElsewhereError, PrincipalNotFoundError
from iomete.governance.answers import Draft
from iomete.governance.evaluator import PolicyBook, Subject
from iomete.governance.principals.names import EVERYONE, EVERYONE_WORD, PrincipalKind, PrincipalName
from iomete.governance.principals.records import check_exist
from iomete.governance.questions.current_policies import CurrentPolicies
from iomete.governance.questions.past_policies import PastPolicies, has_history

if TYPE_CHECKING:
    from datetime import datetime

    from iomete.governance.administration import Administration
    from iomete.governance.evaluator import Evaluator
    from iomete.governance.ranger.outside import OutsidePolicies

_ADMINISTRATION = "policy.explain"


class AskedPolicies:
    """The policies of a lakehouse, for admins; what was compiled of them is kept.

    Args:
        administration: Who asks, and the store.
        outside: The Ranger Admin whose policies are in force; None: those of the store are.
    """

    def __init__(self, administration: Administration, outside: OutsidePolicies | None) -> None:
        self._administration = administration
        self._outside = outside
        self._policies: CurrentPolicies | None = None
        self._past = PastPolicies()
        self._last_drafted: tuple[Draft, int, PolicyBook, PolicyBook] | None = None

    def current(self) -> PolicyBook:
        """Return the policies of the store; read again where they have another version."""
        self.refuse_elsewhere()
        with self._administration.reading(_ADMINISTRATION):
            pass  # whoever may not gets no answer
        if self._policies is None:
            self._policies = CurrentPolicies(self._administration.parts[0])
        return self._policies.book()

    def past(self, moment: datetime) -> tuple[PolicyBook, bool]:
        """Return the policies of a moment, and whether their history had begun."""
        book = self.current()
        with self._administration.reading(_ADMINISTRATION) as connection:
            book = self._past.book(connection, moment, book)
            return book, has_history(connection, moment)

    def drafted(self, draft: Draft, book: PolicyBook) -> PolicyBook:
        """Return the policies as a draft leaves them; those of the last draft are kept.

        Raises:
            ConfigurationError: It is no draft.
        """
        if not isinstance(draft, Draft):
            raise ConfigurationError(
                f"A change to try is a draft, not {type(draft).__name__}.",
                hint="make one by lake.policies.draft(), and call grant() and others of it",
            )
        known = self._last_drafted
        steps = draft.step_count
        if known is None or known[0] is not draft or known[1] != steps or known[2] is not book:
            after = PolicyBook(draft.applied_to(book.contents), like=book)
            known = self._last_drafted = draft, steps, book, after
        return known[3]

    def refuse_elsewhere(self) -> None:
        """Refuse to answer what is known elsewhere.

        Raises:
            PoliciesElsewhereError: A Ranger Admin's policies are in force.
        """
        if self._outside is not None:
            raise PoliciesElsewhereError(
                f"What is allowed, and why, is known to {self._outside.name}, whose policies and "
                "principals are in force.",
                hint="ask Ranger Admin",
            )

    def subject(self, evaluator: Evaluator, principal: str) -> Subject | None:
        """Return who is asked about; None for a user without any rights.

        Raises:
            PrincipalNotFoundError: There is none.
        """
        name = PrincipalName.parse(principal)
        if name.kind is PrincipalKind.USER:
            if name.name not in evaluator.contents.users:
                with self._administration.reading(_ADMINISTRATION) as connection:
                    check_exist(connection, [name])
                raise PrincipalNotFoundError(f"{name.words} does not exist.")
            return evaluator.subject(name.name)
        with self._administration.reading(_ADMINISTRATION) as connection:
            check_exist(connection, [name])
        keys = evaluator.contents.memberships.keys_with(str(name))
        shown = EVERYONE_WORD if name == EVERYONE else str(name)
        return Subject(name=shown, keys=keys, container=str(name))
