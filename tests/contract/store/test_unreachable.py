import socket

import pytest

from iomete.errors import StoreUnavailableError
from iomete.store import Store
from support.postgres import PostgresServer

PASSWORD = "sesame-1"


def assert_secret_stays_hidden(error: BaseException | None) -> None:
    while error is not None:
        assert PASSWORD not in f"{error} {error!r} {error.args}"
        error = error.__cause__ or error.__context__


def test_a_wrong_password_is_not_printed(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailableError, match="authentication failed") as caught:
        Store.open(postgres_server.url("postgres", password=PASSWORD))
    assert_secret_stays_hidden(caught.value)


def test_an_unknown_database_is_named(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailableError, match=r'"nowhere" does not exist.*Hint'):
        Store.open(postgres_server.url("nowhere"))


def test_a_server_that_is_down_is_named_without_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{port}") as caught:
            Store.open(f"postgresql://alice:{PASSWORD}@127.0.0.1:{port}/lake")
    assert_secret_stays_hidden(caught.value)


@pytest.mark.parametrize("schema", ["elsewhere", "pg_catalog"])
def test_a_user_who_may_not_make_tables_is_told_what_to_grant(
    postgres_server: PostgresServer, postgres_url: str, schema: str
) -> None:
    with Store.open(postgres_url) as store, store.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        connection.exec_driver_sql("CREATE SCHEMA elsewhere")
    address = f"reader:{PASSWORD}@{postgres_server.host}:{postgres_server.port}"
    database = postgres_url.rpartition("/")[2]
    try:
        with pytest.raises(
            StoreUnavailableError, match=r"refused its user.*needs USAGE and CREATE"
        ):
            Store.open(f"postgresql://{address}/{database}?options=-csearch_path%3D{schema}")
    finally:
        with Store.open(postgres_url) as store, store.write() as connection:
            connection.exec_driver_sql("DROP ROLE reader")


def test_a_store_survives_a_lost_connection(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        with other.write() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert store.identity() == other.identity()


def test_the_store_reaches_java_by_tcp_with_user_and_password(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with Store.open(postgres_url) as store:
        address = store.jdbc()
    assert address.url == postgres_server.jdbc_url(postgres_url.rpartition("/")[2])
    assert (address.user, address.password) == (postgres_server.user, postgres_server.password)
    assert postgres_server.password not in repr(address)
