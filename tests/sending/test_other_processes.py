"""Other processes at the same campaign: a patient run waits for them, and none waits for a dead one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.list_import import READ_ELSEWHERE
from mailrunner.sending.run import Callbacks, RunResult
from mailrunner.store import Ledger
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.faults import Gate
from tests.support.patience import PATIENCE
from tests.support.smtp_server import SmtpServer


class EventfulClock(ManualClock):
    """Calls `then` once, in the nth wait."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], None] | None = None

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        then, ready = self.then, len(self.waits) >= 3
        if then is not None and ready:
            self.then = None
            then()
        return super().wait(wake, until)


@dataclass
class Machine(CampaignInProcess):
    """A project folder of its own, at a ledger that others use too."""

    url: str = ""
    clock: EventfulClock = field(default_factory=EventfulClock)

    def ledger(self) -> Ledger:
        return Ledger.open(folder=self.folder, url=self.url, clock=self.clock)


@dataclass
class Elsewhere:
    """A run of another machine, in a thread."""

    machine: Machine
    results: list[RunResult] = field(default_factory=list)

    def begin(self, **options: Any) -> None:
        self._thread = threading.Thread(target=lambda: self.results.append(self.machine.run(**options)))
        self._thread.start()

    def end(self, *, after: Callable[[], None] = lambda: None) -> None:
        after()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture
def machines(tmp_path: Path, ledger_url: str, server: SmtpServer) -> tuple[Machine, Machine]:
    return tuple(  # type: ignore[return-value]
        Machine(tmp_path / name, server, url=ledger_url).write(csv=people(6)) for name in ("here", "there")
    )


def reading_elsewhere(machine: Machine) -> tuple[Elsewhere, threading.Event]:
    """A run that is reading the list until the event, and sends two messages then."""
    reads, goes_on = threading.Event(), threading.Event()

    def loading(_: int) -> None:
        reads.set()
        assert goes_on.wait(PATIENCE)

    other = Elsewhere(machine)
    other.begin(limit=2, callbacks=Callbacks(loading=loading))
    assert reads.wait(PATIENCE)
    return other, goes_on


def test_a_patient_run_waits_while_another_machine_reads_the_list(machines: tuple[Machine, Machine]) -> None:
    here, there = machines
    other, goes_on = reading_elsewhere(there)
    here.clock.then = lambda: other.end(after=goes_on.set)
    result = here.run(wait=True)
    assert (result.wait.reason, result.sent_now, result.counts) == (WaitReason.DONE, 4, Counts(sent=6))
    assert other.results[0].sent_now == 2
    assert set(here.copies().values()) == {1}


def test_any_other_run_waits_a_minute_for_a_list_that_is_being_read(
    machines: tuple[Machine, Machine],
) -> None:
    here, there = machines
    other, goes_on = reading_elsewhere(there)
    result = here.run()
    goes_on.set()
    other.end()
    assert result.wait == READ_ELSEWHERE
    minute = timedelta(minutes=1)
    assert minute <= sum(here.clock.waits, timedelta(0)) <= minute + timedelta(seconds=5)


def test_two_runs_that_begin_the_campaign_at_one_moment_both_go_on(
    machines: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = machines
    assert there.run(callbacks=Callbacks(confirm=lambda _: False)).wait.reason is WaitReason.INTERRUPTED

    def confirm(_: object) -> bool:
        there.run(limit=2)
        return True

    result = here.run(callbacks=Callbacks(confirm=confirm))
    assert (result.wait.reason, result.sent_now) == (WaitReason.DONE, 4)


def test_a_patient_run_waits_for_what_another_machine_holds(tmp_path: Path, ledger_url: str) -> None:
    gate = Gate("eod", 1)
    with SmtpServer(rules=[gate.rule]) as server:
        here, there = (
            Machine(tmp_path / name, server, url=ledger_url).write(csv=people(3))
            for name in ("here", "there")
        )
        other = Elsewhere(there)
        other.begin(limit=1)
        gate.await_arrival()
        here.clock.then = lambda: other.end(after=gate.open)
        result = here.run(wait=True)
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=3))
    assert (other.results[0].sent_now, result.sent_now) == (1, 2)


def test_a_limit_that_another_machine_says_later_counts_from_the_next_heartbeat(
    postgresql_ledger: str, tmp_path: Path, server: SmtpServer
) -> None:
    here, there = (
        Machine(tmp_path / name, server, url=postgresql_ledger).write(csv=people(30), limits=limits)
        for name, limits in (("here", '"50/24h"'), ("there", '"12/24h"'))
    )
    seen: list[str] = []
    shown = threading.Semaphore(0)  # `watch` is called after each look at the heartbeat

    def on_step(step: str) -> None:
        seen.append(step)
        if step == "recorded" and seen.count(step) == 1:
            there.run(limit=1)
            here.clock.turn(timedelta(minutes=1))
            while shown.acquire(blocking=False):
                pass
            assert shown.acquire(timeout=PATIENCE) and shown.acquire(timeout=PATIENCE)

    result = here.run(callbacks=Callbacks(on_step=on_step, watch=lambda _: shown.release()))
    assert result.wait.reason is WaitReason.QUOTA
    assert len(server.accepted) == 12
