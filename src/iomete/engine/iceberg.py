"""Iceberg catalogs as Spark and as PyIceberg want them described: one table, two readers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from iomete.errors import ConfigurationError
from iomete.settings import is_secret

if TYPE_CHECKING:
    from iomete.settings import CatalogSettings, S3Settings

LOCK_TIMEOUT_SECONDS = 30
SQLITE_OPTIONS = (
    f"journal_mode=WAL&busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}"
    "&synchronous=NORMAL&transaction_mode=IMMEDIATE"
)
"""What lets several engines write one SQLite catalog file: readers don't block writers, writers
queue. With the driver's defaults concurrent commits fail with SQLITE_BUSY."""

COMMIT_RETRIES = 20
S3_SCHEMES = ("s3://", "s3a://", "s3n://")


@dataclass(frozen=True, slots=True, kw_only=True)
class IcebergCatalog:
    """One Iceberg catalog with everything resolved that its settings leave open."""

    name: str
    settings: CatalogSettings
    database: Path
    """SQLite file of a JDBC catalog without a URI."""
    warehouse: str | None
    """Root of its tables as a URI; a REST catalog may leave it to the service."""

    @property
    def on_s3(self) -> bool:
        """Tell whether its tables are on S3, as far as the location or the settings say so."""
        if self.warehouse is not None and self.warehouse.startswith(S3_SCHEMES):
            return True
        # a REST service may name its warehouses as it likes: then the settings say it
        named = self.settings.type == "rest" and "://" not in (self.warehouse or "")
        return named and bool(self.settings.s3.model_fields_set)

    def spark_properties(self) -> dict[str, str]:
        """Return the catalog as Spark configuration.

        Source: Iceberg documentation, "Spark configuration", "JDBC" and "AWS" pages.
        """
        prefix = f"spark.sql.catalog.{self.name}"
        properties = {
            "type": self.settings.type,
            # other engines commit to the same tables: what is cached would be stale
            "cache-enabled": "false",
            "table-default.commit.retry.num-retries": str(COMMIT_RETRIES),
        }
        if self.warehouse is not None:
            properties["warehouse"] = self.warehouse
        if self.settings.type == "jdbc":
            properties |= self._jdbc_properties()
        else:
            properties |= self._rest_properties()
        if self.on_s3:
            properties |= {"io-impl": "org.apache.iceberg.aws.s3.S3FileIO"}
            properties |= _s3_properties(self.settings.s3, region_key="client.region")
        properties |= self.settings.properties
        return {
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            **{f"{prefix}.{key}": value for key, value in properties.items()},
        }

    def pyiceberg_properties(self) -> dict[str, str]:
        """Return the catalog as PyIceberg properties, for `load_catalog(name, **properties)`.

        Source: PyIceberg documentation, "Configuration".
        """
        properties = {"type": "sql" if self.settings.type == "jdbc" else "rest"}
        if self.warehouse is not None:
            properties["warehouse"] = self.warehouse
        if self.settings.type == "jdbc":
            properties["uri"] = self._sqlalchemy_uri()
        else:
            properties |= self._rest_properties()
        if self.on_s3:
            properties |= _s3_properties(self.settings.s3, region_key="s3.region")
            properties["s3.force-virtual-addressing"] = str(not self.settings.s3.path_style)
        return properties | self.settings.properties

    def _jdbc_properties(self) -> dict[str, str]:
        properties = {"jdbc.schema-version": "V1"}  # the version that knows views
        if self.settings.uri is None:
            return properties | {"uri": f"jdbc:sqlite:{self.database}?{SQLITE_OPTIONS}"}
        url = urlsplit(self._database_url())
        parameters = parse_qsl(url.query, keep_blank_values=True)
        # the URI gets printed, so who connects stands beside it
        apart = {k: v for k, v in parameters if k == "user" or is_secret(k)}
        properties |= {f"jdbc.{k}": v for k, v in apart.items()}
        query = urlencode([(k, v) for k, v in parameters if k not in apart], quote_via=quote)
        location = urlunsplit(("jdbc:postgresql", _host(url.netloc), url.path, query, ""))
        properties["uri"] = location
        if url.username is not None:
            properties["jdbc.user"] = unquote(url.username)
        if url.password is not None:
            properties["jdbc.password"] = unquote(url.password)
        return properties

    def _sqlalchemy_uri(self) -> str:
        if self.settings.uri is None:
            path = quote(str(self.database))
            return f"sqlite:///{path}?timeout={LOCK_TIMEOUT_SECONDS}"
        url = urlsplit(self._database_url())
        return urlunsplit(("postgresql+psycopg", url.netloc, url.path, url.query, ""))

    def _database_url(self) -> str:
        """Return the URI of a JDBC catalog as `postgresql://…`."""
        uri = "" if self.settings.uri is None else self.settings.uri.get_secret_value()
        plain = re.sub(r"^(jdbc:)?postgres(ql)?(\+\w+)?://", "postgresql://", uri)
        if not plain.startswith("postgresql://"):
            raise ConfigurationError(
                f"`catalogs.{self.name}.uri` names no database that a JDBC catalog can use here.",
                hint="use postgresql://user:password@host/database, or leave it out for SQLite",
            )
        return plain

    def _rest_properties(self) -> dict[str, str]:
        settings = self.settings
        if settings.uri is None:
            raise ConfigurationError(
                f"`catalogs.{self.name}` is a REST catalog without an address.",
                hint=f'set catalogs.{self.name}.uri = "https://…"',
            )
        given = {"uri": settings.uri, "token": settings.token, "credential": settings.credential}
        return {k: v.get_secret_value() for k, v in given.items() if v is not None}


def resolve_catalogs(
    catalogs: dict[str, CatalogSettings], *, database: Path, warehouse: Path
) -> list[IcebergCatalog]:
    """Fill in what catalog settings leave open: a folder a catalog below `warehouse`."""
    return [
        IcebergCatalog(
            name=name,
            settings=settings,
            database=database,
            warehouse=_warehouse_uri(name, settings, warehouse),
        )
        for name, settings in catalogs.items()
    ]


def _warehouse_uri(name: str, settings: CatalogSettings, folder: Path) -> str | None:
    given = settings.warehouse
    if given is None:
        return None if settings.type == "rest" else file_location(folder / name)
    if "://" in given or settings.type == "rest":  # REST services name warehouses as they like
        return given
    return file_location(Path(given).expanduser().absolute())


def file_location(path: Path) -> str:
    """Write a path as a location; not percent-encoded, since Hadoop takes `%20` literally."""
    return f"file://{path}"


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2]


def _s3_properties(s3: S3Settings, *, region_key: str) -> dict[str, str]:
    given = {
        "s3.endpoint": s3.endpoint,
        region_key: s3.region,
        "s3.access-key-id": s3.access_key_id,
        "s3.secret-access-key": s3.secret_access_key and s3.secret_access_key.get_secret_value(),
        "s3.session-token": s3.session_token and s3.session_token.get_secret_value(),
        "s3.path-style-access": "true" if s3.path_style else None,
    }
    return {key: value for key, value in given.items() if value}
