"""Transactions on one ledger, and the places in which SQLite and PostgreSQL differ: locks, the clock.

`Database.write()` is one transaction that is durable when it returns; no transaction is ever open during
a network call.  Driver errors become a `LedgerError`.

SQLite: WAL with synchronous=FULL (a commit survives power loss), BEGIN IMMEDIATE (a transaction that
will write waits at its beginning instead of failing in the middle), a queue in which processes wait to
write, and before each commit and each read a check that the file at the path is still the one that was
opened.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, select, text
from sqlalchemy.exc import SQLAlchemyError

from mailrunner.clock import Clock, LedgerClock, SystemClock
from mailrunner.errors import LedgerError
from mailrunner.store.driver_errors import ledger_error
from mailrunner.store.postgresql import READ
from mailrunner.store.schema import accounts

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BRIEFLY = 1  # second at each lock, for what may as well be done a moment later
QUEUE_SECONDS = 5.0  # the longest wait; longer than any transaction but a migration's
_POLL_SECONDS = 0.0005  # between two tries at a lock; a commit takes longer
# Beside the ledger, in one pattern with SQLite's own files (`data/*.db-*` in .gitignore).  They stay
# empty, are never removed while a process may hold them, and serve any ledger of that name.
_LOCK_FILES = ("line", "turn")
_LOCK_CLASS = 0x6D72  # PostgreSQL: the class of our advisory locks ("mr")


class Database:
    """A pool of connections to one ledger, and the transactions on it; `path` is None for PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock, path: Path | None) -> None:
        self.engine, self.path = engine, path
        self.url, self.is_sqlite = engine.url, path is not None
        # The server's where several machines share a ledger; tests hand in one that they turn for both.
        shared = path is None and isinstance(clock, SystemClock)
        self.clock = LedgerClock(clock) if shared else clock
        self._thread = threading.RLock()
        self._queue = WriteQueue(path)
        self._file = _inode(path)
        self._writer: Connection | None = None  # SQLite: kept, as the pool takes as long as a statement
        self._waiting: Any = None  # the driver's connection that waits for an account
        if self.is_sqlite:
            event.listen(engine, "begin", _begin)

    @contextmanager
    def write(self, *, briefly: bool = False) -> Iterator[Connection]:
        """One durable transaction; raises LedgerError and changes nothing if it cannot be.

        `briefly`: it waits for others a second at each lock, and then fails, as a fault that passes.
        """
        most = BRIEFLY if briefly else None
        # SQLite has one writer: threads of this process wait here, processes in the queue.
        if not self._thread.acquire(timeout=most or -1):
            raise LedgerError("the ledger is in use", "run the command again", passing=True)
        try:
            with self._queue.hold(most), self._transaction(most) as connection:
                yield connection
                if self._is_replaced():
                    _set_log_aside(self.path)
                    raise self._replaced(recorded="nothing was recorded there; ")
        except SQLAlchemyError as error:
            raise ledger_error(error, self.path) from error
        finally:
            self._thread.release()

    @contextmanager
    def _transaction(self, most: int | None) -> Iterator[Connection]:
        if not self.is_sqlite:  # the pool finds out whether the server was restarted meanwhile
            with self.engine.begin() as connection:
                if most:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{most}s'")
                yield connection
            return
        self._writer = writer = self._writer or self.engine.connect()
        try:
            with _begun(writer, most) if most else writer.begin():
                yield writer
        except BaseException:
            self._writer = None
            writer.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of one consistent state; what is written in it is not kept."""
        if self._is_replaced():
            raise self._replaced()
        try:
            with self.engine.connect().execution_options(read_only=True) as connection:
                connection.begin()  # `raw_sql` would not
                if not self.is_sqlite:
                    connection.exec_driver_sql(READ)
                yield connection
        except SQLAlchemyError as error:
            raise ledger_error(error, self.path) from error

    def now(self, connection: Connection) -> datetime:
        """What the ledger's clock shows; on another machine it is read, and `clock` set by it."""
        if isinstance(self.clock, LedgerClock):
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            self.clock.set(moment.astimezone(UTC))
        return self.clock.now()

    @property
    def clock_ahead(self) -> timedelta:
        """How far this machine's clock is ahead of the ledger's, as it was read last; negative: behind."""
        return self.clock.ahead if isinstance(self.clock, LedgerClock) else timedelta(0)

    def restarted_at(self, connection: Connection) -> datetime | None:
        """When the ledger's server was started, by its clock; None without a server, or by another clock."""
        if not isinstance(self.clock, LedgerClock):
            return None
        moment: datetime = connection.execute(text("SELECT pg_postmaster_start_time()")).scalar_one()
        return moment.astimezone(UTC)

    def lock_account(self, connection: Connection, account_no: int) -> None:
        """Let no other transaction reserve or use this account's slots until this one ends."""
        if self.is_sqlite:
            return
        self._waiting = connection.connection.driver_connection
        try:
            connection.execute(select(accounts.c.no).where(accounts.c.no == account_no).with_for_update())
        finally:
            self._waiting = None

    def interrupt(self) -> None:
        """End another thread's wait for an account: its transaction fails with a passing LedgerError."""
        waiting = self._waiting
        if waiting is not None:
            with suppress(Exception):  # the server is away, and the wait ends by itself
                waiting.cancel()

    def lock_ledger(self, connection: Connection) -> None:
        """Let no other transaction begin a campaign, migrate or import until this one ends."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:c, 0)"), {"c": _LOCK_CLASS})

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()
        self._queue.close()

    def _is_replaced(self) -> bool:
        return self._file != _inode(self.path)

    def _replaced(self, *, recorded: str = "") -> LedgerError:
        return LedgerError(
            f"{self.path} is no longer the file that was opened: it was replaced or removed",
            f"{recorded}put the right ledger back and run the command again",
        )


class WriteQueue:
    """The order in which processes write one SQLite file; none where there is no file or no lock.

    SQLite makes a writer that comes second sleep and try again, up to 100 ms at a time, and whichever
    process tries at the right moment is next: one with many short transactions keeps another waiting for
    seconds.  Here they queue: the next one holds the `line` lock while it waits for the `turn` lock, so
    the process that has just written cannot be the next as well.

    It is an order and no more.  The locks are the operating system's and end with the process that holds
    them; where they cannot be had (Windows, some network drives, another user's files) or do not come in
    time, SQLite's own lock decides as it does for every other program.  The data are safe without them.
    One thread of a process may queue at a time.
    """

    def __init__(self, path: Path | None, *, seconds: float = QUEUE_SECONDS) -> None:
        self._seconds = seconds
        self._locks: list[int] = []
        if path is not None and fcntl:
            with suppress(OSError):
                for name in _LOCK_FILES:
                    self._locks.append(_opened(path, name))

    @contextmanager
    def hold(self, most: float | None = None) -> Iterator[None]:
        """Wait to be the writer, for at most so many seconds (None: `seconds`), and be it meanwhile."""
        until = time.monotonic() + (most or self._seconds)
        try:
            for lock in self._locks:
                _lock(lock, until)
            for lock in self._locks[:1]:  # the next in the queue may step forward
                _unlock(lock)
            yield
        finally:
            for lock in self._locks:
                _unlock(lock)

    def close(self) -> None:
        """Leave the queue; locks that are held are released."""
        while self._locks:
            os.close(self._locks.pop())


def _opened(path: Path, name: str) -> int:
    """The lock file, with the rights of the ledger: a user who may write that may queue."""
    beside = path.with_name(f"{path.name}-{name}")
    return os.open(beside, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, path.stat().st_mode & 0o666)


def _lock(lock: int, until: float) -> None:
    while time.monotonic() < until:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
        except OSError:  # no locks on this file system
            return
        else:
            return


def _unlock(lock: int) -> None:
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_UN)


def _begun(writer: Connection, most: int) -> AbstractContextManager[object]:
    """A transaction that has the right to write, got within so many seconds."""
    driver: Any = writer.connection.driver_connection
    (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {min(usual, 1000 * most)}")
    try:
        return writer.begin()
    finally:
        driver.execute(f"PRAGMA busy_timeout = {usual}")


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _set_log_aside(path: Path | None) -> None:
    """Keep the write-ahead log of a file that was replaced from being replayed into its replacement.

    SQLite takes any log of the right name for the file's own, which would mix an older copy with
    pages of the newer ledger.
    """
    if path is None or not path.exists():  # there is no replacement
        return
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        with suppress(OSError):  # it was removed already, or, on Windows, is still open
            log.replace(log.with_name(f"{log.name}.replaced"))


def _inode(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
