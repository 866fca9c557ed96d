"""What of `lake.policies` answers questions: why, who, what, what if, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iomete.access import Verdict
from iomete.errors import (
    CatalogNotFoundError,
    ColumnNotFoundError,
    ConfigurationError,
    NamespaceNotFoundError,
    NotFoundError,
    PoliciesElsewhereError,
    PrincipalNotFoundError,
    TableNotFoundError,
)
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
from iomete.governance.answers.rights import holders_of_path
from iomete.governance.current_policies import CurrentPolicies
from iomete.governance.drafting import StoreDrafting
from iomete.governance.evaluator import ACTIONS, Evaluator, PolicyBook, Subject
from iomete.governance.evaluator.paths import canonical
from iomete.governance.evaluator.resource_names import namespace_parts, table_parts
from iomete.governance.evaluator.schedules import in_utc
from iomete.governance.event_answers import differences, notes_on
from iomete.governance.known_tables import KnownTables
from iomete.governance.past_policies import PastPolicies, has_history
from iomete.governance.principal_names import PrincipalKind, PrincipalName
from iomete.governance.principal_records import check_exist
from iomete.governance.ranger.exchange import RangerExchange
from iomete.names import as_parts, lower, nearest, quote_parts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iomete.governance.audit.trail import AuditEvent

Name = str | Sequence[str]
_PATH_ACTIONS = ("read", "write")
_TABLE_PARTS = 3
"""The fewest parts of a table's full name."""
_ADMINISTRATION = "policy.explain"


class PolicyAnswers(RangerExchange):
    """Questions about the policies of a lakehouse, for admins.

    They are answered by an evaluator in Python over the same documents that Spark goes by, as they
    are in the store. Nothing is changed, and no query is run.
    """

    _policies: CurrentPolicies | None = None
    _last_drafted: tuple[Draft, int, PolicyBook, PolicyBook] | None = None
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
            after: A change that counts as made; unset: policies are those in force.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            NotFoundError: There is no such resource.
            ConfigurationError: There is no such action, or not on such a resource.
            PoliciesElsewhereError: A Ranger Admin's policies are in force.

        Cost: metadata of the table that is asked about, and a few small reads of the store; all
            policies are read where they have changed. What is decided takes less than a
            millisecond.
        """
        evaluator, explainer = self._asking(at, after)
        subject = self._subject(evaluator, principal)
        if is_path(resource):
            path = str(resource)
            _check_action(action, _PATH_ACTIONS, "paths")
            if subject is None:
                return _of_nobody(principal, action, path, evaluator.version)
            return explainer.explain_path(subject, action, _checked_path(path))
        _check_action(action, tuple(a for a in ACTIONS if a not in _PATH_ACTIONS), "tables")
        parts, columns = self._resource(resource, future=future)
        if subject is None:
            return _of_nobody(principal, action, quote_parts(parts), evaluator.version)
        if action == "select" and len(parts) == _TABLE_PARTS and not columns:
            return explainer.explain_unknown(subject, parts)
        column = _column_of(parts, resource)
        return explainer.explain(subject, action, parts, columns=columns, column=column)

    def explain_column(
        self,
        principal: str,
        action: str,
        table: Sequence[str],
        path: Sequence[str],
        *,
        after: Draft | None = None,
    ) -> Explanation:
        """Tell whether a principal may do something with a column of a table that isn't known.

        Args:
            principal: As for `explain`.
            action: As for `explain`.
            table: The parts of the table's full name.
            path: The column's name, or the path of a field in its structs.
            after: As for `explain`.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            ConfigurationError: There is no such action, or the table's name is none.
        """
        evaluator, explainer = self._asking(None, after)
        subject = self._subject(evaluator, principal)
        _check_action(action, tuple(a for a in ACTIONS if a not in _PATH_ACTIONS), "tables")
        if len(table) < _TABLE_PARTS:
            raise ConfigurationError(
                f"`{quote_parts(tuple(table))[:200]}` is no table, and has no columns.",
                hint="write catalog.namespace.table",
            )
        parts = (*table_parts(table), ".".join(map(lower, path)))
        if subject is None:
            return _of_nobody(principal, action, quote_parts(parts), evaluator.version)
        column = lower(path[0]) if len(path) > 1 else None
        return explainer.explain(subject, action, parts, column=column)

    @property
    def knows_all_tables(self) -> bool:
        """Whether what isn't known doesn't exist; without Spark it may."""
        return not isinstance(self._checks, KnownTables)

    def knows_table(self, parts: Sequence[str]) -> bool:
        """Tell whether a full name is known to be a table's or a view's."""
        return len(parts) >= _TABLE_PARTS and self._checks.kind_of(parts) == "table"

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
        book = self._current()
        with self._administration.reading(_ADMINISTRATION) as connection:
            book = self._past.book(connection, event.time, book)
            is_known = has_history(connection, event.time)
        found, has_all_columns = self._explained(event, *self._asked_of(book, event.time))
        return replace(
            found,
            notes=tuple(notes_on(event, has_policies=is_known)),
            differs=differences(found, event, has_all_columns=has_all_columns),
        )

    def _explained(
        self, event: AuditEvent, evaluator: Evaluator, explainer: Explainer
    ) -> tuple[Explanation, bool]:
        """Return an event's explanation, and whether it is of all columns of its table."""
        subject = self._subject(evaluator, f"user:{event.principal}")
        action, name = event.action, event.resource
        if subject is None:
            return _of_nobody(event.principal, action, name, evaluator.version), True
        if action in _PATH_ACTIONS:
            return explainer.explain_path(subject, action, name), True
        parts = _as_named(as_parts(name))
        if action != "select" or len(parts) != _TABLE_PARTS:
            return explainer.explain(subject, action, parts), True
        there = self._checks.columns_of(as_parts(name))
        columns = there or event.columns or ()
        if not columns:
            return explainer.explain_unknown(subject, parts), False
        return explainer.explain(subject, action, parts, columns=columns), bool(there)

    def who_can(self, action: str, resource: Name, *, at: datetime | None = None) -> list[Holder]:
        """Return the users who may do something with a resource, and by what; sorted by name.

        Arguments and errors are those of `explain`. Who may select from a table sees at least one
        of its columns.
        """
        evaluator, explainer = self._asking(at)
        if is_path(resource):
            _check_action(action, _PATH_ACTIONS, "paths")
            return holders_of_path(explainer, evaluator, action, _checked_path(str(resource)))
        _check_action(action, tuple(a for a in ACTIONS if a not in _PATH_ACTIONS), "tables")
        parts, columns = self._resource(resource, future=False, step=self._step_to_known)
        column = _column_of(parts, resource)
        return holders_of(explainer, evaluator, action, parts, columns, column)

    def what_can(self, principal: str, *, at: datetime | None = None) -> list[Right]:
        """Return what a principal may do with which tables and views, sorted by their names.

        Raises:
            PrincipalNotFoundError: There is no such principal.

        Cost: one list of all tables.
        """
        evaluator, _ = self._asking(at)
        subject = self._subject(evaluator, principal)
        return [] if subject is None else rights_of(evaluator, subject, self._checks)

    def draft(self) -> Draft:
        """Return an empty change, to be filled and tried: nothing is changed by it.

        Example:
            draft = lake.policies.draft().grant("select", on="lake.hr", to="group:analysts")
            print(lake.policies.simulate(draft))
        """
        self._refuse_elsewhere()
        return Draft(StoreDrafting(self._administration, self._writer, self._checks))

    def simulate(self, change: Draft, *, at: datetime | None = None) -> Simulation:
        """Tell what a change would do: who gains, loses or sees what otherwise, on which tables.

        Args:
            change: Made by `draft()`.
            at: When, for policies that hold at times; unset: now.

        Raises:
            StillNeededError: A group or role would be in itself.

        Cost: one list of all tables; columns of those on which policies tell columns apart by
            patterns.
        """
        moment = in_utc(at)
        book = self._current()
        after = self._drafted(change, book).at(moment)
        return simulate(
            book.at(moment), after, self._checks, knows_all_tables=self.knows_all_tables
        )

    def findings(self, *, at: datetime | None = None) -> list[Finding]:
        """Return what is wrong, or may be, with policies, tags and principals.

        Unused, shadowed and redundant policies, grants that are too broad, tagged columns that
        somebody reads as they are, and principals without members or rights. Without Spark, tables
        that it hasn't met are left out, and no policy is said to be on nothing.

        Cost: one list of all tables; columns of those on which policies tell columns apart by
            patterns.
        """
        return find_findings(
            self._current(), self._checks, in_utc(at), knows_all_tables=self.knows_all_tables
        )

    def evaluator(self, *, at: datetime | None = None) -> Evaluator:
        """Return what decides in Python by the policies of this lakehouse, at a moment.

        Raises:
            PoliciesElsewhereError: A Ranger Admin's policies are in force.
        """
        return self._asking(at)[0]

    # --- how --------------------------------------------------------------------------------------

    def _asking(
        self, at: datetime | None, after: Draft | None = None
    ) -> tuple[Evaluator, Explainer]:
        book = self._current()
        if after is not None:
            book = self._drafted(after, book)
        return self._asked_of(book, in_utc(at))

    def _drafted(self, draft: Draft, book: PolicyBook) -> PolicyBook:
        """Return the policies as a draft leaves them; those of the last draft are kept."""
        known = self._last_drafted
        steps = draft.step_count
        if known is None or known[0] is not draft or known[1] != steps or known[2] is not book:
            after = PolicyBook(draft.applied_to(book.contents), like=book)
            known = self._last_drafted = draft, steps, book, after
        return known[3]

    def _asked_of(self, book: PolicyBook, moment: datetime) -> tuple[Evaluator, Explainer]:
        evaluator = book.at(moment)
        asleep = book.asleep(moment)
        return evaluator, Explainer(evaluator, asleep=asleep, origins=self._origins)

    @cached_property
    def _past(self) -> PastPolicies:
        return PastPolicies()

    def _current(self) -> PolicyBook:
        """Return the policies of the store; read again where they have another version."""
        self._refuse_elsewhere()
        with self._administration.reading(_ADMINISTRATION):
            pass  # whoever may not gets no answer
        if self._policies is None:
            self._policies = CurrentPolicies(self._administration.parts[0])
        return self._policies.book()

    def _refuse_elsewhere(self) -> None:
        if self._outside is not None:
            raise PoliciesElsewhereError(
                f"What is allowed, and why, is known to {self._outside.name}, whose policies and "
                "principals are in force.",
                hint="ask Ranger Admin",
            )

    def _subject(self, evaluator: Evaluator, principal: str) -> Subject | None:
        """Return who is asked about; None for a user without any rights.

        Raises:
            PrincipalNotFoundError: There is none.
        """
        name = PrincipalName.parse(principal)
        if name.kind is PrincipalKind.USER:
            if name.name not in evaluator.contents.users:
                with self._administration.reading(_ADMINISTRATION) as connection:
                    check_exist(connection, [name])
                raise PrincipalNotFoundError(f"{name.words} does not exist.")
            return evaluator.subject(name.name)
        with self._administration.reading(_ADMINISTRATION) as connection:
            check_exist(connection, [name])
        keys = evaluator.contents.memberships.keys_with(str(name))
        return Subject(name=str(name), keys=keys)

    @property
    def _step_to_known(self) -> str:
        if self.knows_all_tables:
            return "ask about a table, view, namespace or catalog that exists"
        return (
            "without Spark only tables that it has met are known: add --tables on the command "
            "line, or open the lakehouse by iomete.connect()"
        )

    def _resource(
        self, resource: Name, *, future: bool, step: str = "pass future=True for what is to come"
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the parts of what is named as policies have them, and the columns of a table.

        Args:
            resource: As it is named.
            future: Whether it needn't exist.
            step: What to do where it has to, and doesn't.

        Raises:
            NotFoundError: There is nothing of this name, and it must exist.
        """
        parts = as_parts(resource)
        for length in range(len(parts), 2, -1):
            if self._checks.kind_of(parts[:length]) == "table":
                return self._in_table(parts[:length], parts[length:], future=future)
        kind = self._checks.kind_of(parts) if len(parts) < 3 or not future else None
        if kind in ("catalog", "namespace"):
            return namespace_parts(parts), ()
        if future:
            return _as_named(parts), ()
        raise self._missing(parts, step)

    def _in_table(
        self, table: Sequence[str], path: Sequence[str], *, future: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        there = self._checks.columns(quote_parts(table)) or ()
        names = {lower(column): column for column, _ in there}
        if not path:
            return table_parts(table), tuple(names.values())
        if lower(path[0]) not in names and not future:
            alike = nearest(path[0], names.values())
            raise ColumnNotFoundError(
                f"Table `{quote_parts(table)}` has no column `{path[0][:200]}`.",
                hint=f"did you mean `{alike}`?" if alike else "see its columns by DESCRIBE",
            )
        return (*table_parts(table), ".".join(map(lower, path))), ()

    def _missing(self, parts: Sequence[str], step: str) -> NotFoundError:
        errors = {1: CatalogNotFoundError, 2: NamespaceNotFoundError}
        what = {1: "Catalog", 2: "Namespace"}.get(len(parts), "Table, view or namespace")
        error = errors.get(len(parts), TableNotFoundError)
        name = quote_parts(parts)
        candidates: Iterable[str] = ()
        if len(parts) > 2:
            candidates = (quote_parts(tuple(table)) for table in self._checks.list_tables())
        alike = nearest(name, candidates)
        return error(
            f"{what} `{name[:200]}` does not exist.",
            hint=f"did you mean `{alike}`?" if alike else step,
        )


def _check_action(action: str, known: Sequence[str], where: str) -> None:
    if action in known:
        return
    alike = None if action in ACTIONS else nearest(str(action), known)
    raise ConfigurationError(
        f"`{str(action)[:80]}` is no action on {where}.",
        hint=f"did you mean `{alike}`?" if alike else f"actions are {', '.join(known)}",
    )


def is_path(resource: Any) -> bool:
    """Tell whether a resource is a path, and not a name: it begins with a scheme or a slash."""
    return isinstance(resource, str) and (
        "://" in resource or resource.startswith("/") or canonical(resource) is not None
    )


def _checked_path(path: str) -> str:
    if canonical(path) is None:
        raise ConfigurationError(
            f"`{path[:200]}` can't be a path of policies: it is relative, or has `.` in it.",
            hint="write s3://bucket/prefix, or /a/local/folder",
        )
    return path


def _as_named(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a name that need not exist: a table, where it has three and more."""
    return table_parts(parts) if len(parts) > 2 else namespace_parts(parts)


def _column_of(parts: Sequence[str], resource: Name) -> str | None:
    """Return the column of a field's path; a column may have a dot in its own name."""
    if len(parts) < 4 or "." not in parts[3]:
        return None
    in_table = as_parts(resource)[2 + parts[1].count(".") + 1 :]
    return lower(in_table[0]) if len(in_table) > 1 else None


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
