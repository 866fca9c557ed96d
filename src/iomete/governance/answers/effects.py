"""What a change of policies does, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class EffectKind(StrEnum):
    """What a change does to a user's rights on a resource."""

    GAIN = "gain"
    LOSS = "loss"
    MASK = "mask"
    FILTER = "filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What changes on one resource, for some users alike.

    `resource` is the full name of a table or column, `lake.hr.salaries.*` all columns that no
    policy or tag singles out; or a path, a namespace or a catalog. `count` is how many users it is
    for, `principals` the first of them. `before` and `after` are masks or predicates; None is as
    it is. `rows` is the predicate of the rows that somebody gains; None: all.
    """

    kind: EffectKind
    action: str
    resource: str
    count: int
    principals: tuple[str, ...]
    before: str | None = None
    after: str | None = None
    rows: str | None = None

    @property
    def gained(self) -> str:
        """What a gain is of, in words: the resource, as far as it is seen."""
        masked = f", masked: {self.after}" if self.after else ""
        rows = f", rows where {self.rows}" if self.rows else ""
        return f"{self.resource}{masked}{rows}"

    @property
    def who(self) -> str:
        """The first of the users by name, and how many more there are."""
        names = ", ".join(self.principals)
        more = self.count - len(self.principals)
        return f"{names} and {more} more" if more else names

    def __str__(self) -> str:
        who = self.who
        match self.kind:
            case EffectKind.GAIN:
                return f"{who} may {self.action} {self.gained}"
            case EffectKind.LOSS:
                return f"{who} may no longer {self.action} {self.resource}"
            case EffectKind.MASK:
                return f"{self.resource} for {who}: {_shown(self.before)} -> {_shown(self.after)}"
        return f"rows of {self.resource} for {who}: {_rows(self.before)} -> {_rows(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effects of one kind.

    `count` is the number of rights, one a user, action and resource; `principals` and `resources`
    are how many users and resources they are about; `examples` are the first of them.
    """

    count: int = 0
    principals: int = 0
    resources: int = 0
    examples: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a change would do, from one version of governance on.

    `judged_tables` is how many tables there are, `judgements` how many answers were needed, each of
    which is for all users.
    `unjudged` is what the change may do besides, in words: on what nobody lists, and
    at other times.
    """

    gains: Effects
    losses: Effects
    masks: Effects
    filters: Effects
    version: int
    judged_tables: int
    judged_principals: int
    judgements: int = field(repr=False)
    unjudged: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether nobody's rights change, on what was judged."""
        return not any(one.count for one in (self.gains, self.losses, self.masks, self.filters))

    @property
    def text(self) -> str:
        """All of it in words, over several lines."""
        lines = ["Nobody's rights change."] if self.changes_nothing else []
        for name, found in (
            ("gain", self.gains),
            ("loss", self.losses),
            ("changed mask", self.masks),
            ("changed row filter", self.filters),
        ):
            if found.count:
                lines.append(
                    f"{_counted(found.count, name)}: {_counted(found.principals, 'principal')}, "
                    f"{_counted(found.resources, 'resource')}"
                )
                lines += [f"  {effect}" for effect in found.examples]
        tables, users = self.judged_tables, self.judged_principals
        lines.append(f"Judged on {_counted(tables, 'table')}, for {_counted(users, 'user')}.")
        lines += [f"Not judged: {what}." for what in self.unjudged]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def _counted(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what}es" if what.endswith("s") else f"{number:,} {what}s"


def _shown(mask: str | None) -> str:
    return mask or "as it is"


def _rows(predicate: str | None) -> str:
    return predicate or "all"
