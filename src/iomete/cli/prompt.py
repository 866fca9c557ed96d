"""Prompts on an open lakehouse."""

from __future__ import annotations

import code
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from iomete.cli.reader import decoded
from iomete.cli.rows import write_rows
from iomete.cli.statements import is_blank, split_statements
from iomete.errors import IometeError, outcome_of

if TYPE_CHECKING:
    from iomete.lakehouse import Lakehouse

WELCOME = "SQL on {folder} as {principal}. Statements end with `;`. \\q leaves."
LEAVE = {"\\q", "quit", "exit"}


def sql_prompt(lake: Lakehouse) -> int:
    r"""Read statements until the input or `\q` ends it; an error ends just its statement.

    Returns:
        The exit code: the first error's if the input is no terminal, else 0.
    """
    if not sys.stdin.isatty():
        codes = [_run(lake, statement) for statement in _piped_statements()]
        return next(filter(None, codes), 0)
    with suppress(ImportError):
        import readline  # noqa: F401  # gives input() its history and editing
    print(WELCOME.format(folder=lake.folder, principal=lake.principal))  # noqa: T201
    for statement in _typed_statements():
        _run(lake, statement)
    return 0


def python_prompt(lake: Lakehouse) -> int:
    """Open a Python prompt that holds `lake` and `spark`; IPython's if it is installed."""
    names = {"lake": lake, "spark": lake.spark}
    try:
        from IPython import start_ipython
    except ImportError:
        code.interact(
            banner=f"Python with `lake` ({lake.folder}) and `spark`", local=names, exitmsg=""
        )
    else:
        start_ipython(argv=["--no-banner"], user_ns=names)
    return 0


def _piped_statements() -> Iterator[str]:
    pending = ""
    for line in map(decoded, sys.stdin.buffer):
        if not pending and line.strip() in LEAVE:
            return
        statements, pending = _advance(pending, line)
        yield from statements
    if not is_blank(f"{pending}\n"):
        yield pending


def _typed_statements() -> Iterator[str]:
    pending = ""
    while True:
        try:
            line = input("   ...> " if pending else "iomete> ")
        except EOFError:
            break
        except KeyboardInterrupt:
            pending = ""
            continue
        if not pending and line.strip() in LEAVE:
            return
        statements, pending = _advance(pending, f"{line}\n")
        yield from statements
    if not is_blank(f"{pending}\n"):
        yield pending


def _advance(pending: str, line: str) -> tuple[list[str], str]:
    """Return the statements that a line completes, and what waits for more lines."""
    text = pending + line
    statements, rest = split_statements(text) if ";" in line else ([], text)
    return statements, "" if is_blank(rest) else rest


def _run(lake: Lakehouse, statement: str) -> int:
    """Run a statement, tell of its error, and return the exit code that goes with it."""
    try:
        write_rows(lake.sql(statement), "table")
    except IometeError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return outcome_of(error).exit_code
    except KeyboardInterrupt:
        lake.spark.sparkContext.cancelAllJobs()
        if not sys.stdin.isatty():
            raise
        print("Cancelled.", file=sys.stderr)  # noqa: T201
    return 0
