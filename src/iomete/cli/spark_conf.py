"""Write the Spark configuration of a lakehouse for people who start Spark themselves."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import typer

from iomete.engine.java_process import format_properties
from iomete.errors import LakehouseFolderError
from iomete.folder import LakehouseFolder
from iomete.settings import MASKED, is_secret, load_settings


def write_spark_conf(
    folder: Path | None, form: str, output: Path | None, master: str | None
) -> None:
    """Print the configuration with secrets masked, or write it to a file in full."""
    from iomete.opening import spark_configuration

    where = LakehouseFolder.at(folder)
    where.make()
    arguments = {"engine": {"master": master}} if master else {}
    configuration = spark_configuration(where, load_settings(where.root, arguments=arguments))
    values = configuration.merged()
    if output is not None:
        _write_private(output, _formatted(values, form))
        return
    masked = {key: MASKED if is_secret(key) else value for key, value in values.items()}
    typer.echo(_formatted(masked, form), nl=False)
    if masked != values:
        typer.echo("Secrets are masked; --output FILE writes them.", err=True)


def _formatted(values: dict[str, str], form: str) -> str:
    if form == "json":
        return json.dumps(values, indent=2, sort_keys=True) + "\n"
    if form == "arguments":
        pairs = (f"--conf {shlex.quote(f'{k}={v}')}" for k, v in sorted(values.items()))
        return " ".join(pairs) + "\n"
    return format_properties(values)


def _write_private(path: Path, text: str) -> None:
    try:
        path.unlink(missing_ok=True)  # an old file may be open to others
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LakehouseFolderError(
            f"`{path}` can't be written: {error.strerror}.", hint="choose another file"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
