"""A policy as the keys of a file say it, and the Ranger document that says the same; both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from iomete.errors import InvalidPolicyError
from iomete.governance.documents.checks import Problems
from iomete.governance.documents.document import LABELS, Document, Priority
from iomete.governance.documents.patterns import write_part
from iomete.governance.documents.requests import make_specification
from iomete.governance.documents.rules import check_document
from iomete.governance.documents.specifications import (
    PolicyKind,
    Specification,
    from_document,
    kind_of,
    to_document,
)
from iomete.governance.documents.targets import ANY, TargetKind
from iomete.governance.principals.names import EVERYONE, EVERYONE_WORD, PrincipalName

if TYPE_CHECKING:
    from datetime import datetime

Note = Callable[[str, str], None]
"""Is told what is wrong: of which key, and a message."""

KIND_KEYS = {
    PolicyKind.GRANT: "grant",
    PolicyKind.DENY: "deny",
    PolicyKind.MASK: "mask",
    PolicyKind.FILTER: "filter_rows",
}
"""The key that says what a policy does, by its kind."""

RANGER = "ranger"
"""The key that holds a whole Ranger policy, for what the others can't say."""

_ARGUMENT_OF = {
    "grant": "actions",
    "deny": "actions",
    "filter_rows": "predicate",
    "except": "except_",
    "on_namespace": "on",
}
"""What keys are called as arguments of `lake.policies`, where that is otherwise."""

_KEY_OF = {"table": "on", "column": "columns", "predicate": "filter_rows", "except_": "except"}
"""What problems of arguments are about, where the key is called otherwise."""

_BESIDE = frozenset({"enabled", "future"})
"""Keys that stand beside what a policy says."""

_GIVEN_BY_THE_STORE = frozenset({"id", "version", "isEnabled", LABELS})
_NESTED_PARTS = 3
"""From so many parts on, a name could be a table's or a namespace's; in files `on` is a table."""


def document_of(fields: Mapping[str, Any], note: Note) -> Document | None:
    """Return the Ranger policy that keys of a file say, without id, version and labels.

    Args:
        fields: Values by key, of which one says what the policy does.
        note: Is told everything that is wrong; then there is no document.
    """
    enabled = fields.get("enabled", True)
    document = ranger_document(fields, note) if RANGER in fields else _from_keys(fields, note)
    return document if document is None or enabled else document | {"isEnabled": False}


def fields_of(document: Document) -> dict[str, Any]:
    """Return what a document says by the keys of a file, in the order that they are written in."""
    own = {member: v for member, v in document.items() if member not in _GIVEN_BY_THE_STORE}
    fields = _by_keys(own)
    if fields is None:
        said = {member: value for member, value in own.items() if member != "name"}
        fields = {"name": document["name"], RANGER: said}
    return fields if document.get("isEnabled", True) else fields | {"enabled": False}


def kind_word(document: Document) -> str:
    """Return the key that says what a document does, or `access` where one does two things."""
    kind = kind_of(document)
    return KIND_KEYS.get(kind, str(kind))


def _from_keys(fields: Mapping[str, Any], note: Note) -> Document | None:
    kind = next(kind for kind, key in KIND_KEYS.items() if key in fields)
    spec = judged(kind, fields, note)
    return None if spec is None else to_document(spec)


def judged(kind: PolicyKind, fields: Mapping[str, Any], note: Note) -> Specification | None:
    """Return what keys say of a policy of a kind; None where something is wrong, which is noted."""
    said = {key: value for key, value in fields.items() if key not in _BESIDE}
    problems = Problems()
    if {"on", "on_namespace"} <= said.keys():
        del said["on_namespace"]
        problems.add("on_namespace", "`on` is given as well; a policy is on one of them")
    if kind is PolicyKind.MASK and {"on_tag", "columns"} <= said.keys():
        del said["columns"]
        problems.add("columns", "a mask on a tag is on whatever has the tag; leave it out")
    is_nested = "on_namespace" in said
    arguments = {_ARGUMENT_OF.get(key, key): value for key, value in said.items()}
    arguments.setdefault("to", ())  # which is told, as is a mask of no column
    if kind is PolicyKind.MASK and "on_tag" not in said:
        arguments.setdefault("columns", None)
    what = TargetKind.NAMESPACE if is_nested else None
    spec = make_specification(kind, lambda _: what, arguments, problems)
    if is_nested and spec.target.kind is TargetKind.TABLE:
        problems.add("on", "a pattern is no namespace", hint="write `on: …*` for tables")
    for text in problems:
        place, _, message = text.partition(": ")
        note(_key_of(place, KIND_KEYS[kind], is_nested=is_nested), message)
    return None if problems else spec


def _key_of(place: str, kind_key: str, *, is_nested: bool) -> str:
    """Return the key that a problem is about."""
    first = place.split(" and ", maxsplit=1)[0]
    if first in ("actions", "mask"):
        return kind_key
    return "on_namespace" if first == "on" and is_nested else _KEY_OF.get(first, first)


def ranger_document(fields: Mapping[str, Any], note: Note) -> Document | None:
    """Return the policy that `ranger` holds; None where something is wrong, which is noted."""
    surplus = sorted(fields.keys() - {"name", RANGER} - _BESIDE)
    for key in surplus:
        note(key, "`ranger` holds the whole policy; say it in there")
    given = fields[RANGER]
    beside = sorted(given.keys() & {"name", "isEnabled"})
    for member in beside:
        note(RANGER, f"`{member}` is said beside `ranger`: by `name` and `enabled`")
    try:
        document = check_document({**given, "name": fields.get("name", "without")})
    except InvalidPolicyError as error:
        for problem in error.problems:
            note(RANGER, problem)
        return None
    return None if surplus or beside else document


def _by_keys(document: Document) -> dict[str, Any] | None:
    """Return what a document says by keys, if that makes the very same document again."""
    try:
        fields = _fields(from_document(document))
    except (LookupError, TypeError, ValueError):  # a document of somebody else's making
        return None
    problems: list[str] = []
    again = document_of(fields, lambda key, message: problems.append(f"{key}: {message}"))
    return fields if again == document and not problems else None


def _fields(spec: Specification) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": spec.name}
    if spec.description:
        fields["description"] = spec.description
    fields[KIND_KEYS[spec.kind]] = _main_value(spec)
    if spec.mask is not None:
        fields |= spec.mask.arguments
    fields |= _target_fields(spec)
    fields["to"] = _one_or_several([_principal(name) for name in spec.to])
    if spec.except_:
        fields["except"] = _one_or_several([_principal(name) for name in spec.except_])
    if spec.priority is not Priority.NORMAL:
        fields["priority"] = spec.priority.name.lower()
    for key, moment in (("valid_from", spec.valid_from), ("valid_until", spec.valid_until)):
        if moment is not None:
            fields[key] = _written(moment)
    return fields


def _principal(name: PrincipalName) -> str:
    return EVERYONE_WORD if name == EVERYONE else str(name)


def _main_value(spec: Specification) -> Any:
    match spec.kind:
        case PolicyKind.MASK:
            return str(spec.mask.kind) if spec.mask else None
        case PolicyKind.FILTER:
            return spec.predicate
    return _one_or_several(spec.actions)


def _target_fields(spec: Specification) -> dict[str, Any]:
    target = spec.target
    match target.kind:
        case TargetKind.PATH:
            return {"on_path": target.path}
        case TargetKind.TAG:
            return {"on_tag": target.tag}
    parts = target.namespace.count(".") + 2
    is_nested = target.kind is TargetKind.NAMESPACE and parts >= _NESTED_PARTS
    fields: dict[str, Any] = {"on_namespace" if is_nested else "on": target.text}
    if target.columns or spec.kind is PolicyKind.MASK:
        fields["columns"] = _columns(target.columns or (ANY,))
    if target.except_columns:
        fields["except_columns"] = _columns(target.except_columns)
    return fields


def _columns(values: Sequence[str]) -> Any:
    """Return columns, and fields of structs, as people write them."""
    return _one_or_several([".".join(map(write_part, value.split("."))) for value in values])


def _one_or_several(values: Any) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
