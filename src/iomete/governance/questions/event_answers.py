"""Why an event of the audit trail was decided as it was, and what it says otherwise; in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.policy_ids import policies_text
from iomete.governance.questions.asked_resources import PATH_ACTIONS, TABLE_PARTS, as_named
from iomete.names import as_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from iomete.governance.answers import Explainer, Explanation
    from iomete.governance.audit.trail import AuditEvent
    from iomete.governance.documents.checks import Inventory
    from iomete.governance.evaluator import Evaluator, Subject


def explained(
    event: AuditEvent, subject: Subject, explainer: Explainer, checks: Inventory
) -> tuple[Explanation, bool]:
    """Return an event's explanation, and whether it is of all columns of its table.

    Args:
        event: What was recorded.
        subject: Its principal.
        explainer: By the policies of its time.
        checks: What exists.
    """
    action, name = event.action, event.resource
    if action in PATH_ACTIONS:
        return explainer.explain_path(subject, action, name), True
    parts = as_named(as_parts(name))
    if action != "select" or len(parts) != TABLE_PARTS:
        return explainer.explain(subject, action, parts), True
    there = checks.columns_of(as_parts(name))
    columns = there or event.columns or ()
    if not columns:
        return explainer.explain_unknown(subject, parts), False
    found = explainer.explain(
        subject, action, parts, columns=columns, fields=lambda: checks.fields_of(as_parts(name))
    )
    return found, bool(there)


def notes_on(event: AuditEvent, *, has_policies: bool) -> Iterator[str]:
    """Give what an event is explained by.

    Args:
        event: What was recorded.
        has_policies: Whether the history of policies had begun.
    """
    moment = event.time.isoformat(sep=" ", timespec="seconds")
    yield f"by the policies of {moment}; memberships, attributes, tags and columns are today's"
    if not has_policies:
        yield "the history of policies begins after the event: there were none, or it isn't known"
    if event.via:
        yield f"read through {', '.join(event.via)}: the rights of a view's creator count there"


def masks_on(event: AuditEvent, evaluator: Evaluator, checks: Inventory) -> dict[str, str]:
    """Return the masks that an event would record: on columns that it used, and on their fields."""
    name = as_parts(event.resource)
    columns = checks.columns_of(name) or event.columns or ()
    read = evaluator.read(event.principal, as_named(name), [*columns, *checks.fields_of(name)])
    used = None if event.columns is None else {column.lower() for column in event.columns}
    return {
        path: _plain(mask.type)
        for path, mask in read.masks.items()
        if used is None or path in used or path.split(".", 1)[0] in used
    }


def differences(
    found: Explanation,
    event: AuditEvent,
    *,
    masks: Callable[[], Mapping[str, str]],
    has_all_columns: bool,
) -> tuple[str, ...]:
    """Return in words what an event recorded otherwise than it is explained; empty: nothing.

    Args:
        found: The explanation.
        event: What was recorded; of a refusal, and of actions besides `select`, it has no policies.
        masks: Returns the masks that it would record, where a table was read.
        has_all_columns: Whether the explanation is of all columns of the event's table.
    """
    return tuple(_differences(found, event, masks, has_all_columns=has_all_columns))


def _differences(
    found: Explanation,
    event: AuditEvent,
    masks: Callable[[], Mapping[str, str]],
    *,
    has_all_columns: bool,
) -> Iterator[str]:
    if found.verdict != event.verdict:
        by = f" by {policies_text(event.policies)}" if event.policies else ""
        yield f"it was {event.verdict}{by}, and would be {found.verdict}"
    if event.verdict is Verdict.DENIED or event.action != "select":
        return
    if found.verdict == event.verdict:
        deciding = set(found.deciding)
        recorded = set(event.policies)
        if deciding != recorded if has_all_columns else not deciding <= recorded:
            yield f"{policies_text(recorded)} decided, and {policies_text(deciding)} would"
        was = {column: _plain(mask) for column, mask in event.masks.items()}
        would_be = dict(masks())
        if not has_all_columns:  # nor all fields
            was, would_be = (_of_columns(one) for one in (was, would_be))
        if would_be != was and (has_all_columns or event.columns is not None):
            yield f"masked were {_words(was)}, and would be {_words(would_be)}"
    filters = () if found.filter is None else (found.filter.policy,)
    if set(filters) != set(event.filters) and found.verdict == event.verdict:
        recorded_filters, now = policies_text(event.filters), policies_text(filters)
        yield f"rows were filtered by {recorded_filters}, and would be by {now}"


def _of_columns(masks: Mapping[str, str]) -> dict[str, str]:
    return {path: mask for path, mask in masks.items() if "." not in path}


def _plain(mask: str) -> str:
    """Return a mask type without the four characters that some have in their names."""
    return mask.removesuffix("_4")


def _words(masks: Mapping[str, str]) -> str:
    return ", ".join(f"{name} as {mask}" for name, mask in sorted(masks.items())) or "none"
