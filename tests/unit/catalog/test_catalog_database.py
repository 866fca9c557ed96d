"""A catalog's SQLite file as other processes leave it, use it, and damage it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from iomete.catalog.iceberg import load_iceberg, translate_catalog_errors
from iomete.engine.sqlite_catalog import check_catalog_database
from iomete.errors import CatalogUnavailableError, outcome_of


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "with ? # and %20" / "catalog.db"


@pytest.fixture
def made(database: Path) -> Path:
    """A catalog as Iceberg makes it, in the journal mode that Spark gives it."""
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE iceberg_tables (catalog_name TEXT, table_name TEXT)")
        connection.executemany("INSERT INTO iceberg_tables VALUES (?, ?)", [("lake", "t")] * 1000)
        connection.commit()
    return database


@pytest.fixture
def in_use(made: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO iceberg_tables VALUES ('lake', 'u')")
        yield connection


def content_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def assert_is_refused(database: Path) -> None:
    with pytest.raises(CatalogUnavailableError) as caught:
        check_catalog_database(database)
    assert f"`{database}`" in caught.value.message
    assert "move it away" in str(caught.value.hint)
    assert "register_table" in str(caught.value.hint)
    assert outcome_of(caught.value).exit_code == 7


def test_without_a_file_there_is_nothing_to_say(database: Path) -> None:
    check_catalog_database(database)
    assert not database.parent.exists()


def test_an_empty_file_is_a_new_database(database: Path) -> None:
    database.parent.mkdir()
    database.touch()
    check_catalog_database(database)


def test_a_whole_catalog_is_read_and_left_as_it_was(made: Path) -> None:
    before = content_of(made.parent)
    check_catalog_database(made)
    assert content_of(made.parent) == before


def test_a_catalog_that_pyiceberg_made_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    catalog = SqlCatalog("lake", uri=f"sqlite:///{path}", warehouse=tmp_path.as_uri())
    catalog.create_namespace("a")
    check_catalog_database(path)
    catalog.close()


def test_a_catalog_that_others_write_is_whole(made: Path, in_use: sqlite3.Connection) -> None:
    check_catalog_database(made)
    in_use.commit()
    check_catalog_database(made)


def test_a_catalog_that_another_process_holds_alone_is_waited_for_by_spark(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        check_catalog_database(made)


@pytest.mark.parametrize(
    "content",
    [os.urandom(9000), b"<html>" * 100, b"\0" * 9000],
    ids=["noise", "a web page", "zeros"],
)
def test_what_is_no_database_is_refused_and_left_as_it_was(database: Path, content: bytes) -> None:
    database.parent.mkdir()
    database.write_bytes(content)
    before = content_of(database.parent)
    assert_is_refused(database)
    assert content_of(database.parent) == before


@pytest.mark.parametrize("place", [100, 4096])
def test_a_damaged_page_of_the_schema_or_a_table_is_recognised(made: Path, place: int) -> None:
    with made.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 2000)
    assert_is_refused(made)


def test_a_file_that_was_cut_off_is_recognised(made: Path) -> None:
    os.truncate(made, 4096)
    assert_is_refused(made)


def test_a_folder_is_no_database(database: Path) -> None:
    database.mkdir(parents=True)
    assert_is_refused(database)


def test_of_a_sqlite_catalog_the_hint_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(os.urandom(9000))
    with pytest.raises(CatalogUnavailableError) as caught:
        load_iceberg("lake", {"type": "sql", "uri": f"sqlite:///{path}", "warehouse": "file:/w"})
    assert "server" not in str(caught.value.hint)
    assert "`catalog.db`" in str(caught.value.hint)


def test_a_sqlite_catalog_that_is_in_use_can_be_tried_again(
    made: Path, in_use: sqlite3.Connection
) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(made, timeout=0))
    with (
        pytest.raises(CatalogUnavailableError) as caught,
        translate_catalog_errors("lake"),
        engine.begin() as connection,
    ):
        connection.execute(sa.text("DELETE FROM iceberg_tables"))
    assert "try again" in str(caught.value.hint)
    assert in_use.in_transaction
    engine.dispose()


def test_of_a_service_the_hint_names_its_server() -> None:
    from requests.exceptions import ConnectionError as NoConnection

    with pytest.raises(CatalogUnavailableError) as caught, translate_catalog_errors("far"):
        raise NoConnection("https://u:hunter2@far")
    assert "its server" in str(caught.value.hint)
    assert "`catalogs.far.uri`" in str(caught.value.hint)
    assert "hunter2" not in str(caught.value)
