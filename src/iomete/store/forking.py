"""Keep each database connection on one side of `os.fork()`.

A child that inherits an open connection shares its socket, or its file, with the parent. With
SQLite that damages databases: a child inherits SQLite's record of its locks, but not the locks.
Source: https://www.sqlite.org/howtocorrupt.html, section 2.6.

So idle connections are closed before a fork, and none is given out during it. A transaction that
is open at a fork stays the parent's; its SQLite file can't be used in the child.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iomete.errors import StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from iomete.store.url import StoreUrl

_gate = threading.RLock()  # re-entrant: the garbage collector may end a transaction inside it
_unusable: set[StoreUrl] = set()
"""In a child: the SQLite files that the parent had transactions on."""


class Connections:
    """The connections of one engine: those in transactions, and its pool's idle ones."""

    def __init__(self, engine: sa.Engine, url: StoreUrl) -> None:
        self._engine = engine
        self._url = url
        self._is_closed = False
        self._transactions = 0
        self._connections: set[sa.Connection] = set()
        _live.add(self)

    @contextmanager
    def transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        """Give a connection for one transaction of `engine`; commit it unless the body raises.

        Raises:
            StoreError: The store is closed, or the process was forked during a transaction.
        """
        self._enter()
        process = os.getpid()
        connection: sa.Connection | None = None
        try:
            connection = engine.connect()
            self._connections.add(connection)
            connection.begin()
            yield connection
            if os.getpid() != process:
                raise _forked(self._url)
            connection.commit()
        finally:
            if os.getpid() == process:
                self._leave(connection)

    def close(self) -> None:
        """Close the idle connections, give out no more. A running transaction runs to its end."""
        with _gate:
            self._is_closed = True
        self._engine.dispose()

    def _enter(self) -> None:
        with _gate:
            if self._is_closed:
                raise StoreError(f"The store `{self._url}` is closed.", hint="open it again")
            if self._url in _unusable:
                raise _forked(self._url)
            self._transactions += 1

    def _leave(self, connection: sa.Connection | None) -> None:
        try:
            if connection is not None:
                connection.close()
                self._connections.discard(connection)
        finally:
            with _gate:
                self._transactions -= 1

    def before_fork(self) -> None:
        """Close what is idle."""
        self._engine.pool.dispose()

    def after_fork_in_child(self) -> None:
        """Start afresh; leave what the parent has open alone."""
        for connection in self._connections:
            _never_close(connection)
        if self._transactions and self._url.is_sqlite:
            _unusable.add(self._url)
        self._transactions = 0
        self._connections = set()
        self._engine.dispose(close=False)  # another thread may have held the pool's own lock


_live: weakref.WeakSet[Connections] = weakref.WeakSet()


def _forked(url: StoreUrl) -> StoreError:
    return StoreError(
        f"The store `{url}` can't be used in this process, which was forked during a transaction.",
        hint="fork outside of transactions, or start the process with the `spawn` method",
    )


def _never_close(connection: sa.Connection) -> None:
    """Leak a connection: closing it, even at exit, would act on what the parent has open."""
    if not connection.closed and not connection.invalidated:
        raw = connection.connection.dbapi_connection
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(raw))


def _before_fork() -> None:
    _gate.acquire()
    for connections in list(_live):
        connections.before_fork()


def _after_fork_in_parent() -> None:
    _gate.release()


def _after_fork_in_child() -> None:
    try:
        for connections in list(_live):
            connections.after_fork_in_child()
    finally:
        _gate.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
