from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomete.errors import ConfigurationError
from iomete.store import JdbcAddress, StoreUrl

secrets = st.text(min_size=1, max_size=30).map(lambda text: f"s3cret{text}s3cret")


def jdbc(url: str) -> JdbcAddress:
    return StoreUrl.parse(url).jdbc(busy_timeout_seconds=30)


def test_a_path_is_a_sqlite_file(tmp_path: Path) -> None:
    url = StoreUrl.parse(tmp_path / "store.db")
    assert url.is_sqlite
    assert url.path == tmp_path / "store.db"
    assert StoreUrl.parse(f"sqlite:///{tmp_path}/store.db") == url
    assert StoreUrl.parse(url) is url


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert StoreUrl.parse("store.db").path == tmp_path / "store.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_one(scheme: str) -> None:
    assert str(StoreUrl.parse(f"{scheme}://bob@db/lake")) == "postgresql://bob@db/lake"
    assert StoreUrl.parse(f"{scheme}://bob@db/lake").sqlalchemy.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["mysql://root:pw1@db/lake", "postgresql+asyncpg://u:pw1@db/lake"])
def test_other_databases_are_refused_without_printing_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Hint: use `postgresql://") as caught:
        StoreUrl.parse(url)
    assert "pw1" not in str(caught.value)


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", "sqlite://"])
def test_what_is_not_a_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a file"):
        StoreUrl.parse(path)


def test_a_url_that_can_not_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigurationError, match="percent-encode") as caught:
        StoreUrl.parse("postgresql://bob:sesame@db:port/lake")
    assert caught.value.__context__ is None
    assert "sesame" not in str(caught.value)


@given(secret=secrets)
def test_no_password_is_ever_printed(secret: str) -> None:
    encoded = quote(secret, safe="")
    for text in (
        f"postgresql://bob:{encoded}@db/lake",
        f"postgresql://bob@db/lake?password={encoded}",
        f"postgresql://bob@db/lake?sslpassword={encoded}",
    ):
        url = StoreUrl.parse(text)
        printed = f"{url} {url!r} {url.jdbc(busy_timeout_seconds=1)}"
        assert "s3cret" not in printed


@given(secret=secrets, user=st.text(min_size=1, max_size=20))
def test_user_and_password_reach_java_as_they_are(secret: str, user: str) -> None:
    address = jdbc(f"postgresql://{quote(user, safe='')}:{quote(secret, safe='')}@db/lake")
    assert address.url == "jdbc:postgresql://db:5432/lake"
    assert (address.user, address.password) == (user, secret)


def test_libpqs_parameters_are_translated_for_java() -> None:
    url = "postgresql://db/lake?user=bob&password=pw&sslmode=require&connect_timeout=3&gssencmode=x"
    assert jdbc(url) == JdbcAddress(
        url="jdbc:postgresql://db:5432/lake?sslmode=require&connectTimeout=3",
        user="bob",
        password="pw",
    )


def test_an_ipv6_host_reaches_java() -> None:
    assert jdbc("postgresql://bob@[::1]:5433/lake").url == "jdbc:postgresql://[::1]:5433/lake"


def test_java_opens_the_file_the_way_python_does(tmp_path: Path) -> None:
    assert jdbc(str(tmp_path / "store.db")) == JdbcAddress(
        url=f"jdbc:sqlite:{tmp_path}/store.db"
        "?journal_mode=WAL&busy_timeout=30000&transaction_mode=IMMEDIATE"
    )


@pytest.mark.parametrize("url", ["postgresql:///lake", "postgresql:///lake?host=/run/postgresql"])
def test_java_has_no_unix_sockets(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TCP only"):
        jdbc(url)


def test_java_can_not_open_a_path_with_a_question_mark(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="question mark"):
        jdbc(str(tmp_path / "what?" / "store.db"))
