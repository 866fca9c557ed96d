"""Reading settings: what is set where, and what counts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from iomete.errors import SettingsError
from iomete.settings.environment import ENVIRONMENT_PREFIX, from_environment
from iomete.settings.nesting import flatten, merge
from iomete.settings.printing import holds_models, shown
from iomete.settings.sections import Settings

SETTINGS_FILE = "iomete.toml"


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
            elif holds_models(value):
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
        ("environment", from_environment(environment)),
        (str(file), _from_file(file)),
    ]
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, values in layers:
        for key, _ in flatten(values):
            sources.setdefault(key, _described(name, key))
        merged = merge(merged, values)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(
            _problems(error, sources),
            hint="`iomete settings` lists every setting; looked in arguments, "
            f"{ENVIRONMENT_PREFIX}* variables and {file}",
        ) from None
    return LoadedSettings(settings=settings, sources=sources)


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
