"""What strangers, readers and slips of the hand try: forged mail, floods, undone imports."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from mailrunner.cli import inbox_watch
from mailrunner.cli.context import CommandContext
from mailrunner.cli.inbox_mailboxes import WatchedMailbox
from mailrunner.config.account import Imap
from mailrunner.config.project import load_project
from mailrunner.inbound.classify import PROVIDER_DOMAINS, MessageClassifier, UnprovedNoticeError
from mailrunner.inbound.imap import INBOX, ImapFolder, ImapMailbox
from mailrunner.inbound.message import LONGEST, InboundMessage
from mailrunner.inbound.poll import MailboxPoll
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.model.tokens import TokenSigner
from mailrunner.store import Ledger
from mailrunner.store.schema import suppressions
from mailrunner.web import app as web
from mailrunner.web.rate_limit import RateLimit
from tests.data.bounces import Tokens, letter, sample
from tests.support.club_inbox import Club
from tests.support.imap_server import PASSWORD, ImapServer
from tests.support.in_doubt import clear
from tests.support.patience import PATIENCE
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer
from tests.support.suppression import all_text, begin_campaign, ledger_of
from tests.support.web_clicks import Served, deliveries, mailed

ANA, BOB = "ana@example.org", "bob@example.org"


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(TokenSigner((b"a secret of thirty-two characters",)), 1 << 40 | 5)


@pytest.fixture
def sorter(tokens: Tokens) -> MessageClassifier:
    return MessageClassifier(
        signer=tokens.signer,
        identity="google/ana@gmail.com",
        domains=PROVIDER_DOMAINS["google"],
        pause=timedelta(hours=24),
    )


class TestForgedMail:
    def test_a_reader_who_forges_a_notice_about_their_own_message_stops_nothing(
        self, sorter: MessageClassifier, tokens: Tokens
    ) -> None:
        genuine = sample("gmail_limit", tokens)
        assert sorter.understand(genuine) is not None

        assert sorter.understand(genuine.replace(b"googlemail.com", b"evil.example")) is None

    def test_a_notice_of_a_provider_that_is_not_known_is_for_the_operator(
        self, sorter: MessageClassifier, tokens: Tokens
    ) -> None:
        elsewhere = replace(sorter, identity="smtp.example.net/ana", domains=())

        with pytest.raises(UnprovedNoticeError, match="nothing proves that the provider wrote it"):
            elsewhere.understand(sample("gmail_limit", tokens))

    @pytest.mark.parametrize("local", ["eve", "mailer.daemon.eve", "x+mailer-daemon"])
    def test_another_user_of_the_same_provider_stops_nothing(
        self, sorter: MessageClassifier, tokens: Tokens, local: str
    ) -> None:
        genuine = sample("gmail_limit", tokens)

        assert sorter.understand(genuine.replace(b"mailer-daemon@", f"{local}@".encode())) is None

    @pytest.mark.parametrize(
        "said_of_the_envelope",
        [
            "smtp.mailfrom=dmarc=pass.header.from=googlemail.com@evil.example",
            'smtp.mailfrom="x; dmarc=pass header.from=googlemail.com"@evil.example',
            "(domain of x; dmarc=pass header.from=googlemail.com) smtp.mailfrom=x@evil.example",
        ],
    )
    def test_what_a_sender_writes_into_a_verdict_is_no_verdict(
        self, sorter: MessageClassifier, said_of_the_envelope: str
    ) -> None:
        raw = letter(
            "You have reached a limit for sending mail.",
            subject="Message not delivered",
            sender="mailer-daemon@googlemail.com",
            Return_Path="<>",
            Authentication_Results=f"mx.google.com; spf=pass {said_of_the_envelope}",
        )

        assert sorter.understand(raw) is None

    @pytest.mark.parametrize(
        "verdict",
        ["dmarc=pass header.from=googlemail.com", "dmarc=pass(p=REJECT) header.from=googlemail.com"],
    )
    def test_the_mailbox_s_own_verdict_is_believed(self, sorter: MessageClassifier, verdict: str) -> None:
        raw = letter(
            "You have reached a limit for sending mail.",
            subject="Message not delivered",
            sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            Authentication_Results=f"mx.google.com; spf=pass smtp.helo=x; {verdict}",
        )

        fact = sorter.understand(raw)
        assert fact is not None
        assert fact.kind is EventKind.LIMIT_REACHED

    def test_an_address_in_the_name_of_a_sender_is_not_the_sender(self, sorter: MessageClassifier) -> None:
        raw = letter("", subject="unsubscribe", sender=f'"{ANA}" <eve@evil.example>')

        fact = sorter.understand(raw)
        assert fact is not None
        assert fact.address == "eve@evil.example"

    def test_empty_lines_without_end_are_read_in_no_time(self, sorter: MessageClassifier) -> None:
        raw = letter("\n\n> " * (LONGEST // 6), subject="unsubscribe")
        began = time.process_time()

        sorter.understand(raw)

        assert time.process_time() - began < 5


class TestHalvesOfCharacters:
    """UTF-7 can spell what no other charset, no terminal and no database takes."""

    def test_a_mail_that_cannot_be_read_is_told_in_json(
        self, tmp_path: Path, smtp: SmtpServer, imap_server: ImapServer
    ) -> None:
        box = imap_server.mailbox(uuid4().hex)
        club = Club(tmp_path, smtp, clear(box))
        parts = "boundary=a\r\n" * 50
        subject = "Subject: =?utf-7?Q?unsubscribe +2AA-?=\r\n"
        box.append("INBOX", f"From: eve@evil.example\r\n{subject}\r\n{parts}".encode())

        answer = club.inbox("--json")

        (mailbox,) = json.loads(answer.stdout)["mailboxes"]
        assert 'the mail "unsubscribe ?" from eve@evil.example' in mailbox["problems"][0]["message"]
        answer.stdout.encode()

    def test_the_words_of_a_body_are_whole(self) -> None:
        raw = letter("+2AA-", Content_Type="text/plain; charset=utf-7")

        assert InboundMessage.read(raw).text.strip() == "?"


@pytest.mark.parametrize("named", [True, False])
def test_an_event_of_an_erased_recipient_brings_no_address_back(ledger: Ledger, named: bool) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
    ledger.suppressions.erase([ANA])

    bounce = InboundEvent(
        kind=EventKind.BOUNCED,
        source="inbox",
        delivery=ana if named else None,
        address=ANA,
        fingerprint="x",
        code=550,
        detail=f"<{ANA}>: user unknown",
    )
    assert ledger.inbound_events.ingest([bounce]) == [IngestResult.RECORDED]

    assert ANA not in all_text(ledger)


class TestImports:
    @pytest.fixture
    def wrong(self, ledger: Ledger) -> int:
        """An import that will turn out to be the wrong file."""
        return _import(ledger, "wrong.csv", [ANA, BOB])

    def test_undoing_a_wrong_import_frees_no_address_that_the_right_one_names(
        self, ledger: Ledger, wrong: int
    ) -> None:
        _import(ledger, "right.csv", [ANA])

        assert ledger.suppressions.remove_import(wrong) == 1

        assert ledger.suppressions.entries(ANA)
        assert not ledger.suppressions.entries(BOB)

    def test_undoing_an_import_frees_no_address_that_an_earlier_one_named(
        self, ledger: Ledger, wrong: int
    ) -> None:
        again = _import(ledger, "again.csv", [ANA])

        assert ledger.suppressions.remove_import(again) == 0
        assert ledger.suppressions.entries(ANA)

    def test_undoing_an_import_frees_no_address_that_was_added_by_hand_since(
        self, ledger: Ledger, wrong: int
    ) -> None:
        ledger.suppressions.add([ANA], reason=SuppressionReason.IMPORT, source="by hand")

        ledger.suppressions.remove_import(wrong)

        assert ledger.suppressions.entries(ANA)

    def test_a_file_that_names_an_address_twice_can_be_undone(self, ledger: Ledger) -> None:
        number = _import(ledger, "twice.csv", [ANA, BOB], [ANA])

        assert ledger.suppressions.remove_import(number) == 2

    def test_a_domain_in_a_file_counts_as_mailed_where_one_address_there_is(self, tmp_path: Path) -> None:
        project = Project(tmp_path).write(rows=[f"{ANA},Ana"])
        with ledger_of(project) as ledger:
            begin_campaign(ledger, "spring", [ANA], list_key="club news")
        (tmp_path / "left.csv").write_text("email\n@example.org\n")

        said = project.mailrunner("suppress", "import", str(tmp_path / "left.csv"))

        assert said.code == 78
        assert "1 of its addresses is on a list that is mailed now" in said.stderr

    def test_a_domain_without_a_mailed_address_does_not(self, ledger: Ledger) -> None:
        begin_campaign(ledger, "spring", ["ana@sub.example.org", "eve@my_example.org"], list_key="club news")

        assert ledger.suppressions.on_current_lists(["@example.org", "@my-example.org"]) == set()

    def test_undoing_an_import_of_one_list_hides_no_loss_of_another(self, ledger: Ledger) -> None:
        begin_campaign(ledger, "spring", [ANA, BOB], list_key="club news")
        number = ledger.suppressions.begin_import(
            file="x.csv", list_key="another", reason=SuppressionReason.IMPORT
        )
        ledger.suppressions.import_chunk(number, [f"person{n}@example.org" for n in range(9)])
        ledger.suppressions.add(
            [ANA, BOB], list_key="club news", reason=SuppressionReason.UNSUBSCRIBE, source="web"
        )
        assert ledger.suppressions.check_not_emptied(["club news", "another"]) is None
        with ledger.database.write() as connection:
            connection.execute(delete(suppressions).where(suppressions.c.list_key == "club news"))

        ledger.suppressions.remove_import(number)

        assert ledger.suppressions.check_not_emptied(["club news"]) is not None

    def test_the_number_of_an_import_that_no_database_can_count_to_is_a_slip(self, tmp_path: Path) -> None:
        project = Project(tmp_path).write(rows=[f"{ANA},Ana"])

        assert project.mailrunner("suppress", "remove", "--import", "9" * 30).code == 2


class TestReview:
    @pytest.fixture
    def asked(self, tmp_path: Path) -> Iterator[Project]:
        project = Project(tmp_path).write(rows=[f"{ANA},Ana", f"{BOB},Bob"])
        with ledger_of(project) as ledger:
            begin_campaign(ledger, "spring", [ANA, BOB], list_key="club news")
            for place, address in enumerate([ANA, BOB]):
                wish = InboundEvent(
                    kind=EventKind.ASKED, source="inbox", address=address, fingerprint=f"{place}"
                )
                ledger.inbound_events.ingest([wish])
        yield project

    def test_what_was_decided_is_one_json_object(self, asked: Project) -> None:
        said = asked.mailrunner("inbox", "--review", "--unsubscribe", "1", "--ignore", "2", "--json")

        assert said.code == 0
        decided = json.loads(said.stdout)["requests"]
        assert [(one["address"], one["decided"]) for one in decided] == [
            (ANA, "unsubscribe"),
            (BOB, "ignore"),
        ]

    def test_a_number_without_end_is_a_slip(self, asked: Project) -> None:
        assert asked.mailrunner("inbox", "--review", "--ignore", "9" * 5_000).code == 2


class TestMailbox:
    def test_a_header_without_end_is_read_as_far_as_any_mail(self, imap_server: ImapServer) -> None:
        box = imap_server.mailbox(uuid4().hex)
        box.append("INBOX", b"X: y\r\n" * LONGEST + b"\r\nwords")
        with _opened(box.user, box.port) as opened:
            opened.select(INBOX, readonly=True)

            assert [len(header) for _, header in opened.headers([1])] == [LONGEST]

    def test_a_mailbox_that_counts_anew_is_read_from_the_start(self, imap_server: ImapServer) -> None:
        """RFC 9051 §2.3.1.1: with another UIDVALIDITY the numbers name other messages."""
        box = imap_server.mailbox(uuid4().hex)
        box.create("Old")
        with _opened(box.user, box.port) as opened:
            first, again = (opened.select(INBOX, readonly=True) for _ in range(2))
            other = opened.select(ImapFolder("Old"), readonly=True)
            opened.select(INBOX, readonly=True)  # a folder that one is in cannot be deleted
            opened._client.delete("Old")
            opened._client.create("Old")

            assert first == again
            assert opened.select(ImapFolder("Old"), readonly=True) != other


class TestServer:
    def test_an_unsubscription_by_the_page_is_recorded_however_many_look_at_pages(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(web, "RateLimit", lambda **_: RateLimit(rate=0, burst=0))
        (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
        with Served(ledger) as site:
            page = f"/u/{site.token(ana)}"

            assert [site.get(page).status, site.post(page, b"back=").status] == [429, 429]
            assert site.post(page, b"leave=").status == 200
        assert ledger.suppressions.entries(ANA)

    def test_a_client_that_hangs_up_in_the_middle_leaves_no_trace(
        self, ledger: Ledger, caplog: pytest.LogCaptureFixture
    ) -> None:
        (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
        with Served(ledger) as site:
            head = f"POST /u/{site.token(ana)} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf"
            with socket.create_connection(("127.0.0.1", site.port)) as caller:
                caller.sendall(head.encode())
                site.await_requests(1)
        assert site.log[0].startswith("POST /u/… 400")
        assert not [record for record in caplog.records if record.exc_info]


class Failing(MailboxPoll):
    """A collection with a mistake in it."""

    def watch(self, *given: object) -> None:
        raise ZeroDivisionError


def test_a_mistake_while_watching_does_not_pass_for_a_good_end(
    imap_server: ImapServer, tmp_path: Path
) -> None:
    box = imap_server.mailbox(uuid4().hex)
    Project(tmp_path).write(rows=[f"{ANA},Ana"])
    with (tmp_path / "mailrunner.toml").open("a") as settings:
        imap = f'{{ host = "127.0.0.1", port = {box.port}, tls = "none", password = "{PASSWORD}" }}'
        settings.write(f'user = "{box.user}"\npassword = "{PASSWORD}"\nimap = {imap}\n')
    account = load_project(tmp_path, {}).account("relay")
    assert account.imap is not None
    with ledger_of(Project(tmp_path)) as ledger:
        sorter = MessageClassifier(signer=TokenSigner((b"x",)), identity="")
        collection = Failing(ledger=ledger, classifier=sorter, since=timedelta(days=1))

        with pytest.raises(ZeroDivisionError):
            inbox_watch.watch_mailboxes(
                CommandContext(tmp_path),
                [(WatchedMailbox((account,), account.imap), collection)],
                lambda: None,
            )


def _import(ledger: Ledger, file: str, *chunks: list[str]) -> int:
    number = ledger.suppressions.begin_import(file=file, list_key="", reason=SuppressionReason.IMPORT)
    for chunk in chunks:
        ledger.suppressions.import_chunk(number, chunk)
    return number


@contextmanager
def _opened(user: str, port: int) -> Iterator[ImapMailbox]:
    imap = Imap(host="127.0.0.1", port=port, tls="none", user=user, password=SecretStr(PASSWORD))
    with ImapMailbox.open(imap, ca_file=None, timeout=PATIENCE) as opened:
        yield opened
