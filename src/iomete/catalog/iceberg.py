"""Iceberg catalogs without Spark: loaded by PyIceberg, their troubles told in our own errors."""

from __future__ import annotations

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
            hint=f"check that its server runs, and `catalogs.{name}.uri` and its credentials",
        ) from error
    except ModuleNotFoundError as error:
        if error.name == "psycopg":
            raise MissingExtraError("A catalog on PostgreSQL", extra="postgres") from error
        raise
