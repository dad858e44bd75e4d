"""Whole notifications as real servers lay them out: each is taken for one of the kinds that are right."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from mailrunner.inbound import dsn
from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.message import InboundMessage, UnreadableError, raw_values
from mailrunner.model.tokens import BOUNCE, TokenSigner
from tests.data.bounces import FOLDER, letter

SIGNER = TokenSigner((b"a secret of the tests",))
TOKEN = SIGNER.token(BOUNCE, (3 << 40) + 17)
CLASSIFIER = MessageClassifier(signer=SIGNER, identity="smtp/ana@example.org", pause=timedelta(hours=24))
CALLED = {"soft_bounced": "soft", "auto_replied": "auto", "limit_reached": "limit"}


def reports() -> list[tuple[str, str, str]]:
    """Name, kinds that are right, and mail of each notification."""
    found = []
    for one in re.split(r"^=== ", (FOLDER / "real_reports.txt").read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, mail = one.partition("\n")
        name, _source, kinds = (part.strip() for part in title.split("|"))
        found.append((name, kinds, mail.replace("{bounce}", TOKEN).replace("\n", "\r\n")))
    return found


def kind_of(mail: bytes) -> str:
    """What a collection would make of a mail: the header decides whether the rest is read at all."""
    try:
        header = mail.partition(b"\r\n\r\n")[0]
        fact = CLASSIFIER.understand(mail) if CLASSIFIER.may_concern(header) else None
    except UnreadableError as error:
        return "limit" if "the account's limit is reached" in str(error) else "unreadable"
    return CALLED.get(fact.kind, fact.kind) if fact else "none"


@pytest.mark.parametrize(("kinds", "mail"), [pytest.param(*one[1:], id=one[0]) for one in reports()])
def test_a_notification_is_taken_for_what_it_is(kinds: str, mail: str) -> None:
    assert kind_of(mail.encode()) in kinds.split("/")


def test_there_are_notifications_of_every_kind() -> None:
    kinds = {kind for _, right, _ in reports() for kind in right.split("/")}
    assert len(reports()) >= 210
    assert kinds >= {"bounced", "soft", "refused", "delayed", "delivered", "auto", "complained", "none"}


def plain(
    words: str, *, subject: str = "Undeliverable: Spring", sender: str = "postmaster@mx.example.net"
) -> bytes:
    return letter(words, subject=subject, sender=sender, To=f"ana+{TOKEN}@example.org", Return_Path="<>")


def test_the_one_address_that_a_server_names_is_the_one_that_failed() -> None:
    fact = CLASSIFIER.understand(plain("Konnte nicht zugestellt werden: bo@example.net\nBenutzer unbekannt"))
    assert fact is not None
    assert (fact.kind, fact.address) == ("bounced", "bo@example.net")


@pytest.mark.parametrize(
    "mail",
    [
        plain("Not delivered: bo@example.net or c@example.net, user unknown"),  # which of them?
        plain("Not delivered to postmaster@example.net: user unknown"),  # a server's own name
        plain("bo@example.net asks for a call back; unknown user", subject="A note"),  # nothing failed
    ],
)
def test_without_one_address_that_failed_nothing_is_known(mail: bytes) -> None:
    assert kind_of(mail) == "none"


def test_fields_in_plain_utf_8_are_read() -> None:
    message = InboundMessage.read("Subject: Автоответ\r\nsubject: second\r\n\r\n".encode())
    assert raw_values(message.message, "SUBJECT") == ["Автоответ", "second"]
    assert message.field("Subject") == "Автоответ"
    assert InboundMessage.read(b"Subject: caf\xe9\r\n\r\n").field("Subject") == "caf?"


def reported(words: str, *fields: str) -> dsn.BounceReport | None:
    """What a mail in a server's own words reports, whoever it says it is from."""
    return dsn.odd_bounce(InboundMessage.read("\r\n".join([*fields, "", *words.split("\n")]).encode()))


QMAIL = (
    "Hi. This is the qmail-send program at example.org.\n\n<bo@example.net>:\n{}\n\n--- Below is a copy.\n"
)


def test_the_words_at_the_address_are_told_and_not_the_greeting() -> None:
    found = reported(QMAIL.format("Sorry, no mailbox here by that name. (#5.1.1)"), "Subject: failure notice")
    assert found is not None
    assert (found.kind, found.address) == ("bounced", "bo@example.net")  # without a From, too
    assert "no mailbox here by that name" in found.words
    assert "qmail-send" not in found.words


def test_a_warning_tells_why_the_mail_waits() -> None:
    mail = next(mail for name, _, mail in reports() if name == "exim_warning")
    found = dsn.odd_bounce(InboundMessage.read(mail.encode()))
    assert found is not None
    assert found.kind == "delayed"
    assert found.words


@pytest.mark.parametrize(
    ("spelt", "read"),
    [("10FFFF", "\U0010ffff"), ("110000", "?"), ("D800", "?"), ("DFFF", "?"), ("E000", "\ue000")],
)
def test_an_address_spelt_in_numbers_is_read_as_far_as_they_are_characters(spelt: str, read: str) -> None:
    status = f"Final-Recipient: utf-8; b\\x{{{spelt}}}@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    head = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
    found = dsn.delivery_status(InboundMessage.read(f"{head}{status}".encode()))
    assert found is not None
    assert found.address == f"b{read}@example.net"


def test_what_says_by_its_structure_what_it_is_is_not_read_for_words() -> None:
    mail = next(mail for name, _, mail in reports() if name == "pf_delayed")
    assert dsn.is_structured(InboundMessage.read(mail.encode()))
    assert not dsn.is_structured(InboundMessage.read(plain("Not delivered: bo@example.net")))


UNDERLINED = (
    "Not delivered: bo@example.net\n\nReason:\n-------\n\n{}\n\n----\n\nFrom: ana@example.org\nno such user\n"
)


@pytest.mark.parametrize(
    ("reason", "kind"), [("5.1.1 szn; not mapped", "bounced"), ("mailbox full", "soft"), ("none", "soft")]
)
def test_a_reason_may_stand_below_a_heading_and_apart_from_the_address(reason: str, kind: str) -> None:
    """A line under a heading does not begin the returned message; one by itself does."""
    assert kind_of(plain(UNDERLINED.format(reason))) == kind
