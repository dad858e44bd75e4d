"""Whole runs: real files, a real ledger, a real SMTP server on loopback, a clock turned by hand."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from mailrunner.errors import LedgerError, UserError
from mailrunner.model.delivery import Counts
from mailrunner.model.suppression import SuppressionReason
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.loop import SendLoop
from mailrunner.sending.run import Callbacks
from mailrunner.store import Phase
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut, cut, reply


def scripted(tmp_path: Path, *rules: Rule) -> tuple[SmtpServer, CampaignInProcess]:
    server = SmtpServer(rules=list(rules))
    return server, CampaignInProcess(tmp_path, server)


def test_twelve_hundred_go_in_three_days_through_a_cap_of_five_hundred(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1200), limits='"500/24h"', connections=2)
    first = mailing.run()
    assert (first.sent_now, first.wait.reason) == (500, WaitReason.QUOTA)
    assert first.wait.until == mailing.clock.now() + timedelta(hours=24)
    mailing.clock.turn(timedelta(hours=24))
    assert mailing.run().sent_now == 500
    mailing.clock.turn(timedelta(hours=24))
    last = mailing.run()
    assert (last.sent_now, last.wait.reason, last.counts) == (200, WaitReason.DONE, Counts(sent=1200))
    assert len(mailing.copies()) == 1200 and set(mailing.copies().values()) == {1}


def test_another_parser_reads_every_message_back(mailing: CampaignInProcess) -> None:
    csv = "email,name\njürgen@bücher.example,Jürgen Müßig\nhanako@example.org,山田 花子\n"
    mailing.write(
        csv=csv, recipients='name = "name"', project='[unsubscribe]\nbase_url = "https://news.example.org"'
    )
    assert mailing.run().sent_now == 2
    for message, name in zip(mailing.server.accepted, ("Jürgen Müßig", "山田 花子"), strict=True):
        read = email.message_from_bytes(message.data, policy=email.policy.default)
        assert read["Subject"] == f"{name}, spring is here"
        assert read["To"].addresses[0].display_name == name
        assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
        assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        (line,) = [i for i in message.data.split(b"\r\n") if i.lower().startswith(b"list-unsubscribe:")]
        assert line.startswith(b"List-Unsubscribe: <https://news.example.org/u/")
        assert b", <mailto:ana@example.org?subject=unsubscribe%20" in line
        html = read.get_body(("html",))
        assert html is not None and name in html.get_content()


def test_a_second_run_sends_nothing_and_says_it_is_done(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3))
    assert mailing.run().sent_now == 3
    again = mailing.run()
    assert (again.sent_now, again.wait.reason) == (0, WaitReason.DONE)
    assert len(mailing.server.accepted) == 3


def test_a_suppression_added_while_the_campaign_runs_stops_that_address(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(30))
    recorded = count(1)

    def say_no(step: str) -> None:
        # Two may be recorded at once, and the next one may be on its way.
        if step == "recorded" and next(recorded) == 4:
            with mailing.ledger() as other:
                other.suppressions.add(
                    ["person15@example.org", "person25@example.org"],
                    reason=SuppressionReason.UNSUBSCRIBE,
                    source="t",
                )

    result = mailing.run(callbacks=Callbacks(on_step=say_no))
    assert result.counts == Counts(sent=28, suppressed=2)
    assert mailing.copies().keys().isdisjoint({"person15@example.org", "person25@example.org"})


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "eod"])
def test_a_quota_reply_at_any_stage_pauses_the_account_and_fails_no_recipient(
    tmp_path: Path, stage: str
) -> None:
    spent = reply(
        550, "5.4.5 Daily user sending limit exceeded. For more information go to https://example.org"
    )
    server, mailing = scripted(tmp_path, Rule(stage, nth=4, do=spent))
    with server:
        mailing.write(csv=people(10))
        first = mailing.run()
        assert first.wait.reason is WaitReason.ACCOUNT_PAUSED
        assert first.sent_now in (3, 4)  # the next message may have ridden behind the one that was refused
        assert first.counts == Counts(sent=first.sent_now, queued=10 - first.sent_now)
        assert first.wait.until is not None
        assert "limit" in first.wait.detail
        restarted = mailing.run()
        assert (restarted.sent_now, restarted.wait.reason) == (0, WaitReason.ACCOUNT_PAUSED)
        mailing.clock.turn(first.wait.until - mailing.clock.now())
        assert mailing.run().counts == Counts(sent=10)
        assert set(mailing.copies().values()) == {1}


def test_a_wrong_password_stops_at_once_and_is_not_tried_again_until_it_changed(tmp_path: Path) -> None:
    with SmtpServer(auth=("ana", "right")) as server:
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=people(3), account='user = "ana"\npassword = "wrong"'
        )
        assert mailing.run().wait.reason is WaitReason.CREDENTIALS
        tried = len(server.logins)
        assert mailing.run().wait.reason is WaitReason.CREDENTIALS
        assert len(server.logins) == tried
        mailing.write(csv=people(3), account='user = "ana"\npassword = "right"')
        assert mailing.run().counts == Counts(sent=3)


def test_a_wrong_password_is_tried_again_when_the_user_says_so(tmp_path: Path) -> None:
    with SmtpServer(auth=("ana", "right")) as server:
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=people(3), account='user = "ana"\npassword = "wrong"'
        )
        mailing.run()
        tried = len(server.logins)
        mailing.run(again=True)
        assert len(server.logins) == tried + 1


def test_a_refused_sender_stops_the_campaign_at_once_and_fails_no_recipient(tmp_path: Path) -> None:
    server, mailing = scripted(
        tmp_path, Rule("mail", do=reply(553, "5.7.1 Sender address rejected: not owned by user"))
    )
    with server:
        mailing.write(csv=people(10))
        assert mailing.run().wait.reason is WaitReason.STOPPED
        with mailing.ledger() as ledger:
            campaign = ledger.campaigns.find("spring")
            assert campaign is not None and campaign.phase is Phase.STOPPED
            assert ledger.deliveries.counts(campaign.no) == Counts(queued=10)
        asked = len(server.said("MAIL"))
        assert mailing.run().wait.reason is WaitReason.STOPPED
        assert len(server.said("MAIL")) == asked


def test_three_spam_verdicts_in_twenty_stop_the_campaign_and_the_rows_stay_queued(tmp_path: Path) -> None:
    spam = reply(554, "5.7.1 This message was considered spam")
    server, mailing = scripted(tmp_path, Rule("eod", nth={3, 6, 9}, do=spam))
    with server:
        mailing.write(csv=people(30))
        result = mailing.run()
        assert result.wait.reason is WaitReason.STOPPED
        assert result.counts.failed == 0 and result.counts.sent in (
            6,
            7,
        )  # one may ride behind the last straw


def test_a_dead_address_fails_and_is_suppressed_for_all_campaigns(tmp_path: Path) -> None:
    dead = Rule("rcpt", nth=2, do=reply(550, "5.1.1 User unknown"))
    server, mailing = scripted(tmp_path, dead)
    with server:
        mailing.write(csv=people(4))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=3, failed=1))
        with mailing.ledger() as ledger:
            (entry,) = ledger.suppressions
            assert (entry.key, entry.reason) == ("person1@example.org", SuppressionReason.BOUNCE)


def test_a_greylisted_recipient_is_tried_again_later(tmp_path: Path) -> None:
    server, mailing = scripted(
        tmp_path, Rule("rcpt", nth=1, do=reply(451, "4.7.1 Greylisting in action, please come back later"))
    )
    with server:
        mailing.write(csv=people(2))
        first = mailing.run()
        assert (first.wait.reason, first.counts) == (WaitReason.RETRY, Counts(sent=1, queued=1))
        assert first.wait.until is not None
        mailing.clock.turn(first.wait.until - mailing.clock.now())
        assert mailing.run().counts == Counts(sent=2)


def test_a_recipient_that_is_never_taken_is_given_up_in_the_end(tmp_path: Path) -> None:
    server, mailing = scripted(tmp_path, Rule("rcpt", do=reply(451, "4.2.1 mailbox busy")))
    with server:
        mailing.write(csv=people(1), send='give_up_after = "2h"')
        result = mailing.run(wait=True)
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(failed=1))
        assert len(server.said("RCPT")) >= 3


def test_a_connection_cut_before_the_last_byte_costs_the_recipient_nothing(tmp_path: Path) -> None:
    server, mailing = scripted(tmp_path, Rule("body", nth=2, do=cut()))
    with server:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "large.bin").write_bytes(bytes(8_000_000))  # more than any socket buffers
        mailing.write(csv=people(4), message='attachments = ["data/large.bin"]')
        assert mailing.run().counts == Counts(sent=4)
        assert set(mailing.copies().values()) == {1}


def test_a_connection_cut_after_the_last_byte_leaves_one_in_doubt_and_it_is_not_sent_again(
    tmp_path: Path,
) -> None:
    server, mailing = scripted(tmp_path, Rule("eod", nth=2, do=accept_then_cut()))
    with server:
        mailing.write(csv=people(4))
        result = mailing.run()
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=3, in_doubt=1))
        assert mailing.run().sent_now == 0
        assert set(mailing.copies().values()) == {1}


def test_on_in_doubt_resend_uses_the_same_message_id(tmp_path: Path) -> None:
    server, mailing = scripted(tmp_path, Rule("eod", nth=1, do=accept_then_cut()))
    with server:
        mailing.write(csv=people(1), send='on_in_doubt = "resend"')
        result = mailing.run(wait=True)
        assert result.counts == Counts(sent=1)
        assert len({message.message_id for message in server.accepted}) == 1
        assert len(server.accepted) == 2


def test_a_server_that_is_down_ends_the_run_with_nothing_lost(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(2))
    result = mailing.run()
    assert (result.wait.reason, result.counts) == (WaitReason.SERVER, Counts(queued=2))
    assert "refused" in result.wait.detail


def test_one_bad_row_fails_alone(mailing: CampaignInProcess) -> None:
    letter = LETTER.replace("Hello {{ name }}", "{% if name == 'Name 2' %}{{ nickname }}{% endif %}")
    mailing.write(csv=people(5), letter=letter)
    assert mailing.run().counts == Counts(sent=4, failed=1)


def test_too_many_failures_stop_the_campaign_until_the_user_goes_on(tmp_path: Path) -> None:
    server, mailing = scripted(tmp_path, Rule("rcpt", do=reply(550, "5.2.1 policy of this one recipient")))
    with server:
        mailing.write(csv=people(50))
        result = mailing.run()
        assert result.wait.reason is WaitReason.STOPPED
        assert result.counts.failed == 20
        assert mailing.run().wait.reason is WaitReason.STOPPED
        assert mailing.run(again=True).counts.failed > 20


def test_a_connection_that_is_reopened_says_goodbye_to_the_thread_that_reopens_it(
    mailing: CampaignInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_step(_: ObservedCapabilities) -> None:
        pytest.fail("the loop read the answer to QUIT, and took it for one that was not asked for")

    monkeypatch.setattr(ObservedCapabilities, "fall_back", out_of_step)
    mailing.write(csv=people(100), connections=3, account="messages_per_connection = 2")
    assert mailing.run().counts == Counts(sent=100)
    assert mailing.server.connections >= 50


def test_the_limit_option_sends_exactly_so_many(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(10), connections=3)
    result = mailing.run(limit=4)
    assert (result.sent_now, result.wait.reason, len(mailing.server.accepted)) == (4, WaitReason.LIMIT, 4)


def test_a_start_in_the_future_and_a_closed_window_send_nothing(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2), send="start = 2026-11-21T08:00:00Z\nwindow = 'Mon-Fri 08:00-18:00 UTC'")
    assert mailing.run().wait.reason is WaitReason.START
    mailing.clock.turn(timedelta(days=1))  # a Saturday
    closed = mailing.run()
    assert (closed.wait.reason, closed.wait.until) == (
        WaitReason.WINDOW,
        mailing.clock.now() + timedelta(days=2),
    )
    assert mailing.run(wait=True).counts == Counts(sent=2)


def test_per_second_paces_the_wire(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(5), send="per_second = 1", connections=2)
    begun = mailing.clock.now()
    assert mailing.run().counts == Counts(sent=5)
    assert mailing.clock.now() - begun >= timedelta(seconds=4)


def test_a_changed_template_stops_the_run_until_it_is_accepted(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(4))
    mailing.run(limit=2)
    (mailing.folder / "templates" / "letter.html").write_text(LETTER.replace("Hello", "Hi"))
    with pytest.raises(UserError, match=r"templates/letter\.html"):
        mailing.run()
    assert len(mailing.server.accepted) == 2
    assert mailing.run(accept_changes=True).counts == Counts(sent=4)


def test_a_template_that_changed_before_the_first_message_needs_no_consent(
    mailing: CampaignInProcess,
) -> None:
    mailing.write(csv=people(2), send="start = 2026-11-21T08:00:00Z")
    assert mailing.run().counts == Counts(queued=2)
    (mailing.folder / "templates" / "letter.html").write_text(LETTER.replace("Hello", "Hi"))
    result = mailing.run(wait=True)
    assert result.counts == Counts(sent=2)
    assert any("changed before the first message was sent" in notice for notice in result.notices)
    assert not any(b"Hello" in message.data for message in mailing.server.accepted)


def test_changes_to_a_finished_campaign_are_refused_with_the_way_to_a_new_one(
    mailing: CampaignInProcess,
) -> None:
    mailing.write(csv=people(2))
    mailing.run()
    (mailing.folder / "templates" / "letter.html").write_text(LETTER.replace("Hello", "Hi"))
    with pytest.raises(UserError, match="mailrunner new NAME --from spring"):
        mailing.run(accept_changes=True)


def test_the_same_message_under_another_name_is_refused(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(4))
    mailing.run(limit=1)
    mailing.write(csv=people(4), name="spring-2")
    with pytest.raises(UserError, match="`spring` under another name"):
        mailing.run("spring-2")
    assert mailing.run("spring-2", again=True).counts == Counts(sent=4)


def test_new_rows_wait_for_refresh(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    mailing.run(limit=1)
    mailing.list(people(4))
    without = mailing.run()
    assert without.counts == Counts(sent=2)
    assert any("2 new" in notice for notice in without.notices)
    assert mailing.run(refresh=True).counts == Counts(sent=4)


def test_a_row_that_left_the_list_is_held_back_and_taken_up_again(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(20))
    mailing.run(limit=5)
    mailing.list(people(19))
    assert mailing.run(limit=5).counts == Counts(sent=10, queued=9, skipped=1)
    mailing.list(people(20))
    assert mailing.run().counts == Counts(sent=20)


def test_a_list_that_shrank_to_nothing_stops_the_run(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(20))
    mailing.run(limit=5)
    mailing.list("email,name\n")
    with pytest.raises(UserError, match="the list is empty"):
        mailing.run()
    mailing.list(people(20))
    assert mailing.run().counts == Counts(sent=20)


def test_an_added_column_and_another_order_are_read_right_on_refresh(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3))
    mailing.run(limit=1)
    mailing.list("city,name,email\n" + "".join(f"Cluj,Name {n},person{n}@example.org\n" for n in range(4)))
    result = mailing.run(refresh=True)
    assert result.counts == Counts(sent=4)
    parser = email.message_from_bytes
    subjects = sorted(parser(m.data, policy=email.policy.default)["Subject"] for m in mailing.server.accepted)
    assert subjects == [f"Name {n}, spring is here" for n in range(4)]


def test_an_empty_list_is_the_files_fault(mailing: CampaignInProcess) -> None:
    mailing.write(csv="email,name\n")
    with pytest.raises(UserError, match="no rows"):
        mailing.run()
    mailing.list("email,name\nnonsense,X\n")
    with pytest.raises(UserError, match="none of 1 row of"):
        mailing.run()


def test_an_interrupted_run_records_all_and_goes_on_later(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(20), connections=2)
    runners: list[SendLoop] = []

    def interrupt(step: str) -> None:
        if step == "recorded" and len(mailing.server.accepted) >= 4:
            runners[0].stop()

    callbacks = Callbacks(started=lambda runner, *_: runners.append(runner), on_step=interrupt)
    first = mailing.run(callbacks=callbacks)
    assert first.wait.reason is WaitReason.INTERRUPTED
    assert first.counts.sent == len(mailing.server.accepted) < 20
    assert first.counts.in_flight == 0
    assert mailing.run().counts == Counts(sent=20)


def test_a_missing_ledger_is_noticed_before_anyone_is_mailed_twice(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    mailing.run()
    for file in (mailing.folder / "data").glob("mailrunner.db*"):
        file.unlink()
    with pytest.raises(LedgerError, match="missing"):
        mailing.run()
    assert len(mailing.server.accepted) == 2


def test_an_older_ledger_is_noticed(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(4))
    mailing.run(limit=1)
    database = mailing.folder / "data" / "mailrunner.db"
    old = database.read_bytes()
    mailing.run()
    database.write_bytes(old)
    with pytest.raises(LedgerError, match="older"):
        mailing.run()
    assert len(mailing.server.accepted) == 4


def test_a_ledger_replaced_while_running_ends_the_run(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(12))
    recorded = count(1)

    def replace(step: str) -> None:
        if step == "recorded" and next(recorded) == 2:
            database = mailing.folder / "data" / "mailrunner.db"
            copy = database.with_name("copy.db")
            copy.write_bytes(database.read_bytes())
            copy.replace(database)

    with pytest.raises(LedgerError, match="no longer the file"):
        mailing.run(callbacks=Callbacks(on_step=replace))
    # Two may have been recorded at once, and two more were on their way: nothing begins after that.
    assert 2 <= len(mailing.server.accepted) <= 6
