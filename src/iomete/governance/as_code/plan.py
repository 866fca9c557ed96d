"""What has to change in the store, so that it says what files say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from iomete.governance.as_code.declared import RANGER, fields_of, kind_word
from iomete.governance.as_code.ownership import project_of
from iomete.governance.documents.document import LABELS

if TYPE_CHECKING:
    from iomete.governance.as_code.files import DeclaredPolicy
    from iomete.governance.documents.document import Document
    from iomete.governance.policy_records import Policy

_GIVEN = frozenset({"id", "version", "isEnabled", LABELS})
_SETS = frozenset({"grant", "deny", "to", "except", "columns", "except_columns"})
"""Keys whose values have no order."""


class PlannedAction(StrEnum):
    """What is to be done with a policy."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    """It says what it is to say; from now on the files own it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One key of a policy before and after, as a file says it; None where it isn't said."""

    key: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What is to be done with one policy.

    `kind` is the key that says what the policy does (`grant`, `deny`, `mask`, `filter_rows`), or
    `access`; `fields` what changes, all of it where a policy comes or goes; `before` and `after`
    are the Ranger documents, None where there is no policy; `policy_id` and `version` are those of
    the policy in the store; `place` is `file:line` of what says it; `future` whether what it names
    may come later; `note` is what to look at.
    """

    action: PlannedAction
    name: str
    kind: str
    fields: tuple[FieldChange, ...] = ()
    before: Document | None = None
    after: Document | None = None
    policy_id: int | None = None
    version: int | None = None
    place: str | None = None
    future: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a plan gives a principal, or takes from it: `gains` or `loses`, and what, in words."""

    principal: str
    change: str
    what: str


class Effects(Protocol):
    """Tells who gains and who loses what by a change of policies, before it is made."""

    def of(self, changes: Sequence[PlannedChange], /) -> Sequence[Effect]:
        """Return what changes do; each has the policy's document before and after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlan:
    """All that has to change, so that a lakehouse has the policies of a project's files.

    `lakehouse` is the id of the one it was made for and `version` the version of governance that
    it was made at: with any other, it isn't applied. `changes` are in the order of names; `adopted`
    are policies that say already what they are to say, and that files are to own; `unchanged`
    counts the rest of the project's. `effects` are None where nothing tells them.
    """

    lakehouse: str
    version: int
    project: str
    author: str
    created_at: datetime
    changes: tuple[PlannedChange, ...] = ()
    adopted: tuple[PlannedChange, ...] = ()
    unchanged: int = 0
    effects: tuple[Effect, ...] | None = None

    @property
    def has_changes(self) -> bool:
        """Whether policies in force aren't those of the files."""
        return bool(self.changes)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do at all."""
        return not self.changes and not self.adopted

    def count(self, action: PlannedAction) -> int:
        """Return how many policies an action is for."""
        return sum(change.action is action for change in (*self.changes, *self.adopted))


def compare(
    declared: Sequence[DeclaredPolicy], stored: Mapping[str, Policy], project: str
) -> tuple[list[PlannedChange], list[PlannedChange], int]:
    """Return what is to change, what is to be adopted, and how many policies stay as they are.

    Args:
        declared: What the files say; each name once.
        stored: The policies of the store, by name; those of other projects aren't among `declared`.
        project: Whose policies go, if no file says them any more.
    """
    changes: list[PlannedChange] = []
    adopted: list[PlannedChange] = []
    unchanged = 0
    for policy in declared:
        there = stored.get(policy.name)
        change = _created(policy) if there is None else _compared(policy, there, project)
        if change is None:
            unchanged += 1
        else:
            (adopted if change.action is PlannedAction.ADOPT else changes).append(change)
    names = {policy.name for policy in declared}
    gone = (p for n, p in stored.items() if n not in names and project_of(p.document) == project)
    changes += [_deleted(policy) for policy in gone]
    return _by_name(changes), _by_name(adopted), unchanged


def differences(before: Document | None, after: Document | None) -> tuple[FieldChange, ...]:
    """Return what two documents say differently, by the keys of files; name left out."""
    if before and after and _is_same_document(before, after):
        return ()
    old = fields_of(before) if before else {}
    new = fields_of(after) if after else {}
    keys = dict.fromkeys((*new, *old))
    changes = [
        change
        for key in keys
        if key not in ("name", RANGER) and not _is_same(key, old.get(key), new.get(key))
        for change in [FieldChange(key=key, before=old.get(key), after=new.get(key))]
    ]
    return (*changes, *_ranger_differences(old.get(RANGER), new.get(RANGER)))


def _ranger_differences(before: Document | None, after: Document | None) -> list[FieldChange]:
    """Return what differs in documents that are written as a whole, by member."""
    old, new = before or {}, after or {}
    return [
        FieldChange(key=f"{RANGER}.{member}", before=old.get(member), after=new.get(member))
        for member in dict.fromkeys((*new, *old))
        if old.get(member) != new.get(member)
    ]


def _is_same_document(before: Document, after: Document) -> bool:
    """Tell whether documents are equal, which most are, but for what a lakehouse gives them."""
    old, new = ({k: v for k, v in d.items() if k not in _GIVEN} for d in (before, after))
    enabled = (document.get("isEnabled", True) for document in (before, after))
    return old == new and len(set(enabled)) == 1


def _is_same(key: str, before: Any, after: Any) -> bool:
    if key in _SETS and before is not None and after is not None:
        return _as_set(before) == _as_set(after)
    return bool(before == after and type(before) is type(after))


def _as_set(value: Any) -> set[str]:
    return {value} if isinstance(value, str) else set(value)


def _created(policy: DeclaredPolicy) -> PlannedChange:
    return PlannedChange(
        action=PlannedAction.CREATE,
        name=policy.name,
        kind=kind_word(policy.document),
        fields=differences(None, policy.document),
        after=policy.document,
        place=f"{policy.file}:{policy.place.line}",
        future=policy.future,
    )


def _compared(policy: DeclaredPolicy, there: Policy, project: str) -> PlannedChange | None:
    fields = differences(there.document, policy.document)
    if not fields and project_of(there.document) == project:
        return None
    return PlannedChange(
        action=PlannedAction.UPDATE if fields else PlannedAction.ADOPT,
        name=policy.name,
        kind=kind_word(policy.document),
        fields=fields,
        before=there.document,
        after=policy.document,
        policy_id=there.id,
        version=there.version,
        place=f"{policy.file}:{policy.place.line}",
        future=policy.future,
    )


def _deleted(policy: Policy) -> PlannedChange:
    return PlannedChange(
        action=PlannedAction.DELETE,
        name=policy.name,
        kind=kind_word(policy.document),
        fields=differences(policy.document, None),
        before=policy.document,
        policy_id=policy.id,
        version=policy.version,
    )


def _by_name(changes: Sequence[PlannedChange]) -> list[PlannedChange]:
    return sorted(changes, key=lambda change: change.name)
