"""Makes plans, and carries them out: all of a plan in one transaction, or nothing of it."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iomete.errors import InvalidPlanError, PlanOutdatedError, PolicyFilesError, StoreError
from iomete.governance import counters
from iomete.governance.as_code.folder import FileProblems
from iomete.governance.as_code.ownership import owned_by
from iomete.governance.as_code.plan import (
    PlannedAction,
    PlannedChange,
    PolicyPlan,
    compare,
)
from iomete.governance.as_code.references import note_absent_tables, note_missing, note_others
from iomete.governance.documents.checks import Problems
from iomete.governance.documents.conflicts import find_conflicts, warn_of_conflicts
from iomete.governance.documents.document import LABELS
from iomete.governance.documents.existence import check_against_tables
from iomete.governance.interchange import RememberedChecks
from iomete.governance.policy_records import (
    Change,
    Policy,
    delete_policy,
    find_policy,
    insert_policy,
    read_history,
    read_policies,
    replace_policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iomete.governance.administration import Administration
    from iomete.governance.as_code.files import Declarations
    from iomete.governance.documents.checks import PolicyChecks

_CALLER = 3
"""Frames from a warning here to the caller of `lake.policies`."""

_ACTIONS = {
    PlannedAction.CREATE: "policy.create",
    PlannedAction.UPDATE: "policy.update",
    PlannedAction.ADOPT: "policy.update",
    PlannedAction.DELETE: "policy.delete",
}
"""What is recorded of each, as of policies that are changed one by one."""

_MOVED = (
    "what it is on was renamed, and the policy has followed: write the new name into the file, or "
    "this takes the policy back to the old one"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPlan:
    """What was done: names of policies, and the version of governance that they are in force at."""

    version: int
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()


class PolicyApplier:
    """Plans and applies policies of files, as one principal.

    Args:
        administration: Who asks, and the store.
        checks: What changed policies are held to; None: tables aren't looked at.
    """

    def __init__(self, administration: Administration, checks: PolicyChecks | None) -> None:
        self._administration = administration
        self._checks = checks

    def plan(
        self, declared: Declarations, problems: FileProblems | None = None, *, adopt: bool
    ) -> PolicyPlan:
        """Return what has to change, so that the store says what the files say.

        Args:
            declared: What they say, as far as it is right.
            problems: What is wrong with the rest: told with what is wrong by what there is.
            adopt: Whether policies that were made by hand are taken over.

        Raises:
            PolicyFilesError: With everything that is wrong.
        """
        store = self._administration.parts[0]
        problems = FileProblems() if problems is None else problems
        if not problems:
            _refuse_without_policies(declared)
        on = _resource(declared.project)
        with self._administration.reading("policy.plan", on) as connection:
            version = counters.read_version(connection) or 0
            stored = {policy.name: policy for policy in read_policies(connection)}
            note_missing(connection, declared.policies, declared.faulty, problems)
            note_others(declared.policies, stored, problems, project=declared.project, adopt=adopt)
            changes, adopted, unchanged = compare(declared.policies, stored, declared.project)
            changes = [_noted(connection, change) for change in changes]
        if self._checks is not None:
            changing = {change.name for change in changes}
            there = (p for p in declared.policies if p.name in changing and not p.future)
            note_absent_tables(there, self._checks, problems)
        problems.raise_any()
        return PolicyPlan(
            lakehouse=store.identity().id,
            version=version,
            project=declared.project,
            author=self._administration.author,
            created_at=datetime.now(UTC),
            changes=tuple(changes),
            adopted=tuple(adopted),
            unchanged=unchanged,
        )

    def apply(self, plan: PolicyPlan) -> AppliedPlan:
        """Carry out a plan, in one transaction and one version of governance.

        Raises:
            InvalidPlanError: It was made for another lakehouse, or is about a policy twice.
            PlanOutdatedError: Something has changed since.
            PolicyFilesError: A table or column that it names doesn't exist.
            StoreError: The metadata database doesn't take it; nothing was changed.
        """
        on = _resource(plan.project)
        with self._administration.reading("policy.apply", on):
            pass  # whoever may not gets no answer about what exists
        ours = self._administration.parts[0].identity().id
        if plan.lakehouse != ours:
            raise InvalidPlanError(
                f"The plan was made for lakehouse `{plan.lakehouse}`, and this is `{ours}`.",
                hint="plan for this lakehouse",
            )
        _refuse_twice(plan)
        self._check_tables(plan)
        if plan.is_empty:
            with self._administration.reading("policy.apply", on) as connection:
                _refuse_outdated(connection, plan)
            return AppliedPlan(version=plan.version)
        changing = self._administration.changing("policy.apply", on, detail=plan.project)
        with _refusals_of_the_store(), changing as connection:
            _refuse_outdated(connection, plan)
            stored = [self._carry_out(connection, change, plan) for change in _in_order(plan)]
            changed = {change.name for change in plan.changes}
            new = [policy for policy in stored if policy is not None and policy.name in changed]
            conflicts = [(policy, find_conflicts(connection, policy)) for policy in new]
        told: set[int] = set()
        for policy, others in conflicts:
            warn_of_conflicts(
                policy, [other for other in others if other.id not in told], stacklevel=_CALLER
            )
            told.add(policy.id)
        return AppliedPlan(
            version=plan.version + 1,
            created=_names(plan, PlannedAction.CREATE),
            updated=_names(plan, PlannedAction.UPDATE),
            deleted=_names(plan, PlannedAction.DELETE),
            adopted=_names(plan, PlannedAction.ADOPT),
        )

    def _check_tables(self, plan: PolicyPlan) -> None:
        """Hold what changes to tables, columns and SQL, as they are by now."""
        if self._checks is None:
            return
        remembered = RememberedChecks(self._checks)
        found: list[str] = []
        for change in plan.changes:
            if change.after is not None and not change.future:
                problems = Problems()
                check_against_tables(change.after, remembered, problems)
                found += [f"{change.place}: policy `{change.name}`, {text}" for text in problems]
        if found:
            raise PolicyFilesError(
                found, hint="correct the files and plan again; nothing was changed"
            )

    def _carry_out(
        self, connection: sa.Connection, change: PlannedChange, plan: PolicyPlan
    ) -> Policy | None:
        author = self._administration.author
        before = None if change.policy_id is None else find_policy(connection, change.policy_id)
        if change.after is None:
            if before is not None:
                delete_policy(connection, before, author=author)
                self._record(change, before)
            return None
        if before is None:
            document = owned_by(change.after, plan.project)
            policy = insert_policy(connection, document, author=author)
        else:
            labels = before.document.get(LABELS)
            document = owned_by(change.after, plan.project, labels=labels)
            policy = replace_policy(connection, before, document, author=author)
            if before.on != policy.on:
                self._record(change, before)
        self._record(change, policy)
        return policy

    def _record(self, change: PlannedChange, policy: Policy) -> None:
        action = _ACTIONS[change.action]
        self._administration.concerns(policy.on, policy.id, action=action)


def _refuse_without_policies(declared: Declarations) -> None:
    """Refuse a folder of tests alone, which would be taken for one that wants no policies."""
    if not declared.owns_policies:
        raise PolicyFilesError(
            [f"`{declared.folder}` holds tests, and no policies"],
            hint="name the folder that holds the policies; for none at all, write `policies: []`",
        )


def _resource(project: str) -> str:
    """Return what the audit trail says that a plan is about, where it names no policy."""
    return f"policies:{project}"


def _in_order(plan: PolicyPlan) -> Sequence[PlannedChange]:
    """Return changes with deletions first."""
    deletions = [c for c in plan.changes if c.action is PlannedAction.DELETE]
    return [*deletions, *(c for c in plan.changes if c not in deletions), *plan.adopted]


def _names(plan: PolicyPlan, action: PlannedAction) -> tuple[str, ...]:
    return tuple(c.name for c in (*plan.changes, *plan.adopted) if c.action is action)


def _refuse_twice(plan: PolicyPlan) -> None:
    """Refuse a plan that says two things of one policy, of which none could be reviewed."""
    names = Counter(change.name for change in (*plan.changes, *plan.adopted))
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        named = ", ".join(f"`{name[:80]}`" for name in twice)
        raise InvalidPlanError(
            f"The plan is about a policy more than once: {named}.",
            hint="plan again, from files that have each name once",
        )


@contextmanager
def _refusals_of_the_store() -> Iterator[None]:
    """Raise as ours what the database raises where its constraints don't allow a plan."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        detail = " ".join(str(error.orig).split())
        raise StoreError(
            f"The metadata database doesn't take the plan ({detail}); nothing was changed.",
            hint="plan again, and look at what is different",
        ) from error


def _refuse_outdated(connection: sa.Connection, plan: PolicyPlan) -> None:
    version = counters.read_version(connection) or 0
    if version != plan.version:
        raise PlanOutdatedError(
            f"The plan was made at version {plan.version} of governance, which is at version "
            f"{version} by now; nothing was changed.",
            hint="plan again, and look at what is different",
        )


def _noted(connection: sa.Connection, change: PlannedChange) -> PlannedChange:
    """Add that a policy is elsewhere than its file says since what it is on was renamed."""
    if change.action is not PlannedAction.UPDATE or change.policy_id is None:
        return change
    moved_keys = {"on", "on_namespace", "columns", "except_columns", "filter_rows", "expression"}
    if not any(field.key in moved_keys for field in change.fields):
        return change
    history = read_history(connection, change.policy_id)
    is_moved = bool(history) and history[-1].change is Change.MOVED
    return replace(change, note=_MOVED) if is_moved else change
