"""The scope of a bounce: at which command it was said, by which server, and what where that is unknown."""

from __future__ import annotations

import base64
import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.inbound.bounce_reason import reason_of
from mailrunner.inbound.dsn import BounceReport, delivery_status, is_from_daemon, odd_bounce
from mailrunner.inbound.message import InboundMessage
from mailrunner.inbound.transcript import about, answered
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.outcome import Stage

BO = "bo@example.net"
HEAD = (
    "Return-Path: <>\nFrom: Mailer-Daemon@mx.example.org\nTo: ana@example.org\nSubject: Undelivered\n"
    "Message-ID: <1@mx.example.org>\nMIME-Version: 1.0\n"
)


def report(
    human: str = "",
    *,
    words: str = "",
    diagnostic: str = "",
    status: str = "5.0.0",
    remote: bool = True,
    kind: str = "message/delivery-status",
    recipient: str = f"rfc822; {BO}",
    encoding: str = "8bit",
) -> BounceReport:
    """What is understood of a notification about one recipient."""
    fields = f"Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: {recipient}\n"
    fields += f"Action: failed\nStatus: {status}\n"
    diagnostic = diagnostic or f"smtp; {words}" * bool(words)
    fields += "Remote-MTA: dns; mail.example.net\n" * remote
    fields += f"Diagnostic-Code: {diagnostic}\n" * bool(diagnostic)
    if encoding == "base64":
        fields = base64.encodebytes(fields.encode()).decode()
    raw = (
        f'{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary="c"\n\n--c\n'
        f"Content-Type: text/plain; charset=utf-8\n\n{human}\n\n--c\n"
        f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{fields}\n--c--\n"
    )
    found = delivery_status(InboundMessage.read(raw.replace("\n", "\r\n").encode()))
    assert found is not None
    return found


def postfix(words: str, command: str) -> BounceReport:
    human = f"<{BO}>: host mail.example.net[192.0.2.9] said: {words} (in reply to {command} command)"
    return report(human, words=words)


def exim(words: str, command: str) -> BounceReport:
    human = (
        f"A message that you sent could not be delivered.\n\n  {BO}\n    host mail.example.net [192.0.2.9]\n"
        f"    SMTP error from remote mail server after {command}:\n    {words}\n\n"
    )
    return report(human)


def sendmail(words: str, command: str) -> BounceReport:
    human = (
        "   ----- The following addresses had permanent fatal errors -----\n"
        f"<{BO}>\n    (reason: {words})\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mail.example.net.:\n"
        f">>> {command}:<x@example.org>\n<<< {words}\n554 5.0.0 Service unavailable\n"
    )
    return report(human, words=words)


OURS = [
    "550 5.1.7 No such domain",
    "550 Domain does not exist",
    "550 5.1.2 Domain does not exist",
    "550 5.1.1 Domain not found",
    "550 5.1.1 User unknown",
    "550 Invalid address",
]


@pytest.mark.parametrize("words", OURS)
@pytest.mark.parametrize("server", [postfix, exim, sendmail])
def test_an_answer_to_mail_from_suppresses_no_address(server: type, words: str) -> None:
    command = "MAIL From" if server is sendmail else "MAIL FROM"
    assert server(words, command).kind is EventKind.REFUSED


@pytest.mark.parametrize("words", ["550 5.1.1 User unknown", "550 No such domain", "550 mailbox unavailable"])
@pytest.mark.parametrize("server", [postfix, exim, sendmail])
def test_an_answer_to_rcpt_to_does(server: type, words: str) -> None:
    command = "RCPT To" if server is sendmail else "RCPT TO"
    assert server(words, command).kind is EventKind.BOUNCED


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        *((words, EventKind.REFUSED) for words in OURS[:4]),
        ("550 Invalid address", EventKind.REFUSED),
        ("550 mailbox unavailable", EventKind.SOFT_BOUNCED),
        ("550 address rejected", EventKind.REFUSED),
        ("550 User unknown", EventKind.BOUNCED),
        ("550 5.1.1 does not exist", EventKind.BOUNCED),
        (f"550 <{BO}>: does not exist", EventKind.BOUNCED),
        ("550 No such domain: example.net", EventKind.BOUNCED),
        ("550 5.4.1 Recipient address rejected: Access denied", EventKind.BOUNCED),
        ("554 5.7.1 <x@example.net>: Recipient address rejected: Access denied", EventKind.REFUSED),
        ("550 5.7.1 Message rejected due to local policy", EventKind.REFUSED),
        ("550 rejected", EventKind.SOFT_BOUNCED),
    ],
)
def test_where_the_stage_is_not_told_what_could_be_ours_suppresses_no_address(
    words: str, kind: EventKind
) -> None:
    assert report(words=words).kind is kind


def test_what_the_reporting_server_says_by_itself_is_about_the_recipient() -> None:
    assert (
        report(words="unknown host: no such domain", status="5.4.4", remote=False).kind is EventKind.BOUNCED
    )


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Unrouteable address", EventKind.BOUNCED),
        (
            "SMTP error from remote mail server after RCPT TO:<bo@example.net>:\n    550 No such user",
            EventKind.BOUNCED,
        ),
        (
            "host mx [192.0.2.9]\n    SMTP error from remote mail server after RCPT TO:<x>:\n"
            "    550 5.1.1 User unknown",
            EventKind.BOUNCED,
        ),
        ("SMTP error from remote mail server after end of data:\n    550 looks like spam", EventKind.REFUSED),
        ("mailbox is full", EventKind.SOFT_BOUNCED),
        ("retry timeout exceeded", EventKind.SOFT_BOUNCED),
    ],
)
def test_exims_reason_is_read_where_it_stands(reason: str, kind: EventKind) -> None:
    human = f"This message was created automatically.\n\n  {BO}\n    {reason}\n\n"
    assert report(human, remote=False).kind is kind


@pytest.mark.parametrize(
    "words",
    [
        f"554 5.7.1 <{BO}>: Recipient address rejected: Message identified as SPAM",
        f"550 <{BO}>: Recipient address rejected: Your message looks like unsolicited mail",
        "550 5.7.1 Message content rejected, UBE, id=01234-05",
        "550 5.2.0 Message blocked: spam",
        "421 4.7.0 [TSS04] Messages from 192.0.2.5 temporarily deferred due to user complaints",
        "552 5.3.4 Message size exceeds fixed limit",
        "550 5.7.124 Sender not in allowed-senders list",
    ],
)
@pytest.mark.parametrize("command", ["RCPT TO", "end of DATA", ""])
def test_spam_rate_and_size_count_against_no_recipient(words: str, command: str) -> None:
    found = postfix(words, command) if command else report(words=words)
    assert found.kind is EventKind.REFUSED


@pytest.mark.parametrize("encoding", ["8bit", "base64"])
@pytest.mark.parametrize(
    ("recipient", "address"),
    [
        ("utf-8; bö@exämple.net", "bö@exämple.net"),
        (r"utf-8; b\x{F6}@example.net", "bö@example.net"),
        (f"rfc822; {BO}", BO),
    ],
)
def test_a_report_of_rfc_6533_is_understood(recipient: str, address: str, encoding: str) -> None:
    found = report(
        words="550 5.1.1 User unknown",
        status="5.1.1",
        kind="message/global-delivery-status",
        recipient=recipient,
        encoding=encoding,
    )
    assert (found.kind, found.address, found.enhanced_code) == (EventKind.BOUNCED, address, "5.1.1")


@pytest.mark.parametrize(
    ("sender", "daemon"),
    [
        ("MAILER-DAEMON <>", True),
        ('"MAILER-DAEMON" <>', True),
        ("<>", False),
        ("Mail Delivery System <>", True),
        ("Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>", True),
        ("Bo <>", False),
        ("Postmaster of my heart <bo@example.net>", False),
    ],
)
def test_a_daemon_may_have_no_address(sender: str, daemon: bool) -> None:
    assert is_from_daemon(InboundMessage.read(f"From: {sender}\r\n\r\n".encode())) is daemon


def test_an_odd_bounce_tells_its_stage_as_well() -> None:
    said = "550 5.1.1 Domain does not exist"
    body = (
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be "
        f"delivered to one or more of its recipients. The following address(es) failed:\n\n  {BO}\n"
        "    SMTP error from remote mail server after MAIL FROM:<ana@example.org>:\n"
        f"    host mail.example.net [192.0.2.9]: {said}\n\n------ This is a copy of the message ------\n"
    )
    head = f"{HEAD}X-Failed-Recipients: {BO}\n\n"
    for command, kind in (("MAIL FROM", EventKind.REFUSED), ("RCPT TO", EventKind.BOUNCED)):
        mail = InboundMessage.read((head + body.replace("MAIL FROM", command)).encode())
        found = odd_bounce(mail)
        assert found is not None and found.kind is kind


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("host x said: 550 no (in reply to MAIL FROM command)", Stage.MAIL),
        ("host x said: 550 no (in reply to RCPT TO\n    command)", Stage.RCPT),
        ("host x said: 550 no (in reply to DATA command)", Stage.DATA),
        ("host x said: 550 no (in reply to end of DATA command)", Stage.EOD),
        ("host x said: 550 no (in reply to EHLO command)", Stage.CONNECT),
        ("host x refused to talk to me: 554 no (while receiving the initial server greeting)", Stage.CONNECT),
        ("SMTP error from remote mail server after pipelined RCPT TO:<bo@x>: 550", Stage.RCPT),
        ("SMTP error from remote mail server after pipelined MAIL FROM:<ana@y>: 550", Stage.MAIL),
        ("SMTP error from remote mailer after end of data: 550", Stage.EOD),
        (">>> MAIL From:<ana@y>\n<<< 550 no", Stage.MAIL),
        (">>> RCPT To:<bo@x>\n<<< 550 no", Stage.RCPT),
        (">>> DATA\n<<< 550 5.1.1 <bo@x>... User unknown", None),
        ("Connected to 192.0.2.9 but sender was rejected.\nRemote host said: 550 no", Stage.MAIL),
        ("192.0.2.9 does not like recipient.\nRemote host said: 550 no", Stage.RCPT),
        ("192.0.2.9 failed after I sent the message.\nRemote host said: 550 no", Stage.EOD),
        ("550 no such user", None),
        ("", None),
    ],
)
def test_the_stage_is_read_where_servers_write_it(text: str, stage: Stage | None) -> None:
    assert answered(text) is stage


OUR_WORDS = (
    "domain",
    "sender",
    "host",
    "policy",
    "address",
    "access denied",
    "does not exist",
    "not found",
    "invalid",
)


@given(
    st.lists(st.sampled_from(OUR_WORDS), max_size=6),
    st.sampled_from(["", "5.1.7 ", "5.1.8 ", "5.7.1 ", "5.0.0 "]),
)
def test_no_words_without_a_mailbox_strike_off_at_an_unknown_stage(words: list[str], enhanced: str) -> None:
    assert reason_of(f"550 {enhanced}{' '.join(words)}", status="").kind is not EventKind.BOUNCED


BEFOREHAND = Path(__file__).parents[1] / "data/bounces/first_sight.csv"


def beforehand() -> list[dict[str, str]]:
    with (Path(__file__).parents[1] / "data/bounces/first_sight.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", beforehand(), ids=lambda row: f"{row['server']}-{row['status']}")
def test_every_bounce_written_down_beforehand_gets_a_kind_that_is_right(row: dict[str, str]) -> None:
    spoken = any(words in row["human"] for words in (" host ", "remote mail server", "while talking to"))
    found = re.search(r"bo@[\w.]*\w", row["human"])
    understood = report(
        row["human"],
        diagnostic=row["diagnostic"],
        status=row["status"],
        remote=spoken or (row["server"] in ("gmail", "exchange") and bool(row["diagnostic"])),
        recipient=f"rfc822; {found[0] if found else BO}",
    )
    assert understood.kind in row["kind"].split("/")


def test_the_last_command_of_a_transcript_was_answered() -> None:
    dialogue = ">>> MAIL From:<a@b.c>\n>>> RCPT To:<b@c.d>\n<<< 550 no\n"
    assert answered(f"   ----- Transcript of session follows -----\n{dialogue}") is Stage.RCPT


def test_only_paragraphs_that_name_the_address_are_about_it() -> None:
    human = "Hello.\r\n\r\n  BO@example.net\r\n    no such user\r\n \t\r\nOther text"
    assert about(human, BO) == "  BO@example.net\n    no such user"
    assert about(human, "ana@example.org") == ""
    assert about(human, "") == ""
