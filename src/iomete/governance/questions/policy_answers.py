"""What of `lake.policies` answers questions: why, who, what, what if, and what is wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from iomete.access import Verdict
from iomete.errors import ConfigurationError
from iomete.governance.answers import (
    Draft,
    Explainer,
    Explanation,
    Finding,
    Holder,
    Right,
    Simulation,
    TagOrigins,
    find_findings,
    holders_of,
    rights_of,
    simulate,
)
from iomete.governance.answers.later_changes import later_changes
from iomete.governance.answers.rights import holders_of_path
from iomete.governance.evaluator import ACTIONS, Evaluator, PolicyBook
from iomete.governance.evaluator.resource_names import table_parts
from iomete.governance.questions.asked_policies import AskedPolicies
from iomete.governance.questions.asked_resources import (
    TABLE_PARTS,
    check_action,
    check_column,
    checked_moment,
    checked_path,
    column_of,
    find_resource,
    is_path,
    known_table,
    refuse_ambiguous,
    table_of,
)
from iomete.governance.questions.drafting import StoreDrafting
from iomete.governance.questions.event_answers import differences, explained, masks_on, notes_on
from iomete.governance.questions.known_tables import KnownTables
from iomete.governance.questions.unmet_names import find_unmet
from iomete.governance.ranger.exchange import RangerExchange
from iomete.names import as_parts, lower, quote_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from iomete.governance.audit.trail import AuditEvent
    from iomete.governance.questions.asked_resources import Name
    from iomete.governance.questions.unmet_names import UnmetName


class PolicyAnswers(RangerExchange):
    """Questions about the policies of a lakehouse, for admins.

    They are answered by an evaluator in Python over the same documents that Spark goes by, as they
    are in the store. Nothing is changed, and no query is run.
    """

    _origins: TagOrigins | None = None

    def explain(
        self,
        principal: str,
        action: str,
        resource: Name,
        *,
        at: datetime | None = None,
        future: bool = False,
        after: Draft | None = None,
    ) -> Explanation:
        """Tell whether a principal may do something, and why.

        Args:
            principal: A user, as `alice` or `user:alice`; a group, a role, or `everyone` stands for
                a user who is in nothing else.
            action: `select`, `insert`, `update`, `delete`, `create`, `drop`, `alter`, `use` or
                `execute`; on paths `read` or `write`.
            resource: A catalog, namespace, table, view, column, field of a struct, or path.
            at: When, for policies that hold at times, in UTC if it has no time zone; unset: now.
                Policies are those of today.
            future: Whether the resource needn't exist. Of a table that isn't known, and is to be
                read, the columns are those that policies and tags name, and `*` for all others.
                Without Spark, more than three parts are no answer unless the table is known.
            after: A change that counts as made; unset: policies are those in force.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            NotFoundError: There is no such resource.
            ConfigurationError: There is no such action, or not on such a resource; or it can't be
                told whether a column is meant; or `at` is no moment, or `after` no draft.
            PoliciesElsewhereError: A Ranger Admin's policies are in force.

        Cost: metadata of the table that is asked about, and a few small reads of the store; all
            policies are read where they have changed. What is decided takes less than a
            millisecond.
        """
        evaluator, explainer = self._asking(at, after)
        subject = self._asked.subject(evaluator, principal)
        if is_path(resource):
            path = str(resource)
            check_action(action, on_path=True)
            if subject is None:
                return _of_nobody(principal, action, path, evaluator.version)
            return explainer.explain_path(subject, action, checked_path(path))
        check_action(action, on_path=False)
        if future and not self.knows_all_tables:
            self.refuse_ambiguous(as_parts(resource), _step_to_a_column(as_parts(resource)))
        parts, columns = find_resource(self._checks, resource, future=future)
        if subject is None:
            return _of_nobody(principal, action, quote_parts(parts), evaluator.version)
        if action == "select" and len(parts) == TABLE_PARTS and not columns:
            return explainer.explain_unknown(subject, parts)
        column = column_of(parts, resource)
        return explainer.explain(
            subject,
            action,
            parts,
            columns=columns,
            column=column,
            fields=self._fields(parts, resource),
        )

    def explain_column(
        self,
        principal: str,
        action: str,
        table: Sequence[str],
        path: Sequence[str],
        *,
        after: Draft | None = None,
    ) -> Explanation:
        """Tell whether a principal may do something with a column of a table, which may be unknown.

        Args:
            principal: As for `explain`.
            action: As for `explain`.
            table: The parts of the table's full name.
            path: The column's name, or the path of a field in its structs.
            after: As for `explain`.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            NotFoundError: There is no such table where all are known, or it has no such column.
            ConfigurationError: There is no such action, or the name is that of no table.
        """
        evaluator, explainer = self._asking(None, after)
        subject = self._asked.subject(evaluator, principal)
        check_action(action, on_path=False)
        self._check_column(table, path)
        parts = (*table_parts(table), ".".join(map(lower, path)))
        if subject is None:
            return _of_nobody(principal, action, quote_parts(parts), evaluator.version)
        column = lower(path[0]) if len(path) > 1 else None
        return explainer.explain(
            subject,
            action,
            parts,
            column=column,
            fields=lambda: self._checks.fields_of(table),
        )

    def _fields(self, parts: Sequence[str], resource: Name) -> Callable[[], Sequence[str]]:
        """Return what gives the paths of the fields of the table that is named, or is named in."""
        return lambda: self._checks.fields_of(table_of(parts, resource))

    @property
    def knows_all_tables(self) -> bool:
        """Whether what isn't known doesn't exist; without Spark it may."""
        return not isinstance(self._checks, KnownTables)

    def known_table(self, parts: Sequence[str]) -> Sequence[str]:
        """Return the parts of the table that a name is known to be of, or in; else none."""
        return known_table(self._checks, parts)

    def is_container(self, parts: Sequence[str]) -> bool:
        """Tell whether a full name is a catalog's or a namespace's, as far as that is known."""
        return len(parts) < TABLE_PARTS or self._checks.kind_of(parts) == "namespace"

    def knows(self, resource: Name) -> bool:
        """Tell whether it is known what a name is of, or that there is no such thing."""
        if self.knows_all_tables or is_path(resource):
            return True
        parts = as_parts(resource)
        return self._checks.kind_of(parts) is not None or bool(self.known_table(parts))

    def unmet(self, action: str, resource: Name, *, after: Draft | None = None) -> UnmetName | None:
        """Return what can't be told of a name without Spark; None of what is known, and of paths.

        Args:
            action: As for `explain`. What a table is to be created in is told about, not the table.
            resource: As for `explain`.
            after: As for `explain`.
        """
        if self.knows_all_tables or is_path(resource):
            return None
        evaluator, _ = self._asking(None, after)
        return find_unmet(self._checks, evaluator, action, as_parts(resource))

    def refuse_ambiguous(self, parts: Sequence[str], step: str) -> None:
        """Refuse a name that may be a column's or a nested table's, with a step to tell them apart.

        Raises:
            ConfigurationError: It may be either.
        """
        refuse_ambiguous(self._checks, parts, step)

    def explain_event(self, event: AuditEvent) -> Explanation:
        """Tell why a row of the audit trail was decided as it was, by the policies of its time.

        A table that was read is explained with all its columns, as its event's policies are those
        of all of them; an event's masks are those of the columns that the query used. Memberships,
        attributes, tags, owners and the table's columns are today's; where the event recorded
        something else, the explanation says so in `differs`.

        Args:
            event: One of `lake.audit.events()` that is about data, not the administration.

        Raises:
            ConfigurationError: It is about the administration.
            PrincipalNotFoundError: Its principal isn't registered any more.

        Cost: one read of the policies' history; what differs from today's is compiled, and kept for
            the next events of its time.
        """
        if event.action not in ACTIONS:
            raise ConfigurationError(
                f"An event of `{event.action}` is about no policy.",
                hint="ask about events whose action is one of " + ", ".join(ACTIONS),
            )
        book, is_known = self._asked.past(event.time)
        evaluator, explainer = self._asked_of(book, event.time)
        subject = self._asked.subject(evaluator, f"user:{event.principal}")
        if subject is None:
            has_all_columns = True
            found = _of_nobody(event.principal, event.action, event.resource, evaluator.version)
        else:
            found, has_all_columns = explained(event, subject, explainer, self._checks)
        return replace(
            found,
            notes=tuple(notes_on(event, has_policies=is_known)),
            differs=differences(
                found,
                event,
                masks=lambda: masks_on(event, evaluator, self._checks),
                has_all_columns=has_all_columns,
            ),
        )

    def who_can(self, action: str, resource: Name, *, at: datetime | None = None) -> list[Holder]:
        """Return the users who may do something with a resource, and by what; sorted by name.

        Arguments and errors are those of `explain`. Who may select from a table sees at least one
        of its columns.
        """
        evaluator, explainer = self._asking(at)
        if is_path(resource):
            check_action(action, on_path=True)
            return holders_of_path(explainer, evaluator, action, checked_path(str(resource)))
        check_action(action, on_path=False)
        parts, columns = find_resource(
            self._checks, resource, future=False, step=self._step_to_known
        )
        column = column_of(parts, resource)
        return holders_of(
            explainer, evaluator, action, parts, columns, column, self._fields(parts, resource)
        )

    def what_can(self, principal: str, *, at: datetime | None = None) -> list[Right]:
        """Return what a principal may do with which tables and views, sorted by their names.

        Raises:
            PrincipalNotFoundError: There is no such principal.

        Cost: one list of all tables; columns of those of which policies or tags name some.
        """
        evaluator, _ = self._asking(at)
        subject = self._asked.subject(evaluator, principal)
        return [] if subject is None else rights_of(evaluator, subject, self._checks)

    def draft(self) -> Draft:
        """Return an empty change, to be filled and tried: nothing is changed by it.

        Example:
            draft = lake.policies.draft().grant("select", on="lake.hr", to="group:analysts")
            print(lake.policies.simulate(draft))
        """
        self._asked.refuse_elsewhere()
        return Draft(StoreDrafting(self._administration, self._writer, self._checks, self._asked))

    def simulate(self, change: Draft, *, at: datetime | None = None) -> Simulation:
        """Tell what a change would do: who gains, loses or sees what otherwise, on which tables.

        Args:
            change: Made by `draft()`.
            at: When, for policies that hold at times; unset: now.

        Raises:
            StillNeededError: A group or role would be in itself.
            ConfigurationError: `change` is no draft, or `at` no moment.

        Cost: one list of all tables; columns of those of which policies or tags name some.
        """
        moment = checked_moment(at)
        book = self._asked.current()
        after = self._asked.drafted(change, book)
        return simulate(
            book.at(moment),
            after.at(moment),
            self._checks,
            knows_all_tables=self.knows_all_tables,
            later=later_changes(book, after, moment),
        )

    def findings(self, *, at: datetime | None = None) -> list[Finding]:
        """Return what is wrong, or may be, with policies, tags and principals.

        Unused, shadowed and redundant policies, grants that are too broad, tagged columns that
        somebody reads as they are, and principals without members or rights. Without Spark, tables
        that it hasn't met are left out, and no policy is said to be on nothing.

        Cost: one list of all tables; columns of those of which policies or tags name some.
        """
        return find_findings(
            self._asked.current(),
            self._checks,
            checked_moment(at),
            knows_all_tables=self.knows_all_tables,
        )

    def evaluator(self, *, at: datetime | None = None) -> Evaluator:
        """Return what decides in Python by the policies of this lakehouse, at a moment.

        Raises:
            PoliciesElsewhereError: A Ranger Admin's policies are in force.
        """
        return self._asking(at)[0]

    # --- how --------------------------------------------------------------------------------------

    @cached_property
    def _asked(self) -> AskedPolicies:
        return AskedPolicies(self._administration, self._outside)

    def _asking(
        self, at: datetime | None, after: Draft | None = None
    ) -> tuple[Evaluator, Explainer]:
        book = self._asked.current()
        if after is not None:
            book = self._asked.drafted(after, book)
        return self._asked_of(book, checked_moment(at))

    def _asked_of(self, book: PolicyBook, moment: datetime) -> tuple[Evaluator, Explainer]:
        evaluator = book.at(moment)
        return evaluator, Explainer(evaluator, origins=self._origins)

    def _check_column(self, table: Sequence[str], path: Sequence[str]) -> None:
        if self.is_container(table):
            raise ConfigurationError(
                f"`{quote_parts(tuple(table))[:200]}` is no table, and has no columns.",
                hint="write catalog.namespace.table",
            )
        if self._checks.kind_of(table) == "table":
            check_column(self._checks, table, path)
        elif self.knows_all_tables:
            find_resource(self._checks, table, future=False, step=self._step_to_known)

    @property
    def _step_to_known(self) -> str:
        if self.knows_all_tables:
            return "ask about a table, view, namespace or catalog that exists"
        return (
            "without Spark only tables that it has met are known: add --tables on the command "
            "line, or open the lakehouse by iomete.connect()"
        )


def _step_to_a_column(parts: Sequence[str]) -> str:
    table = quote_parts(parts[:TABLE_PARTS])
    return (
        f"ask about the table `{table}`, which tells of its columns; or add --tables on the "
        "command line, or open the lakehouse by iomete.connect()"
    )


def _of_nobody(principal: str, action: str, resource: str, version: int) -> Explanation:
    name = principal.removeprefix("user:")
    return Explanation(
        principal=name,
        action=action,
        resource=resource,
        verdict=Verdict.DENIED,
        reason=f"`{name}` may not {action} `{resource}`: the user is disabled, and so has no "
        "rights, not even those of everyone.",
        policy=None,
        version=version,
    )
