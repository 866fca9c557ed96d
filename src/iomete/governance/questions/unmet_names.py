"""Names that Spark hasn't met: without it, nobody knows whether they are misspelt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iomete.governance.documents.document import all_resources
from iomete.governance.evaluator.resource_names import full_name_parts, namespace_parts, table_parts
from iomete.governance.questions.asked_resources import TABLE_PARTS, known_table, nearest_container
from iomete.names import nearest, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.documents.checks import Inventory
    from iomete.governance.evaluator import Evaluator


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetName:
    """What can't be told of a name: in words, and whether it may be another's, misspelt."""

    note: str
    is_doubtful: bool


def find_unmet(
    checks: Inventory, evaluator: Evaluator, action: str, parts: Sequence[str]
) -> UnmetName | None:
    """Return what can't be told of a name; None of what is known.

    What a policy in force names isn't doubtful.

    Args:
        checks: What is known.
        evaluator: Has the policies.
        action: What is asked about. Who creates a table names what isn't there yet, in something
            that is.
        parts: Of the name; three and more are a table's, or a column's in one.
    """
    is_container = len(parts) < TABLE_PARTS
    if action == "create" and not is_container:
        parts, is_container = parts[:-1], True
    if checks.kind_of(parts) is not None or known_table(checks, parts):
        return None
    describe = _of_container if is_container else _of_table
    found = describe(parts, checks.list_tables())
    if found.is_doubtful and _is_named(evaluator, parts, is_container=is_container):
        return replace(found, is_doubtful=False)
    return found


def _of_table(table: Sequence[str], known: Iterable[Sequence[str]]) -> UnmetName:
    """Return what can't be told of a table that isn't known.

    It may be misspelt where tables of its namespace are known, or one that is called alike.

    Args:
        table: The parts of its name.
        known: Those of the tables that are known.
    """
    own = full_name_parts(quote_parts(table))
    names = [tuple(one) for one in known]
    alike = nearest(quote_parts(own), map(quote_parts, names))
    return UnmetName(
        note=f"Spark hasn't met a table `{quote_parts(table)[:200]}`, so that there may be none "
        f"({_step(alike)})",
        is_doubtful=alike is not None or any(one[:-1] == own[:-1] for one in names),
    )


def _of_container(parts: Sequence[str], known: Iterable[Sequence[str]]) -> UnmetName:
    """Return what can't be told of a catalog or namespace of which no table is known.

    It may be misspelt where one that is called alike is known. Others say nothing: most namespaces
    aren't known, as there are no policies on tables of theirs.

    Args:
        parts: Of its name.
        known: Those of the tables that are known.
    """
    own = full_name_parts(quote_parts(parts))
    alike = nearest_container(own, known)
    what = "catalog" if len(own) == 1 else "namespace"
    return UnmetName(
        note=f"Spark hasn't met a table in `{quote_parts(parts)[:200]}`, so that there may be no "
        f"such {what} ({_step(alike)})",
        is_doubtful=alike is not None,
    )


def _is_named(evaluator: Evaluator, parts: Sequence[str], *, is_container: bool) -> bool:
    """Tell whether a policy in force is on the very table, or in the very namespace or catalog."""
    named = namespace_parts(parts) if is_container else table_parts(parts)
    levels = ("catalog", "namespace", "table")
    return any(
        all(
            part in resources.get(level, {}).get("values", ())
            for level, part in zip(levels, named, strict=False)
        )
        for document in evaluator.contents.access
        for resources in all_resources(document)
    )


def _step(alike: str | None) -> str:
    meant = f"did you mean `{alike}`? " if alike else ""
    return f"{meant}--tables looks at all that there are"
