"""A connection that is lost, or that a reply wants anew: who pays for it, and that the others are sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import START
from tests.support.faults import LEDGER, assert_none_twice
from tests.support.smtp_server import Rule, SmtpServer, cut, effective, reply

PER_SESSION = reply(452, "4.5.3 too many recipients per session")


def row_of(folder: Path, address: str, *columns: str) -> tuple[Any, ...]:
    """These columns of a recipient's delivery."""
    asked = f"SELECT {', '.join(columns)} FROM deliveries JOIN recipients USING (id) WHERE address = ?"
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        found: tuple[Any, ...] = ledger.execute(asked, (address,)).fetchone()
    return found


def suppressed(folder: Path) -> list[str]:
    """The keys on the suppression list."""
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        return [key for (key,) in ledger.execute("SELECT key FROM suppressions ORDER BY key")]


@pytest.fixture(params=[1, 3])
def connections(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(
    params=[
        pytest.param(("data", cut()), id="cut at DATA"),
        pytest.param(("rcpt", cut()), id="cut at RCPT"),
        pytest.param(("rcpt", reply(451, "4.4.2 rcpt timed out")), id="451 timed out"),
        pytest.param(
            ("data", effective(b"354 go\r\n452 4.3.1 lost connection\r\n")), id="452 behind the 354"
        ),
        pytest.param(("rcpt", reply(421, "4.4.2 timed out, closing connection")), id="421"),
    ]
)
def poisoned(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    """A server with one recipient at which the connection is always lost or given up."""
    stage, do = request.param
    with SmtpServer(rules=[Rule(stage, do, recipient="person2@")]) as server:
        yield server


def test_a_recipient_at_which_the_connection_is_always_lost_is_given_up_and_never_suppressed(
    tmp_path: Path, poisoned: SmtpServer, connections: int
) -> None:
    mailing = CampaignInProcess(tmp_path, poisoned).write(csv=people(8), connections=connections)
    first = mailing.run()
    assert first.counts == Counts(sent=7, queued=1)  # the others in the same run
    assert first.wait.reason is WaitReason.RETRY
    result = first
    while result.wait.until:
        mailing.clock.turn(result.wait.until - mailing.clock.now())
        result = mailing.run()
    assert result.wait.reason is WaitReason.DONE
    assert timedelta(hours=48) < mailing.clock.now() - START < timedelta(hours=72)
    state, reason, attempts = row_of(tmp_path, "person2@example.org", "state", "reason", "attempts")
    assert state == "failed" and attempts <= 25
    assert reason.startswith(f"given up after {attempts} tries, the last of which ended the connection: ")
    assert suppressed(tmp_path) == []
    assert_none_twice(mailing)


def test_a_lost_line_charges_the_message_in_its_turn_and_no_other(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("data", cut(), nth=4)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8))
        assert mailing.run().counts == Counts(sent=8)
        attempts = [row_of(tmp_path, f"person{n}@example.org", "attempts")[0] for n in range(8)]
        assert attempts == [1, 1, 1, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "eod"])
def test_a_reply_that_wants_another_session_gets_one_and_the_run_goes_on(
    tmp_path: Path, stage: str, connections: int
) -> None:
    with SmtpServer(rules=[Rule(stage, PER_SESSION, on_connection=range(6, 1000))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(30), connections=connections)
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=30))
        assert_none_twice(mailing)


def test_a_session_that_is_used_up_is_no_failure_of_the_server_and_no_try_of_the_recipient(
    tmp_path: Path,
) -> None:
    with SmtpServer(rules=[Rule("mail", PER_SESSION, on_connection=range(2, 1000))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(9))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=9))
        attempts = {row_of(tmp_path, f"person{n}@example.org", "attempts")[0] for n in range(9)}
        assert attempts == {1}


def test_a_server_that_wants_another_session_each_time_counts_as_busy(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("mail", PER_SESSION)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(30))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.SERVER, Counts(queued=30))
        assert "per session" in result.wait.detail
