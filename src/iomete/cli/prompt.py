"""Prompts on an open lakehouse."""

from __future__ import annotations

import code
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from iomete.cli.rows import write_rows
from iomete.errors import IometeError

if TYPE_CHECKING:
    from iomete.session import Lakehouse

WELCOME = "SQL on {folder} as {principal}. Statements end with `;`. \\q leaves."


def sql_prompt(lake: Lakehouse) -> None:
    r"""Read statements until the input or `\q` ends it; an error ends just its statement."""
    interactive = sys.stdin.isatty()
    if interactive:
        with suppress(ImportError):
            import readline  # noqa: F401  # gives input() its history and editing
        print(WELCOME.format(folder=lake.folder, principal=lake.principal))  # noqa: T201
    pending = ""
    while True:
        try:
            line = input(_mark(interactive, pending))
        except EOFError:
            break
        except KeyboardInterrupt:
            pending = ""
            continue
        if not pending and line.strip() in {"\\q", "quit", "exit"}:
            return
        pending = f"{pending}\n{line}" if pending else line
        if pending.rstrip().endswith(";"):
            _run(lake, pending.rstrip().rstrip(";"))
            pending = ""
    if pending.strip():
        _run(lake, pending)


def python_prompt(lake: Lakehouse) -> None:
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


def _mark(interactive: bool, pending: str) -> str:  # a private one-liner
    if not interactive:
        return ""
    return "   ...> " if pending else "iomete> "


def _run(lake: Lakehouse, statement: str) -> None:
    if not statement.strip():
        return
    try:
        write_rows(lake.sql(statement), "table")
    except IometeError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        lake.spark.sparkContext.cancelAllJobs()
        print("Cancelled.", file=sys.stderr)  # noqa: T201
