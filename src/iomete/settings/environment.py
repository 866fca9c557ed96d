"""Settings from environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as EnvironmentValueError

from iomete.errors import SettingsError
from iomete.settings.sections import Settings

ENVIRONMENT_PREFIX = "IOMETE_"


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
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
