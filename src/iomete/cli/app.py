"""Commands, and how their errors end."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from iomete.cli import answers
from iomete.cli.policies import policies_app
from iomete.cli.reader import ReaderGoneError, drop_output, read_statement
from iomete.errors import IometeError, outcome_of

INTERRUPTED_EXIT_CODE = 130  # as shells say it: 128 + SIGINT


class Commands(TyperGroup):
    """The commands; a pipe that breaks is left to `main`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error


app = typer.Typer(
    cls=Commands,
    name="iomete",
    help="A governed lakehouse: Apache Spark and Apache Iceberg in one object.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

answers.add_to(policies_app)
app.add_typer(policies_app)

Folder = Annotated[
    Path | None,
    typer.Option("--lakehouse", "-l", help="Lakehouse folder; else IOMETE_FOLDER, ./lakehouse."),
]


class Output(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class ConfFormat(StrEnum):
    """How Spark configuration is written."""

    PROPERTIES = "properties"
    ARGUMENTS = "arguments"
    JSON = "json"


@app.command()
def demo(folder: Folder = None) -> None:
    """Build a small lakehouse from real flights, and show what it can do."""
    from iomete.demo import run_demo

    run_demo(folder)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One Spark SQL statement; `-` reads it from stdin.")],
    folder: Folder = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Format.")] = Output.TABLE,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Rows at most; table shows 100 unless told.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="`name=value` for `:name`.")
    ] = None,
) -> None:
    """Run a statement and print its rows."""
    from iomete.cli.rows import write_rows
    from iomete.session import connect

    text = read_statement(query)
    parameters = _parameters(parameter or [])
    with connect(folder) as lake:
        write_rows(lake.sql(text, **parameters), output, limit=limit)


@app.command()
def shell(
    folder: Folder = None,
    python: Annotated[
        bool, typer.Option("--python", help="A Python prompt with `lake` and `spark`.")
    ] = False,
) -> None:
    """Open a SQL prompt on the lakehouse, or run the statements of standard input.

    Statements from a pipe or a file go on after an error; the exit code is the first error's.
    """
    from iomete.cli.prompt import python_prompt, sql_prompt
    from iomete.session import connect

    with connect(folder) as lake:
        code = (python_prompt if python else sql_prompt)(lake)
    raise typer.Exit(code)


@app.command()
def settings(folder: Folder = None) -> None:
    """Print every setting with its value and where it came from."""
    from rich.markup import escape
    from rich.table import Table

    from iomete.cli.console import Console
    from iomete.folder import LakehouseFolder
    from iomete.settings import load_settings

    table = Table("setting", "value", "source", "meaning", box=None, header_style="bold")
    for item in load_settings(LakehouseFolder.at(folder).root).values():
        table.add_row(*map(escape, (item.key, item.value, item.source, item.description)))
    _console_for(Console).print(table)


@app.command("spark-conf")
def spark_conf(
    folder: Folder = None,
    form: Annotated[ConfFormat, typer.Option("--format", "-f")] = ConfFormat.PROPERTIES,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file (mode 0600), with secrets."),
    ] = None,
    master: Annotated[str | None, typer.Option(help="Spark master to start with.")] = None,
) -> None:
    """Print the Spark configuration of this lakehouse, for starting Spark yourself.

    Secrets are masked when printed; a file gets them in full, readable by you only.
    """
    from iomete.cli.spark_conf import write_spark_conf

    write_spark_conf(folder, form, output, master)


@app.command()
def prepare(folder: Folder = None) -> None:
    """Fetch and verify the jars and make the class archive: later starts are fast and offline."""
    from iomete.engine import cache_folder
    from iomete.folder import LakehouseFolder
    from iomete.opening import prepare as prepare_lakehouse
    from iomete.settings import load_settings

    where = LakehouseFolder.at(folder)
    loaded = load_settings(where.root)
    prepared = prepare_lakehouse(where, loaded)
    archive = "a class archive" if prepared.class_archive else "no class archive"
    typer.echo(
        f"{len(prepared.jars)} jars and {archive} ready in {cache_folder(loaded.settings.engine)}"
    )


@app.command()
def version(folder: Folder = None) -> None:
    """Print the versions of iomete and of what it runs on."""
    import platform
    from importlib.metadata import version as installed

    from iomete import __version__
    from iomete.engine.jars import CORE_ARTIFACTS
    from iomete.engine.java import find_java
    from iomete.folder import LakehouseFolder
    from iomete.settings import load_settings

    settings = load_settings(LakehouseFolder.at(folder).root).settings
    typer.echo(f"iomete {__version__}")
    typer.echo(f"Python {platform.python_version()}")
    typer.echo(f"Spark {installed('pyspark')}")
    for artifact in CORE_ARTIFACTS[:2]:
        typer.echo(f"{artifact.name} {artifact.version}")
    try:
        typer.echo(f"Java {find_java(settings.engine.java_home).version}")
    except IometeError as error:
        typer.echo(f"Java: {error}")


def main() -> None:
    """Run the command line; an error prints its message and hint, and ends with its exit code."""
    try:
        code = _run()
        sys.stdout.flush()
    except (ReaderGoneError, BrokenPipeError):  # the reader of our output has gone, as `head` does
        drop_output()
        code = 0
    except OSError as error:
        drop_output()
        _print_error(_system_error(error))
        code = 1
    sys.exit(code)


def _run() -> str | int | None:
    try:
        app()
    except SystemExit as end:  # typer's way to return
        return end.code
    except IometeError as error:
        _print_error(error)
        return outcome_of(error).exit_code
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    return 0


def _system_error(error: OSError) -> IometeError:
    """Return what the operating system refused, in one line."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return IometeError("The current folder does not exist.", hint="cd to one that does")
    where = f"`{error.filename}`: " if error.filename is not None else ""
    return IometeError(f"{where}{error.strerror or error}")


def _print_error(error: IometeError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    console.print(Text("Error: ", style="bold red") + Text(error.message, style="not bold default"))
    if error.hint:
        console.print(Text("Hint: ", style="bold") + Text(error.hint, style="not bold"))


def _parameters(given: list[str]) -> dict[str, str]:
    parameters = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"`{item}` is not `name=value`", param_hint="--parameter")
        parameters[name] = value
    return parameters


def _console_for(kind: Any) -> Any:
    """Return a console as wide as the terminal, or as wide as lines get in a pipe."""
    return kind() if sys.stdout.isatty() else kind(width=10_000, soft_wrap=True)
