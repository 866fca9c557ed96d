"""Policies of one version, whenever they hold."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from iomete.governance.evaluator.evaluator import Evaluator
from iomete.governance.evaluator.policies import CompiledPolicy
from iomete.governance.evaluator.schedules import Schedule, in_utc
from iomete.governance.evaluator.timetable import Timetable
from iomete.governance.principals.names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from iomete.governance.documents.document import Document
    from iomete.governance.evaluator.contents import Contents

_KEPT_EVALUATORS = 4
"""An evaluator has an index of all policies, about a kilobyte each."""


class PolicyBook:
    """Policies of one version, compiled; an evaluator for each moment is made from it.

    Safe for threads.

    Args:
        contents: All that there is.
        like: What most of the policies are shared with, whose work isn't done again.
    """

    def __init__(self, contents: Contents, *, like: PolicyBook | None = None) -> None:
        known = {} if like is None else {id(p.document): p for p in like.policies}
        self.contents = contents
        self._access = _compiled(contents.access, known)
        self._tag = _compiled(contents.tag, known)
        self._scheduled = [policy for policy in self.policies if policy.schedules]
        timed = [one.schedules for one in contents.attachments if one.schedules]
        self._timetable = Timetable(
            [
                *(policy.schedules for policy in self._scheduled),
                *(tuple(map(Schedule.of, schedules)) for schedules in timed),
            ]
        )
        self._lock = threading.Lock()
        self._evaluators: OrderedDict[frozenset[int], Evaluator] = OrderedDict()

    @property
    def policies(self) -> tuple[CompiledPolicy, ...]:
        """All policies, whether in force at some moment or not."""
        return (*self._access, *self._tag)

    def at(self, moment: datetime | None = None) -> Evaluator:
        """Return what decides at a moment; now, unless said otherwise; without a zone, in UTC.

        Cost: an index of all policies, where others are in force than at the last few moments that
            were asked about.
        """
        moment = in_utc(moment)
        with self._lock:
            asleep = self._timetable.asleep(moment)
            if asleep not in self._evaluators:
                self._evaluators[asleep] = self._evaluator(asleep, moment)
                if len(self._evaluators) > _KEPT_EVALUATORS:
                    self._evaluators.popitem(last=False)
            self._evaluators.move_to_end(asleep)
            return self._evaluators[asleep]

    def _evaluator(self, places: frozenset[int], moment: datetime) -> Evaluator:
        asleep = [policy for place, policy in enumerate(self._scheduled) if place in places]
        ids = {policy.id for policy in asleep}
        return Evaluator(
            self.contents,
            [p for p in self._access if p.id not in ids],
            [p for p in self._tag if p.id not in ids],
            moment,
            asleep=asleep,
        )


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
