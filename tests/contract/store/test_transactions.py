import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from iomete.errors import StoreBusyError, StoreError
from iomete.store import Store

counter = sa.Table(
    "counter",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)


@pytest.fixture
def store(store: Store) -> Iterator[Store]:
    with store.write() as connection:
        counter.create(connection)
        connection.execute(sa.insert(counter).values(name="a", value=0))
    return store


def value(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(sa.select(counter.c.value)).scalar_one()


def increment(store: Store) -> None:
    with store.write() as connection:
        found = connection.execute(sa.select(counter.c.value)).scalar_one()
        connection.execute(sa.update(counter).values(value=found + 1))


def test_a_write_is_there_for_another_store(store: Store) -> None:
    increment(store)
    with Store.open(store.url) as other:
        assert value(other) == 1


def write_and_raise(store: Store, statement: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text(statement))
        raise ZeroDivisionError


def test_a_write_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_raise(store, "UPDATE counter SET value = 9")
    assert value(store) == 0


def test_a_table_made_in_a_write_that_raises_is_gone(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_raise(store, "CREATE TABLE passing (x INTEGER)")
    with store.read() as connection:
        assert not sa.inspect(connection).has_table("passing")


def test_a_read_can_not_write(store: Store) -> None:
    with pytest.raises(StoreError, match="read transaction"), store.read() as connection:
        connection.execute(sa.update(counter).values(value=9))
    assert value(store) == 0


def test_a_write_works_after_a_read_that_tried_to_write(store: Store) -> None:
    with pytest.raises(StoreError), store.read() as connection:
        connection.execute(sa.update(counter).values(value=9))
    increment(store)
    assert value(store) == 1


def test_a_read_sees_one_snapshot_while_others_write(store: Store) -> None:
    with store.read() as connection:
        before = connection.execute(sa.select(counter.c.value)).scalar_one()
        increment(store)
        after = connection.execute(sa.select(counter.c.value)).scalar_one()
    assert (before, after) == (0, 0)
    assert value(store) == 1


def test_a_duplicate_key_is_the_callers_affair(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError) as caught, store.write() as connection:
        connection.execute(sa.insert(counter).values(name="a", value=31337))
    assert "31337" not in str(caught.value)  # values may be secrets
    increment(store)


def test_a_write_inside_a_write_is_refused_at_once(store: Store) -> None:
    with store.write(), pytest.raises(StoreError, match="already"), store.write():
        pass
    increment(store)


def test_threads_lose_no_write(store: Store) -> None:
    threads, rounds = 8, 15
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: [increment(store) for _ in range(rounds)], range(threads)))
    assert value(store) == threads * rounds


def test_processes_lose_no_write(store: Store, store_url: str, run_workers) -> None:
    run_workers("count", store_url, 100, processes=3)
    assert value(store) == 300


def test_waiting_too_long_says_so_and_can_be_tried_again(store: Store) -> None:
    with Store.open(store.url, busy_timeout_seconds=0.2) as hasty:
        with store.write(), pytest.raises(StoreBusyError, match=r"0\.2 seconds.*Hint"):
            increment(hasty)
        increment(hasty)
    assert value(store) == 1


def test_processes_that_open_and_close_at_once_lose_no_write(
    store: Store, store_url: str, run_workers
) -> None:
    store.close()  # so that each of them is the last to close, now and then
    run_workers("reopen", store_url, 40, processes=3)
    with Store.open(store_url) as again:
        assert value(again) == 120


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    with Store.open(store.url, busy_timeout_seconds=0.2) as hasty, store.write() as connection:
        connection.execute(sa.update(counter).values(value=9))
        assert value(hasty) == 0


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"), store.read():
        pass


def in_child(body) -> int:
    """Fork, run `body` in the child, and return its exit code: 0 for a true result."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if body() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_parent_and_child_both_write_after_a_fork(store: Store) -> None:
    increment(store)
    assert in_child(lambda: increment(store) or value(store) == 2) == 0
    increment(store)
    assert value(store) == 3


def test_a_transaction_open_at_a_fork_stays_the_parents(store: Store) -> None:
    child = None
    try:
        with store.write() as connection:
            connection.execute(sa.update(counter).values(value=7))
            child = os.fork()
            if child:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                connection.execute(sa.update(counter).values(value=8))
    except StoreError as error:
        os._exit(0 if child == 0 and "forked" in str(error) else 1)
    finally:
        if child == 0:
            os._exit(2)
    assert value(store) == 8
    increment(store)
    assert value(store) == 9


def test_a_fork_during_another_threads_write_harms_neither(store: Store) -> None:
    started, finish = threading.Event(), threading.Event()

    def slow_write() -> None:
        with store.write() as connection:
            connection.execute(sa.update(counter).values(value=7))
            started.set()
            finish.wait()

    thread = threading.Thread(target=slow_write)
    thread.start()
    started.wait()

    def child() -> bool:
        if not store.url.is_sqlite:
            return value(store) == 0
        for attempt in (lambda: value(store), lambda: Store.open(store.url)):
            with pytest.raises(StoreError, match="forked"):
                attempt()
        return True

    code = in_child(child)
    finish.set()
    thread.join()
    assert code == 0
    assert value(store) == 7
