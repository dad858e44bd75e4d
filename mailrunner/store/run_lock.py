"""The lock of a run, which ends with its process: a lock file (SQLite) or an advisory lock (PostgreSQL)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from mailrunner.store.database import Database

_LOCK_CLASS = 0x6D73


class RunLock(Protocol):
    """A lock that the operating system or the database releases when its holder dies."""

    def acquire(self) -> bool: ...

    def keep(self) -> None: ...

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
        with suppress(OSError):  # on Windows another process may just be trying it
            self._file.unlink(missing_ok=True)

    def keep(self) -> None:
        """A file's lock is held until it is released."""


class _AdvisoryRunLock:
    """An advisory lock of PostgreSQL, held by a connection of its own."""

    def __init__(self, database: Database, run_no: int) -> None:
        self._database, self._run_no = database, run_no
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = False
        try:
            taken = connection.execute(
                text("SELECT pg_try_advisory_lock(:c, :n)"), {"c": _LOCK_CLASS, "n": self._run_no % 2**31}
            ).scalar_one()
        finally:
            if not taken:
                connection.close()
        if taken:
            self._connection = connection
        return bool(taken)

    def keep(self) -> None:
        """Take the lock again if the connection that held it was lost.

        Where it cannot be had now, its ghost at the server holds it, or a process that takes this run for
        dead: then the row of the run says so (`Run.renew`).
        """
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError:
                self.release()  # at once, as SQLAlchemy would connect again without a word and the lock
            else:
                return
        self.acquire()

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(InvalidRequestError):  # it is lost already
                connection.detach()  # only closing it for real releases the lock
            connection.close()


def run_lock(database: Database, run_no: int) -> RunLock:
    """The lock of run `run_no`."""
    if database.path is not None:
        return _FileRunLock(database.path, run_no)
    return _AdvisoryRunLock(database, run_no)


def is_alive(database: Database, run_no: int) -> bool:
    """True if a process holds the lock of run `run_no`."""
    lock = run_lock(database, run_no)
    if not lock.acquire():
        return True
    lock.release()
    return False
