"""What the evaluator answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from iomete.governance.evaluator.matching import Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iomete.governance.evaluator.policies import CompiledPolicy, Item
    from iomete.governance.evaluator.subjects import Subject
    from iomete.governance.evaluator.tags import CarriedTag


class Said(StrEnum):
    """What a policy says to a principal: it grants or denies, or has nothing to say."""

    GRANTS = "grants"
    DENIES = "denies"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Access:
    """Whether an action is granted, and the policy that decided; None where none has to say."""

    said: Said
    policy: CompiledPolicy | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether a policy grants it, and none denies it."""
        return self.said is Said.GRANTS

    @property
    def is_denied(self) -> bool:
        """Whether a policy denies it."""
        return self.said is Said.DENIES

    @property
    def policy_id(self) -> int | None:
        """The id of the policy that decided."""
        return None if self.policy is None else self.policy.id


NOTHING_SAID = Access(Said.NOTHING)


@dataclass(frozen=True, slots=True)
class Rule:
    """What of a mask or row filter policy counts for a principal: the first item for them."""

    policy: CompiledPolicy
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskInForce:
    """What a column's values are shown as. `type` is Ranger's, `value` its parameter."""

    type: str
    value: str | None
    policy: int

    @property
    def text(self) -> str:
        """The type with its parameter, such as `MASK_SHOW_LAST(4)`."""
        return self.type if self.value is None else f"{self.type}({self.value})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterInForce:
    """The predicate that rows have to fulfil, in SQL with macros as the policy has them."""

    predicate: str
    policy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutTable:
    """What can decide about a table or anything in it.

    Tables with equal signatures are decided alike, but for owners and for names that policies fill
    in. `columns` are those that a policy or a tag names, in lower case, whether they exist or not.
    The fields of its structs have to be known where `has_field_patterns`.
    """

    policies: Mapping[int, CompiledPolicy]
    signature: tuple[object, ...]
    tags: tuple[CarriedTag, ...]
    columns: tuple[str, ...]
    has_column_patterns: bool
    has_field_patterns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDecision:
    """What a principal may read of a table.

    `visible` are the columns that may be read, as they were asked about, `denied` those of the
    others that a policy denies. `masks` are by the lower-case name of a column or path of a field;
    `policies` are the ids of the access policies that decided, sorted.
    """

    visible: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    masks: Mapping[str, MaskInForce] = field(default_factory=dict)
    filter: FilterInForce | None = None
    policies: tuple[int, ...] = ()

    def is_plain(self, columns: frozenset[str]) -> bool:
        """Tell whether all of these columns are seen as they are, in every row."""
        return not self.masks and self.filter is None and columns <= self.visible


def first_said(
    policies: Iterable[tuple[CompiledPolicy, Match]],
    action: str,
    subject: Subject,
    owner: str | None,
) -> Access:
    """Return what policies say in the order that they are asked in, and by which one.

    A denial of what lies below what is asked for isn't one of it.
    """
    granting: CompiledPolicy | None = None
    for policy, match in policies:
        if granting is not None and (policy.priority < granting.priority or not policy.has_deny):
            break
        said = policy.says(action, subject, owner)
        if said is Said.DENIES and match is not Match.BELOW:
            return policy.denying
        if said is Said.GRANTS and granting is None:
            granting = policy
    return NOTHING_SAID if granting is None else granting.granting
