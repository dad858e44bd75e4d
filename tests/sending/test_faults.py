"""Suspended workers, turned clocks, signals, edited files, odd servers: no recipient lost and none twice."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mailrunner.cli.exit_codes import Exit, of_wait
from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.run import Callbacks
from tests.sending.test_processes import finish, start
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.commands import answered, said
from tests.support.faults import LEDGER, Gate, assert_none_twice, await_line, counts_of, running
from tests.support.ports import free_port
from tests.support.smtp_server import Accepted, Rule, SmtpServer, effective, garbage

# -- Other processes, other clocks


def test_a_worker_suspended_for_an_hour_loses_its_claims_and_its_late_250_still_counts(
    tmp_path: Path,
) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate, number=20) as (mailing, process):
        process.send_signal(signal.SIGSTOP)
        mailing.clock = ManualClock(datetime.now(UTC) + timedelta(hours=1))
        other = mailing.run()
        doubt = other.counts.in_doubt
        assert doubt in (1, 2)  # what was on the wire, and what rode behind it
        assert (other.wait.reason, other.counts) == (WaitReason.DONE, Counts(sent=20 - doubt, in_doubt=doubt))
        gate.open()
        process.send_signal(signal.SIGCONT)
        code, _, err = finish(process)
        assert code == 0, err
        assert counts_of(mailing) == {"sent": 20}
        assert len(mailing.copies()) == 20
        assert_none_twice(mailing)


def test_a_second_runner_sends_the_rest_and_disturbs_nothing(tmp_path: Path) -> None:
    gate = Gate("eod", nth=1)
    with running(tmp_path, gate, number=25) as (mailing, process):
        code, found = answered(tmp_path, "run", "spring")
        assert (code, found["sent_now"], found["counts"]["in_doubt"]) == (75, 15, 0)
        gate.open()
        assert finish(process)[0] == 0
        assert counts_of(mailing) == {"sent": 25}
        assert_none_twice(mailing)


def test_a_clock_set_back_a_day_opens_no_slot_and_loses_no_recipient(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(5), limits='"2/24h"')
        assert mailing.run().sent_now == 2
        mailing.clock.turn(-timedelta(days=1))
        early = mailing.run()
        assert (early.sent_now, early.wait.reason) == (0, WaitReason.QUOTA)
        assert early.wait.until == mailing.clock.now() + timedelta(days=2)
        mailing.clock.turn(timedelta(days=1))
        assert mailing.run().sent_now == 0  # right again, and a moment has passed
        mailing.clock.turn(timedelta(days=1))
        assert mailing.run().sent_now == 2
        mailing.clock.turn(timedelta(days=1))
        assert mailing.run().counts == Counts(sent=5)
        assert_none_twice(mailing)


def test_a_clock_set_back_in_the_middle_of_a_run_opens_no_slot(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8), limits='"4/24h"')

        def turn_back(step: str) -> None:
            if step == "recorded" and 2 <= len(server.accepted) < 4:
                mailing.clock.turn(-timedelta(days=1))

        result = mailing.run(callbacks=Callbacks(on_step=turn_back))
        assert (result.sent_now, result.wait.reason) == (4, WaitReason.QUOTA)
        assert_none_twice(mailing)


# -- SIGTERM in every phase


@pytest.mark.parametrize(
    ("stage", "nth"),
    [
        ("connect", 1),
        ("ehlo", 1),
        ("auth", 1),
        ("mail", 3),
        ("rcpt", 3),
        ("data", 3),
        ("body", 3),
        ("eod", 3),
    ],
)
def test_a_term_signal_on_the_wire_finishes_records_and_goes_on_later(
    tmp_path: Path, stage: str, nth: int
) -> None:
    gate = Gate(stage, nth)
    with SmtpServer(rules=[gate.rule], auth=("ana", "secret")) as server:
        account = 'user = "ana"\npassword = "secret"'
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(12), account=account)
        process = start(mailing, "run", "spring")
        gate.await_arrival()
        process.terminate()
        await_line(process, "finishing the messages in flight")
        gate.open()
        assert finish(process)[0] == 130
        sent = len(server.accepted)
        assert sent <= 4  # what was on the wire, and what rode behind it
        assert counts_of(mailing) == {"queued": 12 - sent} | ({"sent": sent} if sent else {})
        assert said(tmp_path, "resume")[0] == 0
        assert len(mailing.copies()) == 12
        assert_none_twice(mailing)


@pytest.mark.parametrize(
    ("words", "parts"),
    [((), {"send": "per_second = 0.05"}), (("--wait",), {"limits": '"1/24h"'})],
    ids=["between messages", "waiting for quota"],
)
def test_a_term_signal_while_waiting_ends_at_once(
    tmp_path: Path, words: tuple[str, ...], parts: dict[str, Any]
) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3), **parts)
        process = start(mailing, "run", "spring", *words)
        await_line(process, "waiting")
        process.terminate()
        assert finish(process)[0] == 130
        assert counts_of(mailing) == {"sent": 1, "queued": 2}
        assert len(server.accepted) == 1


def test_a_term_signal_while_the_list_is_read_sends_nothing_and_the_list_is_read_again(
    tmp_path: Path,
) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(300_000))
        process = start(mailing, "run", "spring")
        await_line(process, "100,000 rows")
        process.terminate()
        code, _, err = finish(process)
        assert code == 130 and "nothing is lost" in err
        assert not server.accepted
        mailing.list(people(4))
        assert said(tmp_path, "run", "spring")[0] == 0
        assert counts_of(mailing) == {"sent": 4}


# -- Files that change


def test_a_template_edited_while_a_run_sends_changes_nothing_until_it_is_accepted(tmp_path: Path) -> None:
    letter = LETTER.replace("Hello", "{% if name == 'Name 7' %}{% include 'part.html' %}{% endif %}Hello")
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(10), letter=letter)
        templates = tmp_path / "templates"
        (templates / "part.html").write_text("before")

        def edit(step: str) -> None:
            if step == "recorded" and len(server.accepted) >= 2:
                (templates / "part.html").write_text("after")
                (templates / "letter.html").write_text(letter.replace("Hello", "Goodbye"))

        assert mailing.run(limit=8, callbacks=Callbacks(on_step=edit)).sent_now == 8
        assert all(b"Hello" in message.data for message in server.accepted)
        assert [b"before" in m.data for m in server.accepted] == [n == 7 for n in range(8)]
        code, found = answered(tmp_path, "run", "spring")
        assert code == 78 and "templates/part.html" in found["problems"][0]["message"]
        assert len(server.accepted) == 8
        assert said(tmp_path, "run", "spring", "--accept-changes")[0] == 0
        assert_none_twice(mailing)


def test_a_template_edited_while_the_list_is_read_is_never_sent_under_the_old_digest(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))

        def edit(_: int) -> None:
            (tmp_path / "templates" / "letter.html").write_text(LETTER.replace("Hello", "Goodbye"))

        first = mailing.run(callbacks=Callbacks(loading=edit))
        assert (first.wait.reason, first.counts) == (WaitReason.DONE, Counts(sent=3))
        assert all(b"Hello" in message.data for message in server.accepted)
        again = mailing.run()
        assert any("templates/letter.html" in notice for notice in again.notices)


def test_a_list_that_shrank_to_nothing_stops_cron_with_78_and_nothing_is_sent(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20))
        said(tmp_path, "run", "spring", "--limit", "5")
        for csv in ("email,name\n", ""):
            mailing.list(csv)
            code, found = answered(tmp_path, "resume")
            (campaign,) = found["campaigns"]
            assert code == 78 and campaign["problems"][0]["message"]
            assert len(server.accepted) == 5
        mailing.list(people(20))
        assert said(tmp_path, "resume")[0] == 0
        assert len(mailing.copies()) == 20
        assert_none_twice(mailing)


def test_one_member_taken_off_the_list_is_held_back_and_cron_goes_on(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8))
        said(tmp_path, "run", "spring", "--limit", "3")
        mailing.list(people(8).replace("person5@example.org,Name 5\n", ""))
        code, found = answered(tmp_path, "resume")
        (campaign,) = found["campaigns"]
        assert code == 0 and "held back" in campaign["notices"][0]
        assert counts_of(mailing) == {"sent": 7, "skipped": 1}
        assert "person5@example.org" not in mailing.copies()
        assert_none_twice(mailing)


# -- The server


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "eod"])
def test_200_bytes_of_garbage_lose_no_recipient_and_mail_none_twice(tmp_path: Path, stage: str) -> None:
    octets = Random(stage).randbytes(198).replace(b"\n", b"?") + b"\r\n"
    with SmtpServer(
        rules=[Rule(stage, garbage(octets), nth=2 if stage not in ("connect", "ehlo") else 1)]
    ) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(4))
        result = mailing.run()
        doubtful = int(stage == "eod")
        assert (result.wait.reason, result.counts) == (
            WaitReason.DONE,
            Counts(sent=4 - doubtful, in_doubt=doubtful),
        )
        assert_none_twice(mailing)


def test_garbage_after_the_message_was_taken_is_a_doubt_and_never_a_second_copy(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("eod", effective(Random(2).randbytes(200) + b"\r\n"), nth=2)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(4))
        assert mailing.run().counts == Counts(sent=3, in_doubt=1)
        assert mailing.run().sent_now == 0
        assert len(mailing.copies()) == 4
        assert_none_twice(mailing)


class LateServer(ManualClock):
    """A clock that starts the server at the end of the hundredth wait."""

    def __init__(self, server: SmtpServer) -> None:
        super().__init__()
        self._server = server

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        if len(self.waits) == 100:
            self._server = SmtpServer(port=self._server.port).__enter__()
        return super().wait(wake, until)

    def stop(self) -> list[Accepted]:
        self._server.__exit__(None, None, None)
        return self._server.accepted


def test_a_hundred_refused_connections_cost_no_recipient_a_try(tmp_path: Path) -> None:
    with SmtpServer(port=free_port()) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))
    first = mailing.run()
    assert of_wait(first.wait.reason) is Exit.LATER and "refused the connection" in first.wait.detail
    mailing.clock = clock = LateServer(server)
    clock.turn(timedelta(hours=1))
    result = mailing.run(wait=True)
    accepted = clock.stop()
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=3))
    assert len(clock.waits) > 100 and len(accepted) == 3
    with closing(sqlite3.connect(tmp_path / LEDGER)) as ledger:
        assert ledger.execute("SELECT attempts FROM deliveries").fetchall() == [(1,), (1,), (1,)]
