"""Why something is allowed or refused: which policies were asked, which one decided, and how.

What decides is the evaluator; here its steps are gone through once more and put into words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.columns import (
    AskedColumn,
    of_known_table,
    of_unknown_table,
    seen_by,
)
from iomete.governance.answers.considered_policies import ConsideredPolicies
from iomete.governance.answers.considered_rules import ConsideredRules
from iomete.governance.answers.explanation import Explanation, verdict_of
from iomete.governance.answers.masks_and_filters import MasksAndFilters
from iomete.governance.answers.reach import AttachedByHand, Reach, TagOrigins
from iomete.governance.answers.reasons import reason, reason_of_table
from iomete.governance.evaluator.resource_names import written
from iomete.governance.principals.names import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iomete.governance.answers.explanation import ColumnSeen, ConsideredPolicy
    from iomete.governance.evaluator import Evaluator, Subject
    from iomete.governance.evaluator.resource_names import Parts


class Explainer:
    """Explains what an evaluator decides.

    Args:
        evaluator: What decides.
        origins: Where tags come from that came with the data.
    """

    def __init__(self, evaluator: Evaluator, *, origins: TagOrigins | None = None) -> None:
        reach = Reach(evaluator, origins or AttachedByHand())
        self._evaluator = evaluator
        self._considered = ConsideredPolicies(evaluator, reach)
        self._rules = ConsideredRules(evaluator, reach)
        self._shown = MasksAndFilters(evaluator, reach)

    def explain(
        self,
        subject: Subject,
        action: str,
        parts: Parts,
        *,
        columns: Sequence[str] = (),
        column: str | None = None,
        fields: Callable[[], Sequence[str]] = tuple,
    ) -> Explanation:
        """Explain whether an action is granted on a catalog, namespace, table or column.

        Args:
            subject: Who asks.
            action: What for.
            parts: Of the resource, in the spelling of policies.
            columns: Those of a table that is read.
            column: The column of a struct's field, with which the field is seen.
            fields: Gives the paths of a table's fields, for policies on patterns of them.
        """
        holder = parts[3] if column is None and len(parts) > 3 else column
        name = written(parts, holder)
        if subject.is_admin:
            return self._of_admin(subject, action, name)
        if columns and action == "select":
            about = self._evaluator.about(parts)
            there = fields() if about.has_field_patterns else ()
            asked_for = of_known_table(about, columns, there)
            return self._of_table(subject, parts, asked_for)
        asked = parts if column is None else (*parts[:3], column)
        is_read = action == "select" and len(parts) > 2
        seen = None
        if is_read and len(parts) > 3:
            seen = seen_by(self._evaluator, subject, parts[:3], parts[3], column)
        found = self._evaluator.decide(subject, action, asked)
        above = self._evaluator.denied_above(subject, action, asked)
        considered = self._considered.on(subject, action, asked, found)
        inside: tuple[ColumnSeen, ...] = ()
        if seen is not None and found.is_allowed:
            inside = self._inside(subject, parts, column or parts[3], fields)
        if is_read and found.is_allowed:
            names = (*parts[3:], *asked[3:], *(one.column for one in inside))
            considered += self._rules.on(subject, parts[:3], names)
        return Explanation(
            principal=subject.name,
            action=action,
            resource=name,
            verdict=verdict_of(found),
            reason=reason(subject, action, name, found, is_above=found == above),
            policy=found.policy_id,
            policies=considered,
            masks=() if seen is None else self._shown.masks(subject, seen),
            filter=self._shown.filter(subject, parts[:3]) if is_read else None,
            columns=inside,
            version=self._evaluator.version,
        )

    def explain_unknown(self, subject: Subject, table: Parts) -> Explanation:
        """Explain reading a table whose columns aren't known.

        Its columns are those that policies and tags name, patterns as they are written, and `*` for
        all others.
        """
        if subject.is_admin:
            return self._of_admin(subject, "select", written(table))
        return self._of_table(subject, table, of_unknown_table(self._evaluator.about(table), table))

    def explain_path(self, subject: Subject, action: str, path: str) -> Explanation:
        """Explain whether an action is granted on a path and all below it."""
        if subject.is_admin:
            return self._of_admin(subject, action, path)
        found = self._evaluator.paths.decide(subject, action, path)
        return Explanation(
            principal=subject.name,
            action=action,
            resource=path,
            verdict=verdict_of(found),
            reason=reason(subject, action, path, found),
            policy=found.policy_id,
            policies=self._considered.on_path(subject, action, path, found),
            version=self._evaluator.version,
        )

    def _inside(
        self, subject: Subject, parts: Parts, column: str, fields: Callable[[], Sequence[str]]
    ) -> tuple[ColumnSeen, ...]:
        """Return a struct's fields with it, where some are seen otherwise than the struct."""
        about = self._evaluator.about(parts[:3])
        there = fields() if about.has_field_patterns else ()
        inside = [
            AskedColumn(shown=name, name=name, column=column)
            for name in sorted({*about.columns, *there})
            if name.startswith(f"{parts[3]}.")
        ]
        if not inside:
            return ()
        own = None if column == parts[3] else column
        whole = AskedColumn(shown=parts[3], name=parts[3], column=own)
        seen = self._shown.columns(subject, parts[:3], (whole, *inside))
        return seen if len(seen) > 1 else ()

    def _of_table(
        self, subject: Subject, table: Parts, asked: Sequence[AskedColumn]
    ) -> Explanation:
        seen = self._shown.columns(subject, table, asked)
        whole = [one.name for one in asked if one.column is None]
        considered = self._considered.on_table(subject, table, whole)
        deciding = {column.policy for column in seen if column.policy is not None}
        visible = {column.column for column in seen if column.verdict is Verdict.ALLOWED}
        rules: tuple[ConsideredPolicy, ...] = ()
        if visible:
            there = {one.name for one in asked if one.shown in visible}
            names = [one.name for one in asked if (one.column or one.name) in there]
            rules = self._rules.on(subject, table, names)
        return Explanation(
            principal=subject.name,
            action="select",
            resource=written(table),
            verdict=Verdict.ALLOWED if visible else Verdict.DENIED,
            reason=reason_of_table(subject, written(table), seen, considered),
            policy=next(iter(deciding)) if len(deciding) == 1 else None,
            policies=(*considered, *rules),
            filter=self._shown.filter(subject, table),
            columns=seen,
            version=self._evaluator.version,
        )

    def _of_admin(self, subject: Subject, action: str, resource: str) -> Explanation:
        way = self._evaluator.contents.memberships.path(subject.key, str(ADMIN))
        through = f" through {', '.join(way[1:-1])}" if len(way) > 2 else ""
        ids = self._evaluator.admin_policies
        return Explanation(
            principal=subject.name,
            action=action,
            resource=resource,
            verdict=Verdict.ALLOWED,
            reason=f"`{subject.name}` may {action} `{resource}`: a holder of the role "
            f"`admin`{through}, whom policies don't reach.",
            policy=ids[0] if ids else None,
            version=self._evaluator.version,
        )
