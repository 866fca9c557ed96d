"""What a policy is on, as findings ask: too much, nothing that is there, or what is yet to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iomete.governance.answers.columns import OTHER_COLUMNS
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator.policies import TABLE_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.evaluator import CompiledPolicy


def why_broad(policy: CompiledPolicy) -> str | None:
    """Return in words what a policy grants too much of to too many; None: it doesn't."""
    if policy.kind is not PolicyType.ACCESS or policy.is_tagged:
        return None
    for resources in policy.resources:
        is_whole_catalog = len(resources.levels) > 2 and all(
            values.is_any and not values.excludes for values in resources.levels[1:]
        )
        if not is_whole_catalog:
            continue
        for item in policy.items:
            if item.is_for_all:
                return f"it grants {_listed(item.actions)} in a whole catalog to everyone"
            if item.actions.issuperset(TABLE_ACTIONS):
                return "it grants every action in a whole catalog"
    return None


def is_on_columns(policy: CompiledPolicy, columns: Sequence[str]) -> bool:
    """Tell whether a policy that is on a table is on the whole of it, or on one of its columns.

    Args:
        policy: On the table, or on a tag of it.
        columns: Those in question, all that there are where patterns are.
    """
    if policy.is_tagged:
        return True
    levels = [one.levels[3] if len(one.levels) > 3 else None for one in policy.resources]
    return any(
        values is None
        or values.is_any
        or (OTHER_COLUMNS in columns and (values.has_patterns or values.excludes))
        or any(values.may_match(column) for column in columns)
        for values in levels
    )


def reaches_further(policy: CompiledPolicy) -> bool:
    """Tell whether it is for what isn't listed: paths, namespaces, names, tags, owners to come."""
    if policy.is_tagged or any(item.is_for_owner for item in policy.all_items):
        return True
    return any(
        one.path is not None
        or len(one.levels) < 3
        or one.fills_names
        or any(level.has_patterns for level in one.levels)
        or any(level.is_any or level.excludes for level in one.levels[:3])
        for one in policy.resources
    )


def _listed(actions: Iterable[str]) -> str:
    return ", ".join(f"`{action}`" for action in sorted(actions))
