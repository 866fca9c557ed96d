"""Settings: one frozen value, read once by `session`, handed to packages a section each.

Precedence, highest first: arguments, environment (`IOMETE_<SECTION>__<KEY>`), `iomete.toml` in the
lakehouse folder, defaults. `load_settings` also tells where each value came from.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as EnvironmentValueError

from iomete.errors import SettingsError

ENVIRONMENT_PREFIX = "IOMETE_"
SETTINGS_FILE = "iomete.toml"
MASKED = "********"
STORE_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
SECRET_WORDS = (
    "secret",
    "password",
    "passphrase",
    "token",
    "credential",
    "authorization",
    "access-key",
    "access.key",
    "access_key",
    "private",
)
"""What in a configuration key says that its value must not be printed."""

Port = Annotated[int, Field(ge=0, le=65535)]
CatalogIdentifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """Base of all sections: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show values as `iomete settings` does, secrets masked."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            nested = isinstance(value, BaseModel) or _holds_models(value)
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
        _check_port(value)
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
            for key, item in _flatten(value)
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
            _check_store(value.get_secret_value())
        return value


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
            _check_port(value)
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
        _check_port(address.removeprefix("jdbc:"))
        return value


def _with_address(catalog: CatalogSettings) -> CatalogSettings:
    if catalog.type == "rest" and catalog.uri is None:
        raise ValueError("`uri` is missing: a REST catalog needs the address of its service")
    return catalog


class Settings(Section):
    """All settings of a lakehouse."""

    engine: EngineSettings = Field(default_factory=EngineSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingValue:
    """One setting as a person reads it; secrets are masked."""

    key: str
    value: str
    source: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings and, by dotted key, where each explicitly given value came from."""

    settings: Settings
    sources: Mapping[str, str]

    def values(self) -> list[SettingValue]:
        """Return every setting with value and source, in the order of the sections."""
        return list(self._walk(self.settings, ""))

    def _walk(self, model: BaseModel, prefix: str) -> Iterator[SettingValue]:
        for name, field in type(model).model_fields.items():
            key, value = prefix + name, getattr(model, name)
            if isinstance(value, BaseModel):
                yield from self._walk(value, key + ".")
            elif _holds_models(value):
                for item, nested in value.items():
                    yield from self._walk(nested, f"{key}.{item}.")
            else:
                yield SettingValue(
                    key=key,
                    value=shown(key, value),
                    source=self._source_of(key),
                    description=field.description or "",
                )

    def _source_of(self, key: str) -> str:
        inner = (source for given, source in self.sources.items() if given.startswith(key + "."))
        return self.sources.get(key) or next(inner, "default")


def load_settings(
    folder: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Read all settings of the lakehouse in `folder`.

    Args:
        folder: The lakehouse folder; it need not exist.
        arguments: Nested sections as given to `connect`, such as `{"engine": {"ui": True}}`.
        environment: Stands in for the process's environment; unset: `os.environ`.

    Raises:
        SettingsError: With every problem at once, each with the place it comes from.
    """
    environment = os.environ if environment is None else environment
    file = folder / SETTINGS_FILE
    layers = [
        ("argument", dict(arguments or {})),
        ("environment", _from_environment(environment)),
        (str(file), _from_file(file)),
    ]
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, values in layers:
        for key, _ in _flatten(values):
            sources.setdefault(key, _described(name, key))
        merged = _merge(merged, values)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(
            _problems(error, sources),
            hint="`iomete settings` lists every setting; looked in arguments, "
            f"{ENVIRONMENT_PREFIX}* variables and {file}",
        ) from None
    return LoadedSettings(settings=settings, sources=sources)


def shown(key: str, value: object) -> str:
    """Write a setting's value for a person; what is or may hold a secret is masked."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASKED
    if isinstance(value, dict):
        return ", ".join(f"{k}={MASKED if is_secret(k) else v}" for k, v in value.items())
    return MASKED if is_secret(key) else str(value)


def _holds_models(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values())


def is_secret(key: str) -> bool:
    """Tell whether a configuration key names something that must not be printed."""
    lowered = key.lower()
    return any(word in lowered for word in SECRET_WORDS)


def _check_port(address: str) -> None:
    """Refuse a URL whose port is none; the message leaves the URL out, which may hold a password.

    Raises:
        ValueError: If it isn't 1 to 65535.
    """
    try:
        valid = urlsplit(address).port != 0
    except ValueError:
        valid = False
    if not valid:  # raised outside of `except`, whose error may repeat what was given
        raise ValueError("the port in a URL must be a number from 1 to 65535")


def _check_store(address: str) -> None:
    """Refuse what `iomete.store` can't open: it takes PostgreSQL, SQLite, and a file's path."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        is_known = bool(address) and not re.match(r"[\w+]*:", address)
    elif scheme == "sqlite":
        is_known = rest.startswith("/") and rest.partition("?")[0] not in ("/", "/:memory:")
    else:
        is_known = scheme in STORE_SCHEMES
        # a password may hold what ends a host elsewhere, but not an `@`
        _check_port(f"{scheme}://{rest.rpartition('@')[2]}")
    if not is_known or "\0" in address:
        raise ValueError(
            "must be `postgresql://user:password@host/database`, or a file's path for SQLite"
        )


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read `IOMETE_<SECTION>__<KEY>`; a section that doesn't exist is an error, not ignored."""
    known = {name.upper() for name in Settings.model_fields}
    ours = {k: v for k, v in environment.items() if k.startswith(ENVIRONMENT_PREFIX) and "__" in k}
    single = [k for k in environment if "__" not in k and k.startswith(_SECTION_PREFIXES)]
    if single:
        raise SettingsError(
            [
                f"environment variable `{name}` has a single `_` after its section"
                for name in single
            ],
            hint="write IOMETE_<SECTION>__<KEY>, such as IOMETE_ENGINE__MASTER",
        )
    unknown = sorted(
        name for name in ours if name.removeprefix(ENVIRONMENT_PREFIX).split("__")[0] not in known
    )
    if unknown:
        raise SettingsError(
            [f"environment variable `{name}` names no section" for name in unknown],
            hint=f"sections are {', '.join(sorted(Settings.model_fields))}",
        )
    source = EnvSettingsSource(
        _EnvironmentSettings,
        case_sensitive=False,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )
    source.env_vars = {k.lower(): v for k, v in ours.items()}
    try:
        return source()
    except EnvironmentValueError as error:
        section = re.search(r'field "(\w+)"', str(error))
        place = f"{ENVIRONMENT_PREFIX}{section[1].upper()}__…" if section else "a variable"
        raise SettingsError(
            [f"environment {place} does not hold the JSON that it should"],
            hint="""write it as JSON, such as IOMETE_ENGINE__SPARK='{"spark.ui.port": "0"}'""",
        ) from error


_SECTION_PREFIXES = tuple(f"{ENVIRONMENT_PREFIX}{n.upper()}_" for n in Settings.model_fields)


class _EnvironmentSettings(BaseSettings, Settings):  # type: ignore[misc]  # configs differ
    """What pydantic-settings needs to know of `Settings` to read variables; never made."""


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # the folder says itself what is wrong with it
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file} is not valid TOML: {error}"], hint=f"edit {file}") from error
    except OSError as error:
        raise SettingsError(
            [f"{file} can't be read: {error.strerror}"], hint=f"check who owns {file}"
        ) from error


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _merge(higher: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `lower` under `higher`, section by section."""
    merged = dict(lower)
    for key, value in higher.items():
        below = lower.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = _merge(value, below)
        else:
            merged[key] = value
    return merged


def _described(layer: str, key: str) -> str:
    if layer == "environment":
        return "environment " + ENVIRONMENT_PREFIX + key.upper().replace(".", "__")
    return layer


def _problems(error: ValidationError, sources: Mapping[str, str]) -> list[str]:
    problems = []
    for detail in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in detail["loc"] if part != "[key]")
        source = sources.get(key) or next(
            (s for k, s in sources.items() if k.startswith(key + ".")), "default"
        )
        message = "is not a setting" if detail["type"] == "extra_forbidden" else detail["msg"]
        problems.append(f"`{key}` ({source}): {message}")
    return problems
