import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from iomete.errors import StoreBusyError, StoreCorruptError, StoreError, StoreUnavailableError
from iomete.store import Store, StoreUrl
from iomete.store.schema import VERSION_TABLE
from iomete.store.sqlite import SqliteBackend

WRITER = """
import sys
from iomete.store import Store
store = Store.open(sys.argv[1])
with store.write() as connection:
    connection.exec_driver_sql("CREATE TABLE letters (x TEXT)")
    connection.exec_driver_sql("INSERT INTO letters VALUES ('committed')")
with store.write() as connection:
    connection.exec_driver_sql("PRAGMA cache_size = 5")  # so that it spills into the log
    for i in range(5000):
        connection.exec_driver_sql("INSERT INTO letters VALUES (hex(randomblob(500)))")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own is gone by now
            found.add(str(descriptor.readlink()))
    return found


@contextmanager
def unprivileged_folder() -> Iterator[Path]:
    """Be a user whom permissions bind, also where tests run as root, in a folder of theirs."""
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, user, -1)
        before = os.geteuid()
        os.seteuid(user)
        try:
            yield folder
        finally:
            os.seteuid(before)
            folder.chmod(0o700)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_read_the_store_and_its_log(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with Store.open(path) as store, store.read():
            modes = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_a_store_that_others_may_read_is_closed_to_them(path: Path) -> None:
    Store.open(path).close()
    path.chmod(0o664)
    Store.open(path).close()
    assert mode(path) == 0o600


@pytest.mark.parametrize("name", ["a b", "per%20cent", "hash#tag", "what?", "naïve", "quo'te\""])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with Store.open(folder / "store.db") as store:
        assert store.url.path == folder / "store.db"
    assert [file.name for file in folder.iterdir()] == ["store.db"]


def test_each_commit_reaches_the_disk(path: Path) -> None:
    with Store.open(path) as store, store.read() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1]


def test_foreign_keys_hold_right_after_a_migration(path: Path) -> None:
    with Store.open(path) as store, store.write() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_opening_a_current_store_is_quick(path: Path) -> None:
    Store.open(path).close()
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        Store.open(path).close()
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.03


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to list open files")
def test_a_child_inherits_no_open_database(path: Path) -> None:
    with Store.open(path) as store:
        store.identity()
        assert str(path) in open_files()
        child = os.fork()
        if child == 0:
            os._exit(1 if str(path) in open_files() else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store.identity().id


def test_a_writer_killed_in_mid_transaction_damages_nothing(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        assert Path(f"{path}-wal").stat().st_size > 100_000  # the transaction is in the log
        writer.send_signal(signal.SIGKILL)
    with Store.open(path, busy_timeout_seconds=5) as store:
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT x FROM letters").all() == [("committed",)]
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        with store.write() as connection:
            connection.exec_driver_sql("INSERT INTO letters VALUES ('later')")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"This is not a database, it is a letter. " * 500,
        lambda good: good[: len(good) // 2],
        lambda good: good[:100] + b"\xff" * 400 + good[500:],
        lambda good: good[:50],
    ],
    ids=["garbage", "half of it", "first page overwritten", "cut in the header"],
)
def test_a_damaged_file_is_named_and_left_as_it_was(path: Path, damage) -> None:
    Store.open(path).close()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StoreCorruptError) as caught:
        Store.open(path)
    assert str(path) in caught.value.message
    assert caught.value.hint == f'save what can be read with `sqlite3 "{path}" ".recover"`'
    assert path.read_bytes() == before


def test_damage_that_opening_does_not_meet_is_told_when_it_is_met(path: Path) -> None:
    with Store.open(path) as store, store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE letters (x TEXT)")
        connection.exec_driver_sql("INSERT INTO letters SELECT hex(randomblob(9000))")
    content = path.read_bytes()
    path.write_bytes(content[:-8192] + b"\xff" * 8192)
    with (
        Store.open(path) as store,
        pytest.raises(StoreCorruptError, match="is damaged"),
        store.read() as connection,
    ):
        connection.exec_driver_sql("SELECT sum(length(x)) FROM letters").all()


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_another_programs_database_is_left_as_it_was(path: Path, journal: str) -> None:
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute(f"PRAGMA journal_mode={journal}")
        theirs.execute("CREATE TABLE alembic_version (version_num TEXT)")
        theirs.commit()
    before = path.read_bytes()
    with pytest.raises(StoreCorruptError, match="database of another program"):
        Store.open(path)
    assert path.read_bytes() == before


def test_another_programs_log_is_not_folded_into_its_file(path: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.db"
    with closing(sqlite3.connect(draft, isolation_level=None)) as theirs:
        theirs.execute("PRAGMA journal_mode=WAL")
        theirs.execute("CREATE TABLE letters (x TEXT)")
        for suffix in ("", "-wal"):
            Path(f"{path}{suffix}").write_bytes(Path(f"{draft}{suffix}").read_bytes())
    before = path.read_bytes()
    with pytest.raises(StoreCorruptError, match="database of another program"):
        Store.open(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with Store.open(path) as store:
        assert store.identity().id


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"does not exist.*Hint: mkdir -p"):
        Store.open(tmp_path / "missing" / "store.db")


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="is not a file"):
        Store.open(tmp_path)


def test_a_folder_that_can_not_be_written_is_named() -> None:
    with unprivileged_folder() as folder:
        folder.chmod(0o500)
        with pytest.raises(StoreUnavailableError, match=r"can't be written.*chmod u\+wx"):
            Store.open(folder / "store.db")


def test_a_file_that_can_not_be_written_is_named() -> None:
    with unprivileged_folder() as folder:
        Store.open(folder / "store.db").close()
        (folder / "store.db").chmod(0o400)
        with pytest.raises(StoreUnavailableError, match=r"can't be read and written.*chmod 600"):
            Store.open(folder / "store.db")


def test_more_threads_than_connections_wait_for_one(path: Path) -> None:
    with Store.open(path) as store:
        barrier = threading.Barrier(15)  # the pool's size
        threads = [threading.Thread(target=hold, args=(store, barrier)) for _ in range(15)]
        for thread in threads:
            thread.start()
        assert store.identity().id
        for thread in threads:
            thread.join()


def hold(store: Store, barrier: threading.Barrier) -> None:
    with store.read():
        barrier.wait()
        time.sleep(0.1)


def test_another_program_that_holds_the_file_is_waited_for(path: Path) -> None:
    with Store.open(path, busy_timeout_seconds=20) as store:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, other.execute, ["COMMIT"]).start()
        with store.write() as connection:
            connection.exec_driver_sql("CREATE TABLE letters (x TEXT)")
        other.close()


def test_the_switch_to_wal_waits_for_readers(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA user_version=1")  # so that the file has a page to hold a lock on
    other.execute("BEGIN")
    other.execute("SELECT * FROM sqlite_master").fetchall()
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    with Store.open(path) as store:
        assert store.identity().id
    timer.join()
    other.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_PROTOCOL])
def test_what_sqlite_gives_up_on_too_soon_is_tried_again(path: Path, code: int) -> None:
    class Impatient(sqlite3.Connection):
        refusals = 3

        def execute(self, *arguments: object) -> sqlite3.Cursor:
            if self.refusals:
                self.refusals -= 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = code
                raise error
            return super().execute(*arguments)

    url = StoreUrl.parse(path)
    backend = SqliteBackend(url, backup_folder=None, busy_timeout_seconds=5)
    with closing(sqlite3.connect(path, factory=Impatient)) as connection:
        assert backend._execute(connection, "SELECT 1") == [(1,)]


def test_a_program_that_never_lets_go_is_an_error_at_opening(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError, match="Hint: try again"):
            Store.open(path, busy_timeout_seconds=0.1)


def test_a_store_deleted_while_open_does_not_come_back_empty(path: Path) -> None:
    with Store.open(path) as store:
        pass
    path.unlink()
    with pytest.raises(StoreError), store.read():
        pass
    assert not path.exists()


def test_our_version_table_is_what_makes_a_file_ours(path: Path) -> None:
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DROP TABLE {VERSION_TABLE}")
        connection.commit()
    with pytest.raises(StoreCorruptError, match="another program"):
        Store.open(path)


def test_an_interrupted_creation_is_finished(path: Path, tmp_path: Path) -> None:
    # What a crash leaves: a file half written, and the journal that undoes it.
    draft = tmp_path / "draft.db"
    with closing(sqlite3.connect(draft, isolation_level=None)) as crashed:
        crashed.execute("PRAGMA page_size=512")
        crashed.execute("VACUUM")
        crashed.execute("PRAGMA cache_size=1")
        crashed.execute("BEGIN IMMEDIATE")
        crashed.execute("CREATE TABLE half (x)")
        crashed.execute("INSERT INTO half SELECT zeroblob(400) FROM (VALUES (1), (2), (3), (4))")
        for _ in range(8):
            crashed.execute("INSERT INTO half SELECT x FROM half")
        path.write_bytes(draft.read_bytes())
        Path(f"{path}-journal").write_bytes(Path(f"{draft}-journal").read_bytes())
    assert path.stat().st_size
    with Store.open(path) as store, store.read() as connection:
        assert not sa.inspect(connection).has_table("half")
