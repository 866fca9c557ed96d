"""From the arguments of a call to what it says; every argument is judged, then all problems raised.

Nothing here asks the store or Spark, except what a name of three parts or more is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iomete.errors import ConfigurationError, InvalidPolicyError
from iomete.governance.documents.document import Priority
from iomete.governance.documents.macros import macro_problem
from iomete.governance.documents.masks import is_text, make_mask
from iomete.governance.documents.patterns import (
    has_wildcard,
    parse_pattern,
    tag_pattern_problem,
    without_tokens,
)
from iomete.governance.documents.specifications import SELECT, PolicyKind, Specification
from iomete.governance.documents.targets import (
    Target,
    TargetKind,
    column_value,
    named_target,
    path_target,
    tag_target,
)
from iomete.governance.documents.validity import check_period, parse_moment
from iomete.governance.principals.names import parse_grantees
from iomete.names import nearest

if TYPE_CHECKING:
    from iomete.governance.documents.checks import Problems

TABLE_ACTIONS = (
    "select", "insert", "update", "delete", "create", "drop", "alter", "use", "execute", "all",
)  # fmt: skip
PATH_ACTIONS = ("read", "write", "all")
MAX_POLICY_NAME_CHARACTERS = 255
NOWHERE = Target(kind=TargetKind.CATALOG)
"""The target of a policy that doesn't say it, or says it wrongly."""

Name = str | Sequence[str]
KindOf = Callable[[Sequence[str]], str | None]


def make_specification(
    kind: PolicyKind, kind_of: KindOf, arguments: dict[str, Any], problems: Problems
) -> Specification:
    """Return what a call says, as far as it is right; note what is wrong.

    Args:
        kind: Of a policy that one call makes.
        kind_of: Tells what a full name is, as `PolicyChecks.kind_of` does.
        arguments: By name; missing ones are as if None.
        problems: Where problems are noted.
    """
    spec = Specification(kind=kind, target=NOWHERE, to=())
    return change_specification(spec, kind_of, arguments, problems)


def change_specification(
    spec: Specification, kind_of: KindOf, arguments: dict[str, Any], problems: Problems
) -> Specification:
    """Return what a policy says once some of its arguments are others; note what is wrong."""
    given = dict(arguments)
    spec = _with_principals(spec, given, problems)
    spec = _with_period(spec, given, problems)
    spec = _with_words(spec, given, problems)
    spec = _with_target(spec, given, kind_of, problems)
    if spec.kind is PolicyKind.MASK:
        spec = _with_mask(spec, given, problems)
    elif spec.kind is PolicyKind.FILTER:
        spec = _with_predicate(spec, given, problems)
    else:
        spec = _with_actions(spec, given, problems)
    for name in given:
        problems.add(name, f"a {spec.kind} has no such argument")
    return spec


def _with_principals(
    spec: Specification, given: dict[str, Any], problems: Problems
) -> Specification:
    for name in ("to", "except_"):
        if name not in given:
            continue
        value = given.pop(name)
        with problems.at(name):
            named = parse_grantees(() if value is None else value)
            spec = replace(spec, to=named) if name == "to" else replace(spec, except_=named)
            if name == "to" and not named:
                problems.add(name, "nobody is named", hint='"user:alice", "group:analysts"')
    if both := sorted(set(map(str, spec.to)) & set(map(str, spec.except_))):
        problems.add("except_", f"`{both[0]}` is in `to` as well")
    return spec


def _with_period(spec: Specification, given: dict[str, Any], problems: Problems) -> Specification:
    if "valid_from" in given:
        with problems.at("valid_from"):
            moment = parse_moment(given.pop("valid_from"), "valid_from")
            spec = replace(spec, valid_from=moment)
    if "valid_until" in given:
        with problems.at("valid_until"):
            moment = parse_moment(given.pop("valid_until"), "valid_until")
            spec = replace(spec, valid_until=moment)
    with problems.at("valid_until"):
        check_period(spec.valid_from, spec.valid_until)
    return spec


def _with_words(spec: Specification, given: dict[str, Any], problems: Problems) -> Specification:
    """Add name, description and priority."""
    if (name := given.pop("name", None)) is not None:
        if _is_policy_name(name):
            spec = replace(spec, name=name)
        else:
            problems.add(
                "name",
                f"it is text of 1 to {MAX_POLICY_NAME_CHARACTERS} visible characters, and no "
                "number",
            )
    if "description" in given:
        description = given.pop("description")
        if description is None or is_text(description):
            spec = replace(spec, description=description or None)
        else:
            problems.add("description", "it is text, in characters that Unicode has")
    if (priority := given.pop("priority", None)) is not None:
        by_name = {one.name.lower(): one for one in Priority}
        if isinstance(priority, str) and priority in by_name:
            spec = replace(spec, priority=by_name[priority])
        else:
            problems.add("priority", f"`{priority}` is neither `normal` nor `override`")
    return spec


def _with_target(
    spec: Specification, given: dict[str, Any], kind_of: KindOf, problems: Problems
) -> Specification:
    places = {name: given.pop(name) for name in ("on", "on_path", "on_tag") if name in given}
    named = {name: value for name, value in places.items() if value is not None}
    if len(named) > 1:
        problems.add(" and ".join(sorted(named)), "a policy is on one of them")
        given.pop("columns", None)
        return spec
    for place, value in named.items():
        before = spec.target
        with problems.at(place):
            target = _target(place, value, kind_of)
            if target.kind is TargetKind.TABLE:
                target = replace(
                    target, columns=before.columns, except_columns=before.except_columns
                )
            spec = replace(spec, target=target)
    if spec.target == NOWHERE:
        if not named:
            problems.add("on", "nothing is named", hint="give `on`, `on_path` or `on_tag`")
        given.pop("columns", None)
        return spec
    needs_table = spec.kind is PolicyKind.FILTER or (
        spec.kind is PolicyKind.MASK and spec.target.kind is not TargetKind.TAG
    )
    if needs_table and spec.target.kind is not TargetKind.TABLE:
        text = spec.target.text
        problems.add(
            "table",
            f"`{text}` is a {spec.target.kind}",
            hint=f"for every table in it, write `{text}.*`",
        )
    return _with_columns(spec, given, problems)


def _target(place: str, value: Name, kind_of: KindOf) -> Target:
    if place == "on_path":
        return path_target(value)  # type: ignore[arg-type]  # it refuses what isn't text
    if place == "on_tag":
        if not isinstance(value, str) or not value or without_tokens(value) != value:
            raise ConfigurationError("A tag is named by text, with `*` at its end for all like it.")
        if problem := tag_pattern_problem(value):
            raise ConfigurationError(f"`{value[:200]}` {problem}.", hint="write `PII.*`")
        return tag_target(value)
    parts = parse_pattern(value)
    if len(parts) < 3:
        return named_target(parts, TargetKind.CATALOG if len(parts) == 1 else TargetKind.NAMESPACE)
    kind = TargetKind.TABLE
    if not any(has_wildcard(part) for part in parts) and kind_of(parts) == TargetKind.NAMESPACE:
        kind = TargetKind.NAMESPACE
    return named_target(parts, kind)


def _with_columns(spec: Specification, given: dict[str, Any], problems: Problems) -> Specification:
    """Add the columns that a policy is on, or those that it isn't on; one undoes the other."""
    names = [name for name in ("columns", "except_columns") if given.get(name) is not None]
    if len(names) > 1:
        problems.add("except_columns", "`columns` are named as well", hint="name one of them")
    for name in ("columns", "except_columns"):
        if name in given and not (name == "except_columns" and spec.kind is PolicyKind.MASK):
            spec = _with_listed(spec, name, given.pop(name), problems)
    return spec


def _with_listed(
    spec: Specification, name: str, named: object, problems: Problems
) -> Specification:
    is_mask = spec.kind is PolicyKind.MASK
    values: tuple[str, ...] = ()
    if named is not None or is_mask:
        if spec.kind is PolicyKind.FILTER or spec.target.kind is not TargetKind.TABLE:
            if not is_mask:  # of which that was said
                problems.add(name, "only of tables can columns be named")
            return spec
        values = _columns(spec.kind, "column" if is_mask else name, named, problems)
    if name == "columns":
        target = replace(spec.target, columns=values)
        return replace(spec, target=replace(target, except_columns=()) if values else target)
    target = replace(spec.target, except_columns=values)
    return replace(spec, target=replace(target, columns=()) if values else target)


def _columns(kind: PolicyKind, place: str, named: object, problems: Problems) -> tuple[str, ...]:
    listed = [named] if isinstance(named, str) else named
    if not isinstance(listed, Iterable) or not (listed := list(listed)):
        problems.add(place, "none is named")
        return ()
    values: list[str] = []
    for column in listed:
        with problems.at(place):
            values.append(column_value(column))
            _refuse_fields(kind, column)
    return tuple(dict.fromkeys(values))


def _refuse_fields(kind: PolicyKind, column: Name) -> None:
    """Access is decided by column; a field of a struct can only be masked."""
    if kind is PolicyKind.MASK or len(parse_pattern(column)) == 1:
        return
    raise InvalidPolicyError(
        [f"columns: `{column}` is a field of a struct, and a {kind} is on whole columns"],
        hint=f'hide a field with a mask: lake.policies.mask(…, "{column}", "nullify", to=…)',
    )


def _with_actions(spec: Specification, given: dict[str, Any], problems: Problems) -> Specification:
    if "actions" in given:
        actions = given.pop("actions")
        listed = [actions] if isinstance(actions, str) else actions
        if isinstance(listed, Iterable):
            spec = replace(spec, actions=tuple(dict.fromkeys(listed)))
    if not spec.actions:
        problems.add("actions", "no action is named", hint=f"one of {', '.join(TABLE_ACTIONS)}")
    known = PATH_ACTIONS if spec.target.kind is TargetKind.PATH else TABLE_ACTIONS
    for action in spec.actions:
        if action not in known:
            alike = nearest(str(action), known)
            hint = f"did you mean `{alike}`?" if alike else f"one of {', '.join(known)}"
            on = "paths" if known is PATH_ACTIONS else "tables"
            problems.add("actions", f"`{str(action)[:80]}` is no action on {on}", hint=hint)
    named_columns = spec.target.columns or spec.target.except_columns
    if named_columns and set(spec.actions) != {SELECT}:
        problems.add(
            "columns", "only `select` is on columns", hint="give other actions in another call"
        )
    return spec


def _with_mask(spec: Specification, given: dict[str, Any], problems: Problems) -> Specification:
    names = ("value", "show_last", "show_first", "digits", "expression")
    arguments = {name: given.pop(name) for name in names if name in given}
    kind = given.pop("mask", None)
    if kind is None and spec.mask is not None and arguments:
        kind = spec.mask.kind  # whose one argument is another now
    if kind is not None:
        with problems.at("mask"):
            spec = replace(spec, mask=make_mask(kind, **arguments))
    elif spec.mask is None:
        problems.add("mask", "none is named")
    return spec


def _with_predicate(
    spec: Specification, given: dict[str, Any], problems: Problems
) -> Specification:
    if "predicate" in given:
        predicate = given.pop("predicate")
        if is_text(predicate) and predicate.strip():
            spec = replace(spec, predicate=predicate)
            if problem := macro_problem(predicate):
                problems.add("predicate", problem)
        else:
            problems.add("predicate", "it is the text of a SQL predicate", hint="region = 'EU'")
    elif not spec.predicate:
        problems.add("predicate", "none is given", hint="region = 'EU'")
    return spec


def _is_policy_name(name: object) -> bool:
    return (
        isinstance(name, str)
        and bool(name.strip())
        and name.isprintable()
        and len(name) <= MAX_POLICY_NAME_CHARACTERS
        and not name.isdigit()  # which would be an id to get()
    )
