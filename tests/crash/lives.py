"""A run as a process: forked from a server that has imported all, or the real command."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.crash.worker import Life, live

COMMAND = (sys.executable, "-m", "mailrunner", "run", "spring")
# In a world of process numbers of its own, as in a container; the shell tells how the run ended.
_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", '"$@"; exit $?', "sh")
CONTAINED = (*_CONTAINER, *COMMAND)
_FORK_SERVER_GONE = 255  # multiprocessing's word for it, which no process of ours ends with
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # told by the system, told by a shell

FORKS = multiprocessing.get_context("forkserver")
_LATE = (
    "alembic.command",
    "email_validator",
    "premailer",
    "psycopg",
    "sqlalchemy.dialects.sqlite",
)
FORKS.set_forkserver_preload(["__main__", "tests.crash.worker", *_LATE])  # else each fork imports them anew


class Running(Protocol):
    """A process that can be waited for."""

    @property
    def pid(self) -> int: ...

    def ended(self, within: float) -> int | None:
        """Wait so many seconds for its end; its exit code, None if it still runs."""
        ...


class Fork:
    """A life in a fork."""

    def __init__(self, life: Life) -> None:
        self._process = FORKS.Process(target=live, args=(life,))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ended(self, within: float) -> int | None:
        self._process.join(within)
        if self._process.exitcode == _FORK_SERVER_GONE:
            return self._orphan_ended(within)
        return self._process.exitcode

    def _orphan_ended(self, within: float) -> int | None:
        """The life goes on although its exit code is not known any more; what it did still counts."""
        sys.stderr.write("the fork server is gone; waiting for the life it left behind\n")
        for _ in range(int(within * 20)):
            if not Path(f"/proc/{self.pid}").exists():
                return 0  # the books are looked at in any case
            time.sleep(0.05)
        return None


class Command:
    """The program as a person starts it."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self, within: float) -> int | None:
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None


def kill(pid: int) -> None:
    """SIGKILL for the process, or for what it started where it only waits (`unshare`)."""
    while children := _children(pid):
        pid = children[0]
    os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def can_contain() -> bool:
    """Whether this user may make process namespaces."""
    try:
        return subprocess.run((*_CONTAINER, "true"), capture_output=True, check=False).returncode == 0
    except OSError:
        return False
