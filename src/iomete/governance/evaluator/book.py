"""Policies of one version, whenever they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iomete.governance.evaluator.evaluator import Evaluator
from iomete.governance.evaluator.policies import CompiledPolicy
from iomete.governance.evaluator.schedules import holds_at
from iomete.governance.principal_names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iomete.governance.documents import Document
    from iomete.governance.evaluator.contents import Contents


class PolicyBook:
    """Policies of one version, compiled; an evaluator for each moment is made from it.

    Args:
        contents: All that there is.
        like: What most of the policies are shared with, whose work isn't done again.
    """

    def __init__(self, contents: Contents, *, like: PolicyBook | None = None) -> None:
        known = {} if like is None else {id(p.document): p for p in like.policies}
        self.contents = contents
        self._access = _compiled(contents.access, known)
        self._tag = _compiled(contents.tag, known)
        self._scheduled = [p for p in (*self._access, *self._tag) if p.schedules]
        self._has_timed_tags = any(one.schedules for one in contents.attachments)
        self._last: tuple[frozenset[int], Evaluator] | None = None

    @property
    def policies(self) -> tuple[CompiledPolicy, ...]:
        """All policies, whether in force at some moment or not."""
        return (*self._access, *self._tag)

    def at(self, moment: datetime | None = None) -> Evaluator:
        """Return what decides at a moment; now, unless said otherwise.

        Cost: an index of all policies, where others are in force than were at the last call.
        """
        moment = datetime.now(UTC) if moment is None else moment.astimezone(UTC)
        asleep = frozenset(p.id for p in self._scheduled if not holds_at(p.schedules, moment))
        if self._last is not None and self._last[0] == asleep and not self._has_timed_tags:
            return self._last[1]
        evaluator = Evaluator(
            self.contents,
            [p for p in self._access if p.id not in asleep],
            [p for p in self._tag if p.id not in asleep],
            moment,
        )
        self._last = asleep, evaluator
        return evaluator

    def asleep(self, moment: datetime) -> list[CompiledPolicy]:
        """Return the policies that aren't in force at a moment."""
        return [p for p in self._scheduled if not holds_at(p.schedules, moment)]


def _compiled(
    documents: Iterable[Document], known: Mapping[int, CompiledPolicy]
) -> list[CompiledPolicy]:
    compiled = (
        known.get(id(document)) or CompiledPolicy(document)
        for document in documents
        if document.get("isEnabled", True)
    )
    return [policy for policy in compiled if not _is_for_admins(policy)]


def _is_for_admins(policy: CompiledPolicy) -> bool:
    """Administrators are answered without policies, so what is for nobody else isn't looked at."""
    return not policy.denies_all_else and all(
        not item.is_for_all and not item.is_for_owner and item.keys <= {str(ADMIN)}
        for item in policy.all_items
    )
