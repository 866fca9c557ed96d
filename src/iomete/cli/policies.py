"""`iomete policies`: policies as code, from a terminal or a CI job.

Only the commands that look at tables start Spark; the others read the store.
"""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iomete.errors import ConfigurationError, PolicyDriftError, PolicyTestError

if TYPE_CHECKING:
    from iomete.cli.plans import Line
    from iomete.governance import Policies
    from iomete.governance.as_code.plan import PolicyPlan

policies_app = typer.Typer(
    name="policies",
    help="Policies as code: files that say what the policies of a lakehouse are.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Lake = Annotated[
    Path | None,
    typer.Option("--lakehouse", "-l", help="Lakehouse folder; else IOMETE_FOLDER, ./lakehouse."),
]
Files = Annotated[Path, typer.Argument(help="Folder of the policy files.", metavar="[FOLDER]")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over policies of these names that were made by hand.")
]
_FILES = Path("policies")


class Format(StrEnum):
    """How plans and reports are written."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="Format.")]


@policies_app.command()
def plan(
    files: Files = _FILES,
    lake: Lake = None,
    output: Output = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", help="Save the plan to this file, for `apply`.")
    ] = None,
    adopt: Adopt = False,
    check: Annotated[
        bool, typer.Option("--check", help="End with 15 if policies in force are others.")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="Start Spark, and look at the tables that are named.")
    ] = False,
) -> None:
    """Print what has to change, so that the policies of the files are in force."""
    with give_policies(lake, spark=tables) as policies:
        made = policies.plan(files, adopt=adopt, future=not tables)
        if out is not None:
            policies.save_plan(made, out)
    _print_plan(made, output)
    if check:
        _refuse_drift(made, files, lake)


@policies_app.command()
def drift(files: Files = _FILES, lake: Lake = None, output: Output = Format.TEXT) -> None:
    """Print how policies in force and files differ, and end with 15 if they do."""
    with give_policies(lake) as policies:
        made = policies.plan(files, adopt=True, future=True)
    _print_plan(made, output)
    _refuse_drift(made, files, lake)


@policies_app.command()
def apply(
    what: Annotated[
        Path, typer.Argument(help="Folder of the policy files, or the file of a plan.")
    ] = _FILES,
    lake: Lake = None,
    adopt: Adopt = False,
    future: Annotated[
        bool,
        typer.Option(
            "--future", help="Don't look at the tables that are named; Spark isn't started."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Don't ask; of a plan nobody does.")
    ] = False,
) -> None:
    """Put the policies of the files in force: all, or none if something has changed meanwhile."""
    with give_policies(lake) as policies, _warnings():
        made = _planned(policies, what, adopt=adopt)
        _print_plan(made, Format.TEXT)
        if made.is_empty:
            if what.is_file():  # which may be outdated, and is told so
                policies.apply(made, future=True)
            return
        if not (yes or what.is_file()):
            _ask()
        done = policies.apply(made, future=True) if future else None
    if done is None:  # Spark is started once it is known that there is something to do
        with give_policies(lake, spark=True) as policies, _warnings():
            done = policies.apply(made)
    typer.echo(f"Done: in force since version {done.version}.")


@policies_app.command()
def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder for the files.", metavar="[FOLDER]")
    ] = _FILES,
    lake: Lake = None,
    project: Annotated[str, typer.Option("--project", help="Whose files they become.")] = "default",
) -> None:
    """Write the policies in force as files, to begin with policies as code."""
    with give_policies(lake) as policies:
        done = policies.export_files(folder, project=project)
    for file in done.files:
        typer.echo(file)
    left = f"; {done.left} are those of other projects" if done.left else ""
    policies_ = "1 policy" if done.policies == 1 else f"{done.policies} policies"
    files = "1 file" if len(done.files) == 1 else f"{len(done.files)} files"
    typer.echo(f"{policies_} in {files}{left}.")


@policies_app.command("test")
def run_tests(
    files: Files = _FILES,
    lake: Lake = None,
    planned: Annotated[
        bool, typer.Option("--planned", help="Of policies as they will be once files are applied.")
    ] = False,
    adopt: Adopt = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write a report for CI servers to this file.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Start Spark, and look at the tables that are named.")
    ] = False,
) -> None:
    """Run the tests of the files, and end with 16 if one fails."""
    from iomete.cli.plans import report_lines
    from iomete.governance.as_code.junit import write_junit

    with give_policies(lake, spark=tables) as policies:
        report = policies.test_files(files, planned=planned, adopt=adopt)
    _print(report_lines(report))
    if junit is not None:
        try:
            write_junit(report, junit)
        except ConfigurationError as error:
            if report.has_passed:
                raise
            typer.echo(f"Warning: {error.message}", err=True)  # that tests failed matters more
    if not report.has_passed:
        raise PolicyTestError(
            "Policies don't decide what their tests expect.",
            hint="see what was found above; correct policies or tests",
        )


@policies_app.command()
def schema() -> None:
    """Print the JSON schema of policy files, for editors."""
    from iomete.governance.as_code.schema import schema_text

    typer.echo(schema_text(), nl=False)


def _planned(policies: Policies, what: Path, *, adopt: bool) -> PolicyPlan:
    """Return the plan of a file, or one for the files of a folder; tables aren't looked at."""
    if what.is_file():
        return policies.load_plan(what)
    return policies.plan(what, adopt=adopt, future=True)


@contextmanager
def give_policies(lake: Path | None, *, spark: bool = False) -> Iterator[Policies]:
    """Give `lake.policies`, with Spark or without."""
    if spark:
        from iomete.session import connect

        with connect(lake) as opened:
            yield opened.policies
    else:
        from iomete.offline import open_policies

        with open_policies(lake) as policies:
            yield policies


@contextmanager
def _warnings() -> Iterator[None]:
    """Print warnings as people read them, to standard error, once the block has ended."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        typer.echo(f"Warning: {warning.message}", err=True)


def _print_plan(made: PolicyPlan, output: Format) -> None:
    if output is Format.JSON:
        from iomete.governance.as_code.plan_file import plan_json

        typer.echo(json.dumps(plan_json(made), ensure_ascii=False, indent=2))
        return
    from iomete.cli.plans import plan_lines

    _print(plan_lines(made))


def _print(lines: Iterable[Line]) -> None:
    """Print lines: with their styles to a terminal, and as texts to anything else."""
    if not sys.stdout.isatty():
        for line in lines:
            typer.echo("".join(text for text, _ in line))
        return
    from rich.text import Text

    from iomete.cli.console import Console

    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(Text.assemble(*line))


def _refuse_drift(made: PolicyPlan, files: Path, lake: Path | None) -> None:
    if made.has_changes:
        count = len(made.changes)
        number = "1 policy in force differs" if count == 1 else f"{count} policies in force differ"
        raise PolicyDriftError(
            f"{number} from the files in `{files}`.",
            hint=f"put these in force: {_apply_command(made, files, lake)}; or correct them",
        )


def _apply_command(made: PolicyPlan, files: Path, lake: Path | None) -> str:
    """Return the command that puts files in force which a plan was made of, as a shell takes it."""
    from iomete.governance.as_code.ownership import project_of

    of_lake = [] if lake is None else ["--lakehouse", str(lake)]
    before = (change.before for change in made.changes)
    is_by_hand = any(one is not None and project_of(one) is None for one in before)
    adopt = ["--adopt"] if is_by_hand else []
    return shlex.join(["iomete", "policies", "apply", str(files), *of_lake, *adopt])


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty()


def _ask() -> None:
    if not is_terminal():
        raise ConfigurationError(
            "Nobody is there to be asked whether to go on.",
            hint="pass --yes, or save a plan by `plan --out FILE` and apply that file",
        )
    typer.confirm("Put this in force?", abort=True)
