"""The ledger on another machine, with another clock: what is decided or stored goes by the ledger's."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from mailrunner.clock import LedgerClock
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.run import RunResult
from mailrunner.store import Ledger
from mailrunner.store.schema import accounts, deliveries
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock, WrongClock
from tests.support.commands import answered
from tests.support.projects import Project
from tests.support.smtp_server import Rule, SmtpServer, reply

FIVE_MINUTES = timedelta(minutes=5)
WRONG = [FIVE_MINUTES, -FIVE_MINUTES, timedelta(hours=-3)]


@dataclass
class Machine(CampaignInProcess):
    """A machine whose clock is wrong, with its ledger in PostgreSQL."""

    url: str = ""
    ahead: timedelta = field(default=timedelta(0))

    def ledger(self) -> Ledger:
        return Ledger.open(folder=self.folder, url=self.url, clock=WrongClock(self.ahead))

    def ledgers_time(self) -> datetime:
        with self.ledger() as ledger, ledger.database.read() as connection:
            shown: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            return shown.astimezone(UTC)


@pytest.fixture
def machine(postgresql_ledger: str, tmp_path: Path, server: SmtpServer) -> Machine:
    return Machine(tmp_path, server, url=postgresql_ledger)


@pytest.mark.parametrize("ahead", WRONG)
def test_nothing_goes_before_the_start_by_the_ledgers_clock(machine: Machine, ahead: timedelta) -> None:
    machine.ahead = ahead
    start = (machine.ledgers_time() + timedelta(minutes=4)).replace(microsecond=0)
    machine.write(csv=people(3), send=f"start = {start:%Y-%m-%dT%H:%M:%SZ}")
    result = machine.run()
    assert (result.wait.reason, result.wait.until) == (WaitReason.START, start)
    assert not machine.server.accepted


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (FIVE_MINUTES, "its clock 300 seconds ahead of the ledger's"),
        (-FIVE_MINUTES, "its clock 300 seconds behind the ledger's"),
        (timedelta(0), ""),
    ],
)
def test_the_clock_of_a_machine_is_told_by_every_other(
    machine: Machine, ahead: timedelta, words: str
) -> None:
    machine.ahead = ahead
    project = f'database = "{machine.url}"'
    machine.write(csv=people(1), project=project).run()
    elsewhere = Project(machine.folder / "elsewhere")
    elsewhere.write_account(port=machine.server.port, project=project)
    for command in ("status", "workers"):
        code, found = answered(elsewhere.folder, command)
        (told,) = found["machines"]
        assert (code, round(told["clock_ahead_seconds"], -1)) == (0, ahead.total_seconds())
    said = elsewhere.mailrunner("workers").stdout
    assert words in said and ("its clock" in said) is bool(words)


@pytest.mark.parametrize("ahead", WRONG)
def test_what_is_past_by_the_ledgers_clock_is_not_waited_for(machine: Machine, ahead: timedelta) -> None:
    machine.ahead = ahead
    start = (machine.ledgers_time() - timedelta(minutes=1)).replace(microsecond=0)
    machine.write(csv=people(3), send=f"start = {start:%Y-%m-%dT%H:%M:%SZ}")
    assert machine.run().wait.reason is WaitReason.DONE


@pytest.mark.parametrize("ahead", WRONG)
def test_a_deferred_recipient_waits_five_minutes_by_the_ledgers_clock(
    machine: Machine, ahead: timedelta
) -> None:
    machine.ahead = ahead
    machine.server.rules = (Rule("rcpt", reply(451, "4.7.1 greylisted")),)
    before = machine.ledgers_time()
    result = machine.write(csv=people(1)).run()
    assert result.wait.reason is WaitReason.RETRY
    with machine.ledger() as ledger, ledger.database.read() as connection:
        row = connection.execute(select(deliveries.c.attempts, deliveries.c.not_before)).one()
    assert row.attempts == 1
    assert before + FIVE_MINUTES <= row.not_before <= machine.ledgers_time() + 1.1 * FIVE_MINUTES


@pytest.mark.parametrize("ahead", WRONG)
def test_an_account_pauses_by_the_ledgers_clock(machine: Machine, ahead: timedelta) -> None:
    machine.ahead = ahead
    machine.server.rules = (Rule("mail", reply(450, "4.7.0 too fast, try again in 600 seconds")),)
    before = machine.ledgers_time()
    result = machine.write(csv=people(3)).run()
    assert result.wait.reason is WaitReason.ACCOUNT_PAUSED
    with machine.ledger() as ledger, ledger.database.read() as connection:
        until = connection.execute(select(accounts.c.paused_until)).scalar_one()
    ten_minutes = timedelta(minutes=10)
    assert before + ten_minutes <= until <= machine.ledgers_time() + ten_minutes


@pytest.mark.parametrize(("ahead", "how"), [(FIVE_MINUTES, "ahead of"), (-FIVE_MINUTES, "behind")])
def test_a_difference_of_more_than_five_seconds_is_said(
    machine: Machine, ahead: timedelta, how: str, tmp_path: Path
) -> None:
    machine.ahead, machine.log_json = ahead, tmp_path / "log.jsonl"
    (notice,) = machine.write(csv=people(1)).run().notices
    assert f"this machine's clock is 300 seconds {how} the ledger's" in notice
    events = [json.loads(line) for line in machine.log_json.read_text().splitlines()]
    (said,) = [event for event in events if event["event"] == "clock_differs"]
    assert round(said["seconds"]) == ahead.total_seconds()


def test_a_difference_of_seconds_is_not_said(machine: Machine) -> None:
    machine.ahead = timedelta(seconds=4)
    result: RunResult = machine.write(csv=people(1)).run()
    assert result.notices == ()


def test_the_ledgers_clock_is_followed_when_either_clock_is_moved() -> None:
    local, hour = ManualClock(), timedelta(hours=1)
    clock = LedgerClock(local)
    clock.set(local.now() + hour)
    assert clock.ahead <= -hour
    local.turn(2 * hour)  # it was set right, or wrong: what the ledger shows is no other
    assert -hour < clock.ahead <= hour
    shown = local.now()
    clock.set(shown)
    assert clock.now() >= shown
    assert not clock.wait(threading.Event(), shown)
