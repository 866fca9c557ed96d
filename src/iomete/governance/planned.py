"""What planned changes of policies would do, told by the evaluator: for policy files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.governance.answers.effects import EffectKind
from iomete.governance.as_code.plan import Effect, PlannedAction
from iomete.governance.asked_resources import is_path
from iomete.governance.masks import Mask
from iomete.names import as_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iomete.governance.answers import Draft, Explanation, Simulation
    from iomete.governance.answers.effects import Effect as SimulatedEffect
    from iomete.governance.answers.explanation import ShownAs
    from iomete.governance.as_code.plan import PlannedChange
    from iomete.governance.policy_answers import PolicyAnswers


class PlannedEffects:
    """Tells who gains and who loses what, by `lake.policies.simulate`."""

    def __init__(self, answers: PolicyAnswers) -> None:
        self._answers = answers

    def of(self, changes: Sequence[PlannedChange]) -> Sequence[Effect]:
        """Return what changes do, on the tables that there are; the first hundred of each kind."""
        if not changes:
            return ()
        return tuple(_effects(self._answers.simulate(_draft(self._answers, changes))))


class PlannedAnswers:
    """Answers tests of policies by `lake.policies.explain`, as it would once changes are made.

    What is named has to exist, where that can be told. Without Spark it can't be told of every
    table; then a name is taken for one, as far as it can't be taken for anything else.
    """

    def __init__(self, answers: PolicyAnswers, changes: Sequence[PlannedChange]) -> None:
        self._answers = answers
        self._draft = _draft(answers, changes) if changes else None

    def explain(
        self, principal: str, action: str, resource: str, column: str | None = None
    ) -> PlannedAnswer:
        """Return what a principal may do.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            NotFoundError: There is no such resource.
            ConfigurationError: There is no such action, or it can't be told what is meant.
        """
        answers = self._answers
        if is_path(resource):
            return PlannedAnswer(answers.explain(principal, action, resource, after=self._draft))
        table, path = as_parts(resource), () if column is None else as_parts(column)
        if answers.knows_all_tables or answers.knows_table(table):
            named = (*table, *path)
            return PlannedAnswer(answers.explain(principal, action, named, after=self._draft))
        if path:
            found = answers.explain_column(principal, action, table, path, after=self._draft)
            return PlannedAnswer(found)
        answers.refuse_ambiguous(table, "name a column by `columns`, and its table by `on`")
        found = answers.explain(principal, action, resource, future=True, after=self._draft)
        return PlannedAnswer(found)


class PlannedAnswer:
    """An explanation, as a test of policies looks at it."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation

    @property
    def allowed(self) -> bool:
        """Whether the action is allowed."""
        return self._explanation.is_allowed

    @property
    def mask(self) -> str | None:
        """The kind of mask that a column is seen by; None: as it is.

        Of a table it is that of its visible columns: None where none of them is masked, a kind
        where all are masked by it; else each kind with its columns, `hash of email`, which is no
        kind's name, but a mask.
        """
        shown = self._explanation.mask
        if not self._explanation.columns:
            return None if shown is None else _kind(shown)
        visible = [one for one in self._explanation.columns if one.verdict is Verdict.ALLOWED]
        masked: dict[str, list[str]] = defaultdict(list)
        for column in visible:
            if column.mask is not None:
                masked[_kind(column.mask)].append(column.column)
        if len(masked) == 1 and sum(map(len, masked.values())) == len(visible):
            return next(iter(masked))
        return "; ".join(f"{kind} of {', '.join(names)}" for kind, names in masked.items()) or None

    @property
    def row_filter(self) -> str | None:
        """The predicate of the rows that are seen; None: all rows."""
        shown = self._explanation.filter
        return None if shown is None else shown.expression

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self._explanation.reason


def _kind(shown: ShownAs) -> str:
    return str(Mask(type=shown.type).kind)


def _draft(answers: PolicyAnswers, changes: Sequence[PlannedChange]) -> Draft:
    draft = answers.draft()
    for change in changes:
        if change.action is PlannedAction.DELETE:
            draft.delete(change.policy_id if change.policy_id is not None else change.name)
        elif change.after is not None:
            draft.put(dict(change.after))
    return draft


def _effects(simulation: Simulation) -> Iterator[Effect]:
    for found in (simulation.gains, simulation.losses, simulation.masks, simulation.filters):
        for effect in found.examples:
            change, what = _told(effect)
            yield Effect(principal=effect.who, change=change, what=what)
        if more := found.count - sum(effect.count for effect in found.examples):
            change, _ = _told(found.examples[0])
            principals, resources = found.principals, found.resources
            yield Effect(
                principal=f"{principals} principals in all",
                change=change,
                what=f"{more} more rights on {resources} resources in all",
            )
    for what in simulation.unjudged:
        yield Effect(principal="not judged", change="may change", what=what)


def _told(effect: SimulatedEffect) -> tuple[str, str]:
    """Return the verb of an effect, and what it is about."""
    match effect.kind:
        case EffectKind.GAIN:
            return "gains", f"{effect.action} on {effect.gained}"
        case EffectKind.LOSS:
            return "loses", f"{effect.action} on {effect.resource}"
        case EffectKind.MASK:
            before, after = (mask or "it is" for mask in (effect.before, effect.after))
            return "sees", f"{effect.resource} as {after}, before as {before}"
    before, after = (predicate or "true" for predicate in (effect.before, effect.after))
    return "sees", f"rows of {effect.resource} where {after}, before where {before}"
