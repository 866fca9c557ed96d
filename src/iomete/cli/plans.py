"""Plans and test reports of policies, as people read them in a terminal.

A line is pieces of text with their styles, so that nothing of rich is loaded where nobody sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iomete.governance.as_code.folder import one_line
from iomete.governance.as_code.plan import PlannedAction
from iomete.governance.as_code.testing import PolicyTestVerdict
from iomete.governance.as_code.yaml_text import line_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iomete.governance.as_code.plan import FieldChange, PlannedChange, PolicyPlan
    from iomete.governance.as_code.testing import PolicyTestReport, PolicyTestResult

Line = tuple[tuple[str, str], ...]
"""Pieces of a line, each with a style of rich's; an empty one is as the rest of the terminal."""

_SIGNS = {
    PlannedAction.CREATE: ("+", "green"),
    PlannedAction.UPDATE: ("~", "yellow"),
    PlannedAction.DELETE: ("-", "red"),
    PlannedAction.ADOPT: ("=", "cyan"),
}
_WORDS = {
    PlannedAction.CREATE: "to create",
    PlannedAction.UPDATE: "to change",
    PlannedAction.DELETE: "to delete",
    PlannedAction.ADOPT: "to adopt",
}
_CHANGES = {"gains": "green", "loses": "red"}
_VERDICTS = {
    PolicyTestVerdict.PASSED: ("✓", "green"),
    PolicyTestVerdict.FAILED: ("✗", "red"),
    PolicyTestVerdict.UNKNOWN: ("?", "yellow"),
}
_BLANK: Line = (("", ""),)


def plan_lines(plan: PolicyPlan) -> Iterator[Line]:
    """Give the lines of a plan: each change by key, who gains and loses, and the counts."""
    for change in plan.changes:
        yield from _change_lines(change)
        yield _BLANK
    if plan.adopted:
        yield (("Made by hand, and the same; from now on the files own them:", "bold"),)
        for change in plan.adopted:
            yield from _change_lines(change)
        yield _BLANK
    if plan.effects:
        yield (("Who gains, who loses:", "bold"),)
        for effect in plan.effects:
            style = _CHANGES.get(effect.change, "yellow")
            yield ((f"  {effect.change} {effect.what}  ({effect.principal})", style),)
        yield _BLANK
    elif plan.changes and plan.effects is not None:
        yield (("Nobody's rights change.", ""),)
        yield _BLANK
    yield ((_summary(plan), "bold"),)


def report_lines(report: PolicyTestReport) -> Iterator[Line]:
    """Give a line for each test, what was found where one has failed, and the counts."""
    for result in report.results:
        yield from _result_lines(result)
    counts = {verdict: report.count(verdict) for verdict in PolicyTestVerdict}
    words = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n or verdict == "passed")
    yield ((f"Tests: {words}.", "bold"),)


def _change_lines(change: PlannedChange) -> Iterator[Line]:
    sign, style = _SIGNS[change.action]
    where = f"  ({change.kind})" if change.place is None else f"  {change.place}"
    yield (f"{sign} ", style), (change.name, "bold"), (where, "dim")
    if change.note:
        yield ((f"    Note: {change.note}", "yellow"),)
    for field in change.fields:
        yield _field_line(field, change.action)


def _field_line(field: FieldChange, action: PlannedAction) -> Line:
    key = (f"    {field.key}: ", "")
    if action is PlannedAction.CREATE:
        return key, (_written(field.after), "")
    if action is PlannedAction.DELETE:
        return key, (_written(field.before), "")
    return key, (_written(field.before), "red"), (" → ", ""), (_written(field.after), "green")


def _written(value: Any) -> str:
    return "(nothing)" if value is None else line_value(value)


def _summary(plan: PolicyPlan) -> str:
    counts = {action: plan.count(action) for action in PlannedAction}
    words = [f"{count} {_WORDS[action]}" for action, count in counts.items() if count]
    unchanged = f"{plan.unchanged} unchanged"
    of = f"Policies of project `{plan.project}` at version {plan.version}"
    if not words:
        return f"{of}: nothing to do, {unchanged}."
    return f"{of}: {', '.join([*words, unchanged])}."


def _result_lines(result: PolicyTestResult) -> Iterator[Line]:
    sign, style = _VERDICTS[result.verdict]
    yield (f"{sign} ", style), (one_line(result.name), ""), (f"  {result.place}", "dim")
    if result.verdict is not PolicyTestVerdict.PASSED:
        yield ((f"    expected: {one_line(result.expected)}", ""),)
        yield ((f"    found:    {one_line(result.found)}", style),)
        yield ((f"    because:  {one_line(result.reason)}", ""),)
    if result.note:
        yield ((f"    Note: {one_line(result.note)}", "yellow"),)
