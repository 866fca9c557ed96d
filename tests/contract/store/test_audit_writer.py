"""What Python itself reports to the audit trail, and how old events leave it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from iomete.errors import AuditUnavailableError
from iomete.governance.audit.intake import Ingestion
from iomete.governance.audit.keeper import KEEPER, AuditKeeper
from iomete.governance.audit.retention import expire
from iomete.governance.audit.spool import SpoolReader
from iomete.governance.audit.tables import audit_rejects
from iomete.governance.audit.trail import Audit
from iomete.store import Store
from support.audit import events_in, line, spool_file, trail_in

MANY = 7


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@contextmanager
def in_the_way(spool: Path) -> Iterator[None]:
    """Make the spool something that nobody can write to, not even root."""
    away = spool.with_name("away")
    if spool.exists():
        spool.rename(away)
    spool.write_text("a file")
    yield
    spool.unlink()
    if away.exists():
        away.rename(spool)


def audit_of(store: Store, spool: Path) -> Audit:
    trail = trail_in(spool.with_name("questions"))
    return Audit(store, spool, may_read=lambda: None, trail=trail)


def test_what_python_does_comes_back_as_events(store: Store, spool: Path) -> None:
    trail = trail_in(spool, "ada", required=True)
    trail.allowed("policy.create", "lake.crm.customers", policies=[7])
    trail.denied("user.add", "user:b\ud800\0 \N{DUCK}", "no admin")
    allowed, denied = audit_of(store, spool).events()
    assert (allowed.principal, allowed.action, allowed.policies) == ("ada", "policy.create", (7,))
    assert (denied.resource, denied.verdict) == ("user:b\ud800\0 \N{DUCK}", "denied")
    assert denied.reason == "no admin"
    assert datetime.now(UTC) - allowed.time < timedelta(minutes=1)
    assert audit_of(store, spool).events(resource="lake.crm") == [allowed]
    assert audit_of(store, spool).events(resource=denied.resource) == [denied]


def test_files_are_private_and_kept_short(store: Store, spool: Path) -> None:
    trail = trail_in(spool, file_bytes=1000)
    for number in range(20):
        trail.allowed("user.add", f"user:u{number}")
    files = sorted(spool.iterdir())
    assert len(files) > 5
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert spool.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_size <= 1000 for file in files)
    taken = SpoolReader(store, spool).ingest()
    assert taken == Ingestion(events=20, deleted_files=len(files) - 1)
    assert list(spool.iterdir()) == files[-1:]


def test_a_file_is_followed_by_a_new_one_after_its_time(spool: Path) -> None:
    trail = trail_in(spool, file_seconds=0.05)
    trail.allowed("user.add", "user:a")
    time.sleep(0.1)
    trail.allowed("user.add", "user:b")
    assert len(list(spool.iterdir())) == 2


def test_a_reader_of_the_same_process_leaves_the_file_to_its_writer(
    store: Store, spool: Path
) -> None:
    trail = trail_in(spool)
    reader = SpoolReader(store, spool, idle_seconds=0)
    for number in range(3):
        trail.allowed("user.add", f"user:u{number}")
        assert reader.ingest() == Ingestion(events=1)
    (file,) = spool.iterdir()
    with file.open("r+b") as opened, pytest.raises(BlockingIOError):
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("how", ["file removed", "folder removed", "cut"])
def test_an_event_goes_where_it_will_be_found(store: Store, spool: Path, how: str) -> None:
    trail = trail_in(spool, required=True)
    trail.allowed("user.add", "user:a")
    (file,) = spool.iterdir()
    if how == "cut":
        os.truncate(file, 10)
    else:
        file.unlink()
    if how == "folder removed":
        spool.rmdir()
    trail.allowed("user.add", "user:b")
    events = audit_of(store, spool).events()
    assert [event.resource for event in events] == ["user:b"]


def test_where_it_is_required_what_can_not_be_recorded_is_refused(spool: Path) -> None:
    trail = trail_in(spool, required=True)
    trail.allowed("user.add", "user:a")
    with in_the_way(spool), pytest.raises(AuditUnavailableError, match=r"can't be written.*Hint"):
        trail.allowed("user.add", "user:b")
    trail.allowed("user.add", "user:c")
    assert [event["resource"] for event in events_in(spool)] == ["user:a", "user:c"]


def test_where_it_is_not_required_losses_are_logged_once_an_outage(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trail = trail_in(spool)
    for _ in range(2):
        with in_the_way(spool):
            trail.allowed("user.add", "user:a")
            trail.denied("user.add", "user:a", "no admin")
        trail.allowed("user.add", "user:b")
    assert [event["resource"] for event in events_in(spool)] == ["user:b", "user:b"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_a_full_disk_leaves_whole_lines(spool: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from support.audit import trail_in
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
trail = trail_in(Path({str(spool)!r}), required=True)
for number in range(20):
    try:
        trail.allowed("user.add", f"user:u{{number}}")
        print("taken")
    except OSError as error:
        print("refused", error)
"""
    tests = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": tests}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said = done.stdout.splitlines()
    assert any(text.startswith("refused") for text in said)
    assert len(events_in(spool)) == said.count("taken") > 0


def test_a_fork_writes_a_file_of_its_own(store: Store, spool: Path) -> None:
    script = f"""
import os
from pathlib import Path
from support.audit import trail_in
trail = trail_in(Path({str(spool)!r}), required=True)
trail.allowed("user.add", "user:before")
child = os.fork()
trail.allowed("user.add", "user:parent" if child else "user:child")
if child:
    os.waitpid(child, 0)
"""
    tests = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": tests}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert len(list(spool.iterdir())) == 2
    events = audit_of(store, spool).events()
    assert {event.resource for event in events} == {"user:before", "user:parent", "user:child"}
    assert len({event.id for event in events}) == 3


def test_old_events_and_lines_leave_in_batches_and_not_without_an_event(
    store: Store, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iomete.governance.audit.retention.BATCH_ROWS", 2)
    old = b"".join(line(number) for number in range(MANY))
    young = line(100, time="2026-06-01T00:00:00.000000Z")
    spool_file(spool).write_bytes(old + young + b"no event\n")
    audit = audit_of(store, spool)
    audit.ingest()
    trail = trail_in(tmp_path / "trail", "{system}")
    cut = datetime(2026, 3, 1, tzinfo=UTC)
    assert expire(store, trail, before=cut) == MANY
    assert [event.query for event in audit.events()] == ["q-100"]
    assert expire(store, trail, before=cut) == 0  # and no further event
    (event,) = events_in(tmp_path / "trail")
    assert (event["action"], event["resource"]) == ("expire", "lake.system.audit")
    assert event["reason"] == "events before 2026-03-01T00:00:00+00:00"
    assert rejected(store) == 1
    expire(store, trail, before=datetime.now(UTC) + timedelta(minutes=1))
    assert rejected(store) == 0


def test_nothing_expires_whose_event_can_not_be_written(
    store: Store, spool: Path, tmp_path: Path
) -> None:
    spool_file(spool).write_bytes(line(1))
    audit = audit_of(store, spool)
    audit.ingest()
    trail = trail_in(tmp_path / "trail", required=True)
    with in_the_way(tmp_path / "trail"), pytest.raises(AuditUnavailableError):
        expire(store, trail, before=datetime.now(UTC))
    assert len(audit.events()) == 1


def test_the_keeper_takes_events_in_until_it_is_stopped_and_the_last_ones_then(
    store: Store, spool: Path, tmp_path: Path
) -> None:
    keeper = keeper_of(store, spool, trail_folder=tmp_path / "trail")
    keeper.start()
    spool_file(spool).write_bytes(line(1))
    wait_until(lambda: count(store) == 1)
    keeper.stop()
    assert not keeper.is_alive()
    with spool_file(spool).open("ab") as file:
        file.write(line(2))
    keeper.stop()
    assert count(store) == 2


def test_a_keeper_that_can_not_read_warns_once_and_goes_on(
    store: Store, spool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.write_text("in the way")
    keeper = keeper_of(store, spool, trail_folder=tmp_path / "trail")
    keeper.start()
    wait_until(lambda: bool(caplog.records))
    time.sleep(0.1)
    assert len(caplog.records) == 1
    spool.unlink()
    spool_file(spool).write_bytes(line(1))
    wait_until(lambda: count(store) == 1)
    keeper.stop()


def test_expiry_is_looked_for_again_when_it_is_due(
    store: Store, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iomete.governance.audit.keeper.EXPIRY_SECONDS", 0)
    keeper = keeper_of(store, spool, trail_folder=tmp_path / "trail", retention_days=30)
    keeper.start()
    spool_file(spool).write_bytes(line(1) + line(2, time=datetime.now(UTC).isoformat()))
    wait_until(lambda: bool(events_in(tmp_path / "trail")) and count(store) == 1)
    keeper.stop()
    (event,) = events_in(tmp_path / "trail")
    assert event["principal"] == "{system}"


def test_a_line_is_what_the_jvm_writes(spool: Path) -> None:
    trail_in(spool).allowed("user.add", "user:a")
    (file,) = spool.iterdir()
    names = list(json.loads(file.read_text()))
    assert names == list(json.loads(line(1)))


def keeper_of(
    store: Store, spool: Path, *, trail_folder: Path, retention_days: int | None = None
) -> AuditKeeper:
    return AuditKeeper(
        store,
        SpoolReader(store, spool),
        trail_in(trail_folder, KEEPER),
        ingest_seconds=0.02,
        retention_days=retention_days,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)


def count(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM audit_events")).scalar_one())


def rejected(store: Store) -> int:
    with store.read() as connection:
        query = sa.select(sa.func.count()).select_from(audit_rejects)
        return int(connection.execute(query).scalar_one())
