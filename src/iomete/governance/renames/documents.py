"""What policies become when a table, or columns of it, get other names."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iomete.governance.documents.document import (
    DENIED,
    DENY_EXCEPTIONS,
    ITEMS,
    Document,
    PolicyType,
    Resources,
    all_resources,
    denies_all_else,
)
from iomete.governance.documents.patterns import has_wildcard, patterns_meet
from iomete.governance.documents.targets import ANY
from iomete.governance.principals.names import USER_TOKENS
from iomete.governance.renames.expressions import moved_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iomete.catalog.governed_names import GovernedTable

LAST = "~ "
"""What names of derived policies begin with. Of equal ones Ranger asks by name, and what was on the
table itself is to stay before what was on a pattern."""

_CUSTOM = "CUSTOM"
_TABLE_LEVELS = ("catalog", "namespace", "table")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMove:
    """A table's names before and after; `columns` has today's path by the former one."""

    old: GovernedTable
    new: GovernedTable
    columns: Mapping[str, str]

    @property
    def is_within_namespace(self) -> bool:
        """Whether policies on namespaces say the same before and after."""
        return (self.old.catalog, self.old.namespace) == (self.new.catalog, self.new.namespace)


def is_on(document: Document, table: GovernedTable) -> bool:
    """Tell whether a policy is on one table, or on columns of it, and on nothing else."""
    if len(all_resources(document)) > 1:
        return False
    resources = document["resources"]
    return not any(_is_excluded(resources, level) for level in _TABLE_LEVELS) and all(
        list(resources.get(level, {}).get("values", ())) == [name]
        for level, name in _names(table).items()
    )


def moved_document(document: Document, move: TableMove) -> Document:
    """Return what a policy that `is_on` the old table becomes.

    Raises:
        UnsureExpressionError: Its SQL may name what was renamed.
    """
    moved = _rewritten(document, move)
    moved["resources"] |= {level: {"values": [v]} for level, v in _names(move.new).items()}
    column = document["resources"].get("column")
    if column is not None:
        moved["resources"]["column"] = {**column, "values": _moved_values(column, move.columns)}
    return moved


def protections(document: Document) -> Document | None:
    """Return what of a policy denies, masks or filters, or None if nothing does."""
    if document.get("policyType", PolicyType.ACCESS) != PolicyType.ACCESS:
        return document
    if denies_all_else(document):
        return document
    if not document.get(DENIED):
        return None
    kept = {DENIED, DENY_EXCEPTIONS}
    items = {*ITEMS.values(), "allowExceptions"} - kept
    return {member: value for member, value in document.items() if member not in items}


def derived_documents(document: Document, move: TableMove) -> Iterator[Document]:
    """Give what a policy on patterns or on several tables said of the old name, for the new one.

    Where it says that of the new name as well, there is nothing to give. Grants of namespaces are
    for what is in them: they don't follow a table out of it.

    Raises:
        UnsureExpressionError: Its SQL may name what was renamed.
    """
    for resources in all_resources(document):
        if "catalog" not in resources or not _covers(resources, move.old, surely=False):
            continue
        if _covers(resources, move.new, surely=True):
            yield from _for_columns(document, resources, move)
        elif (what := _following(document, resources, move)) is not None:
            yield _derived(what, resources, move, _column(resources, move))


def _following(document: Document, resources: Resources, move: TableMove) -> Document | None:
    if move.is_within_namespace and not _has_token(resources):
        return document
    return protections(document)


def _for_columns(document: Document, resources: Resources, move: TableMove) -> Iterator[Document]:
    """Give what it says of columns that were renamed, where it covers the table still."""
    column = resources.get("column")
    if column is None:
        return
    values = column.get("values", ())
    lost = [new for old, new in move.columns.items() if _any(values, old) and not _any(values, new)]
    if not lost:
        return
    if not column.get("isExcludes"):
        yield _derived(document, resources, move, {"values": lost})
    elif (denial := _denial(document)) is not None:
        yield _derived(denial, resources, move, {"values": lost})


def _denial(document: Document) -> Document | None:
    """Return the denial of what a grant has left out: who has it isn't to see it by a new name."""
    items = document.get(ITEMS[PolicyType.ACCESS])
    if document.get("policyType", PolicyType.ACCESS) != PolicyType.ACCESS or not items:
        return None
    left_out = {*ITEMS.values(), "allowExceptions", DENY_EXCEPTIONS}
    kept = {member: value for member, value in document.items() if member not in left_out}
    return kept | {DENIED: items}


def _derived(
    document: Document, resources: Resources, move: TableMove, column: Mapping[str, Any] | None
) -> Document:
    derived = _rewritten(document, move)
    derived.pop("additionalResources", None)
    derived["name"] = f"{LAST}{document['name']} ({move.new.full_name})"
    derived["resources"] = {level: {"values": [v]} for level, v in _names(move.new).items()}
    if "column" in resources and column is not None:
        derived["resources"]["column"] = dict(column)
    return derived


def _column(resources: Resources, move: TableMove) -> Mapping[str, Any] | None:
    column = resources.get("column")
    if column is None:
        return None
    return {**column, "values": _moved_values(column, move.columns)}


def _moved_values(column: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """Return columns by today's names; a pattern stays, beside what it no longer matches."""
    values = list(column.get("values", ()))
    moved = [value if has_wildcard(value) else columns.get(value, value) for value in values]
    patterns = [value for value in values if has_wildcard(value)]
    lost = [new for old, new in columns.items() if _any(patterns, old) and not _any(patterns, new)]
    return list(dict.fromkeys([*moved, *lost]))


def _rewritten(document: Document, move: TableMove) -> Document:
    moved = copy.deepcopy(document)
    for item in moved.get(ITEMS[PolicyType.ROW_FILTER], ()):
        _rewrite(item["rowFilterInfo"], "filterExpr", move)
    for item in moved.get(ITEMS[PolicyType.MASK], ()):
        if item["dataMaskInfo"].get("dataMaskType") == _CUSTOM:
            _rewrite(item["dataMaskInfo"], "valueExpr", move)
    return moved


def _rewrite(info: dict[str, Any], member: str, move: TableMove) -> None:
    if info.get(member):
        info[member] = moved_expression(
            info[member], move.columns, old_table=move.old.table, new_table=move.new.table
        )


def _names(table: GovernedTable) -> dict[str, str]:
    return {"catalog": table.catalog, "namespace": table.namespace, "table": table.table}


def _covers(resources: Resources, table: GovernedTable, *, surely: bool) -> bool:
    """Tell whether resources cover a table; names that depend on who asks do, unless `surely`."""
    if surely and _has_token(resources):
        return False
    return all(
        _any(resources.get(level, {}).get("values", (ANY,)), name) != _is_excluded(resources, level)
        or (_is_excluded(resources, level) and _has_token(resources))
        for level, name in _names(table).items()
    )


def _any(values: Any, name: str) -> bool:
    return any(patterns_meet(value, name) for value in values)


def _is_excluded(resources: Resources, level: str) -> bool:
    return bool(resources.get(level, {}).get("isExcludes"))


def _has_token(resources: Resources) -> bool:
    return any(
        token in value
        for level in _TABLE_LEVELS
        for value in resources.get(level, {}).get("values", ())
        for token in USER_TOKENS
    )
