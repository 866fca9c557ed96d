"""`lake.policies`: what principals may do and what of it they see, one Ranger policy a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from iomete.errors import PoliciesElsewhereError, PolicyNotFoundError
from iomete.governance.as_code.exchange import PolicyFiles
from iomete.governance.documents.specifications import PolicyKind
from iomete.governance.interchange import export_policies
from iomete.governance.policy_records import (
    Policy,
    PolicyVersion,
    find_policy,
    read_history,
    read_policies,
)
from iomete.governance.policy_search import policies_for, policies_on
from iomete.governance.principals.names import PrincipalName
from iomete.governance.questions.planned import PlannedAnswers, PlannedEffects
from iomete.governance.questions.policy_answers import PolicyAnswers
from iomete.governance.tables import policies

if TYPE_CHECKING:
    from pathlib import Path

    from iomete.governance.administration import Administration
    from iomete.governance.as_code import AnswersAfter, Effects
    from iomete.governance.documents.checks import Inventory
    from iomete.governance.documents.document import Document
    from iomete.governance.ranger.outside import OutsidePolicies

Name = str | Sequence[str]
Names = str | Iterable[str]


class Policies(PolicyAnswers, PolicyFiles):
    """Policies of a lakehouse, for admins. A change is in force when its call returns.

    Principals are written `user:alice`, `group:analysts`, `role:auditor` or `everyone`; a bare
    name is a user. A policy can also be for, or except, `{OWNER}`: whoever owns the table.

    `on` is the full name of a catalog, a namespace (with all in it), a table or a view; `*` and `?`
    in it stand for any characters and for one, `{USER}` for the name of who asks. What has none of
    these must exist, unless `future=True`.

    Policies of priority `override` are asked before `normal` ones; among equals, a denial wins
    over a grant, and of masks and filters one counts.
    """

    def __init__(
        self,
        administration: Administration,
        checks: Inventory,
        *,
        effects: Effects | None = None,
        answers: AnswersAfter | None = None,
        **ranger: Any,
    ) -> None:
        super().__init__(
            administration,
            checks,
            effects=effects or PlannedEffects(self),
            answers=answers or partial(PlannedAnswers, self),
            **ranger,
        )

    def grant(
        self,
        actions: Names,
        *,
        on: Name | None = None,
        columns: Names | None = None,
        on_path: str | None = None,
        on_tag: str | None = None,
        to: Names,
        except_: Names = (),
        future: bool = False,
        **more: Any,
    ) -> Policy:
        """Allow actions.

        Args:
            actions: One or more of `select`, `insert`, `update`, `delete`, `create`, `drop`,
                `alter`, `use`, `execute`; on paths `read` and `write`; `all` is all of them.
            on: What they are allowed on.
            columns: Only these columns of a table, for `select`; patterns are fine.
            on_path: A path or URL, with all below it, instead of `on`.
            on_tag: A tag or a pattern of tags, instead of `on`: whatever has one.
            to: Who may.
            except_: Who may not by this policy, although among `to`.
            future: Whether what is named needn't exist yet.
            more: `except_columns` (all of a table's columns but these, instead of `columns`),
                `priority` ("normal", "override"), `valid_from`, `valid_until` (datetimes or ISO
                8601 text, in UTC where they have no zone), `name`, `description`.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            AlreadyExistsError: There is a policy of this name.

        Cost: one write to the store and one to the bundle; no scan.
        """
        arguments = {"actions": actions, "on": on, "columns": columns, "on_path": on_path}
        arguments |= {"on_tag": on_tag, "to": to, "except_": except_}
        return self._writer.create(PolicyKind.GRANT, arguments | more, future=future)

    def deny(
        self,
        actions: Names,
        *,
        on: Name | None = None,
        columns: Names | None = None,
        on_path: str | None = None,
        on_tag: str | None = None,
        to: Names,
        except_: Names = (),
        future: bool = False,
        **more: Any,
    ) -> Policy:
        """Forbid actions, whatever grants of the same priority say; arguments as for `grant`.

        A denial is on whole columns; hide a field of a struct by a mask.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            AlreadyExistsError: There is a policy of this name.
        """
        arguments = {"actions": actions, "on": on, "columns": columns, "on_path": on_path}
        arguments |= {"on_tag": on_tag, "to": to, "except_": except_}
        return self._writer.create(PolicyKind.DENY, arguments | more, future=future)

    def mask(
        self,
        table: Name,
        column: Names,
        mask: str,
        *,
        to: Names,
        except_: Names = (),
        future: bool = False,
        **more: Any,
    ) -> Policy:
        """Show a column's values otherwise than they are.

        Args:
            table: A table, a view, or a pattern of them.
            column: A column, a field in its structs (`contact.email`), a pattern, or several.
            mask: `redact`; `partial` (`show_last=4` or `show_first=`); `hash`; `nullify`;
                `constant` (`value=`); `year`; `round` (`digits=`); `custom` (`expression=`, SQL in
                which `{col}` is the column); `none`, for whom another mask would hide it.
            to: Who sees it masked.
            except_: Who sees it as it is, although among `to`.
            future: Whether what is named needn't exist yet.
            more: The mask's own argument, and those of `grant`.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            AlreadyExistsError: There is a policy of this name.

        Warns:
            PolicyConflictWarning: Another mask of this priority can meet it.
        """
        arguments = {"on": table, "columns": column, "mask": mask, "to": to, "except_": except_}
        return self._writer.create(PolicyKind.MASK, arguments | more, future=future)

    def mask_tag(
        self, tag: str, mask: str, *, to: Names, except_: Names = (), **more: Any
    ) -> Policy:
        """Show values of whatever has a tag otherwise than they are; arguments as for `mask`.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            AlreadyExistsError: There is a policy of this name.
        """
        arguments = {"on_tag": tag, "mask": mask, "to": to, "except_": except_}
        return self._writer.create(PolicyKind.MASK, arguments | more, future=False)

    def filter_rows(
        self,
        table: Name,
        predicate: str,
        *,
        to: Names,
        except_: Names = (),
        future: bool = False,
        **more: Any,
    ) -> Policy:
        """Show only the rows that a predicate holds for.

        Args:
            table: A table, a view, or a pattern of them.
            predicate: SQL over its columns; `${{USER.region}}` is the asker's attribute.
            to: For whom.
            except_: Who sees every row, although among `to`.
            future: Whether what is named needn't exist yet.
            more: As for `grant`.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
            AlreadyExistsError: There is a policy of this name.

        Warns:
            PolicyConflictWarning: Another row filter of this priority can meet it.
        """
        arguments = {"on": table, "predicate": predicate, "to": to, "except_": except_}
        return self._writer.create(PolicyKind.FILTER, arguments | more, future=future)

    def update(self, policy: int | str, *, future: bool = False, **changes: Any) -> Policy:
        """Change what a policy says, by the arguments of the call that made it.

        Args:
            policy: Its id or name.
            future: Whether what is named needn't exist yet.
            changes: Such as `to="group:analysts"`, `columns=["id"]`, `valid_until=None`,
                `name="…"`; `table` and `column` are `on` and `columns`.

        Raises:
            PolicyNotFoundError: There is no such policy.
            InvalidPolicyError: With everything that is wrong; nothing was changed.
        """
        for short, long in (("table", "on"), ("column", "columns")):
            if short in changes:
                changes[long] = changes.pop(short)
        return self._writer.update(policy, changes, future=future)

    def enable(self, policy: int | str) -> Policy:
        """Put a disabled policy in force again; it is named by id or name.

        Raises:
            PolicyNotFoundError: There is no such policy.
        """
        return self._writer.set_enabled(policy, enabled=True)

    def disable(self, policy: int | str) -> Policy:
        """Take a policy out of force, and keep it; it is named by id or name.

        Raises:
            PolicyNotFoundError: There is no such policy.
        """
        return self._writer.set_enabled(policy, enabled=False)

    def delete(self, policy: int | str) -> None:
        """Delete a policy by id or name; its history stays.

        Raises:
            PolicyNotFoundError: There is no such policy.
        """
        self._writer.delete(policy)

    def get(self, policy: int | str) -> Policy:
        """Return a policy by id or name.

        Raises:
            PolicyNotFoundError: There is no such policy.
        """
        with self._administration.reading() as connection:
            if self._outside is not None:
                return self._outside.kept.get(policy)
            return find_policy(connection, policy)

    def list(
        self,
        *,
        resource: Name | None = None,
        principal: str | None = None,
        kind: str | None = None,
    ) -> list[Policy]:
        """Return policies, by id; with `governance.source = "ranger"`, those that are in force.

        Args:
            resource: Only those that are on a catalog, namespace, table, column or path, on
                something in it, or on what holds it; tag policies are left out.
            principal: Only those that count for a principal: that name it, a group or role that
                it is in, everyone or `{USER}`, or `{OWNER}` if it owns anything; also as an
                exception.
            kind: Only `grant`, `deny`, `mask`, `filter` or `access`.

        Raises:
            PrincipalNotFoundError: There is no such principal.
            PoliciesElsewhereError: Who counts as a principal is known to Ranger.
        """
        with self._administration.reading() as connection:
            if self._outside is not None:
                kept = self._list_outside(self._outside, principal, kind)
                return [*kept] if resource is None else policies_on(kept, resource)
            conditions = [] if kind is None else [policies.c.kind == PolicyKind(kind).value]
            found = read_policies(connection, *conditions)
            if principal is not None:
                found = policies_for(connection, found, PrincipalName.parse(principal))
        return found if resource is None else policies_on(found, resource)

    def _list_outside(
        self, outside: OutsidePolicies, principal: str | None, kind: str | None
    ) -> Iterable[Policy]:
        if principal is not None:
            raise PoliciesElsewhereError(
                f"Which policies count for `{principal[:200]}` is known to {outside.name}, whose "
                "users, groups and roles these are.",
                hint="leave `principal` out, or see Ranger Admin",
            )
        return [p for p in outside.kept.list() if kind is None or p.kind is PolicyKind(kind)]

    def history(self, policy: int | str) -> Sequence[PolicyVersion]:
        """Return all versions of a policy, oldest first; by id also of a deleted one.

        Raises:
            PolicyNotFoundError: There was never such a policy.
        """
        with self._administration.reading() as connection:
            if self._outside is not None:
                self._outside.refuse_history()
            is_id = isinstance(policy, int) or policy.isdecimal()
            policy_id = int(policy) if is_id else find_policy(connection, policy).id
            found = read_history(connection, policy_id)
        if not found:
            raise PolicyNotFoundError(
                f"Policy `{policy_id}` does not exist.", hint="see lake.policies.list()"
            )
        return found

    def export(self, path: str | Path | None = None) -> Document:
        """Return all policies as Ranger exports them, and write them to a file if one is named."""
        self._administration.require_admin("export policies", "policy.export")
        return export_policies(self.list(), path)

    def import_(
        self, document: Document | str | Path, *, replace: bool = False, future: bool = False
    ) -> Sequence[Policy]:
        """Add policies of a Ranger export, all or none.

        Args:
            document: What `export` returned, or the path of its file.
            replace: Whether a policy takes the place of one of the same name, whose id it gets;
                otherwise that is an error. Policies of other names stay.
            future: Whether tables and columns that are named needn't exist yet.

        Raises:
            InvalidPolicyError: With everything that is wrong; nothing was changed.
        """
        return self._writer.import_documents(document, replace=replace, future=future)

    @property
    def version(self) -> int:
        """The version of governance, which grows with each change of anything."""
        return self._administration.version()

    def publish(self) -> int:
        """Put what is stored in force again, after that has failed; return its version."""
        return self._administration.publish()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Put the changes that this thread makes inside in force once, at the end.

        It is for many changes, of principals and tags too. Each is kept on its own: what was
        changed before an error stays changed.
        """
        with self._administration.batch():
            yield
