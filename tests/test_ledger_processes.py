"""Several processes on one ledger: the cap holds, everybody is sent to once, the killed are taken over."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mailrunner.clock import SystemClock
from mailrunner.store import Ledger
from mailrunner.store.schema import deliveries
from tests.ledger_worker import enrol

ROOT = Path(__file__).parent.parent
PEOPLE, CAP, PACE = 60, 80, 25


@pytest.fixture
def shared(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger on the machine's own clock with two campaigns on one account."""
    with contextlib.closing(
        Ledger.open(folder=tmp_path, url=ledger_url, clock=SystemClock())
    ) as opened:
        for campaign_id in ("one", "two"):
            enrol(opened, campaign_id, "gmail/ana@gmail.com", PEOPLE)
        yield opened


class Child:
    """One `tests.ledger_worker`."""

    def __init__(self, url: str, folder: Path, campaign_id: str, halt: int | None = None) -> None:
        limits = f"{CAP}/24h {PACE}/second"
        words = [url, str(folder), campaign_id, limits, *([] if halt is None else [str(halt)])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger_worker", *words],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: list[str] = []

    def read_until(self, wanted: str) -> str:
        """Read on to the line that begins with `wanted`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith(wanted):
                return line.strip()
        raise AssertionError(f"it ended before it said {wanted!r}: {self.process.communicate()[1]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def finish(self) -> None:
        out, err = self.process.communicate(input="\n", timeout=60)
        self.lines += out.split("\n")
        assert self.process.returncode == 0, err

    @property
    def sent(self) -> list[int]:
        return [int(line.split()[1]) for line in self.lines if line.startswith("sent ")]


def test_processes_share_one_cap_and_those_killed_are_taken_over_at_once(
    shared: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    children = [Child(ledger_url, tmp_path, name, halt=3) for name in ("one", "two", "one", "two")]
    for child in children:  # each has one message on the wire, others claimed, and stands still
        child.read_until("halted")
    for child in children[:2]:
        child.kill()
    successor = Child(ledger_url, tmp_path, "one")
    assert successor.read_until("took") == "took 2"
    for child in (*children[2:], successor):
        child.finish()
    sent = [number for child in (*children, successor) for number in child.sent]
    assert len(sent) == len(set(sent)) == CAP - 2
    _assert_the_ledger_says_the_same(shared, sent)


def _assert_the_ledger_says_the_same(shared: Ledger, sent: Sequence[int]) -> None:
    with shared.database.read() as connection:
        rows = connection.execute(select(deliveries.c.id, deliveries.c.state, deliveries.c.last_attempt_at))
        found = {row.id: (row.state, row.last_attempt_at) for row in rows}
    by_state = [state for state, _ in found.values()]
    assert {number for number, (state, _) in found.items() if state == "sent"} == set(sent)
    assert by_state.count("in_doubt") == 2
    assert by_state.count("queued") == 2 * PEOPLE - CAP
    starts = sorted(moment for _, moment in found.values() if moment is not None)
    for earlier, later in zip(starts, starts[PACE:], strict=False):
        assert later - earlier >= timedelta(seconds=1)
