"""Replies that call recipients unknown: none is suppressed for what may be our own fault."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from tests.sending.test_lost_connections import row_of, suppressed
from tests.sending.test_processes import finish, start
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import answered
from tests.support.faults import assert_none_twice
from tests.support.smtp_server import Rule, SmtpServer, reply

INVALID = reply(550, "Invalid recipient")  # OpenSMTPD to whoever has not logged in
FIRST = ("person0@", "person1@", "person2@")


def columns(folder: Path, number: int) -> tuple[str, int]:
    state, attempts = row_of(folder, f"person{number}@example.org", "state", "attempts")
    return state, attempts


@pytest.mark.parametrize("connections", [1, 4])
def test_a_relay_that_knows_no_recipient_stops_the_campaign_and_none_is_suppressed(
    tmp_path: Path, connections: int
) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20), connections=connections)
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.STOPPED, Counts(queued=20))
        assert "no recipient so far is known to the server" in result.wait.detail
        assert "user and password" in result.wait.detail and "host" in result.wait.detail
        assert len(server.said("RCPT")) <= 5 + 2 * connections
        assert suppressed(tmp_path) == []
        code, found = answered(tmp_path, "run", "spring")
        assert (code, found["state"], found["counts"]["queued"]) == (76, "stopped", 20)


@pytest.mark.parametrize(
    ("size", "words"), [(10, "every mail server takes"), (66_000, "larger than the server")]
)
def test_a_server_for_which_each_message_is_too_big_stops_the_campaign_and_none_fails(
    tmp_path: Path, size: int, words: str
) -> None:
    with SmtpServer(extensions=["PIPELINING", f"SIZE {size}"]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20).replace("Name", "x" * 70_000))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.STOPPED, Counts(queued=20))
        assert words in result.wait.detail and "host" in result.wait.detail
        assert server.said("MAIL") == []


@pytest.mark.parametrize("size", [10, 66_000])
@pytest.mark.parametrize("number", [1, 4])
def test_nor_does_one_fail_of_a_list_that_is_too_small_for_a_rule(
    tmp_path: Path, size: int, number: int
) -> None:
    with SmtpServer(extensions=["PIPELINING", f"SIZE {size}"]) as server:
        csv = people(number).replace("Name", "x" * 70_000)
        mailing = CampaignInProcess(tmp_path, server).write(csv=csv, connections=4)
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.STOPPED, Counts(queued=number))
        assert f"takes {size:,} at most" in result.wait.detail
        assert answered(tmp_path, "run", "spring", "--again")[1]["counts"]["failed"] == (size > 10) * number


def test_one_message_that_is_too_big_fails_alone(tmp_path: Path) -> None:
    csv = people(6).replace("Name 0", "x" * 70_000)
    with SmtpServer(extensions=["PIPELINING", "SIZE 66000"]) as server:
        counts = CampaignInProcess(tmp_path, server).write(csv=csv).run().counts
        assert counts == Counts(sent=5, failed=1)


def test_the_stop_holds_over_restarts_and_counts_what_earlier_runs_were_told(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20), limits='"1/h"')
        reasons = []
        for _ in range(5):
            reasons.append(mailing.run().wait.reason)
            mailing.clock.turn(timedelta(hours=1, seconds=1))
        assert reasons == [WaitReason.QUOTA] * 4 + [WaitReason.STOPPED]
        assert suppressed(tmp_path) == []


def test_two_processes_on_one_ledger_together_learn_that_no_recipient_is_known(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(40), connections=2)
        processes = [start(mailing, "run", "spring") for _ in range(2)]
        assert {finish(process)[0] for process in processes} <= {75, 76}  # 75: the other was loading the list
        assert mailing.run().counts == Counts(queued=40)
        assert suppressed(tmp_path) == []


def test_dead_addresses_before_the_first_acceptance_are_tried_again_and_then_suppressed(
    tmp_path: Path,
) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID, recipient=each) for each in FIRST]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=5, failed=3))
        assert suppressed(tmp_path) == [f"{each}example.org" for each in FIRST]
        assert [columns(tmp_path, n) for n in range(4)] == [("failed", 2)] * 3 + [("sent", 1)]
        assert_none_twice(mailing)


def test_a_dead_address_among_others_is_suppressed_at_its_first_refusal(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID, recipient="person4@")]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8))
        assert mailing.run().counts == Counts(sent=7, failed=1)
        assert (columns(tmp_path, 4), suppressed(tmp_path)) == (("failed", 1), ["person4@example.org"])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_small_list_of_which_no_recipient_is_known_fails_and_is_not_suppressed(
    tmp_path: Path, number: int
) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(number))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(failed=number))
        (reason,) = row_of(tmp_path, "person0@example.org", "reason")
        why_not = "(not suppressed: the server accepted no other recipient)"
        assert reason.endswith(f"550 Invalid recipient {why_not}")
        assert suppressed(tmp_path) == []


def test_a_server_that_refuses_all_in_mid_campaign_has_a_handful_suppressed_at_most(
    tmp_path: Path,
) -> None:
    with SmtpServer(rules=[Rule("rcpt", INVALID, nth=range(31, 1000))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(80))
        result = mailing.run()
        assert result.wait.reason is WaitReason.STOPPED and "messages failed" in result.wait.detail
        assert len(suppressed(tmp_path)) <= 5


def test_greylisting_of_the_others_shows_that_the_server_knows_some(tmp_path: Path) -> None:
    alive = [Rule("rcpt", reply(451, "4.7.1 greylisted"), recipient=f"person{n}@") for n in range(10)]
    with SmtpServer(rules=[*alive, Rule("rcpt", INVALID)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(16))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.RETRY, Counts(queued=10, failed=6))
        assert suppressed(tmp_path) == []
