"""Why somebody may do something or may not, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.columns import OTHER_COLUMNS
from iomete.governance.answers.explanation import Outcome
from iomete.governance.answers.policy_ids import policies_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.answers.explanation import ColumnSeen, ConsideredPolicy
    from iomete.governance.evaluator import Access, Subject


def reason(
    subject: Subject,
    action: str,
    resource: str,
    found: Access,
    *,
    is_above: bool = False,
) -> str:
    """Say whether a principal may do something with a resource, and by which policy."""
    may = "may" if found.is_allowed else "may not"
    start = f"`{subject.name}` {may} {action} `{resource}`"
    if found.policy is None:
        return f"{start}: no policy grants it."
    by = f"{policies_text([found.policy.id])} `{found.policy.name}`"
    where = " on what holds it" if is_above and found.is_denied else ""
    return f"{start}: {by} {found.said} it{where}."


def reason_of_table(
    subject: Subject,
    name: str,
    seen: Sequence[ColumnSeen],
    considered: Sequence[ConsideredPolicy],
) -> str:
    """Say which columns of a table somebody reads, and by which policies; and which not."""
    visible = [column for column in seen if column.verdict is Verdict.ALLOWED]
    if not visible:
        start = f"`{subject.name}` may not select from `{name}`"
        winner = next((one for one in considered if one.outcome is Outcome.DECIDES), None)
        denied = [column for column in seen if column.policy is not None]
        if winner is None or not denied:
            return f"{start}: no column of it is granted."
        if len(denied) == len(seen):
            return f"{start}: {winner}."
        return f"{start}: no column of it is granted; denied: {', '.join(map(_hidden, denied))}."
    denying = {
        column.policy for column in seen if column.mask and column.policy == column.mask.policy
    }
    deciding = (column.policy for column in visible)
    granting = {one for one in deciding if one is not None} - denying
    hidden = [_hidden(column) for column in seen if column.verdict is Verdict.DENIED]
    masked = [column.column for column in visible if column.mask]
    start = f"`{subject.name}` may select"
    if any(column.column == OTHER_COLUMNS for column in seen) and OTHER_COLUMNS not in {
        column.column for column in visible
    }:
        names = ", ".join(column.column for column in visible)
        told = f"{start} some columns of `{name}`, by {policies_text(granting)}: {names}"
    else:
        told = f"{start} from `{name}`, by {policies_text(granting)}"
        told += f"; hidden: {', '.join(hidden)}" if hidden else ", all columns"
    return f"{told}; masked: {', '.join(masked)}." if masked else f"{told}."


def _hidden(column: ColumnSeen) -> str:
    by = "" if column.policy is None else f" (by {policies_text([column.policy])})"
    return f"{column.column}{by}"
