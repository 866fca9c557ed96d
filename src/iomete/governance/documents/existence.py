"""Hold a policy to what there is: tables, columns, and what Spark understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from iomete.governance.documents.document import (
    ITEMS,
    TAG_SERVICE,
    Document,
    PolicyType,
    Resources,
    all_resources,
)
from iomete.governance.documents.patterns import has_wildcard
from iomete.governance.documents.targets import ANY
from iomete.names import lower, nearest, quote_parts

if TYPE_CHECKING:
    from iomete.governance.documents.checks import PolicyChecks, Problems

_FUTURE = "make it first, or pass future=True"


def check_against_tables(document: Document, checks: PolicyChecks, problems: Problems) -> None:
    """Note what a policy names that doesn't exist, and what Spark doesn't understand.

    Patterns are for whatever comes, so that what they match isn't looked for.

    Cost: metadata of each table that is named; row filters and masks are analysed on it, not run.
    """
    if document["service"] == TAG_SERVICE:
        return
    for resources in all_resources(document):
        if "path" not in resources:
            _check_resources(document, resources, checks, problems)


def _check_resources(
    document: Document, resources: Resources, checks: PolicyChecks, problems: Problems
) -> None:
    columns = [value for value in _values(resources, "column") if not has_wildcard(value)]
    for parts in _names(resources):
        if parts[-1] == ANY:
            _check_container(parts[:-1], checks, problems)
            continue
        table = quote_parts(parts)
        there = checks.columns(table)
        if there is None:
            problems.add("on", f"table `{table}` does not exist", hint=_FUTURE)
        elif any(_is_excluded(resources, level) for level in ("catalog", "namespace", "table")):
            continue  # columns and SQL are about other tables
        elif _columns_exist(parts, columns, there, checks, problems):
            masked = () if _is_excluded(resources, "column") else columns
            _check_sql(document, table, masked, checks, problems)


def _names(resources: Resources) -> Iterator[list[str]]:
    """Give the parts of each name that is said without a wildcard; a last `*` is all in it.

    What is excluded has to be there as well: an exception of a misspelt name excepts nothing.
    """
    catalogs, namespaces, tables = (
        _values(resources, level) for level in ("catalog", "namespace", "table")
    )
    whole = [ns for ns in namespaces if f"{ns}.*" in namespaces]  # and what is nested in it
    for catalog, namespace, table in product(catalogs, namespaces, tables):
        match (namespace, table):
            case (_, _) if has_wildcard(catalog):
                continue
            case ("*", "*"):
                yield [catalog, ANY]
            case (_, "*") if has_wildcard(namespace):
                continue
            case (_, "*") if namespace in whole or _is_excluded(resources, "namespace"):
                yield [catalog, *namespace.split("."), ANY]
            case (_, _) if not has_wildcard(namespace) and not has_wildcard(table):
                yield [catalog, *namespace.split("."), table]


def _values(resources: Resources, level: str) -> Sequence[str]:
    values: Sequence[str] = resources.get(level, {}).get("values", (ANY,))
    return values


def _is_excluded(resources: Resources, level: str) -> bool:
    return bool(resources.get(level, {}).get("isExcludes"))


def _check_container(parts: Sequence[str], checks: PolicyChecks, problems: Problems) -> None:
    kind = "catalog" if len(parts) == 1 else "namespace"
    if checks.kind_of(parts) == kind:
        return
    hint = _FUTURE
    if kind == "namespace":
        hint += "; a table's full name is catalog.namespace.table"
    problems.add("on", f"{kind} `{quote_parts(parts)}` does not exist", hint=hint)


def _columns_exist(
    table: Sequence[str],
    columns: Sequence[str],
    there: Sequence[tuple[str, str]],
    checks: PolicyChecks,
    problems: Problems,
) -> bool:
    names = [lower(name) for name, _ in there]
    inside = checks.fields_of(table) if any("." in column for column in columns) else ()
    missing = [column for column in columns if column not in names and column not in inside]
    for column in missing:
        holder = column.partition(".")[0]
        alike = nearest(column, inside) if holder in names else nearest(holder, names)
        hint = f"did you mean `{alike}`?" if alike else _FUTURE
        problems.add("columns", f"`{column}` is not in `{quote_parts(table)}`", hint=hint)
    return not missing


def _check_sql(
    document: Document,
    table: str,
    columns: Sequence[str],
    checks: PolicyChecks,
    problems: Problems,
) -> None:
    for item in document.get(ITEMS[PolicyType.ROW_FILTER], ()):
        predicate = item["rowFilterInfo"]["filterExpr"]
        if predicate and (wrong := checks.check_filter(table, predicate)):
            problems.add("predicate", wrong)
    masks = [item["dataMaskInfo"] for item in document.get(ITEMS[PolicyType.MASK], ())]
    for mask, column in product(masks, columns):
        wrong = checks.check_mask(table, column, mask["dataMaskType"], mask.get("valueExpr"))
        if wrong:
            problems.add("mask", wrong)
