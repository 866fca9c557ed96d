from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from iomete.engine.ports import check_free
from iomete.errors import ConfigurationError, PortInUseError
from support.ports import free_ports

LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "true"}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("key", "setting"),
    [
        ("spark.ui.port", "`engine.ui_port`"),
        ("spark.driver.port", '`engine.spark."spark.driver.port"`'),
        ("spark.blockManager.port", '`engine.spark."spark.blockManager.port"`'),
    ],
)
def test_a_taken_port_is_refused_with_the_setting_to_change(
    taken_port: int, key: str, setting: str
) -> None:
    with pytest.raises(PortInUseError, match=f"Port {taken_port} is in use") as caught:
        check_free({**LOOPBACK, key: str(taken_port)})
    assert setting in str(caught.value.hint)
    assert isinstance(caught.value, OSError)


def test_a_port_taken_on_the_loopback_is_taken_for_all_addresses(taken_port: int) -> None:
    with pytest.raises(PortInUseError):
        check_free({"spark.driver.port": str(taken_port)})


def test_free_ports_pass_and_stay_free() -> None:
    (port,) = free_ports(1)
    for _ in range(2):
        check_free({**LOOPBACK, "spark.ui.port": str(port)})
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_a_port_that_was_just_closed_counts_as_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java servers do
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    check_free({**LOOPBACK, "spark.ui.port": str(port)})


def test_zero_and_unset_mean_any_port() -> None:
    check_free({**LOOPBACK, "spark.ui.port": "0", "spark.driver.port": "0"})
    check_free({})


@pytest.mark.parametrize("enabled", [{"spark.ui.enabled": "false"}, {}])
def test_the_port_of_a_web_interface_that_is_off_does_not_matter(
    taken_port: int, enabled: dict[str, str]
) -> None:
    check_free({"spark.ui.port": str(taken_port), **enabled})


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_what_is_no_port_is_an_error_that_names_the_setting(port: str) -> None:
    with pytest.raises(ConfigurationError, match=r"spark\.driver\.port") as caught:
        check_free({**LOOPBACK, "spark.driver.port": port})
    assert port in caught.value.message
