"""`iomete policies explain`, `who-can`, `what-can`, `findings`: questions about policies."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iomete.cli.policies import Format, Lake, Output, give_policies

if TYPE_CHECKING:
    from iomete.governance.answers import Right

Tables = Annotated[
    bool, typer.Option("--tables", help="Start Spark, and look at the tables that there are.")
]
Action = Annotated[str, typer.Argument(help="Such as `select`; on paths `read` and `write`.")]
Resource = Annotated[str, typer.Argument(help="A table, column, namespace, catalog or path.")]
Principal = Annotated[str, typer.Argument(help="A user, or `group:…`, `role:…`, `everyone`.")]


def add_to(app: typer.Typer) -> None:
    """Give `iomete policies` the commands of this module."""
    app.command()(explain)
    app.command("who-can")(who_can)
    app.command("what-can")(what_can)
    app.command()(findings)


_NOTHING_MET = (
    "Nothing among the tables that Spark has met, which are all that is known without it: add "
    "--tables to look at all."
)


def explain(
    principal: Principal,
    action: Action,
    resource: Resource,
    lake: Lake = None,
    output: Output = Format.TEXT,
    tables: Tables = False,
) -> None:
    """Tell whether somebody may do something, and why: each policy that matters, and masks."""
    with give_policies(lake, spark=tables) as policies:
        explained = policies.explain(
            principal, action, resource, future=not policies.knows(resource)
        )
        unmet = policies.unmet(action, resource)
    if unmet is not None:
        explained = replace(explained, notes=(unmet.note,))
    _print(explained, explained.text.splitlines(), output)


def who_can(
    action: Action,
    resource: Resource,
    lake: Lake = None,
    output: Output = Format.TEXT,
    tables: Tables = False,
) -> None:
    """List the users who may do something, and by which policy."""
    with give_policies(lake, spark=tables) as policies:
        holders = policies.who_can(action, resource)
    _print(holders, [holder.reason for holder in holders] or ["Nobody may."], output)


def what_can(
    principal: Principal, lake: Lake = None, output: Output = Format.TEXT, tables: Tables = False
) -> None:
    """List the tables and views that somebody may use, and how they are seen."""
    with give_policies(lake, spark=tables) as policies:
        rights = policies.what_can(principal)
    nothing = "Nothing." if tables else _NOTHING_MET
    _print(rights, [_right(right) for right in rights] or [nothing], output)


def findings(lake: Lake = None, output: Output = Format.TEXT, tables: Tables = False) -> None:
    """List what is wrong, or may be, with policies, tags and principals."""
    with give_policies(lake, spark=tables) as policies:
        found = policies.findings()
    _print(found, [str(finding) for finding in found] or ["Nothing was found."], output)


def _right(right: Right) -> str:
    shown = [f"{right.resource}: {', '.join(right.actions)}"]
    if right.columns:
        columns = (
            name if mask is None else f"{name} as {mask}" for name, mask in right.columns.items()
        )
        shown.append(f"columns {', '.join(columns)}")
    if right.filter is not None:
        shown.append(f"rows where {right.filter}")
    return "; ".join(shown)


def _print(data: Any, lines: list[str], output: Format) -> None:
    if output is Format.JSON:
        plain = [asdict(one) for one in data] if isinstance(data, list) else asdict(data)
        typer.echo(json.dumps(plain, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(lines))
