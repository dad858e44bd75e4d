"""Who is running: a row, a lock that dies with its process, and a lease for where locks cannot be seen.

A run holds an operating-system lock for as long as its process lives (a file beside a SQLite ledger,
an advisory lock in PostgreSQL).  Whoever can take that lock knows that the run is gone, without
guessing from process numbers, and takes over its claims at once.  Where the lock cannot be taken,
the lease decides: it is renewed while the run lives and is longer than the wait after a final dot,
so that a run that is suspended for an hour loses its claims, but one that waits for a slow server
does not.

A delivery's `token` is the run's number times 2**32 plus a count: it names one claim of one run for
ever, so a late message from an old claim can be told from the present one (fencing).
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, insert, select, text, update

from mailrunner.errors import LedgerError
from mailrunner.store.database import Database
from mailrunner.store.schema import runs

LEASE = timedelta(minutes=20)  # twice the ten minutes that RFC 5321 §4.5.3.2.6 gives the final reply
TOKEN_SHIFT = 32
_BEAT = timedelta(minutes=1)
_LOCK_CLASS = 0x6D73
_TAKEN_FOR_DEAD = (
    "this run lost its lock and was taken for dead by another process",
    "nothing is lost; run the command again",
)


class RunLock(Protocol):
    """A lock that the operating system or the database lets go when its holder dies."""

    def acquire(self) -> bool: ...

    def check(self) -> None: ...

    def release(self) -> None: ...


class _FileRunLock:
    """A lock file beside a SQLite ledger."""

    def __init__(self, ledger: Path, run_no: int) -> None:
        self._file = ledger.with_name(f"{ledger.name}.run-{run_no}.lock")
        self._lock = FileLock(self._file, timeout=0, thread_local=False)

    def acquire(self) -> bool:
        try:
            self._lock.acquire()
        except Timeout:
            return False
        return True

    def release(self) -> None:
        self._lock.release()
        with suppress(OSError):  # on Windows somebody may just be trying it
            self._file.unlink(missing_ok=True)

    def check(self) -> None:
        """A file's lock is held until it is let go."""


class _AdvisoryRunLock:
    """An advisory lock of PostgreSQL, held by a connection of its own."""

    def __init__(self, database: Database, run_no: int) -> None:
        self._database, self._run_no = database, run_no
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:c, :n)"), {"c": _LOCK_CLASS, "n": self._run_no % 2**31}
        ).scalar_one()
        if taken:
            self._connection = connection
        else:
            connection.close()
        return bool(taken)

    def check(self) -> None:
        """Raise the driver's error if the connection that holds the lock is gone."""
        if self._connection is not None:
            self._connection.execute(text("SELECT 1"))

    def release(self) -> None:
        if self._connection is not None:
            self._connection.detach()  # closing it for real is what lets the lock go
            self._connection.close()
            self._connection = None


def run_lock(database: Database, run_no: int) -> RunLock:
    """The lock that stands for run `run_no`."""
    if database.path is not None:
        return _FileRunLock(database.path, run_no)
    return _AdvisoryRunLock(database, run_no)


def is_alive(database: Database, run_no: int) -> bool:
    """Whether somebody holds the lock of run `run_no`."""
    lock = run_lock(database, run_no)
    if not lock.acquire():
        return True
    lock.release()
    return False


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose end is not recorded."""

    no: int
    campaign_no: int
    leased_until: datetime


class Run:
    """This process's own run: its number, its lock, its next tokens."""

    def __init__(self, database: Database, no: int, lock: RunLock) -> None:
        self.no = no
        self._database, self._lock = database, lock
        self._count = count(1)
        self._guard = threading.Lock()
        self._next_beat: datetime | None = None

    @classmethod
    def begin(cls, database: Database) -> Run:
        """Record that a run begins and take its lock before anyone can see it."""
        with database.write() as connection:
            now = database.now(connection)
            row = {
                "campaign_no": 0,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started_at": now,
                "leased_until": now + LEASE,
            }
            no = connection.execute(insert(runs).values(row).returning(runs.c.no)).scalar_one()
            lock = run_lock(database, no)
            lock.acquire()
        return cls(database, no, lock)

    def works_on(self, campaign_no: int) -> None:
        """Say which campaign it runs, for `status`."""
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.no == self.no).values(campaign_no=campaign_no))

    def next_token(self) -> int:
        """A token that no claim had before."""
        with self._guard:
            return (self.no << TOKEN_SHIFT) + next(self._count)

    def is_due(self, now: datetime) -> bool:
        """Tell, once a minute, that it is time to renew."""
        if self._next_beat is not None and now < self._next_beat:
            return False
        self._next_beat = now + _BEAT
        return True

    def renew(self) -> None:
        """Say that this run lives; raises LedgerError if others had to take it for dead."""
        with self._database.write() as connection:
            self._lock.check()
            until = self._database.now(connection) + LEASE
            mine = (runs.c.no == self.no, runs.c.ended_at.is_(None))
            if not connection.execute(update(runs).where(*mine).values(leased_until=until)).rowcount:
                raise LedgerError(*_TAKEN_FOR_DEAD)

    def end(self) -> None:
        """Record the end, free what is still held, and let the lock go."""
        from mailrunner.store.recovery import end_run  # which knows deliveries, as this file does not

        end_run(self._database, self)

    def unlock(self) -> None:
        """Let the lock go."""
        self._lock.release()


def tokens_of(run_no: int) -> tuple[int, int]:
    """The first and the last token that run `run_no` can have given."""
    return run_no << TOKEN_SHIFT, ((run_no + 1) << TOKEN_SHIFT) - 1


def open_runs(connection: Connection) -> list[OpenRun]:
    """All runs whose end is not recorded, this process's own included."""
    rows = connection.execute(
        select(runs.c.no, runs.c.campaign_no, runs.c.leased_until).where(runs.c.ended_at.is_(None))
    )
    return [OpenRun(*row) for row in rows]


def check_open(connection: Connection, token: int) -> None:
    """Raise LedgerError if the run of this token was taken for dead: what it claimed nobody would free."""
    run = connection.execute(select(runs.c.ended_at).where(runs.c.no == token >> TOKEN_SHIFT)).first()
    if run is not None and run.ended_at is not None:
        raise LedgerError(*_TAKEN_FOR_DEAD)


def close_run(connection: Connection, run_no: int, now: datetime) -> None:
    """Record that run `run_no` has ended."""
    connection.execute(update(runs).where(runs.c.no == run_no).values(ended_at=now))
