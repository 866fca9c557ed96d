"""Checks of URLs in settings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

STORE_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def check_port(address: str) -> None:
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


def check_service_url(address: str) -> str:
    """Return the URL of an HTTP service without what is of no use at its end.

    Raises:
        ValueError: If it is none, or holds what belongs elsewhere; the message leaves it out.
    """
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", address, re.IGNORECASE):
        raise ValueError(
            "must be a URL without user, query and fragment, such as https://ranger.example:6182"
        )
    check_port(address)
    return address.rstrip("/")


def check_store(address: str) -> None:
    """Refuse what `iomete.store` can't open: it takes PostgreSQL, SQLite, and a file's path."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        is_known = bool(address) and not re.match(r"[\w+]*:", address)
    elif scheme == "sqlite":
        is_known = rest.startswith("/") and rest.partition("?")[0] not in ("/", "/:memory:")
    else:
        is_known = scheme in STORE_SCHEMES
        # a password may hold what ends a host elsewhere, but not an `@`
        check_port(f"{scheme}://{rest.rpartition('@')[2]}")
    if not is_known or "\0" in address:
        raise ValueError(
            "must be `postgresql://user:password@host/database`, or a file's path for SQLite"
        )
