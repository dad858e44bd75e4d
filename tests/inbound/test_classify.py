"""What a mail that came back is taken for, and above all what it is not taken for."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.dsn import delivery_status, feedback, is_from_daemon, is_structured, odd_bounce
from mailrunner.inbound.message import LONGEST, InboundMessage, UnreadableError
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.tokens import TokenSigner
from tests.data.bounces import FOLDER, NO_TOKEN, Tokens, letter, names, sample

SIGNER = TokenSigner((b"a secret of the tests",))
BO = Tokens(SIGNER, (3 << 40) + 17)
SORTER = MessageClassifier(
    signer=SIGNER,
    identity="google/ana@gmail.com",
    domains=("googlemail.com",),
    pause=timedelta(hours=24),
)


def said(raw: bytes) -> InboundEvent | None:
    """What a collection would make of a mail: the header decides whether the rest is read at all."""
    header = raw.partition(b"\r\n\r\n")[0]
    return SORTER.understand(raw) if SORTER.may_concern(header) else None


def kind_of(raw: bytes) -> tuple[EventKind, int | None] | None:
    fact = said(raw)
    return (fact.kind, fact.delivery) if fact else None


# -- Reports of mail servers

REPORTS = {
    "gmail_no_such_user": EventKind.BOUNCED,
    "gmail_full": EventKind.SOFT_BOUNCED,
    "gmail_delayed": EventKind.DELAYED,
    "gmail_dmarc": EventKind.REFUSED,
    "gmail_limit": EventKind.LIMIT_REACHED,
    "postfix_no_such_user": EventKind.BOUNCED,
    "postfix_expired": EventKind.SOFT_BOUNCED,
    "postfix_delivered": EventKind.DELIVERED,
    "postfix_verp": EventKind.BOUNCED,
    "postfix_two_recipients": EventKind.DELIVERED,
    "exchange_no_such_user": EventKind.BOUNCED,
    "exchange_blocked": EventKind.REFUSED,
    "yahoo_no_such_user": EventKind.BOUNCED,
    "ses_no_such_user": EventKind.BOUNCED,
    "remote_quota": EventKind.REFUSED,
    "qmail_no_such_user": EventKind.BOUNCED,
    "exim_no_such_user": EventKind.BOUNCED,
    "exim_full": EventKind.SOFT_BOUNCED,
    "arf_yahoo": EventKind.COMPLAINED,
    "arf_aol_redacted": EventKind.COMPLAINED,
    "arf_opt_out": EventKind.UNSUBSCRIBED,
    "absent_english": EventKind.AUTO_REPLIED,
    "absent_german": EventKind.AUTO_REPLIED,
    "absent_french": EventKind.AUTO_REPLIED,
    "absent_spanish": EventKind.AUTO_REPLIED,
    "absent_romanian": EventKind.AUTO_REPLIED,
}
SILENT = {"arf_not_spam", "arf_auth_failure"}
UNTIED = {"gmail_limit_notice"}


@pytest.mark.parametrize(("name", "kind"), REPORTS.items(), ids=str)
def test_a_report_is_understood_and_tied_to_its_delivery(name: str, kind: EventKind) -> None:
    assert kind_of(sample(name, BO)) == (kind, BO.number)


@pytest.mark.parametrize("name", sorted(SILENT))
def test_a_report_that_is_no_complaint_says_nothing(name: str) -> None:
    assert said(sample(name, BO)) is None


def test_every_sample_is_judged_by_a_test() -> None:
    assert set(names()) == REPORTS.keys() | SILENT | UNTIED


def test_a_bounce_keeps_the_remote_servers_code_and_words() -> None:
    fact = said(sample("gmail_no_such_user", BO))
    assert fact is not None
    assert (fact.code, fact.enhanced_code, fact.address) == (550, "5.1.1", "bo@example.org")
    assert fact.detail.startswith("the server says this address does not exist: The email account that you")
    assert "550-5.1.1" not in fact.detail
    assert fact.happened_at == datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)
    assert fact.source == "inbox"


def test_the_token_in_the_return_path_counts_more_than_the_address_that_failed() -> None:
    fact = said(sample("postfix_verp", BO))
    assert fact is not None
    assert (fact.delivery, fact.address) == (BO.number, "someone.else@forwarded.example")


def test_a_provider_that_renames_messages_is_tied_by_our_own_field() -> None:
    raw = sample("ses_no_such_user", BO)
    renamed = next(line for line in raw.split(b"\r\n") if line.startswith(b"Message-ID: <0102"))
    assert BO.message.encode() not in renamed
    assert kind_of(raw) == (EventKind.BOUNCED, BO.number)


def test_without_the_returned_message_in_reply_to_ties() -> None:
    raw = sample("postfix_verp", None).replace(
        b"\r\nMIME-Version", f"\r\nIn-Reply-To: <{BO.message}@example.org>\r\nMIME-Version".encode(), 1
    )
    assert kind_of(raw) == (EventKind.BOUNCED, BO.number)


# -- Forgery: what names no delivery suppresses no address


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_without_a_token_of_ours_never_acts(name: str) -> None:
    fact = said(sample(name, None))
    if name == "gmail_limit":
        assert fact is not None and fact.kind is EventKind.LIMIT_REACHED  # Gmail's own server vouches for it
    elif fact is not None:
        assert (fact.kind, fact.delivery) == (EventKind.ASKED, None)


def test_a_grave_report_that_names_an_address_alone_waits_for_a_decision() -> None:
    fact = said(sample("postfix_no_such_user", None))
    assert fact is not None
    assert (fact.kind, fact.delivery, fact.address) == (EventKind.ASKED, None, "bo@example.org")
    assert fact.detail.startswith("MAILER-DAEMON@mx.example.net reports: bounced (the server says")


def test_a_token_of_another_secret_is_none() -> None:
    forged = Tokens(TokenSigner((b"guessed",)), BO.number)
    fact = said(sample("gmail_no_such_user", forged))
    assert fact is not None and fact.kind is EventKind.ASKED


def test_the_bounce_of_a_recipients_answer_is_not_taken_for_a_bounce_of_ours() -> None:
    """Ana's answer to a newsletter quotes it, names it in References, and bounced."""
    raw = sample("gmail_no_such_user", None).replace(
        b"\r\nHello Bo", f"\r\nX-Mailrunner-Delivery: {BO.message}\r\n> see {BO.message}".encode()
    )
    raw = raw.replace(
        b"\r\nAuto-Submitted",
        f"\r\nReferences: <{BO.message}@example.org> <own@x>\r\nAuto-Submitted".encode(),
    )
    fact = said(raw)
    assert fact is None or fact.delivery is None


def test_an_earlier_message_of_the_thread_is_not_the_one_that_bounced() -> None:
    thread = f"\r\nReferences: <{BO.message}@example.org> <answer@example.org>\r\nMIME-Version"
    raw = sample("postfix_verp", None).replace(b"\r\nMIME-Version", thread.encode(), 1)
    fact = said(raw)
    assert fact is not None and (fact.kind, fact.delivery) == (EventKind.ASKED, None)


def test_a_notice_of_the_limit_counts_where_the_mailboxs_own_server_vouches_for_it() -> None:
    notice = sample("gmail_limit_notice", None)
    fact = said(notice)
    assert fact is not None
    assert (fact.kind, fact.identity, fact.pause) == (
        EventKind.LIMIT_REACHED,
        SORTER.identity,
        timedelta(hours=24),
    )


@pytest.mark.parametrize(
    ("genuine", "forged"),
    [
        (b"dmarc=pass", b"dmarc=fail"),
        (b"header.from=googlemail.com", b"header.from=googlemail.com.evil.example"),
        (b"mailer-daemon@googlemail.com", b"mailer-daemon@evil.example"),
        (
            b"Authentication-Results: ",
            b"Authentication-Results: mx.google.com; none\r\nAuthentication-Results: ",
        ),
    ],
)
def test_a_forged_notice_of_the_limit_does_not_pause_the_account(genuine: bytes, forged: bytes) -> None:
    assert said(sample("gmail_limit_notice", None).replace(genuine, forged)) is None


def test_a_remote_servers_quota_is_not_ours() -> None:
    fact = said(sample("remote_quota", BO))
    assert fact is not None and fact.kind is not EventKind.LIMIT_REACHED


def test_private_notices_of_absence_are_left_alone() -> None:
    assert said(sample("absent_english", None)) is None


# -- Odd formats, as servers wrote them since 1999


def old_mails() -> list[Path]:
    return sorted((FOLDER / "flufl").glob("*.txt"))


@pytest.mark.parametrize("path", old_mails(), ids=lambda path: path.stem)
def test_no_old_bounce_acts_without_a_token(path: Path) -> None:
    fact = said(path.read_bytes())
    assert fact is None or fact.kind is EventKind.ASKED


def test_of_the_old_bounces_nearly_all_are_understood() -> None:
    understood, by_kind = 0, dict.fromkeys(EventKind, 0)
    for path in old_mails():
        mail = InboundMessage.read(path.read_bytes())
        report = delivery_status(mail) or (odd_bounce(mail) if is_from_daemon(mail) else None)
        if report:
            understood += 1
            by_kind[report.kind] += 1
    assert understood >= 95
    assert by_kind[EventKind.BOUNCED] >= 35
    assert by_kind[EventKind.LIMIT_REACHED] == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dsn_02", EventKind.SOFT_BOUNCED),  # given up after days
        ("dsn_10", EventKind.BOUNCED),
        ("dsn_17", EventKind.DELAYED),
        ("exim_01", EventKind.BOUNCED),
        ("hotpop_01", EventKind.SOFT_BOUNCED),  # full
        ("postfix_04", EventKind.SOFT_BOUNCED),  # full
        ("qmail_05", EventKind.BOUNCED),
        ("sendmail_01", EventKind.SOFT_BOUNCED),  # too many hops
        ("simple_03", EventKind.DELAYED),
        ("simple_11", EventKind.BOUNCED),  # "not listed in Domino Directory"
        ("simple_30", EventKind.BOUNCED),
        ("simple_42", EventKind.REFUSED),  # taken for spam
        ("yahoo_03", EventKind.BOUNCED),
        ("yahoo_04", EventKind.SOFT_BOUNCED),  # over quota
    ],
)
def test_an_old_bounce_is_judged_by_its_words(name: str, kind: EventKind) -> None:
    mail = InboundMessage.read((FOLDER / "flufl" / f"{name}.txt").read_bytes())
    report = delivery_status(mail) or odd_bounce(mail)
    assert report is not None and report.kind is kind


# -- Unsubscribing by mail

TOKEN = BO.unsubscribe


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe {TOKEN}",
        f"UNSUBSCRIBE {TOKEN.upper()}",
        f"Re: unsubscribe {TOKEN}",
        f"Fwd: Re: unsubscribe {TOKEN}",
        f'"unsubscribe {TOKEN}"',
        f"unsubscribe\n {TOKEN}",
        f"unsubscribe {TOKEN[:20]}\n {TOKEN[20:]}",
        f"=?utf-8?q?unsubscribe_{TOKEN}?=",
        f"unsubscribe {TOKEN} please",
    ],
)
def test_our_token_in_the_subject_unsubscribes(subject: str) -> None:
    assert kind_of(letter(subject=subject)) == (EventKind.UNSUBSCRIBED, BO.number)


@pytest.mark.parametrize("field", ["To", "Delivered-To", "X-Original-To"])
def test_our_token_as_a_plus_address_unsubscribes(field: str) -> None:
    raw = letter(subject="", **{field: f"ana+{TOKEN.upper()}@example.org"})
    assert kind_of(raw) == (EventKind.UNSUBSCRIBED, BO.number)


@pytest.mark.parametrize(
    "body",
    [
        f"unsubscribe {TOKEN}",
        f"---------- Forwarded message ---------\nFrom: Bo\nSubject: unsubscribe {TOKEN}\nTo: ana@x.example",
        f"> unsubscribe {TOKEN}",
    ],
)
def test_our_token_in_a_line_of_its_own_unsubscribes_where_the_subject_says_so(body: str) -> None:
    assert kind_of(letter(body, subject="Fwd: unsubscribe")) == (EventKind.UNSUBSCRIBED, BO.number)
    assert said(letter(body, subject="Fwd: what is this?")) is None


@pytest.mark.parametrize(
    "raw",
    [
        letter(subject=f"unsubscribe {NO_TOKEN}"),
        letter(subject=f"unsubscribe {TOKEN[:-1]}"),
        letter(subject=f"unsubscribe {BO.message}"),
        letter(f"Lovely! > unsubscribe: https://x.example/u/{TOKEN}", subject="Re: Bo, spring is here"),
        letter(f"leave: mailto:ana@example.org?subject=unsubscribe%20{TOKEN}", subject="Re: spring"),
    ],
)
def test_nothing_else_unsubscribes_by_itself(raw: bytes) -> None:
    fact = said(raw)
    assert fact is None or fact.kind is EventKind.ASKED


# -- In people's own words


def answer(body: str, subject: str = "Re: Bo, spring is here", **fields: str) -> bytes:
    return letter(body, subject=subject, In_Reply_To=f"<{BO.message}@example.org>", **fields)


@pytest.mark.parametrize(
    "words",
    [
        "Unsubscribe",
        "please remove me from your list",
        "STOP",
        "Bitte abmelden!",
        "Ich möchte den Newsletter abbestellen.",
        "désabonner",
        "Merci de me désinscrire de cette liste",
        "dezabonare",
        "Nu mai doresc să primesc aceste mesaje",
        "baja",
        "Quiero darme de baja",
        "Disiscrivimi",
        "Wypisz mnie",
        "Graag uitschrijven",
        "配信停止してください",
    ],
)
def test_a_free_answer_that_asks_to_leave_is_a_proposal(words: str) -> None:
    quoted = f"{words}\n\nOn Friday Ana Pop wrote:\n> Hello Bo\n> unsubscribe here"
    fact = said(answer(quoted))
    assert fact is not None
    assert (fact.kind, fact.delivery, fact.address) == (EventKind.ASKED, BO.number, "bo@example.org")
    assert fact.detail == words


@pytest.mark.parametrize(
    "body",
    [
        "Thank you, how lovely!",
        "I shall be absent.",
        "See you on Friday.\n\nOn Friday Ana Pop wrote:\n> unsubscribe",
        "Danke!\n\n> abmelden",
        "I shall come. " * 60 + "unsubscribe",
    ],
)
def test_an_answer_that_only_quotes_it_or_is_long_is_left_alone(body: str) -> None:
    assert said(answer(body)) is None


def test_a_recipients_answer_is_not_taken_for_a_programs() -> None:
    assert said(answer("I cannot come.", subject="Absent on Friday")) is None


def test_html_answers_are_read_without_what_they_quote() -> None:
    html = {"Content_Type": "text/html; charset=utf-8"}
    asks = "<div>Please <b>remove me</b></div><blockquote>Hello Bo</blockquote>"
    fact = said(answer(asks, **html))
    assert fact is not None and fact.detail == "Please remove me"
    assert said(answer("<p>Lovely!</p><blockquote>unsubscribe here</blockquote>", **html)) is None


@pytest.mark.parametrize("subject", ["unsubscribe", "Re: Abmelden", "Abmeldung vom Newsletter", "BAJA"])
def test_a_subject_that_says_nothing_else_is_a_proposal_from_any_sender(subject: str) -> None:
    fact = said(letter("", subject=subject))
    assert fact is not None
    assert (fact.kind, fact.delivery, fact.address) == (EventKind.ASKED, None, "bo@example.org")


@pytest.mark.parametrize(
    "raw",
    [
        letter("Please remove me from the rota", subject="Friday"),
        letter("", subject="How do I unsubscribe from the gym? It is a long story"),
        letter("unsubscribe", subject="unsubscribe", List_Id="<a.list.example>"),
        letter("unsubscribe", subject="unsubscribe", sender=""),
    ],
)
def test_private_mail_is_left_alone(raw: bytes) -> None:
    assert said(raw) is None


def test_private_mail_is_not_even_fetched() -> None:
    header = letter("Dear Ana", subject="Our holidays", In_Reply_To="<x@y>").partition(b"\r\n\r\n")[0]
    assert not SORTER.may_concern(header)


# -- The same report, read twice


def test_the_same_mail_has_one_fingerprint_wherever_it_lies() -> None:
    raw = sample("gmail_no_such_user", BO)
    elsewhere = b"Received: from another.example\r\n" + raw
    one, other, third = said(raw), said(elsewhere), said(sample("gmail_full", BO))
    assert one is not None and other is not None and third is not None
    assert one.fingerprint == other.fingerprint != third.fingerprint


def test_a_server_that_gives_all_its_reports_one_message_id_is_heard_each_time() -> None:
    one = said(sample("gmail_no_such_user", BO))
    other = said(sample("gmail_no_such_user", Tokens(SIGNER, BO.number + 1)))
    assert one is not None and other is not None
    assert one.fingerprint != other.fingerprint


def test_a_receipt_is_no_bounce() -> None:
    receipt = (
        sample("postfix_no_such_user", BO)
        .replace(b"MAILER-DAEMON@mx.example.net (Mail Delivery System)", b"bo@example.org")
        .replace(b"message/delivery-status", b"message/disposition-notification")
    )
    assert kind_of(receipt) == (EventKind.AUTO_REPLIED, BO.number)  # a program answered: that is all it says


def test_a_complaint_names_the_recipient_that_its_report_names() -> None:
    report = feedback(InboundMessage.read(sample("arf_yahoo", BO)))
    assert report is not None
    assert (report.kind, report.address) == (EventKind.COMPLAINED, "bo@example.org")


def test_a_mail_says_by_its_structure_what_it_is_but_a_servers_receipt_may_be_a_bounce() -> None:
    status = sample("postfix_no_such_user", BO)
    receipt = status.replace(b"message/delivery-status", b"message/disposition-notification")
    recipients = receipt.replace(b"MAILER-DAEMON@mx.example.net (Mail Delivery System)", b"bo@example.org")
    mails = {
        "status": status,
        "complaint": sample("arf_yahoo", BO),
        "receipt of a recipient": recipients,
        "receipt of a server": receipt,
        "answer": letter("Thank you"),
    }
    structured = {name for name, raw in mails.items() if is_structured(InboundMessage.read(raw))}
    assert structured == {"status", "complaint", "receipt of a recipient"}


def test_without_a_message_id_the_content_tells_mails_apart() -> None:
    raw = sample("gmail_no_such_user", BO).replace(b"Message-ID: <gmail_no_such_user.1", b"X-Gone: <", 1)
    other = raw.replace(b"Hello Bo", b"Hello Bob")
    one, two = said(raw), said(other)
    assert one is not None and two is not None
    assert one.fingerprint != two.fingerprint and len(one.fingerprint) == 64


# -- Mails that are made to do harm, and mails that are merely broken


def bomb(depth: int) -> bytes:
    opened = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth)
    )
    return f"From: mailer-daemon@x.example\r\nMIME-Version: 1.0\r\n{opened}\r\nend".encode()


def nested(depth: int) -> bytes:
    return b"From: mailer-daemon@x.example\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * depth


@pytest.mark.parametrize("raw", [bomb(41), bomb(2_000), nested(3_000)])
def test_parts_in_parts_without_end_are_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        SORTER.understand(raw)


def test_no_more_than_the_beginning_of_a_mail_is_read() -> None:
    report = sample("gmail_no_such_user", BO)
    assert kind_of(report + b"x" * LONGEST * 4) == (EventKind.BOUNCED, BO.number)


@pytest.mark.parametrize("charset", ["nonsense", "idna", "punycode", "hex", "rot13", "", "\x00"])
def test_a_charset_that_is_none_does_no_harm(charset: str) -> None:
    raw = answer("unsubscribe", Content_Type=f'text/plain; charset="{charset}"')
    fact = said(raw)
    assert fact is not None and fact.kind is EventKind.ASKED


@pytest.mark.parametrize(
    "date", ["yesterday", "Fri, 99 Nov 2026 09:00:00 +0100", "Fri, 20 Nov 99999 1:1:1", "-1"]
)
def test_a_date_that_is_none_does_no_harm(date: str) -> None:
    raw = sample("gmail_no_such_user", BO).replace(b"Fri, 20 Nov 2026 09:00:05 +0100", date.encode())
    fact = said(raw)
    assert fact is not None and fact.kind is EventKind.BOUNCED and fact.happened_at is None


@given(st.binary(max_size=2_000))
def test_no_bytes_make_a_fact_or_a_crash(raw: bytes) -> None:
    with suppress(UnreadableError):
        assert SORTER.understand(raw) is None


@given(st.sampled_from(names()), st.data())
def test_a_damaged_report_never_acts_on_another_recipient(name: str, data: st.DataObject) -> None:
    """Octets that were lost or changed on the way: at worst less is understood."""
    raw = bytearray(sample(name, BO))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        fact = SORTER.understand(bytes(raw))
    except UnreadableError:
        return
    assert fact is None or fact.delivery in (None, BO.number)
    assert fact is None or fact.delivery or fact.kind in (EventKind.ASKED, EventKind.LIMIT_REACHED)


@given(st.text(max_size=200), st.text(max_size=400))
def test_no_text_of_a_private_mail_makes_a_fact_that_acts(subject: str, body: str) -> None:
    raw = letter(body, subject=" ".join(subject.split()).replace("\x00", ""))
    fact = SORTER.understand(raw)
    assert fact is None or fact.kind is EventKind.ASKED


@pytest.mark.parametrize(
    "sender", [b"", b"From: <>\r\n", b"From: \xe9\xff\r\n", b"From: " + b"(" * 3000 + b"\r\n"]
)
def test_an_odd_bounce_with_an_odd_sender_is_read_in_silence(
    sender: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = b"Return-Path: <>\r\n" + sender + b"Subject: failure notice\r\nX-Failed: \xe9\r\n\r\nsorry\r\n"
    assert SORTER.understand(raw) is None
    assert odd_bounce(InboundMessage.read(raw)) is None
    assert capsys.readouterr().err == ""
