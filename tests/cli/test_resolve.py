"""Settling doubt: real campaigns, a real SMTP server that cuts the line, a real IMAP server to ask."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.store import Run, SendPermit
from tests.support.campaigns import CampaignInProcess
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import ImapServer, Mailbox
from tests.support.in_doubt import (
    DOUBTFUL,
    LONG_AGO,
    ask,
    bytes_of,
    clear,
    counts,
    mailing,
    resolve,
    scripted,
)
from tests.support.ledger_builder import begin_sending, claim, claim_terms
from tests.support.patience import PATIENCE
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut, cut, stall


@pytest.fixture
def lossy() -> Iterator[SmtpServer]:
    """Takes the third message, and cuts the line before it says so."""
    with SmtpServer(rules=[Rule("eod", accept_then_cut(), nth=3)]) as running:
        yield running


@pytest.fixture
def deaf() -> Iterator[SmtpServer]:
    """Does not take the third message, and cuts the line after it."""
    with SmtpServer(rules=[Rule("eod", cut(), nth=3)]) as running:
        yield running


# The second and the fourth message, which go to person1 and person4: whose message stands behind one
# that cost the connection, as person2's does, goes later.
TWO_LOST = [Rule("eod", accept_then_cut(), nth=2), Rule("eod", cut(), nth=4)]


# -- Found


def test_a_message_in_the_sent_folder_is_sent_whatever_the_folder_is_called(
    tmp_path: Path, lossy: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, lossy, clear(box))
    assert made.run().counts == Counts(sent=4, in_doubt=1)
    box.append("Gesendet", *bytes_of(lossy.accepted))
    answer = ask(made)
    assert (answer.code, answer.stdout) == (0, f'{DOUBTFUL}\tsent\tfound in "Gesendet"\n'), answer.stderr
    assert counts(made) == Counts(sent=5)


def test_what_is_found_counts_at_once_and_with_any_provider(
    tmp_path: Path, lossy: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, lossy, clear(box), ago=timedelta(), provider="smtp")
    made.run()
    box.append("Gesendet", *bytes_of(lossy.accepted))
    assert (ask(made).code, counts(made)) == (0, Counts(sent=5))


def test_a_message_in_the_trash_was_sent(tmp_path: Path, lossy: SmtpServer, box: Mailbox) -> None:
    made = mailing(tmp_path, lossy, clear(box))
    made.run()
    box.append("Papierkorb", *bytes_of(lossy.accepted))
    assert ask(made).stdout == f'{DOUBTFUL}\tsent\tfound in "Papierkorb"\n'


def test_looking_leaves_no_trace_in_the_mailbox(tmp_path: Path, lossy: SmtpServer, box: Mailbox) -> None:
    made = mailing(tmp_path, lossy, clear(box))
    made.run()
    box.append("Gesendet", *bytes_of(lossy.accepted))
    ask(made)
    assert box.unseen("Gesendet") == 5


def test_a_folder_that_is_only_called_sent_proves_nothing(
    tmp_path: Path, lossy: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, lossy, clear(box))
    made.run()
    box.append("Sent", *bytes_of(lossy.accepted))
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (1, 1)
    assert answer.stdout.startswith(f"{DOUBTFUL}\tin doubt\tnot found")


# -- Not found


def test_proven_absence_sends_it_again_with_the_same_message_id_and_none_twice(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    assert made.run().counts == Counts(sent=4, in_doubt=1)
    identity = resolve(made).stdout.split("\t")[2]
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert answer.code == 0, answer.stderr
    assert answer.stdout == f"{DOUBTFUL}\tqueued again\tneither in the Sent folder nor in the trash\n"
    made.clock.turn(LONG_AGO)
    assert made.run().counts == Counts(sent=5)
    assert set(made.copies().values()) == {1} and len(made.copies()) == 5
    assert identity.encode() in deaf.accepted[-1].data


def test_absence_soon_after_the_attempt_proves_nothing_and_says_when_it_will(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box), ago=timedelta(minutes=9))
    made.run()
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert (answer.code, counts(made)) == (75, Counts(sent=4, in_doubt=1))
    assert "look again after" in answer.stdout


def test_absence_proves_nothing_where_no_message_of_that_hour_is_filed(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    made.run()
    box.append("Papierkorb", *bytes_of(deaf.accepted))  # the user has emptied the folder
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (1, 1)
    assert "no other message of the same hour is in the Sent folder" in answer.stdout


def test_a_neighbour_of_another_run_is_no_witness(tmp_path: Path, deaf: SmtpServer, box: Mailbox) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    made.run(limit=3)  # two, and the doubtful one
    made.clock.turn(timedelta(minutes=5))
    made.run()
    box.append("Gesendet", *bytes_of(deaf.accepted)[2:])
    assert (ask(made).code, counts(made).in_doubt) == (1, 1)
    box.append("Gesendet", *bytes_of(deaf.accepted)[:2])
    assert (ask(made).code, counts(made).in_doubt) == (0, 0)


def test_absence_proves_nothing_where_the_trash_cannot_be_seen(
    tmp_path: Path, deaf: SmtpServer, imap_server: ImapServer
) -> None:
    box = imap_server.mailbox(uuid4().hex)
    box.create("Gesendet")
    made = mailing(tmp_path, deaf, clear(box))
    made.run()
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (1, 1)
    assert "shows no trash folder" in answer.stdout


@pytest.mark.parametrize("provider", ["smtp", "yahoo", "fastmail"])
def test_absence_proves_nothing_where_the_provider_may_not_file_what_it_sends(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox, provider: str
) -> None:
    made = mailing(tmp_path, deaf, clear(box), provider=provider)
    made.run()
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (1, 1)
    assert "is not known to file all that is sent through it" in answer.stdout
    assert "mailrunner resolve spring --sent ADDRESS" in answer.stderr


def test_in_a_cancelled_campaign_rows_without_a_message_are_skipped_like_the_others(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    made.run(limit=3)
    with made.ledger() as ledger:
        record = ledger.campaigns.find("spring")
        assert record is not None
        ledger.campaigns.cancel(record.no)
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert (answer.code, counts(made)) == (0, Counts(sent=2, skipped=3))
    assert "requeue spring --skipped" in answer.stderr


def test_purging_keeps_the_rows_in_doubt_that_may_have_to_be_sent_again(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    made.run()
    with made.ledger() as ledger:
        assert ledger.campaigns.purge_rows(1) == 4
    box.append("Gesendet", *bytes_of(deaf.accepted))
    answer = ask(made)
    assert (answer.code, counts(made)) == (0, Counts(sent=4, queued=1))


def test_each_of_several_is_judged_by_itself(tmp_path: Path, box: Mailbox) -> None:
    with SmtpServer(rules=TWO_LOST) as server:
        made = mailing(tmp_path, server, clear(box), number=6)
        made.run()
        box.append("Gesendet", *bytes_of(server.accepted))
        assert resolve(made, "--from-sent-folder", "person4@example.org").code == 0
        assert counts(made) == Counts(sent=4, in_doubt=1, queued=1)
        assert ask(made).stdout == 'person1@example.org\tsent\tfound in "Gesendet"\n'


def test_what_a_killed_run_had_on_the_wire_can_be_asked_for_before_the_next_run(
    tmp_path: Path, box: Mailbox
) -> None:
    reached = threading.Event()

    def take_and_say_nothing(dialogue: Dialogue) -> Answer | None:
        dialogue.accept()
        reached.set()
        return stall()(dialogue)

    with SmtpServer(rules=[Rule("eod", take_and_say_nothing, nth=3)]) as server:
        made = mailing(tmp_path, server, clear(box))
        words = [sys.executable, "-m", "mailrunner", "run", "spring"]
        with subprocess.Popen(
            words, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as run:
            assert reached.wait(PATIENCE)
            run.kill()
        box.append("Gesendet", *bytes_of(server.accepted))
        # The answer to the message before may have been read, and its recording cut short.
        assert f'{DOUBTFUL}\tsent\tfound in "Gesendet"' in ask(made).stdout.splitlines()
        left = counts(made)
        assert (left.sent, left.queued + left.in_doubt) == (3, 2)  # one may have ridden behind


def test_absence_proves_nothing_while_the_sending_process_is_only_suspended(
    tmp_path: Path, deaf: SmtpServer, box: Mailbox
) -> None:
    made = mailing(tmp_path, deaf, clear(box))
    made.run(limit=2)
    box.append("Gesendet", *bytes_of(deaf.accepted))
    with made.ledger() as ledger:
        record = ledger.campaigns.find("spring")
        assert record is not None
        at = replace(claim_terms(record), content_digest=record.content_digest)
        suspended = Run.begin(ledger.database)
        [delivery] = claim(ledger, at, suspended.next_token(), most=1)
        assert begin_sending(ledger, at, delivery) is SendPermit.GO
        answer = ask(made)  # hours later, by the machine's clock
        suspended.end()
    assert (answer.code, counts(made).in_doubt) == (1, 1)
    assert "is suspended, not gone" in answer.stdout


# -- By hand


def test_without_an_option_it_shows_what_is_in_doubt(tmp_path: Path, lossy: SmtpServer) -> None:
    made = mailing(tmp_path, lossy, "")
    made.run()
    answer = resolve(made)
    address, _, identity, _ = answer.stdout.split("\t")
    assert (answer.code, address) == (1, DOUBTFUL)
    assert identity.encode() in lossy.accepted[2].data
    assert "--from-sent-folder" in answer.stderr


def test_the_user_decides_about_single_addresses(tmp_path: Path) -> None:
    with SmtpServer(rules=TWO_LOST) as server:
        made = mailing(tmp_path, server, "")
        assert made.run().counts == Counts(sent=3, in_doubt=2)
        assert resolve(made, "--sent", "Person1@Example.org").stdout == "1 recorded as sent\n"
        assert resolve(made, "--resend", "person4@example.org").stdout.startswith("1 queued again. To send")
        made.clock.turn(LONG_AGO)
        assert made.run().counts == Counts(sent=5)
        assert set(made.copies().values()) == {1}


def test_an_address_that_is_not_in_doubt_is_78(tmp_path: Path, lossy: SmtpServer) -> None:
    made = mailing(tmp_path, lossy, "")
    made.run()
    answer = resolve(made, "--resend", "person0@example.org")
    assert (answer.code, counts(made).in_doubt) == (78, 1)
    assert "person0@example.org is not in doubt in spring" in answer.stderr


@pytest.mark.parametrize("options", [("--sent", "--resend"), ("--sent", "--from-sent-folder")])
def test_two_decisions_at_once_are_wrong_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert resolve(CampaignInProcess(tmp_path, SmtpServer()), *options).code == 2


def test_where_nothing_is_in_doubt_no_question_is_asked(tmp_path: Path) -> None:
    with SmtpServer() as server, ScriptedImap() as imap:
        made = mailing(tmp_path, server, scripted(imap))
        made.run()
        assert (ask(made).code, imap.commands) == (0, [])
