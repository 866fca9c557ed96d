"""What can be set, a section for each part of a lakehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from iomete.settings.addresses import check_port, check_service_url, check_store
from iomete.settings.nesting import flatten
from iomete.settings.printing import holds_models, shown

Port = Annotated[int, Field(ge=0, le=65535)]
CatalogIdentifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """Base of all sections: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show values as `iomete settings` does, secrets masked."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            nested = isinstance(value, BaseModel) or holds_models(value)
            yield name, value if nested else shown(name, value)


class EngineSettings(Section):
    """How Spark starts."""

    master: str = Field(
        "local[*]",
        min_length=1,
        description="Spark master: `local[*]`, `spark://host:7077`, …",
    )
    driver_memory: str | None = Field(
        None,
        pattern=r"^\d+[kmgKMG]?$",
        description="Heap of the driver; unset: a quarter of the machine's memory, 1g to 8g",
    )
    progress: bool = Field(default=False, description="Draw Spark's progress bars on stderr")
    ui: bool = Field(default=False, description="Serve Spark's own web interface on loopback")
    ui_port: Port = Field(4040, description="Port of that interface; 0 takes a free one")
    log_level: Literal["ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"] = Field(
        "ERROR", description="Level of Spark's log on stderr"
    )
    java_home: Path | None = Field(None, description="JDK to use; unset: JAVA_HOME, then PATH")
    class_archive: bool = Field(
        default=True,
        description="Keep a class-data archive in the cache, which shortens the start",
    )
    cache_folder: Path | None = Field(
        None, description="Where jars and class archives are kept; unset: the user's cache folder"
    )
    repository: str = Field(
        "https://repo1.maven.org/maven2",
        pattern=r"^(https?|file)://",
        description="Maven repository (or mirror) that jars come from",
    )

    @field_validator("repository")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("can't hold a user or password, since it is printed in messages")
        check_port(value)
        return value

    spark: dict[str, str] = Field(
        default_factory=dict, description="Further Spark configuration, as Spark names it"
    )

    @field_validator("spark", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Write TOML numbers and booleans the way Spark reads them."""
        if not isinstance(value, Mapping):
            return value
        return {
            key: str(item).lower() if isinstance(item, bool) else str(item)
            for key, item in flatten(value)
        }


class StoreSettings(Section):
    """The metadata database."""

    url: SecretStr | None = Field(
        None, description="`postgresql://user:password@host/database`; unset: `store.db`, SQLite"
    )

    @field_validator("url")
    @classmethod
    def _known_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_store(value.get_secret_value())
        return value


class RangerSettings(Section):
    """A Ranger Admin."""

    url: str | None = Field(None, description="Its address, such as `https://ranger.example:6182`")
    service: str | None = Field(
        None, min_length=1, max_length=255, description="Name of this lakehouse's service there"
    )
    user: str | None = Field(None, min_length=1, description="Who downloads and pushes policies")
    password: SecretStr | None = Field(None, description="That user's password")
    token: SecretStr | None = Field(None, description="A bearer token, instead of a user")
    cluster: str = Field("", max_length=255, description="What Ranger lists this lakehouse under")
    poll_seconds: float = Field(
        30, ge=0.1, le=3600, description="How long a change there takes at most to count here"
    )
    timeout_seconds: float = Field(10, ge=0.1, le=600, description="How long an answer may take")

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else check_service_url(value)

    @field_validator("user")
    @classmethod
    def _fits_basic(cls, value: str | None) -> str | None:
        if value is not None and ":" in value:
            raise ValueError("can't hold a `:`, which ends it in HTTP's Basic authentication")
        return value

    @model_validator(mode="after")
    def _one_identity(self) -> RangerSettings:
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` belong together")
        if self.user is not None and self.token is not None:
            raise ValueError("give a `user` or a `token`, not both")
        return self


class GovernanceSettings(Section):
    """Where policies come from."""

    source: Literal["store", "ranger"] = Field(
        "store", description="Policies kept in the store, or those of a Ranger Admin"
    )
    ranger: RangerSettings = Field(default_factory=RangerSettings)

    @model_validator(mode="after")
    def _ranger_is_told(self) -> GovernanceSettings:
        for key in ("url", "service"):
            if self.source == "ranger" and getattr(self.ranger, key) is None:
                raise ValueError(f"`ranger.{key}` is missing: `source` is `ranger`")
        return self


class AuditSettings(Section):
    """The audit trail."""

    required: bool = Field(
        default=False, description="Refuse what can't be recorded; otherwise such events are lost"
    )
    ingest_seconds: float = Field(
        5.0, gt=0, description="How often events are taken from `spool/` into the store"
    )
    spool_max_bytes: int = Field(
        64 * 1024 * 1024, ge=4096, description="A spool file is followed by a new one at this size"
    )
    spool_max_seconds: int = Field(
        3600, ge=1, description="A spool file is followed by a new one at this age"
    )
    retention_days: int | None = Field(
        None, ge=1, description="Delete events that are older; unset: keep all"
    )


class S3Settings(Section):
    """Access to an S3 warehouse; unset values come from the AWS environment."""

    endpoint: str | None = Field(None, description="URL of an S3 server other than AWS")
    region: str | None = Field(None, description="Region of the bucket")
    access_key_id: str | None = Field(None, description="Access key")
    secret_access_key: SecretStr | None = Field(None, description="Secret key")
    session_token: SecretStr | None = Field(None, description="Token of temporary credentials")
    path_style: bool = Field(
        default=False, description="Address buckets by path, as most servers need"
    )

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None:
            if not re.match("https?://.", value, re.IGNORECASE):
                raise ValueError("must be a URL, such as https://s3.example:9000")
            check_port(value)
        return value


class CatalogSettings(Section):
    """One Iceberg catalog."""

    type: Literal["jdbc", "rest"] = Field("jdbc", description="Where table pointers are kept")
    uri: SecretStr | None = Field(
        None,
        description="JDBC: `postgresql://user:password@host/database`, unset `catalog.db`; "
        "REST: the service's address",
    )
    warehouse: str | None = Field(
        None,
        description="Root of the tables: a folder or `s3://bucket/prefix`; unset: in the lakehouse",
    )
    token: SecretStr | None = Field(None, description="Bearer token of a REST catalog")
    credential: SecretStr | None = Field(
        None, description="OAuth2 client credential of a REST catalog, `id:secret`"
    )
    s3: S3Settings = Field(default_factory=S3Settings)
    properties: dict[str, str] = Field(
        default_factory=dict, description="Further Iceberg catalog properties"
    )

    @field_validator("uri")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value()
        if "://" not in address:
            msg = "must be a URL, such as postgresql://user@host/database or https://host/catalog"
            raise ValueError(msg)
        # an unquoted `/`, `?` or `#` in a password ends the host early: the rest would be printed
        if any("@" in rest for rest in re.split("[/?#]", address.partition("://")[2])[1:]):
            raise ValueError("user and password in a URL must be percent-encoded")
        check_port(address.removeprefix("jdbc:"))
        return value


def _with_address(catalog: CatalogSettings) -> CatalogSettings:
    if catalog.type == "rest" and catalog.uri is None:
        raise ValueError("`uri` is missing: a REST catalog needs the address of its service")
    return catalog


class Settings(Section):
    """All settings of a lakehouse."""

    engine: EngineSettings = Field(default_factory=EngineSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    governance: GovernanceSettings = Field(default_factory=GovernanceSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    catalogs: dict[CatalogIdentifier, Annotated[CatalogSettings, AfterValidator(_with_address)]] = (
        Field(default_factory=lambda: {"lake": CatalogSettings()})
    )

    @field_validator("catalogs")
    @classmethod
    def _has_lake(cls, value: dict[str, CatalogSettings]) -> dict[str, CatalogSettings]:
        if "spark_catalog" in value:
            msg = "`spark_catalog` is Spark's own session catalog and can't be an Iceberg catalog"
            raise ValueError(msg)
        return {"lake": value.get("lake", CatalogSettings()), **value}
