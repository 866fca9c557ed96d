"""What an explanation says, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from iomete.access import Verdict
from iomete.governance.answers.policy_ids import id_text, policies_text
from iomete.governance.evaluator import Access, Said


class Outcome(StrEnum):
    """What became of a policy that is on what was asked about."""

    DECIDES = "decides"
    LOSES = "loses"
    """It says something else than the policy that decides, which is stronger."""
    AGREES = "agrees"
    """It says the same as the policy that decides, and is asked later."""
    SAYS_NOTHING = "says nothing"
    """It is for others, about other actions, or excepts the principal."""
    NOT_IN_FORCE = "not in force"
    """It would have something to say at another time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPath:
    """How a tag reaches a resource.

    `attached_to` is the full name that it is attached to: the resource itself, or what holds it.
    `through` are the resources that it came from with the data, the first one first; empty where a
    person attached it.
    """

    tag: str
    attached_to: str
    through: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.through:
            return f"tag `{self.tag}` on `{self.attached_to}`, from {' by '.join(self.through)}"
        return f"tag `{self.tag}` on `{self.attached_to}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredPolicy:
    """A policy that is on what was asked about, and what became of it.

    `says` is `grants`, `denies`, `masks` or `filters`, or empty where it says nothing to the
    principal; what shows values as they are masks, too, and what shows every row filters. `why`
    tells what became of it, in words. `through` is the way from the principal to whom it names,
    `user:alice`, `group:analysts`; `tags` are those that it is on.
    """

    id: int
    name: str
    says: str
    priority: str
    outcome: Outcome
    why: str
    through: tuple[str, ...] = ()
    tags: tuple[TagPath, ...] = ()

    @property
    def grants(self) -> bool:
        """Whether it grants what was asked about to the principal."""
        return self.says == Said.GRANTS

    def __str__(self) -> str:
        return f"policy {id_text(self.id)} `{self.name}` {self.outcome}: {self.why}"


_PLACES = {outcome: place for place, outcome in enumerate(Outcome)}


def by_outcome(policy: ConsideredPolicy) -> int:
    """Return what policies are sorted by: the one that decides first."""
    return _PLACES[policy.outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAs:
    """What a principal sees of values, or of rows: a mask, or a row filter.

    `expression` is the mask type with its parameter, `MASK_SHOW_LAST(4)`, or the predicate.
    """

    expression: str
    type: str
    policy: int
    name: str
    through: tuple[str, ...] = ()
    tags: tuple[TagPath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSeen:
    """One column of a table as a principal sees it: whether at all, by which policy, masked how."""

    column: str
    verdict: Verdict
    policy: int | None
    mask: ShownAs | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether a principal may do something, and why.

    `resource` is a full name, or a path. `policy` is the id of the policy that decided; None where
    none has anything to say, or where no policy is asked. `policies` are all that are on the
    resource: the one that decided first, then those for the principal, in the order that they are
    asked in; after these, of what is read, the masks and the row filters, in the same way. `mask`
    is that of a column, `filter` that of its table, for `select`. `columns` are those of a table,
    in its order, and of a struct that is asked about, if they are seen otherwise than it. `masks`
    are all that values go through, `mask` the first of them: a field's column can have one, too.
    `version` is the one of governance that was asked.

    Of an event of the audit trail, `notes` tell what it is explained by, and `differs` what the
    event recorded otherwise, in words.
    """

    principal: str
    action: str
    resource: str
    verdict: Verdict
    reason: str
    policy: int | None
    policies: tuple[ConsideredPolicy, ...] = ()
    masks: tuple[ShownAs, ...] = ()
    filter: ShownAs | None = None
    columns: tuple[ColumnSeen, ...] = ()
    version: int = 0
    notes: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether the principal may."""
        return self.verdict is Verdict.ALLOWED

    @property
    def mask(self) -> ShownAs | None:
        """What values are shown as first; None: they are shown as they are."""
        return next(iter(self.masks), None)

    @property
    def deciding(self) -> tuple[int, ...]:
        """Ids of the access policies that decided, sorted; for a table those of all its columns."""
        ids = {column.policy for column in self.columns} if self.columns else {self.policy}
        return tuple(sorted(found for found in ids if found is not None))

    @property
    def text(self) -> str:
        """All of it in words, over several lines."""
        lines = [self.reason]
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  the event differs: {difference}" for difference in self.differs]
        if self.is_allowed:
            lines += [f"  masked: {one.expression} by policy {_named(one)}" for one in self.masks]
        if self.is_allowed and self.filter is not None:
            lines.append(f"  rows: {self.filter.expression} by policy {_named(self.filter)}")
        for column in self.columns:
            shown = f", masked: {column.mask.expression}" if column.mask else ""
            by = "" if column.policy is None else f" by {policies_text([column.policy])}"
            lines.append(f"  column `{column.column}`: {column.verdict}{by}{shown}")
        lines += [f"  {policy}" for policy in self.policies]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def _named(shown: ShownAs) -> str:
    return f"{id_text(shown.policy)} `{shown.name}`"


def verdict_of(found: Access) -> Verdict:
    """Return what was decided, as explanations have it."""
    return Verdict.ALLOWED if found.is_allowed else Verdict.DENIED
