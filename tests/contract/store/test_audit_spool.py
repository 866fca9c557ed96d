import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomete.errors import LakehouseFolderError
from iomete.governance.audit.intake import Ingestion
from iomete.governance.audit.spool import SpoolReader
from iomete.governance.audit.tables import audit_events, audit_rejects
from iomete.store import Store, metadata
from support.audit import DRIVER, event, line, spool_file

SECONDS = 60


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def reader(store: Store, spool: Path) -> SpoolReader:
    return SpoolReader(store, spool)


def start(*arguments: object) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "support.audit", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tests)},
    )


@contextmanager
def driver_holding(path: Path) -> Iterator[None]:
    process = start("hold", path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
    finally:
        process.communicate(timeout=SECONDS)


def ids(store: Store) -> list[str]:
    with store.read() as connection:
        return sorted(connection.execute(sa.select(audit_events.c.event_id)).scalars())


def rejects(store: Store) -> list[tuple[str, int, str]]:
    columns = audit_rejects.c
    query = sa.select(columns.file_name, columns.byte_offset, columns.line)
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(columns.reject_id))]


def age(path: Path) -> None:
    """Make a file look as if it hadn't been written to for a day."""
    day_ago = time.time() - 86_400
    os.utime(path, (day_ago, day_ago))


def test_the_migration_makes_the_declared_tables(store: Store) -> None:
    with store.read() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda _object, name, kind, *_: (
                kind != "table" or name.startswith("audit_")
            ),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert {"audit_events", "audit_spool_files", "audit_rejects"} <= set(metadata.tables)


def test_events_come_once_and_follow_what_is_appended(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    file = spool_file(spool)
    file.write_bytes(line(1) + line(2))
    assert reader.ingest() == Ingestion(events=2)
    assert reader.ingest() == Ingestion()
    with file.open("ab") as appended:
        appended.write(line(3))
    assert reader.ingest() == Ingestion(events=1)
    assert ids(store) == [f"{DRIVER}-{number}" for number in (1, 2, 3)]


def test_a_spool_that_is_not_there_holds_nothing(reader: SpoolReader, spool: Path) -> None:
    assert reader.ingest() == Ingestion()
    spool.mkdir()
    (spool / "lineage-1.jsonl").write_text("of somebody else")
    (spool / f"audit-{DRIVER}-000001.jsonl").mkdir()
    assert reader.ingest() == Ingestion()


def test_a_spool_that_can_not_be_read_says_so(reader: SpoolReader, spool: Path) -> None:
    spool.write_text("a file")
    with pytest.raises(LakehouseFolderError, match=r"can't be read.*Hint"):
        reader.ingest()


def test_an_incomplete_last_line_waits_for_its_end(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    file = spool_file(spool)
    whole = line(2)
    file.write_bytes(line(1) + whole[:40])
    assert reader.ingest() == Ingestion(events=1)
    with file.open("ab") as appended:
        appended.write(whole[40:])
    assert reader.ingest() == Ingestion(events=1)
    assert rejects(store) == []


@pytest.mark.parametrize("why", ["idle", "superseded"])
def test_a_line_cut_off_by_its_drivers_end_is_kept_apart(
    store: Store, reader: SpoolReader, spool: Path, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = spool_file(spool)
    file.write_bytes(line(1) + line(2)[:40])
    if why == "idle":
        age(file)
    else:
        spool_file(spool, 2).write_bytes(b"")
    assert reader.ingest() == Ingestion(events=1, rejects=1, deleted_files=1)
    assert rejects(store) == [(file.name, len(line(1)), line(2)[:40].decode())]
    assert "cut off" in caplog.text
    assert not file.exists()
    assert reader.ingest() == Ingestion()


def test_a_file_stays_while_its_driver_may_write_to_it(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    first, second, empty = (spool_file(spool, number) for number in (1, 2, 3))
    first.write_bytes(line(1))
    second.write_bytes(line(2))
    with driver_holding(second):
        age(second)
        empty.write_bytes(b"")  # made, and not yet locked
        assert reader.ingest() == Ingestion(events=2, deleted_files=1)
        assert second.exists()
        assert empty.exists()
    assert reader.ingest() == Ingestion(deleted_files=1)
    assert empty.exists()
    age(empty)
    assert reader.ingest() == Ingestion(deleted_files=1)
    assert list(spool.iterdir()) == []
    assert len(ids(store)) == 2


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"\0" * 50,
    b"[" * 100_000,
    b'{"id": "1"}',
    line(9, columns="id")[:-1],
    line(9, policies=[True])[:-1],
    line(9, verdict="maybe")[:-1],
    line(9, time="yesterday")[:-1],
    line(9, time="2026-01-01T00:00:00")[:-1],
    line(9, time="0001-01-01T00:00:00+14:00")[:-1],
    line(9, principal="x" * 401)[:-1],
]


def test_damaged_lines_are_kept_apart_and_hold_up_nothing(
    store: Store, reader: SpoolReader, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content, expected = b"", []
    file = spool_file(spool)
    for number, damaged in enumerate(DAMAGED):
        content += line(number)
        expected.append((file.name, len(content), damaged.decode(errors="surrogateescape")))
        content += damaged + b"\n"
    file.write_bytes(content)
    assert reader.ingest() == Ingestion(events=len(DAMAGED), rejects=len(DAMAGED))
    assert rejects(store) == expected
    assert f"{len(DAMAGED)} lines of `{file}` are no events, the first at byte" in caplog.text
    assert reader.ingest() == Ingestion()


def test_lines_longer_than_a_batch_come_whole(
    store: Store, reader: SpoolReader, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iomete.governance.audit.spool.BATCH_BYTES", 100)
    content = line(1) + line(2, reason="x" * 5000) + b"\0" * 3000 + b"\n" + line(3)
    spool_file(spool).write_bytes(content)
    assert reader.ingest() == Ingestion(events=3, rejects=1)


@pytest.mark.parametrize("how", ["cut", "emptied", "replaced", "replaced by a longer one"])
def test_a_file_that_somebody_changed_is_noticed_and_repeats_nothing(
    store: Store, reader: SpoolReader, spool: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = spool_file(spool)
    file.write_bytes(line(1) + line(2))
    reader.ingest()
    if how == "cut":
        os.truncate(file, len(line(1)))
    elif how == "emptied":
        os.truncate(file, 0)
    else:
        other = spool / "other"
        other.write_bytes(line(2) + line(3) + (line(4) if "longer" in how else b""))
        other.replace(file)
    taken = reader.ingest()
    assert "was cut or replaced" in caplog.text
    expected = {
        "cut": Ingestion(duplicates=1),
        "emptied": Ingestion(),
        "replaced": Ingestion(events=1, duplicates=1),
        "replaced by a longer one": Ingestion(events=2, duplicates=1),
    }
    assert taken == expected[how]
    assert reader.ingest() == Ingestion()
    assert ("in the store already" in caplog.text) == (taken.duplicates > 0)
    with file.open("ab") as appended:
        appended.write(line(9))
    assert reader.ingest() == Ingestion(events=1)
    assert len(ids(store)) == 2 + taken.events + 1


def test_the_id_of_another_event_loses_no_event(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    forged = line(1, principal="mallory")
    spool_file(spool).write_bytes(line(1) + line(2) + forged + line(1))
    assert reader.ingest() == Ingestion(events=2, rejects=1, duplicates=1)
    assert [text for _, _, text in rejects(store)] == [forged.decode().rstrip()]


@pytest.mark.parametrize("point", ["before commit", "before deletion"])
def test_a_reader_that_is_killed_loses_and_repeats_nothing(
    store: Store, store_url: str, reader: SpoolReader, spool: Path, point: str
) -> None:
    file = spool_file(spool)
    file.write_bytes(line(1) + line(2))
    age(file)
    process = start("crash", store_url, spool, point)
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert file.exists()
    were_there = 2 if point == "before deletion" else 0
    assert len(ids(store)) == were_there
    assert reader.ingest() == Ingestion(events=2 - were_there, deleted_files=1)
    assert len(ids(store)) == 2


def test_a_writer_that_is_killed_within_a_line_loses_no_event(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    spool.mkdir()
    process = start("write and cut", spool, 200, 20_000)
    taken = process.communicate(timeout=SECONDS)[0].split()
    assert process.returncode == -signal.SIGKILL
    for file in spool.iterdir():
        age(file)
    assert reader.ingest() == Ingestion(events=200, rejects=1, deleted_files=5)
    assert ids(store) == sorted(taken)


def test_readers_of_several_processes_lose_and_repeat_nothing(
    store: Store, store_url: str, spool: Path
) -> None:
    spool.mkdir()
    chance = random.Random(1)  # noqa: S311  # a test's own
    # Readers with batches of a few lines, killed at any time, while drivers write and rotate.
    readers = [start("ingest", store_url, spool, 1000, 2000) for _ in range(2)]
    drivers = [start("write", spool, 1500, 30_000) for _ in range(2)]
    drivers.append(start("write and cut", spool, 1500, 30_000))
    for _ in range(6):
        time.sleep(chance.uniform(0.2, 0.8))
        victim = readers.pop(0)
        victim.kill()
        victim.communicate(timeout=SECONDS)
        readers.append(start("ingest", store_url, spool, 1000, 2000))
    taken = [id_ for driver in drivers for id_ in driver.communicate(timeout=SECONDS)[0].split()]
    for victim in readers:
        victim.kill()
        victim.communicate(timeout=SECONDS)
    last = SpoolReader(store, spool, idle_seconds=0)
    assert last.ingest().duplicates == 0
    assert len(taken) == 4500
    assert ids(store) == sorted(taken)
    assert len(rejects(store)) == 1  # the line that was cut
    assert list(spool.iterdir()) == []


def test_threads_that_ask_at_once_lose_and_repeat_nothing(store: Store, spool: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for number in range(1, 6):
        content = b"".join(line(number * 1000 + count) for count in range(300))
        spool_file(spool, number).write_bytes(content)
    reader = SpoolReader(store, spool, idle_seconds=0)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: reader.ingest(), range(8)))
    assert sum(one.events for one in taken) == 1500
    assert sum(one.duplicates + one.rejects for one in taken) == 0
    assert len(ids(store)) == 1500


def as_java(text: str) -> str:
    """Make a character of two halves that meet, as they are one in Java."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


texts = (
    st.text(st.characters(), max_size=30)
    | st.text(st.sampled_from("\0\ud800\udfff\\u0\"'%_`\n🦆é"), max_size=12)
).map(as_java)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(odd=st.lists(texts, min_size=1, max_size=10))
def test_any_text_comes_back_as_it_was(store: Store, spool: Path, odd: list[str]) -> None:
    with store.write() as connection:
        connection.execute(sa.delete(audit_events))
    driver = os.urandom(8).hex()
    content = b""
    expected = {}
    for number, text in enumerate(odd):
        changes = {"principal": text, "columns": [text], "masks": {text: text}, "reason": text}
        one = event(id=f"{driver}-{number}", resource=text, action="read", **changes)
        content += json.dumps(one, ensure_ascii=number % 2 == 0).encode(errors="replace") + b"\n"
        if number % 2:  # as UTF-8, which has no half surrogate pairs
            text = text.encode(errors="replace").decode()  # noqa: PLW2901
        expected[one["id"]] = (text, text, [text], {text: text}, text)
    spool_file(spool, driver=driver).write_bytes(content)
    assert SpoolReader(store, spool).ingest() == Ingestion(events=len(odd))
    columns = audit_events.c
    query = sa.select(
        columns.event_id,
        *(columns.principal, columns.resource, columns["columns"], columns.masks, columns.reason),
    )
    with store.read() as connection:
        found = {row[0]: tuple(row[1:]) for row in connection.execute(query)}
    assert found == expected


def test_a_name_too_long_for_an_index_loses_no_event(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    chance = random.Random(2)  # noqa: S311  # a name that doesn't compress
    name = "".join(chr(chance.randint(0x4E00, 0x9FFF)) for _ in range(16_000))
    spool_file(spool).write_bytes(line(1, resource=name, verdict="denied") + line(2))
    assert reader.ingest() == Ingestion(events=2)


def test_a_hundred_thousand_events_take_seconds(
    store: Store, reader: SpoolReader, spool: Path
) -> None:
    events = 100_000
    with spool_file(spool).open("wb") as file:
        for number in range(events):
            file.write(line(number, principal=f"user{number % 50}"))
    began = time.perf_counter()
    assert reader.ingest() == Ingestion(events=events)
    seconds = time.perf_counter() - began
    print(f"{events / seconds:,.0f} events a second")
    assert seconds < 30
