"""Who may do something with a resource, and what somebody may do with which resources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.columns import OTHER_COLUMNS, column_of, fields_in
from iomete.governance.answers.explanation import Outcome
from iomete.governance.answers.sight import Sight, sight_of, told_apart
from iomete.governance.evaluator.resource_names import table_parts, written
from iomete.governance.principals.names import ADMIN
from iomete.names import lower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iomete.governance.answers.audience import Audience
    from iomete.governance.answers.explaining import Explainer
    from iomete.governance.answers.explanation import Explanation, ShownAs
    from iomete.governance.answers.metadata import Metadata
    from iomete.governance.evaluator import Evaluator, Subject
    from iomete.governance.evaluator.decisions import AboutTable
    from iomete.governance.evaluator.resource_names import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A user who may do something: by which policy and by way of what, and what of it they see.

    `policy` is the id of the policy that grants it, of a table the first that grants columns.
    `through` begins with the user, and ends with whom the policy names; for an admin with the role
    `admin`. `mask` is that of a column; `columns` are those of a table that they see, and fields of
    structs that are seen otherwise than their columns, with the mask of each (None: as it is).
    """

    principal: str
    policy: int | None
    through: tuple[str, ...]
    reason: str
    mask: ShownAs | None = None
    filter: ShownAs | None = None
    columns: Mapping[str, ShownAs | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a user may do with one table or view.

    `columns` are the columns that policies or tags name and that the user sees, by the mask of each
    (None: as it is), fields of structs by their paths; `*` stands for all others. `filter` is the
    predicate of the rows that they see.
    """

    resource: str
    actions: tuple[str, ...]
    columns: Mapping[str, str | None] = field(default_factory=dict)
    filter: str | None = None


def holders_of(
    explainer: Explainer,
    evaluator: Evaluator,
    action: str,
    parts: Parts,
    columns: Sequence[str],
    column: str | None = None,
    fields: Callable[[], Sequence[str]] = tuple,
) -> list[Holder]:
    """Return the users who may do something with a resource, sorted by name.

    For `select` on a table it is enough to see one of its `columns`; `column` is that of a field,
    `fields` returns the paths of all of them, for policies on patterns.
    """
    asked = parts if column is None else (*parts[:3], column)
    found = []
    for name in sorted(evaluator.contents.users):
        subject = evaluator.subject(name)
        if subject is None or not _may(evaluator, subject, action, asked, columns):
            continue
        explained = explainer.explain(
            subject, action, parts, columns=columns, column=column, fields=fields
        )
        holder = _holder(evaluator, subject, explained)
        seen = {one.column: one.mask for one in explained.columns
                if one.verdict is Verdict.ALLOWED}  # fmt: skip
        found.append(replace(holder, mask=explained.mask, filter=explained.filter, columns=seen))
    return found


def holders_of_path(
    explainer: Explainer, evaluator: Evaluator, action: str, path: str
) -> list[Holder]:
    """Return the users who may do something with a path and all below it, sorted by name."""
    found = []
    for name in sorted(evaluator.contents.users):
        subject = evaluator.subject(name)
        if subject is not None and evaluator.is_path_allowed(name, action, path):
            explained = explainer.explain_path(subject, action, path)
            found.append(_holder(evaluator, subject, explained))
    return found


def _holder(evaluator: Evaluator, subject: Subject, explained: Explanation) -> Holder:
    """Return somebody who may do something, with the first policy that grants it."""
    granting = next(
        (one for one in explained.policies if one.outcome is Outcome.DECIDES and one.grants), None
    )
    through = () if granting is None else granting.through
    if subject.is_admin:
        through = evaluator.contents.memberships.path(subject.key, str(ADMIN))
    return Holder(
        principal=subject.name,
        policy=explained.policy if granting is None else granting.id,
        through=through,
        reason=explained.reason,
    )


def rights_of(evaluator: Evaluator, subject: Subject, metadata: Metadata) -> list[Right]:
    """Return what a user may do with which tables, sorted by their names.

    Tables that no policy tells apart are judged once.

    Cost: one list of all tables; columns of those of which policies or tags name some.
    """
    known: dict[tuple[object, ...], Sight] = {}
    found = []
    for name in metadata.list_tables():
        table = table_parts(name)
        about = evaluator.about(table)
        columns = columns_in_question(about, metadata, name)
        key: tuple[object, ...] = (about.signature, columns, evaluator.owner_of(table))
        if any(policy.fills_names for policy in about.policies.values()):
            key = (*key, table)
        if key not in known:
            known[key] = sight_of(evaluator, subject, table, columns)
        sight = known[key]
        actions = sorted({*sight.actions, *(("select",) if sight.columns else ())})
        if actions:
            found.append(
                Right(
                    resource=written(table),
                    actions=tuple(actions),
                    columns=sight.columns,
                    filter=sight.filter,
                )
            )
    return sorted(found, key=lambda right: right.resource)


def columns_in_question(
    about: AboutTable, metadata: Metadata, name: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns of a table that may be decided differently, and `*` for the others.

    With them are the fields of structs that policies and tags name, and the columns of these. Names
    that no column has are left out, where the columns are known.
    """
    is_asked = about.has_column_patterns or about.columns
    there = metadata.columns_of(name) if is_asked else None
    if there is None:
        first_steps = {one.split(".", 1)[0] for one in about.columns}
        return (*sorted({*about.columns, *first_steps}), OTHER_COLUMNS)
    columns = {lower(column): None for column in there}
    inside = metadata.fields_of(name) if about.has_field_patterns else ()
    fields = fields_in(dict.fromkeys((*about.columns, *inside)), columns)
    if about.has_column_patterns:
        return (*columns, *fields)
    holding = {column_of(field, columns) for field in fields}
    named = {column for column in columns if column in about.columns or column in holding}
    return (*sorted({*named, *fields}), OTHER_COLUMNS)


def parts_of_audience(
    evaluator: Evaluator,
    audience: Audience,
    about: AboutTable,
    table: Parts,
    columns: Sequence[str],
) -> list[int]:
    """Return the users whom policies reach, in the parts that policies on a table tell apart."""
    return told_apart(
        audience,
        audience.everyone,
        tuple(about.policies.values()),
        table,
        columns,
        evaluator.owner_of(table),
    )


def _may(
    evaluator: Evaluator, subject: Subject, action: str, parts: Parts, columns: Sequence[str]
) -> bool:
    if subject.is_admin:
        return True
    if action == "select" and columns:
        return any(
            evaluator.decide(subject, action, (*parts, column.lower())).is_allowed
            for column in columns
        )
    return evaluator.decide(subject, action, parts).is_allowed
