"""Whose turn it is to write an SQLite file that several processes write to.

SQLite makes a writer that comes second sleep and look again, up to 100 ms at a time, and whoever happens
to look at the right moment is next: a process with many short transactions keeps another waiting for
seconds.  Here all stand in a line: who is next holds the line while it waits for the turn, so the process
that has just had its turn cannot have the next one too.

It is an order and no more.  The locks are the operating system's and end with the process that holds
them; where they cannot be had (Windows, some network drives, another user's files) or do not come in
time, SQLite's own lock decides as it does for every other program.  What is written is safe without them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 5.0  # seconds; longer than any transaction but a migration's
_LOOK = 0.0005  # seconds between two looks at a lock; a commit takes longer
# Beside the ledger, in one pattern with SQLite's own files (`data/*.db-*` in .gitignore).  They stay
# empty, are never removed while somebody may hold them, and serve any ledger of that name.
_FILES = ("line", "turn")


class WriteQueue:
    """The line for one file, or none for a database that needs none; one thread may stand in it at a time."""

    def __init__(self, path: Path | None, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._locks: list[int] = []
        if path is not None and fcntl:
            with suppress(OSError):
                for name in _FILES:
                    self._locks.append(_opened(path, name))

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait for the turn, for at most `patience` seconds, and have it meanwhile."""
        until = time.monotonic() + self._patience
        try:
            for lock in self._locks:
                _take(lock, until)
            for lock in self._locks[:1]:  # the next may step forward
                _give(lock)
            yield
        finally:
            for lock in self._locks:
                _give(lock)

    def close(self) -> None:
        """Leave; what is held is given back."""
        while self._locks:
            os.close(self._locks.pop())


def _opened(path: Path, name: str) -> int:
    """The lock file, with the rights of the ledger: who may write that may stand in line."""
    beside = path.with_name(f"{path.name}-{name}")
    return os.open(beside, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, path.stat().st_mode & 0o666)


def _take(lock: int, until: float) -> None:
    while time.monotonic() < until:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK)
        except OSError:  # no locks on this file system
            return
        else:
            return


def _give(lock: int) -> None:
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_UN)
