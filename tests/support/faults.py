"""What the tests of faults share: a place at which a run is held, and what must hold afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sending.test_processes import PROGRAM, start
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import answered
from tests.support.patience import PATIENCE
from tests.support.smtp_server import Rule, SmtpServer, delay

LEDGER = "data/mailrunner.db"


class Gate:
    """A place in the dialogue at which the server waits until it is opened."""

    def __init__(self, stage: str, nth: int) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        self.rule = Rule(stage, delay(self._open, self._reached), nth=nth)

    def await_arrival(self) -> None:
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()


@contextmanager
def running(
    tmp_path: Path,
    gate: Gate,
    number: int = 6,
    words: tuple[str, ...] = (),
    program: Sequence[str] = PROGRAM,
    **parts: Any,
) -> Iterator[tuple[CampaignInProcess, subprocess.Popen[str]]]:
    """A mailing whose process has come as far as `gate`."""
    with SmtpServer(rules=[gate.rule]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(number), **parts)
        process = start(mailing, "run", "spring", *words, program=program)
        try:
            gate.await_arrival()
            _await_rest(mailing, process.pid)
            yield mailing, process
        finally:
            gate.open()
            process.kill()
            process.communicate()


def _await_rest(mailing: CampaignInProcess, pid: int) -> None:
    """Wait until the run has done all it can at the ledger: one message at the gate, one behind it.

    It has if nothing changes while it sleeps: a busy machine may keep a process from running for long.
    """
    seen: list[str] = []
    with closing(sqlite3.connect(mailing.folder / LEDGER, timeout=PATIENCE)) as connection:
        while len(seen) < 15 or len(set(seen)) > 1:
            found = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall()
            seen = [*seen[-14:], str(found)] if _sleeps(pid) else []
            time.sleep(0.02)


def _sleeps(pid: int) -> bool:
    """True where every thread of a process waits for something (proc(5): state S), or where none tells."""
    states = [
        stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return all(state == "S" for state in states)


def counts_of(mailing: CampaignInProcess) -> dict[str, int]:
    _, found = answered(mailing.folder, "status", "spring")
    counts: dict[str, int] = found["campaigns"][0]["counts"]
    return {state: number for state, number in counts.items() if number}


def assert_none_twice(mailing: CampaignInProcess) -> None:
    assert set(mailing.copies().values()) <= {1}


def await_line(process: subprocess.Popen[str], words: str) -> None:
    """Read what the process says until it says `words`."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f'it never said "{words}"')
