"""What is wrong, or may be, with policies, tags and principals as they are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import or_
from typing import TYPE_CHECKING

from iomete.governance.answers.audience import Audience
from iomete.governance.answers.columns import column_of, seen_by
from iomete.governance.answers.finding import Finding, FindingKind
from iomete.governance.answers.policy_ids import policies_text
from iomete.governance.answers.policy_scope import is_on_columns, reaches_further, why_broad
from iomete.governance.answers.rights import columns_in_question, parts_of_audience
from iomete.governance.answers.sight import ACTIONS_BUT_SELECT, real
from iomete.governance.documents.document import PolicyType
from iomete.governance.evaluator import Subject
from iomete.governance.evaluator.matching import Asked, Match
from iomete.governance.evaluator.resource_names import table_parts, written
from iomete.governance.principals.names import ADMIN, AUDITOR, EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from iomete.governance.answers.metadata import Metadata
    from iomete.governance.evaluator import CompiledPolicy, PolicyBook
    from iomete.governance.evaluator.decisions import AboutTable
    from iomete.governance.evaluator.resource_names import Parts

_FIRST_OF_USERS = 100
_NAMED_COLUMNS = 5
_BUILT_IN = frozenset({str(ADMIN), str(AUDITOR), str(EVERYONE)})


def find_findings(
    book: PolicyBook, metadata: Metadata, moment: datetime, *, knows_all_tables: bool = True
) -> list[Finding]:
    """Return what is wrong, or may be, with what is in force at a moment.

    Args:
        book: All policies.
        metadata: What exists.
        moment: In UTC.
        knows_all_tables: Whether what `metadata` doesn't list doesn't exist; if it may, no policy
            is said to be on nothing.

    Cost: one list of all tables; columns of those of which policies or tags name some.
    """
    found = _Inspection(book, metadata, moment, knows_all_tables=knows_all_tables)
    return list(found.findings())


@dataclass(frozen=True, slots=True)
class _Raw:
    """Who reads a tagged column, or columns of a tagged table, as they are.

    `columns` are those of a table, empty for a tagged column; `excepting` are the policies that
    show it so to some of the users, although there is a mask.
    """

    tag: str
    column: str | None
    users: int
    columns: tuple[str, ...]
    excepting: frozenset[int]


class _Uses:
    """What became of a policy wherever it is on something that exists.

    What a policy that holds at times is asked before counts as decided by it: it does, or will.
    """

    def __init__(self) -> None:
        self.is_on_something = False
        self.decides = False
        self.places: list[tuple[Parts, Sequence[str]]] = []
        self.agreeing: set[int] = set()
        self.beating: set[int] = set()

    def lose_to(self, policy: CompiledPolicy, *, agrees: bool, at_times: bool) -> None:
        if at_times:
            self.decides = True
        else:
            (self.agreeing if agrees else self.beating).add(policy.id)


class _Inspection:
    def __init__(
        self, book: PolicyBook, metadata: Metadata, moment: datetime, *, knows_all_tables: bool
    ) -> None:
        self._book = book
        self._knows_all_tables = knows_all_tables
        self._moment = moment
        self._evaluator = book.at(moment)
        self._metadata = metadata
        self._audience = Audience(book.contents)
        self._tags_at_times = {one.tag for one in book.contents.attachments if one.schedules}
        self._uses: dict[int, _Uses] = defaultdict(_Uses)
        self._unmasked: list[Finding] = []
        self._judged: dict[tuple[object, ...], list[_Raw]] = {}
        self._tables: set[Parts] = set()
        self._users = {f"user:{name}" for name in book.contents.users}

    def findings(self) -> Iterator[Finding]:
        for name in self._metadata.list_tables():
            self._look_at(name, table_parts(name))
        yield from self._of_policies()
        yield from self._unmasked
        yield from self._of_principals()

    # --- tables -----------------------------------------------------------------------------------

    def _look_at(self, name: Sequence[str], table: Parts) -> None:
        evaluator = self._evaluator
        self._tables.add(table)
        about = evaluator.about(table)
        columns = columns_in_question(about, self._metadata, name)
        for policy_id, policy in about.policies.items():
            self._uses[policy_id].is_on_something |= is_on_columns(policy, columns)
        owner = evaluator.owner_of(table)
        filling = [policy for policy in about.policies.values() if policy.fills_names]
        filled = (tuple(self._audience.matching(one, table, owner)) for one in filling)
        key: tuple[object, ...] = (about.signature, columns, owner, *filled)
        if any(policy.fills_columns for policy in filling):
            key = (*key, table)
        if key not in self._judged:
            parts = parts_of_audience(evaluator, self._audience, about, table, columns)
            for users in parts:
                self._judge(evaluator.subject(self._audience.first(users)), table, columns)
            for policy_id in about.policies:
                self._uses[policy_id].places.append((table, columns))
            self._judged[key] = list(self._read_raw(about, table, columns, parts))
        self._unmasked += [self._unmasked_tag(table, raw) for raw in self._judged[key]]

    def _judge(self, subject: Subject | None, table: Parts, columns: Sequence[str]) -> None:
        """Note which policies decide for somebody, and which would but for those."""
        if subject is None:
            return
        evaluator = self._evaluator
        owner = evaluator.owner_of(table)
        questions = [("select", (*table, real(column))) for column in columns]
        questions += [(action, table) for action in ACTIONS_BUT_SELECT]
        for action, parts in questions:
            found = evaluator.decide(subject, action, parts)
            if found.policy is None:
                continue
            self._uses[found.policy.id].decides = True
            tags = evaluator.tags.of(parts)
            for policy, _ in (
                *evaluator.on_tags(PolicyType.ACCESS, tags),
                *evaluator.on_resource(PolicyType.ACCESS, subject, parts, owner, below=False),
            ):
                said = policy.says(action, subject, owner)
                if policy is not found.policy and said is not said.NOTHING:
                    agrees = said is found.said
                    self._lose(policy, found.policy, agrees=agrees)
        for kind, places in (
            (PolicyType.MASK, [(*table, real(column)) for column in columns]),
            (PolicyType.ROW_FILTER, [table]),
        ):
            for parts in places:
                self._judge_rules(kind, subject, parts)

    def _judge_rules(self, kind: PolicyType, subject: Subject, parts: Parts) -> None:
        evaluator = self._evaluator
        rule = (evaluator.mask if kind is PolicyType.MASK else evaluator.row_filter)(subject, parts)
        if rule is None:
            return
        self._uses[rule.policy.id].decides = True
        owner = evaluator.owner_of(parts)
        for policy, _ in (
            *evaluator.on_tags(kind, evaluator.tags.of(parts)),
            *evaluator.on_resource(kind, subject, parts, owner, below=False),
        ):
            item = policy.item_for(subject, owner)
            if policy is rule.policy or item is None:
                continue
            same = (item.mask, item.value) == (rule.item.mask, rule.item.value)
            self._lose(policy, rule.policy, agrees=same)

    def _lose(self, policy: CompiledPolicy, winner: CompiledPolicy, *, agrees: bool) -> None:
        at_times = self._holds_at_times(winner)
        self._uses[policy.id].lose_to(winner, agrees=agrees, at_times=at_times)

    def _holds_at_times(self, policy: CompiledPolicy) -> bool:
        """Tell whether a policy, or a tag that it is on, has a schedule."""
        return bool(policy.schedules) or any(map(policy.is_on_tag, self._tags_at_times))

    def _read_raw(
        self, about: AboutTable, table: Parts, columns: Sequence[str], parts: Sequence[int]
    ) -> Iterator[_Raw]:
        """Give each tag of a table or its columns with those who read it as it is."""
        if not about.tags:
            return
        raw = {column: self._reads_raw(table, column, columns, parts) for column in columns}
        for carried in about.tags:
            if carried.match is Match.BELOW and len(carried.on) > len(table):
                column = carried.on[len(table)]
                users, excepting = raw.get(column, (0, frozenset()))
                if users:
                    yield _Raw(carried.tag, column, users, (), excepting)
            else:
                read = {column: found for column, found in raw.items() if found[0]}
                if read:
                    users = reduce(or_, (found[0] for found in read.values()))
                    excepting = frozenset().union(*(found[1] for found in read.values()))
                    yield _Raw(carried.tag, None, users, tuple(read), excepting)

    def _reads_raw(
        self, table: Parts, column: str, columns: Sequence[str], parts: Sequence[int]
    ) -> tuple[int, frozenset[int]]:
        """Return who reads a column as it is, and the policies that make an exception of them."""
        evaluator = self._evaluator
        readers = 0
        excepting: set[int] = set()
        for users in parts:
            subject = evaluator.subject(self._audience.first(users))
            if subject is None:
                continue
            seen = seen_by(evaluator, subject, table, real(column), column_of(column, columns))
            if seen.is_visible and seen.mask is None:
                readers |= users
                excepting |= set() if seen.rule is None else {seen.rule.policy.id}
        return readers, frozenset(excepting)

    def _unmasked_tag(self, table: Parts, raw: _Raw) -> Finding:
        name = written(table if raw.column is None else (*table, raw.column))
        who = self._audience.listed(raw.users)
        verb = "reads" if raw.users.bit_count() == 1 else "read"
        what = "it as it is"
        if raw.columns:
            what = f"columns of it as they are: {', '.join(raw.columns[:_NAMED_COLUMNS])}"
            what += ", …" if len(raw.columns) > _NAMED_COLUMNS else ""
        ids = tuple(sorted(raw.excepting))
        by = f" (excepted by {policies_text(ids)})" if ids else ""
        return Finding(
            kind=FindingKind.UNMASKED_TAG,
            subject=name,
            message=f"`{name}` has tag `{raw.tag}`, and {who} {verb} {what}{by}.",
            others=ids,
        )

    # --- policies ---------------------------------------------------------------------------------

    def _of_policies(self) -> Iterator[Finding]:
        for policy in self._book.policies:
            if self._may_be_needless(policy):
                self._judge_newcomers(policy)
        for policy in self._book.policies:
            if policy.id < _FIRST_OF_USERS:
                continue
            reason = self._why_unused(policy)
            if reason:
                yield self._finding(FindingKind.UNUSED, policy, reason)
                continue
            yield from self._of_uses(policy)
            if reason := why_broad(policy):
                yield self._finding(FindingKind.OVER_BROAD, policy, reason)

    def _why_unused(self, policy: CompiledPolicy) -> str | None:
        if policy.schedules and all(_is_over(one.ends, self._moment) for one in policy.schedules):
            return "its time is over"
        if not policy.denies_all_else and not self._is_for_somebody(policy):
            keys = self._audience.keys_of_admins
            if any(item.keys & keys for item in (*policy.items, *policy.denials)):
                return "only admins are meant by it, whom policies don't reach"
            return "no enabled user is meant by it"
        is_on_paths = any(one.path for one in policy.resources)
        is_above = any(0 < len(one.levels) < 3 for one in policy.resources)
        is_asleep = policy not in self._evaluator.policies or self._holds_at_times(policy)
        if is_on_paths or is_above or is_asleep or self._uses[policy.id].is_on_something:
            return None
        if not self._knows_all_tables:
            return None
        return "no table, view or column that exists is under it"

    def _is_for_somebody(self, policy: CompiledPolicy) -> bool:
        """Tell whether an item is for an enabled user whom no exception leaves out."""
        audience = self._audience
        for items, exceptions in (
            (policy.items, policy.grant_exceptions),
            (policy.denials, policy.deny_exceptions),
        ):
            for item in items:
                meant = audience.of_item(item)
                for one in exceptions:
                    meant &= -1 if item.actions - one.actions else ~audience.of_item(one)
                if meant or item.is_for_owner:
                    return True
        return False

    def _may_be_needless(self, policy: CompiledPolicy) -> bool:
        """Tell whether a policy decides nothing wherever it was looked at, and is nowhere else."""
        uses = self._uses[policy.id]
        if uses.decides or not (uses.beating or uses.agreeing):
            return False
        if self._holds_at_times(policy) or reaches_further(policy):
            return False
        return self._knows_all_tables or self._is_on_known(policy)

    def _of_uses(self, policy: CompiledPolicy) -> Iterator[Finding]:
        if not self._may_be_needless(policy):
            return
        uses = self._uses[policy.id]
        others = tuple(sorted(uses.beating | uses.agreeing))
        by = policies_text(others)
        if uses.agreeing:
            message = f"nothing would change without it, for {by}"
            yield self._finding(FindingKind.REDUNDANT, policy, message, others)
        else:
            verb = "is" if len(others) == 1 else "are"
            message = f"it never counts: {by} {verb} stronger wherever it is"
            yield self._finding(FindingKind.SHADOWED, policy, message, others)

    def _is_on_known(self, policy: CompiledPolicy) -> bool:
        """Tell whether all tables are known that a policy names."""
        named = (product(*(v.texts for v in one.levels[:3])) for one in policy.resources)
        return all(table in self._tables for tables in named for table in tables)

    def _judge_newcomers(self, policy: CompiledPolicy) -> None:
        """Note whether a policy decides for who comes to be in a group or role that it names."""
        memberships = self._book.contents.memberships
        containers = {key for item in policy.all_items for key in item.keys} - self._users
        if any(item.is_for_all for item in policy.all_items):
            containers.add(str(EVERYONE))
        for key in sorted(containers):
            newcomer = Subject(name=key, keys=memberships.keys_with(key), container=key)
            for table, columns in self._uses[policy.id].places:
                self._judge(newcomer, table, columns)

    @staticmethod
    def _finding(
        kind: FindingKind, policy: CompiledPolicy, reason: str, others: tuple[int, ...] = ()
    ) -> Finding:
        return Finding(
            kind=kind,
            subject=policy.name,
            message=f"policy {policy.id} `{policy.name}`: {reason}.",
            policy=policy.id,
            others=others,
        )

    # --- principals -------------------------------------------------------------------------------

    def _of_principals(self) -> Iterator[Finding]:
        contents = self._book.contents
        named = {key for p in self._book.policies for item in p.all_items for key in item.keys}
        with_members = {
            above for all_above in contents.memberships.direct.values() for above in all_above
        }
        for key in sorted(contents.containers):
            if key not in with_members and key not in _BUILT_IN:
                yield _orphan(key, f"`{key}` has no members")
        reached = self._reached_unnamed()
        for name in sorted(contents.users):
            keys = contents.memberships.keys_of(name) - {str(EVERYONE)}
            has_rights = keys & (named | {str(ADMIN), str(AUDITOR)})
            if not contents.users[name].enabled:
                if has_rights - {str(ADMIN), str(AUDITOR)} and f"user:{name}" in named:
                    yield _orphan(
                        f"user:{name}", f"`user:{name}` is disabled, and policies name it"
                    )
            elif not has_rights and name not in reached:
                yield _orphan(
                    f"user:{name}",
                    f"`user:{name}` is in no group or role that policies name, and named by none",
                )

    def _reached_unnamed(self) -> set[str]:
        """Return users to whom grants give something as everyone, or as owners of something."""
        granting = [p for p in self._book.policies if p.kind is PolicyType.ACCESS]
        if any(item.is_for_all for policy in granting for item in policy.items):
            return set(self._book.contents.users)
        for_owners = [p for p in granting if any(item.is_for_owner for item in p.items)]
        reached = set()
        for name, owner in self._evaluator.owners.items() if for_owners else ():
            parts = table_parts(name) if len(name) > 2 else name
            tags = [carried.tag for carried in self._evaluator.tags.of(parts, below=True)]
            asked = Asked(user=owner, owner=owner)
            if any(p.match(parts, asked) or any(map(p.is_on_tag, tags)) for p in for_owners):
                reached.add(owner)
        return reached


def _orphan(key: str, reason: str) -> Finding:
    return Finding(kind=FindingKind.ORPHANED_PRINCIPAL, subject=key, message=f"{reason}.")


def _is_over(ends: datetime | None, moment: datetime) -> bool:
    return ends is not None and ends < moment
