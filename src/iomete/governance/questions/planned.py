"""What planned changes of policies would do, told by the evaluator: for policy files."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.errors import ConfigurationError
from iomete.governance.answers.effects import EffectKind
from iomete.governance.answers.policy_ids import FIRST_DRAFTED_ID, id_text
from iomete.governance.as_code.plan import Effect, PlannedAction
from iomete.governance.documents.masks import Mask
from iomete.governance.questions.asked_resources import is_path
from iomete.names import as_parts, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iomete.governance.answers import Draft, Explanation, Simulation
    from iomete.governance.answers.effects import Effect as SimulatedEffect
    from iomete.governance.answers.explanation import ShownAs
    from iomete.governance.as_code.plan import PlannedChange
    from iomete.governance.questions.asked_resources import Name
    from iomete.governance.questions.policy_answers import PolicyAnswers

OF_TABLES = ("select", "insert", "update", "delete")
"""Actions that are asked of tables, one by one."""


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
        if is_path(resource):
            return self._answer(principal, action, resource)
        named = as_parts(resource)
        self._refuse_of_many(action, named)
        known = self._answers.known_table(named)
        table = known or named
        path = (*named[len(table) :], *(() if column is None else as_parts(column)))
        if path:
            found = self._of_column(principal, action, table, path)
        else:
            found = self._of_whole(principal, action, table)
        if unmet := self._answers.unmet(action, table, after=self._draft):
            found.note, found.is_doubtful = unmet.note, unmet.is_doubtful
        return found

    def _of_column(
        self, principal: str, action: str, table: Sequence[str], path: Sequence[str]
    ) -> PlannedAnswer:
        explained = self._answers.explain_column(principal, action, table, path, after=self._draft)
        return PlannedAnswer(explained, self._names)

    def _of_whole(self, principal: str, action: str, named: Sequence[str]) -> PlannedAnswer:
        """Return what is answered of a table, namespace or catalog."""
        if not self._answers.knows_all_tables:
            self._answers.refuse_ambiguous(
                named, "name a column by `columns`, and its table by `on`"
            )
        return self._answer(principal, action, named, future=not self._answers.knows(named))

    def _answer(
        self, principal: str, action: str, resource: Name, *, future: bool = False
    ) -> PlannedAnswer:
        explained = self._answers.explain(
            principal, action, resource, future=future, after=self._draft
        )
        return PlannedAnswer(explained, self._names)

    def _refuse_of_many(self, action: str, parts: Sequence[str]) -> None:
        """Refuse what is asked of all tables in something: nothing is decided of them together."""
        if action in OF_TABLES and self._answers.is_container(parts):
            what = "catalog" if len(parts) == 1 else "namespace"
            raise ConfigurationError(
                f"`{action}` is about a table, and `{quote_parts(parts)[:200]}` is a {what}: each "
                "table in it is decided for itself.",
                hint="name tables by `on`",
            )

    @cached_property
    def _names(self) -> dict[int, str]:
        """Names of policies that are planned, and have no ids of the store's yet."""
        documents = () if self._draft is None else self._draft.documents
        return {one["id"]: one["name"] for one in documents if one["id"] >= FIRST_DRAFTED_ID}


class PlannedAnswer:
    """An explanation, as a test of policies looks at it.

    Args:
        explanation: Of what was asked.
        names: Those of policies that are planned, by the ids that they have meanwhile.

    `note` and `is_doubtful` are those of `as_code.testing.Answer`.
    """

    def __init__(self, explanation: Explanation, names: Mapping[int, str]) -> None:
        self.explanation = explanation
        self.note = ""
        self.is_doubtful = False
        self._names = names

    @property
    def allowed(self) -> bool:
        """Whether the action is allowed."""
        return self.explanation.is_allowed

    @property
    def mask(self) -> str | None:
        """The kind of mask that a column is seen by; None: as it is.

        Of a struct's field it is that of its column, too, where there are two: `hash, then
        nullify`.

        Of a table it is that of its visible columns, of a struct that of its fields: None where
        none of them is masked, a kind where all are masked by it; else each kind with its columns,
        `hash of email`, which is no kind's name, but a mask.
        """
        if self.explanation.masks or not self.explanation.columns:
            masks = dict.fromkeys(map(_kind, self.explanation.masks))
            return ", then ".join(masks) or None
        visible = [one for one in self.explanation.columns if one.verdict is Verdict.ALLOWED]
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
        shown = self.explanation.filter
        return None if shown is None else shown.expression

    @property
    def reason(self) -> str:
        """Why, in words."""
        text = self.explanation.reason
        for policy_id, name in self._names.items():
            named = f"`{name}`"
            called = rf"(?<= ){id_text(policy_id)}\b( {re.escape(named)})?"
            text = re.sub(called, named.replace("\\", r"\\"), text)
        return text


def _kind(shown: ShownAs) -> str:
    return str(Mask(type=shown.type).kind)


def _draft(answers: PolicyAnswers, changes: Sequence[PlannedChange]) -> Draft:
    draft = answers.draft()
    for change in changes:
        if change.action is PlannedAction.DELETE:
            draft.delete(change.policy_id if change.policy_id is not None else change.name)
    others = (change for change in changes if change.action is not PlannedAction.DELETE)
    documents = (dict(change.after) for change in others if change.after is not None)
    return draft.put(*documents, future=True)  # planning has looked at the tables


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
