"""Ports that somebody asked for: taken ones are an error here, where Spark would take the next."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from iomete.errors import ConfigurationError, PortInUseError

PORT_KEYS = ("spark.ui.port", "spark.driver.port", "spark.blockManager.port")
MAX_PORT = 65535


def check_free(configuration: Mapping[str, str]) -> None:
    """Refuse a configuration that names a port which is taken; 0 means any and is always free.

    Raises:
        PortInUseError: With the setting to change.
        ConfigurationError: If what stands there is no port.
    """
    for key in PORT_KEYS:
        port = _port(key, configuration.get(key) or "0")
        if port == 0 or (
            key == "spark.ui.port" and configuration.get("spark.ui.enabled") != "true"
        ):
            continue
        host = configuration.get("spark.driver.bindAddress", "0.0.0.0")  # noqa: S104  # Spark's own
        if not _is_free(host, port):
            setting = "engine.ui_port" if key == "spark.ui.port" else f'engine.spark."{key}"'
            raise PortInUseError(
                f"Port {port} is in use.", hint=f"set `{setting}` to another port, or to 0 for any"
            )


def _port(key: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= MAX_PORT):
        raise ConfigurationError(
            f"`{key}` is `{value}`, which is not a port.", hint=f"use a number from 0 to {MAX_PORT}"
        )
    return int(value)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java servers do
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True
