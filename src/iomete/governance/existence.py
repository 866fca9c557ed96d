"""Hold a policy to what there is: tables, columns, and what Spark understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.patterns import has_wildcard
from iomete.governance.specifications import PolicyKind, Specification
from iomete.governance.targets import Target, TargetKind
from iomete.names import lower, nearest, parse_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iomete.governance.checks import PolicyChecks, Problems

_FUTURE = "make it first, or pass future=True"


def check_against_tables(spec: Specification, checks: PolicyChecks, problems: Problems) -> None:
    """Note what a policy names that doesn't exist, and what Spark doesn't understand.

    Patterns are for whatever comes, so that what they match isn't looked for.
    """
    target = spec.target
    if target.kind in (TargetKind.PATH, TargetKind.TAG) or target.is_pattern:
        return
    parts = parse_parts(target.text)
    if target.kind is not TargetKind.TABLE:
        if checks.kind_of(parts) != target.kind:
            _add_missing(target, problems)
        return
    columns = checks.columns(target.text)
    if columns is None:
        _add_missing(target, problems)
        return
    if _columns_exist(spec, columns, problems):
        _check_sql(spec, checks, problems)


def _add_missing(target: Target, problems: Problems) -> None:
    hint = _FUTURE
    if target.kind is TargetKind.NAMESPACE:
        hint += "; a table's full name is catalog.namespace.table"
    problems.add("on", f"{target.kind} `{target.text}` does not exist", hint=hint)


def _columns_exist(
    spec: Specification, columns: Sequence[tuple[str, str]], problems: Problems
) -> bool:
    types = {lower(name): kind for name, kind in columns}
    complete = True
    for value in spec.target.columns:
        top, _, field = value.partition(".")
        if has_wildcard(value) or value in types:
            continue
        if field and lower(types.get(top, "")).startswith("struct<"):
            continue
        alike = nearest(top, types)
        hint = f"did you mean `{alike}`?" if alike and alike != top else _FUTURE
        place = "column" if spec.kind is PolicyKind.MASK else "columns"
        problems.add(place, f"`{value}` is not in `{spec.target.text}`", hint=hint)
        complete = False
    return complete


def _check_sql(spec: Specification, checks: PolicyChecks, problems: Problems) -> None:
    table = spec.target.text
    if spec.kind is PolicyKind.FILTER and (wrong := checks.check_filter(table, spec.predicate)):
        problems.add("predicate", wrong)
    if spec.kind is not PolicyKind.MASK or spec.mask is None:
        return
    for column in spec.target.columns:
        if not has_wildcard(column) and (
            wrong := checks.check_mask(table, column, spec.mask.type, spec.mask.value)
        ):
            problems.add("mask", wrong)
