"""Settings as people read them: secrets masked."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

MASKED = "********"
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


def shown(key: str, value: object) -> str:
    """Write a setting's value for a person; what is or may hold a secret is masked."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASKED
    if isinstance(value, dict):
        return ", ".join(f"{k}={MASKED if is_secret(k) else v}" for k, v in value.items())
    return MASKED if is_secret(key) else str(value)


def holds_models(value: object) -> bool:
    """Tell whether a value is a dict of sections, such as the catalogs."""
    return isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values())


def is_secret(key: str) -> bool:
    """Tell whether a configuration key names something that must not be printed."""
    lowered = key.lower()
    return any(word in lowered for word in SECRET_WORDS)
