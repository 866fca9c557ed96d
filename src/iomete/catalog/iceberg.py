"""Iceberg catalogs without Spark: loaded by PyIceberg, their troubles told in our own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iomete.errors import CatalogUnavailableError, MissingExtraError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


def load_iceberg(name: str, properties: Mapping[str, str]) -> Catalog:
    """Connect to an Iceberg catalog.

    Raises:
        CatalogUnavailableError: If its database or service can't be reached.
        MissingExtraError: If the driver of its database isn't installed.
    """
    from pyiceberg.catalog import load_catalog

    with translate_catalog_errors(name):
        return load_catalog(name, **properties)


@contextmanager
def translate_catalog_errors(name: str) -> Iterator[None]:
    """Turn errors of a catalog's database or service into ours; none holds a password."""
    from pyiceberg.exceptions import OAuthError, RESTError, SignError
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, RequestException, RESTError, OAuthError, SignError) as error:
        # their texts may hold statements with values, or addresses with passwords
        raise CatalogUnavailableError(
            f"Catalog `{name}` can't be used: {type(error).__name__}.",
            hint=_hint(name, error),
        ) from error
    except ModuleNotFoundError as error:
        if error.name == "psycopg":
            raise MissingExtraError("A catalog on PostgreSQL", extra="postgres") from error
        raise


def _hint(name: str, error: Exception) -> str:
    """Say what to look at: a SQLite catalog is a file, others have a server."""
    cause = getattr(error, "orig", None)  # what SQLAlchemy got from the driver
    if not isinstance(cause, sqlite3.Error):
        return f"check that its server runs, and `catalogs.{name}.uri` and its credentials"
    if getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another process writes to `catalog.db` in the lakehouse folder: try again"
    return (
        "check that `catalog.db` in the lakehouse folder and the folder itself can be written; if "
        "the file is damaged, move it away and restore a copy"
    )
