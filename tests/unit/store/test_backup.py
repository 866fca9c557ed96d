import os
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from iomete.errors import StoreCorruptError, StoreUnavailableError
from iomete.store import Store, StoreUrl
from iomete.store.identity import record_identity
from iomete.store.migration import upgrade
from iomete.store.schema import VERSION_TABLE
from iomete.store.sqlite import SqliteBackend


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A store as the first release left it."""
    path = tmp_path / "store.db"
    backend = SqliteBackend(StoreUrl.parse(path), backup_folder=None, busy_timeout_seconds=30)
    backend.prepare()
    with backend.migrator.begin() as connection:
        upgrade(connection, "0001")
        record_identity(connection)
    backend.migrator.dispose()
    return path


def test_an_older_store_is_copied_before_it_is_migrated(older: Path) -> None:
    with Store.open(older) as store:
        identity = store.identity()
    (backup,) = (older.parent / "backups").iterdir()
    assert re.fullmatch(r"store-0001-\d{8}T\d{6}\.\d{6}Z\.db", backup.name)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("0001",)]
        assert copy.execute("SELECT id FROM lakehouse").fetchall() == [(identity.id,)]
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert list(backup.parent.iterdir()) == [backup]


def test_a_backup_is_a_store_that_can_be_put_back(older: Path) -> None:
    with Store.open(older) as store:
        identity = store.identity()
    (backup,) = (older.parent / "backups").iterdir()
    backup.replace(older)
    with Store.open(older) as store:
        assert store.identity() == identity


def test_the_backup_folder_can_be_chosen(older: Path, tmp_path: Path) -> None:
    Store.open(older, backup_folder=tmp_path / "safe" / "place").close()
    assert len(list((tmp_path / "safe" / "place").iterdir())) == 1
    assert not (tmp_path / "backups").exists()


def test_a_new_store_and_a_current_one_are_not_copied(tmp_path: Path) -> None:
    Store.open(tmp_path / "store.db").close()
    Store.open(tmp_path / "store.db").close()
    assert not (tmp_path / "backups").exists()


def test_a_store_that_can_not_be_copied_is_not_migrated(older: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StoreUnavailableError, match=r"not migrated.*Hint: make that folder"):
        Store.open(older)
    with closing(sqlite3.connect(older)) as connection:
        assert connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("0001",)]


def test_a_damaged_store_is_not_migrated(older: Path) -> None:
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE letters (x TEXT)")
        connection.execute("INSERT INTO letters SELECT hex(randomblob(9000))")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = older.read_bytes()[:-8192] + b"\xff" * 8192
    older.write_bytes(before)
    with pytest.raises(StoreCorruptError, match="is damaged"):
        Store.open(older)
    assert older.read_bytes() == before
    assert not list((older.parent / "backups").iterdir())


def test_a_damaged_store_points_at_the_newest_backup(older: Path) -> None:
    Store.open(older).close()
    (backup,) = (older.parent / "backups").iterdir()
    (backup.parent / "store-0000-20200101T000000.000000Z.db").touch()
    newest = backup.stat().st_mtime
    os.utime(backup, (newest + 60, newest + 60))
    older.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreCorruptError) as caught:
        Store.open(older)
    assert f"put back the backup `{backup}`" in str(caught.value)
