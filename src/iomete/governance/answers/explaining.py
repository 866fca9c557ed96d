"""Why something is allowed or refused: which policies were asked, which one decided, and how.

What decides is the evaluator; here its steps are gone through once more and put into words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iomete.access import Verdict
from iomete.governance.answers.columns import (
    DENIED_FIELD,
    OTHER_COLUMNS,
    AskedColumn,
    Seen,
    of_known_table,
    of_unknown_table,
    seen_by,
)
from iomete.governance.answers.explanation import (
    ColumnSeen,
    ConsideredPolicy,
    Explanation,
    Outcome,
    ShownAs,
    TagPath,
)
from iomete.governance.documents import PolicyType, Priority
from iomete.governance.evaluator import Access, Evaluator, Rule, Said, Subject
from iomete.governance.evaluator.matching import Asked, Match
from iomete.governance.evaluator.reading import filter_in_force, mask_in_force
from iomete.governance.principal_names import ADMIN, EVERYONE
from iomete.names import quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iomete.governance.evaluator import CompiledPolicy
    from iomete.governance.evaluator.policies import Item
    from iomete.governance.evaluator.tags import CarriedTag

Parts = tuple[str, ...]


class TagOrigins(Protocol):
    """Tells where tags come from that nobody attached where they are."""

    def origin_of(self, tag: str, attached_to: Sequence[str], /) -> tuple[str, ...]:
        """Return the full names that a tag came through with the data, the first one first.

        Args:
            tag: Its name.
            attached_to: Parts of the table or column that has it.
        """


class AttachedByHand:
    """Tags that come with no data: each was attached where it is."""

    def origin_of(self, tag: str, attached_to: Sequence[str], /) -> tuple[str, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()


class Explainer:
    """Explains what an evaluator decides.

    Args:
        evaluator: What decides.
        asleep: Policies that aren't in force at its moment.
        origins: Where tags come from that came with the data.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        asleep: Sequence[CompiledPolicy] = (),
        origins: TagOrigins | None = None,
    ) -> None:
        self._evaluator = evaluator
        self._asleep = asleep
        self._origins = origins or AttachedByHand()

    def explain(
        self,
        subject: Subject,
        action: str,
        parts: Parts,
        *,
        columns: Sequence[str] = (),
        column: str | None = None,
    ) -> Explanation:
        """Explain whether an action is granted on a catalog, namespace, table or column.

        Args:
            subject: Who asks.
            action: What for.
            parts: Of the resource, in the spelling of policies.
            columns: Those of a table that is read.
            column: The column of a struct's field, with which the field is seen.
        """
        holder = parts[3] if column is None and len(parts) > 3 else column
        name = written(parts, holder)
        if subject.is_admin:
            return self._of_admin(subject, action, name)
        if columns and action == "select":
            asked_for = of_known_table(self._evaluator.about(parts), columns)
            return self._of_table(subject, parts, asked_for)
        asked = parts if column is None else (*parts[:3], column)
        is_read = action == "select" and len(parts) > 2
        seen = None
        if is_read and len(parts) > 3:
            seen = seen_by(self._evaluator, subject, parts[:3], parts[3], column)
        found = self._evaluator.decide(subject, action, asked)
        above = self._evaluator.denied_above(subject, action, asked)
        return Explanation(
            principal=subject.name,
            action=action,
            resource=name,
            verdict=_verdict(found),
            reason=self._reason(subject, action, name, found, is_above=found == above),
            policy=found.policy_id,
            policies=self._considered(subject, action, asked, found),
            mask=None if seen is None else self._mask(subject, seen),
            filter=self._filter(subject, parts[:3]) if is_read else None,
            version=self._evaluator.version,
        )

    def explain_unknown(self, subject: Subject, table: Parts) -> Explanation:
        """Explain reading a table whose columns aren't known.

        Its columns are those that policies and tags name, patterns as they are written, and `*` for
        all others.
        """
        if subject.is_admin:
            return self._of_admin(subject, "select", written(table))
        return self._of_table(subject, table, of_unknown_table(self._evaluator.about(table), table))

    def explain_path(self, subject: Subject, action: str, path: str) -> Explanation:
        """Explain whether an action is granted on a path and all below it."""
        if subject.is_admin:
            return self._of_admin(subject, action, path)
        found = self._evaluator.paths.decide(subject, action, path)
        on_path = self._evaluator.paths.on(subject, path)
        policies = {policy.id: policy for policy in on_path}
        if found.policy is not None:  # a denial of something below
            policies.setdefault(found.policy.id, found.policy)
        return Explanation(
            principal=subject.name,
            action=action,
            resource=path,
            verdict=_verdict(found),
            reason=self._reason(subject, action, path, found),
            policy=found.policy_id,
            policies=_sorted(
                self._consider(policy, subject, action, None, found, ())
                for policy in policies.values()
            ),
            version=self._evaluator.version,
        )

    # --- tables ----------------------------------------------------------------------------------

    def _of_table(
        self, subject: Subject, table: Parts, asked: Sequence[AskedColumn]
    ) -> Explanation:
        seen = self._columns(subject, table, asked)
        considered: dict[int, ConsideredPolicy] = {}
        for name in [one.name for one in asked if one.column is None]:
            parts = (*table, name)
            found = self._evaluator.decide(subject, "select", parts)
            for one in self._considered(subject, "select", parts, found):
                known = considered.get(one.id)
                if known is None or one.outcome is Outcome.DECIDES:
                    considered[one.id] = one
        listed = _sorted(considered.values())
        deciding = {column.policy for column in seen if column.policy is not None}
        is_allowed = any(column.verdict is Verdict.ALLOWED for column in seen)
        return Explanation(
            principal=subject.name,
            action="select",
            resource=written(table),
            verdict=Verdict.ALLOWED if is_allowed else Verdict.DENIED,
            reason=_reason_of_table(subject, written(table), seen, listed),
            policy=next(iter(deciding)) if len(deciding) == 1 else None,
            policies=listed,
            filter=self._filter(subject, table),
            columns=seen,
            version=self._evaluator.version,
        )

    def _columns(
        self, subject: Subject, table: Parts, asked: Iterable[AskedColumn]
    ) -> tuple[ColumnSeen, ...]:
        """Return how columns are seen, and fields of theirs that are seen otherwise than they."""
        seen: dict[str, ColumnSeen] = {}
        for one in asked:
            found = self._column(subject, table, one)
            is_visible = found.verdict is Verdict.ALLOWED
            if one.column is None or (is_visible and found.mask != seen[one.column].mask):
                seen[one.name] = found
        return tuple(seen.values())

    def _column(self, subject: Subject, table: Parts, asked: AskedColumn) -> ColumnSeen:
        found = seen_by(self._evaluator, subject, table, asked.name, asked.column)
        return ColumnSeen(
            column=asked.shown,
            verdict=_verdict(found.access),
            policy=found.access.policy_id if found.denial is None else found.denial.id,
            mask=self._mask(subject, found),
        )

    # --- masks and filters -----------------------------------------------------------------------

    def _mask(self, subject: Subject, seen: Seen) -> ShownAs | None:
        if seen.denial is not None:
            return ShownAs(
                expression=DENIED_FIELD,
                type=DENIED_FIELD,
                policy=seen.denial.id,
                name=seen.denial.name,
            )
        if seen.shown_by is None:
            return None
        rule, parts = seen.shown_by
        found = mask_in_force(rule)
        return None if found is None else self._shown(rule, subject, parts, found.type, found.text)

    def _filter(self, subject: Subject, table: Parts) -> ShownAs | None:
        rule = self._evaluator.row_filter(subject, table)
        found = filter_in_force(rule)
        if rule is None or found is None:
            return None
        return self._shown(rule, subject, table, "ROW_FILTER", found.predicate)

    def _shown(
        self, rule: Rule, subject: Subject, parts: Parts, kind: str, expression: str
    ) -> ShownAs:
        owner = self._evaluator.owner_of(parts)
        return ShownAs(
            expression=expression,
            type=kind,
            policy=rule.policy.id,
            name=rule.policy.name,
            through=self._way(rule.item, subject, owner),
            tags=self._tag_paths(rule.policy, self._evaluator.tags.of(parts)),
        )

    # --- policies --------------------------------------------------------------------------------

    def _considered(
        self, subject: Subject, action: str, parts: Parts, found: Access
    ) -> tuple[ConsideredPolicy, ...]:
        evaluator = self._evaluator
        owner = evaluator.owner_of(parts)
        tags = evaluator.tags.of(parts)
        kind = PolicyType.ACCESS
        policies = {
            policy.id: policy
            for policy, _ in (
                *evaluator.on_tags(kind, tags),
                *evaluator.on_resource(kind, subject, parts, owner, below=False),
            )
        }
        if found.policy is not None:  # a denial that stops above the resource
            policies.setdefault(found.policy.id, found.policy)
        considered = [
            self._consider(policy, subject, action, owner, found, tags)
            for policy in policies.values()
        ]
        considered += self._not_in_force(subject, action, parts, owner, tags)
        return _sorted(considered)

    def _consider(
        self,
        policy: CompiledPolicy,
        subject: Subject,
        action: str,
        owner: str | None,
        found: Access,
        tags: Sequence[CarriedTag],
    ) -> ConsideredPolicy:
        said = policy.says(action, subject, owner)
        outcome, why = self._outcome(policy, said, subject, action, owner, found)
        item = _item(policy, said, action, subject, owner)
        return ConsideredPolicy(
            id=policy.id,
            name=policy.name,
            says="" if said is Said.NOTHING else str(said),
            priority=Priority(policy.priority).name.lower(),
            outcome=outcome,
            why=why,
            through=() if item is None else self._way(item, subject, owner),
            tags=self._tag_paths(policy, tags),
        )

    def _outcome(
        self,
        policy: CompiledPolicy,
        said: Said,
        subject: Subject,
        action: str,
        owner: str | None,
        found: Access,
    ) -> tuple[Outcome, str]:
        winner = found.policy
        if said is Said.NOTHING or winner is None:
            return Outcome.SAYS_NOTHING, _silence(policy, action, subject, owner)
        if policy is winner:
            item = _item(policy, said, action, subject, owner)
            whom = "whoever it doesn't allow" if item is None else self._whom(item, subject, owner)
            return Outcome.DECIDES, f"it {said} `{action}` to {whom}"
        if said is found.said:
            return Outcome.AGREES, f"it says the same as policy {winner.id}, which is asked first"
        if winner.priority > policy.priority:
            return Outcome.LOSES, f"policy {winner.id} has priority override, and is asked first"
        if found.is_denied:
            return Outcome.LOSES, f"policy {winner.id} denies it, which beats a grant"
        return Outcome.LOSES, f"policy {winner.id} is asked first"

    def _not_in_force(
        self,
        subject: Subject,
        action: str,
        parts: Parts,
        owner: str | None,
        tags: Sequence[CarriedTag],
    ) -> list[ConsideredPolicy]:
        asked = Asked(user=subject.name, owner=owner)
        carried = {tag.tag for tag in tags}
        considered = []
        for policy in self._asleep:
            is_on = policy.match(parts, asked).covers or any(
                policy.is_on_tag(tag) for tag in carried
            )
            said = policy.says(action, subject, owner)
            if policy.kind is PolicyType.ACCESS and is_on and said is not Said.NOTHING:
                considered.append(
                    ConsideredPolicy(
                        id=policy.id,
                        name=policy.name,
                        says=str(said),
                        priority=Priority(policy.priority).name.lower(),
                        outcome=Outcome.NOT_IN_FORCE,
                        why="its validity schedule excludes this time",
                        tags=self._tag_paths(policy, tags),
                    )
                )
        return considered

    def _tag_paths(self, policy: CompiledPolicy, tags: Iterable[CarriedTag]) -> tuple[TagPath, ...]:
        return tuple(
            TagPath(
                tag=carried.tag,
                attached_to=written(carried.on),
                through=self._origins.origin_of(carried.tag, carried.on),
            )
            for carried in tags
            if policy.is_on_tag(carried.tag) and carried.match is not Match.BELOW
        )

    # --- words -----------------------------------------------------------------------------------

    def _of_admin(self, subject: Subject, action: str, resource: str) -> Explanation:
        way = self._evaluator.contents.memberships.path(subject.name, str(ADMIN))
        through = f" through {', '.join(way[1:-1])}" if len(way) > 2 else ""
        ids = self._evaluator.admin_policies
        return Explanation(
            principal=subject.name,
            action=action,
            resource=resource,
            verdict=Verdict.ALLOWED,
            reason=f"`{subject.name}` may {action} `{resource}`: a holder of the role "
            f"`admin`{through}, whom policies don't reach.",
            policy=ids[0] if ids else None,
            version=self._evaluator.version,
        )

    def _reason(
        self,
        subject: Subject,
        action: str,
        resource: str,
        found: Access,
        *,
        is_above: bool = False,
    ) -> str:
        may = "may" if found.is_allowed else "may not"
        start = f"`{subject.name}` {may} {action} `{resource}`"
        if found.policy is None:
            return f"{start}: no policy grants it."
        by = f"policy {found.policy.id} `{found.policy.name}`"
        where = " on what holds it" if is_above and found.is_denied else ""
        return f"{start}: {by} {found.said} it{where}."

    def _way(self, item: Item, subject: Subject, owner: str | None) -> tuple[str, ...]:
        """Return the shortest way from a principal to whom an item names."""
        if item.is_for_owner and subject.name == owner:
            return (f"user:{subject.name}", "{OWNER}")
        memberships = self._evaluator.contents.memberships
        ways = [
            memberships.path(subject.name, key)
            for key in sorted(item.keys & subject.keys)
            if key != str(EVERYONE)
        ]
        ways = [way for way in ways if way]
        if ways:
            return min(ways, key=len)
        return (f"user:{subject.name}", str(EVERYONE)) if item.is_for_all else ()

    def _whom(self, item: Item, subject: Subject, owner: str | None) -> str:
        way = self._way(item, subject, owner)
        if not way:
            return f"`{subject.name}`"
        if way[-1] == str(EVERYONE):
            return "everyone"
        if len(way) < 3:
            return f"`{way[-1]}`"
        return f"`{way[-1]}`, by way of {', '.join(way[1:-1])}"


def written(parts: Parts, column: str | None = None) -> str:
    """Return a resource's full name from its parts as policies have them.

    Args:
        parts: Of the resource.
        column: The column that it is, or is in as a field; unset: what is before the first dot.
    """
    if len(parts) < 2:
        return quote_parts(parts)
    path = parts[3].split(".") if len(parts) > 3 else []
    if len(parts) > 3 and column is not None:
        field = parts[3].removeprefix(column).removeprefix(".")
        path = [column, *(field.split(".") if field else ())]
    return quote_parts((parts[0], *parts[1].split("."), *parts[2:3], *path))


def _item(
    policy: CompiledPolicy, said: Said, action: str, subject: Subject, owner: str | None
) -> Item | None:
    items = policy.denials if said is Said.DENIES else policy.items
    return next(
        (item for item in items if action in item.actions and item.is_for(subject, owner)), None
    )


def _silence(policy: CompiledPolicy, action: str, subject: Subject, owner: str | None) -> str:
    items = (*policy.items, *policy.denials)
    about = [item for item in items if action in item.actions]
    if not about:
        return f"it isn't about `{action}`"
    if any(item.is_for(subject, owner) for item in about):
        return f"it excepts `{subject.name}`"
    return f"it isn't for `{subject.name}`"


def _reason_of_table(
    subject: Subject,
    name: str,
    seen: Sequence[ColumnSeen],
    considered: Sequence[ConsideredPolicy],
) -> str:
    """Say which columns of a table somebody reads, and by which policies; and which not."""
    visible = [column for column in seen if column.verdict is Verdict.ALLOWED]
    if not visible:
        denied = next((policy for policy in considered if policy.says == "denies"), None)
        why = "no column of it is granted" if denied is None else str(denied)
        return f"`{subject.name}` may not select from `{name}`: {why}."
    denying = {
        column.policy for column in seen if column.mask and column.policy == column.mask.policy
    }
    granting = {column.policy for column in visible} - {None} - denying
    hidden = [_hidden(column) for column in seen if column.verdict is Verdict.DENIED]
    masked = [column.column for column in visible if column.mask]
    start = f"`{subject.name}` may select"
    if any(column.column == OTHER_COLUMNS for column in seen) and OTHER_COLUMNS not in {
        column.column for column in visible
    }:
        names = ", ".join(column.column for column in visible)
        told = f"{start} some columns of `{name}`, by {_policies(granting)}: {names}"
    else:
        told = f"{start} from `{name}`, by {_policies(granting)}"
        told += f"; hidden: {', '.join(hidden)}" if hidden else ", all columns"
    return f"{told}; masked: {', '.join(masked)}." if masked else f"{told}."


def _hidden(column: ColumnSeen) -> str:
    by = "" if column.policy is None else f" (by policy {column.policy})"
    return f"{column.column}{by}"


def _verdict(found: Access) -> Verdict:
    return Verdict.ALLOWED if found.is_allowed else Verdict.DENIED


def _sorted(policies: Iterable[ConsideredPolicy]) -> tuple[ConsideredPolicy, ...]:
    rank = {outcome: place for place, outcome in enumerate(Outcome)}
    return tuple(sorted(policies, key=lambda policy: rank[policy.outcome]))


def _policies(ids: Iterable[int | None]) -> str:
    listed = ", ".join(map(str, sorted(one for one in ids if one is not None)))
    return f"policy {listed}" if "," not in listed else f"policies {listed}"
