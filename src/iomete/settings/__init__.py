"""Settings: one frozen value, read once by `session`, handed to packages a section each.

Precedence, highest first: arguments, environment (`IOMETE_<SECTION>__<KEY>`), `iomete.toml` in the
lakehouse folder, defaults. `load_settings` also tells where each value came from.
"""

from iomete.settings.environment import ENVIRONMENT_PREFIX
from iomete.settings.loading import SETTINGS_FILE, LoadedSettings, SettingValue, load_settings
from iomete.settings.printing import MASKED, SECRET_WORDS, is_secret, shown
from iomete.settings.sections import (
    AuditSettings,
    CatalogSettings,
    EngineSettings,
    GovernanceSettings,
    RangerSettings,
    S3Settings,
    Settings,
    StoreSettings,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "MASKED",
    "SECRET_WORDS",
    "SETTINGS_FILE",
    "AuditSettings",
    "CatalogSettings",
    "EngineSettings",
    "GovernanceSettings",
    "LoadedSettings",
    "RangerSettings",
    "S3Settings",
    "SettingValue",
    "Settings",
    "StoreSettings",
    "is_secret",
    "load_settings",
    "shown",
]
