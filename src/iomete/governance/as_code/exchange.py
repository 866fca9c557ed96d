"""What of `lake.policies` is about policy files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomete.errors import ConfigurationError
from iomete.governance.ranger.exchange import RangerExchange

if TYPE_CHECKING:
    from iomete.governance.administration import Administration
    from iomete.governance.as_code.applying import AppliedPlan, PolicyApplier
    from iomete.governance.as_code.exporting import ExportedFiles
    from iomete.governance.as_code.plan import Effects, PolicyPlan
    from iomete.governance.as_code.testing import AnswersAfter, PolicyTestReport
    from iomete.governance.documents.checks import Inventory


class PolicyFiles(RangerExchange):
    """Policies that files say: planned, applied, exported and tested.

    Args:
        administration: Who asks, and the store.
        checks: What new policies are held to.
        effects: Tells who gains and who loses what by a plan; None: plans don't tell.
        answers: Answers the questions of tests; None: there are no tests.
        ranger: What `RangerExchange` takes.
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
        super().__init__(administration, checks, **ranger)
        self._checks = checks
        self._effects = effects
        self._answers = answers

    def plan(
        self, folder: str | os.PathLike[str], *, adopt: bool = False, future: bool = False
    ) -> PolicyPlan:
        """Return what has to change, so that the policies of files are those in force.

        Files own the policies that they have made, and those that they have adopted. Of the others
        nothing is changed.

        Args:
            folder: Of the YAML files; those in folders in it count, too.
            adopt: Whether policies of the same names that were made by hand are taken over, though
                they say other things. Those that say the same always are.
            future: Whether tables and columns that are named needn't exist yet.

        Raises:
            PolicyFilesError: With everything that is wrong, with file, line and column.
            AccessDeniedError: The actor is no admin.
            PoliciesElsewhereError: Policies come from a Ranger Admin.

        Cost: one read of all policies; of policies that change, metadata of the tables that they
            name, and analysis of their SQL.
        """
        applier = self._applier("policy.plan", future=future)
        plan = _planned(applier, folder, adopt=adopt)
        return plan if self._effects is None else _with_effects(plan, self._effects)

    def apply(
        self,
        plan: PolicyPlan | str | os.PathLike[str],
        *,
        adopt: bool = False,
        future: bool = False,
    ) -> AppliedPlan:
        """Carry out a plan: all of it or nothing, in one transaction.

        Args:
            plan: What `plan` returned, the file of `save_plan`, or the folder of the files.
            adopt: As for `plan`, where a folder is given.
            future: As for `plan`.

        Raises:
            PlanOutdatedError: Policies, principals or tags have changed since it was made.
            InvalidPlanError: It was made for another lakehouse, or changed since.
            PolicyFilesError: With everything that is wrong, as a table that doesn't exist.
            AccessDeniedError: The actor is no admin.
            PoliciesElsewhereError: Policies come from a Ranger Admin.

        Warns:
            PolicyConflictWarning: Masks or row filters of one priority can meet.

        Cost: one write to the store and one to the bundle; and what `plan` costs.
        """
        applier = self._applier("policy.apply", future=future)
        if isinstance(plan, (str, os.PathLike)):
            is_file = Path(plan).is_file()
            plan = self.load_plan(plan) if is_file else _planned(applier, plan, adopt=adopt)
        return applier.apply(plan)

    def save_plan(self, plan: PolicyPlan, path: str | os.PathLike[str]) -> None:
        """Write a plan to a file, signed, for somebody else to apply.

        Raises:
            ConfigurationError: The file can't be written.
            AccessDeniedError: The actor is no admin.
        """
        from iomete.governance.as_code.plan_file import save_plan

        with self._administration.reading("policy.plan"):
            pass
        save_plan(plan, path, self._administration.parts[0])

    def load_plan(self, path: str | os.PathLike[str]) -> PolicyPlan:
        """Return the plan that a file holds.

        Raises:
            InvalidPlanError: It holds none, was changed, or was made for another lakehouse.
            AccessDeniedError: The actor is no admin.
        """
        from iomete.governance.as_code.plan_file import load_plan

        with self._administration.reading("policy.plan"):
            pass  # whoever may not learns nothing of the file
        return load_plan(path, self._administration.parts[0])

    def export_files(
        self, folder: str | os.PathLike[str], *, project: str = "default"
    ) -> ExportedFiles:
        """Write policies as files that say the same, into a folder without policy files.

        Args:
            folder: Is made where it is missing.
            project: Whose files they become; what other projects own is left out.

        Raises:
            AlreadyExistsError: The folder holds policy files.
            ConfigurationError: It can't be written, or the project has no such name.
            AccessDeniedError: The actor is no admin.
            PoliciesElsewhereError: Policies come from a Ranger Admin.
        """
        from iomete.governance.as_code.exporting import export_policy_files
        from iomete.governance.policy_records import read_policies

        on = f"policies:{project}"
        with self._administration.reading("policy.export", on) as connection:
            if self._outside is not None:
                self._outside.refuse_changes()
            policies = read_policies(connection)
        self._administration.require_admin("export policies", "policy.export", on)
        return export_policy_files(policies, folder, project=project)

    def test_files(
        self, folder: str | os.PathLike[str], *, planned: bool = False, adopt: bool = False
    ) -> PolicyTestReport:
        """Ask the tests of policy files.

        Args:
            folder: Of the YAML files.
            planned: Whether policies count as they will be once the files are applied; otherwise
                those in force do.
            adopt: As for `plan`, whose files these are.

        Raises:
            PolicyFilesError: With everything that is wrong, with file, line and column.
            ConfigurationError: There are no tests, or nothing answers them.
            AccessDeniedError: The actor is no admin.
        """
        from iomete.governance.as_code.files import read_folder
        from iomete.governance.as_code.testing import run_tests

        applier = self._applier("policy.test", future=True)
        declared = read_folder(folder)
        if not declared.tests:
            raise ConfigurationError(
                f"The files in `{folder}` hold no tests.",
                hint="write them under `tests:`, in any of the files",
            )
        if self._answers is None:
            raise ConfigurationError(
                "Nothing here tells what policies decide, so that no test can be asked.",
                hint="give `Policies` something that does, as its argument `answers`",
            )
        changes = applier.plan(declared, adopt=adopt).changes if planned else ()
        return run_tests(declared.tests, self._answers(changes))

    def _applier(self, action: str, *, future: bool) -> PolicyApplier:
        """Return what plans and applies, to an admin of a lakehouse whose policies are its own."""
        from iomete.governance.as_code.applying import PolicyApplier

        with self._administration.reading(action):
            if self._outside is not None:
                self._outside.refuse_changes()
        checks = None if future else self._checks
        return PolicyApplier(self._administration, checks)


def _planned(applier: PolicyApplier, folder: str | os.PathLike[str], *, adopt: bool) -> PolicyPlan:
    """Return the plan of a folder of files.

    Raises:
        PolicyFilesError: With everything that is wrong, in the files and by what there is.
    """
    from iomete.governance.as_code.files import read_as_far_as_right

    return applier.plan(*read_as_far_as_right(folder), adopt=adopt)


def _with_effects(plan: PolicyPlan, effects: Effects) -> PolicyPlan:
    return replace(plan, effects=tuple(effects.of(plan.changes)))
