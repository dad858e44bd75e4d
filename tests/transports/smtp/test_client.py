"""The SMTP transport on a connection that holds: messages, refusals, what a server can carry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.model.outcome import OutcomeKind, Scope, Stage
from mailrunner.transports import Transport
from tests.support.patience import PATIENCE
from tests.support.smtp_client import Clients, Letter, nothing_charged
from tests.support.smtp_script import Do
from tests.support.smtp_server import Rule, SmtpServer, cut, garbage, reply, stall

MEGABYTES = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200_000


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


# -- One message


def test_a_message_is_sent_and_the_servers_queue_id_kept(client: Clients) -> None:
    with SmtpServer() as server:
        outcome = client(server).send(Letter())
        assert (outcome.kind, outcome.provider_id, outcome.offered) == (OutcomeKind.SENT, "00000001", True)
        assert outcome.reply is not None
        assert (outcome.reply.stage, outcome.reply.code) == (Stage.EOD, 250)
        [message] = server.accepted
        assert (message.sender, message.recipients) == ("ana@example.org", ("bob@example.org",))
        assert message.data == Letter().data


def test_the_transport_keeps_the_interface(client: Clients) -> None:
    with SmtpServer() as server:
        kept: Transport = client(server)
        assert kept.open() is None


@pytest.fixture(scope="module")
def plain_server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@given(
    lines=st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x", b"x.", b"\t.", b"\xc3\xa9."]), max_size=12)
)
@settings(max_examples=60, deadline=None)
def test_any_lines_arrive_as_they_are(plain_server: SmtpServer, lines: list[bytes]) -> None:
    data = b"".join(line + b"\r\n" for line in (*lines, b"Subject: x", b"", *lines))
    with Clients() as client:
        assert client(plain_server).send(Letter(data=data)).kind is OutcomeKind.SENT
    assert plain_server.accepted[-1].data == data


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\r\n", b"\n.\r", b".\r\n"])
def test_no_text_can_end_a_message_early(client: Clients, end: bytes) -> None:
    hidden = b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<all@example.org>\r\nDATA\r\nSpam\r\n"
    with SmtpServer() as server:
        assert client(server).send(Letter(data=b"Subject: x\r\n\r\n" + end + hidden)).kind is OutcomeKind.SENT
        assert len(server.accepted) == 1
        assert hidden in server.accepted[0].data
        assert b"\n.\n" not in server.accepted[0].data
        assert len(server.said("MAIL")) == 1


def test_a_large_message_arrives_whole(client: Clients) -> None:
    with SmtpServer() as server:
        assert client(server).send(Letter(data=MEGABYTES)).kind is OutcomeKind.SENT
        assert server.accepted[0].data == MEGABYTES


# -- One connection


def test_fifty_messages_share_one_connection_and_one_login(client: Clients) -> None:
    with SmtpServer(auth=("ana", "secret")) as server:
        sender = client(server)
        assert [sender.send(Letter()).kind for _ in range(50)] == [OutcomeKind.SENT] * 50
        assert (server.connections, len(server.logins), len(server.accepted)) == (1, 1, 50)


def test_a_connection_is_renewed_after_its_share_of_messages(client: Clients) -> None:
    with SmtpServer() as server:
        sender = client(server, messages_per_connection=2)
        assert {sender.send(Letter()).kind for _ in range(5)} == {OutcomeKind.SENT}
        assert [message.connection for message in server.accepted] == [1, 1, 2, 2, 3]
        assert len(server.said("QUIT")) == 2


def test_opening_twice_connects_once_and_closing_twice_is_harmless(client: Clients) -> None:
    with SmtpServer() as server:
        sender = client(server)
        sender.close()
        assert (sender.open(), sender.open()) == (None, None)
        sender.close()
        sender.close()
        assert (server.connections, server.said("QUIT")) == (1, ["QUIT"])


def test_the_greeting_names_an_address_literal_or_what_is_configured(client: Clients) -> None:
    with SmtpServer() as server:
        client(server).open()
        client(server, local_hostname="mail.example.org").open()
        assert server.said("EHLO") == ["ehlo [127.0.0.1]", "ehlo mail.example.org"]


def test_a_server_too_old_for_ehlo_is_greeted_with_helo(client: Clients) -> None:
    with SmtpServer(rules=[Rule("ehlo", reply(502, "5.5.1 what?"), nth=1)]) as server:
        assert client(server).send(Letter()).kind is OutcomeKind.SENT
        assert server.said("MAIL") == ["MAIL FROM:<ana@example.org>"]


@pytest.mark.parametrize("do", [cut(), cut(reset=True), garbage(b"?\r\n"), reply(500, "no")])
def test_a_failing_farewell_changes_nothing(client: Clients, do: Do) -> None:
    with SmtpServer(rules=[Rule("quit", do)]) as server:
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        sender.close()
        assert len(server.accepted) == 1


def test_a_server_that_never_says_goodbye_is_not_waited_for_long(client: Clients) -> None:
    with SmtpServer(rules=[Rule("quit", stall())]) as server:
        sender = client(server, timeout=2 * PATIENCE)
        assert sender.open() is None
        begun = time.monotonic()
        sender.close()
        assert time.monotonic() - begun < PATIENCE


# -- Refusals


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("mail", "5.7.1 Sender address rejected: not owned by user"),
        ("rcpt", "5.1.1 No such user here"),
        ("data", "5.6.0 Message content rejected"),
        ("eod", "5.3.4 Message too big for system"),
    ],
)
def test_a_refusal_keeps_its_stage_and_the_connection_goes_on(client: Clients, stage: str, text: str) -> None:
    with SmtpServer(rules=[Rule(stage, reply(550, text), nth=1)]) as server:
        sender = client(server)
        outcome = sender.send(Letter())
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.reply is not None
        assert (outcome.reply.stage, outcome.reply.code) == (stage, 550)
        assert outcome.offered
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert (server.connections, len(server.said("RSET")), len(server.accepted)) == (1, 1, 1)


def test_greylisting_concerns_the_recipient_alone(client: Clients) -> None:
    rule = Rule("rcpt", reply(450, "4.2.0 Greylisted, see you in 300 seconds"), recipient="bob@")
    with SmtpServer(rules=[rule]) as server:
        sender = client(server)
        outcome = sender.send(Letter())
        assert (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.RECIPIENT)
        assert sender.send(Letter(recipient="eve@example.org")).kind is OutcomeKind.SENT


@pytest.mark.parametrize("do", [cut(), reply(500, "5.5.1 what?"), garbage(b"?\r\n")])
def test_where_the_transaction_cannot_be_reset_a_new_connection_is_opened(client: Clients, do: Do) -> None:
    rules = [Rule("rcpt", reply(550, "5.1.1 No such user"), nth=1), Rule("rset", do)]
    with SmtpServer(rules=rules) as server:
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.REFUSED
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert server.connections == 2


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "eod"])
def test_a_421_at_any_stage_closes_the_connection_and_leaves_no_doubt(client: Clients, stage: str) -> None:
    rule = Rule(stage, reply(421, "4.4.2 Connection timed out, closing connection"), nth=1)
    with SmtpServer(rules=[rule]) as server:
        sender = client(server)
        outcome = sender.send(Letter())
        assert nothing_charged(outcome)
        assert outcome.reply is not None
        assert outcome.reply.stage == stage
        assert outcome.offered is (stage != "mail")
        assert server.accepted == []
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert server.said("QUIT") == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "eod"])
def test_a_connection_that_a_421_has_closed_is_not_used_again(client: Clients, stage: str) -> None:
    lingering = garbage(b"421 4.4.2 Connection timed out, closing connection\r\n")
    with SmtpServer(rules=[Rule(stage, lingering, nth=1)]) as server:
        sender = client(server)
        assert nothing_charged(sender.send(Letter()))
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert server.accepted[0].connection == 2


def test_a_multi_line_refusal_is_read_whole(client: Clients) -> None:
    with SmtpServer(rules=[Rule("rcpt", reply(550, "5.1.1 The account", "5.1.1 does not exist"))]) as server:
        outcome = client(server).send(Letter())
        assert outcome.reply is not None
        assert "The account" in outcome.reply.text
        assert "does not exist" in outcome.reply.text


# -- What the server announced


@pytest.mark.parametrize(
    ("size", "scope", "at_once", "too_big"),
    [(65_535, Scope.CAMPAIGN, True, False), (65_536, Scope.RECIPIENT, False, True)],
)
def test_a_message_over_the_announced_size_is_refused_unoffered(
    client: Clients, size: int, scope: Scope, at_once: bool, too_big: bool
) -> None:
    """Less than 65,536 no server may take (RFC 5321): then it is not the message that is wrong."""
    with SmtpServer(extensions=[f"SIZE {size}"]) as server:
        sender = client(server)
        outcome = sender.send(Letter(data=b"x" * (size - 1) + b"\r\n"))
        assert (outcome.kind, outcome.scope, outcome.offered) == (OutcomeKind.REFUSED, scope, False)
        assert (outcome.at_once, outcome.too_big) == (at_once, too_big)
        assert f"{size + 1:,} bytes" in outcome.reason
        assert f"{size:,} at most" in outcome.reason
        assert sender.send(Letter(data=b"x" * (size - 2) + b"\r\n")).kind is OutcomeKind.SENT
        assert server.said("MAIL") == [f"MAIL FROM:<ana@example.org> SIZE={size}"]


@pytest.mark.parametrize("extension", ["SIZE", "SIZE 0", "SIZE unlimited", "SIZE ²"])
def test_a_size_that_names_no_limit_is_none(client: Clients, extension: str) -> None:
    with SmtpServer(extensions=[extension]) as server:
        assert client(server).send(Letter()).kind is OutcomeKind.SENT


@pytest.mark.parametrize(
    "letter", [Letter(recipient="jörg@example.org"), Letter(sender="ană@exemplu.ro"), Letter(smtputf8=True)]
)
def test_smtputf8_is_asked_for_exactly_where_it_is_offered(client: Clients, letter: Letter) -> None:
    with SmtpServer(extensions=["SMTPUTF8", "8BITMIME"]) as able, SmtpServer(extensions=[]) as unable:
        assert client(able).send(letter).kind is OutcomeKind.SENT
        assert able.accepted[0].recipient == letter.recipient
        assert able.commands[1].endswith(" SMTPUTF8")
        sender = client(unable)
        outcome = sender.send(letter)
        assert (outcome.kind, outcome.scope, outcome.offered) == (OutcomeKind.REFUSED, Scope.RECIPIENT, False)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert len(unable.said("MAIL")) == 1


def test_eight_bit_text_goes_only_where_it_is_taken(client: Clients) -> None:
    letter = Letter(data="Subject: x\r\n\r\nprimăvară\r\n".encode())
    with SmtpServer(extensions=["8BITMIME"]) as able, SmtpServer(extensions=[]) as unable:
        assert client(able).send(letter).kind is OutcomeKind.SENT
        assert able.said("MAIL") == ["MAIL FROM:<ana@example.org> BODY=8BITMIME"]
        outcome = client(unable).send(letter)
        assert (outcome.kind, outcome.scope, outcome.offered) == (OutcomeKind.REFUSED, Scope.RECIPIENT, False)
        assert unable.said("MAIL") == []


@pytest.mark.parametrize("field", ["sender", "recipient"])
@pytest.mark.parametrize(
    "address",
    [
        "bob@example.org\r\nRCPT TO:<eve@example.org>",
        "bob@example.org\nDATA",
        "bob@example.org> SIZE=1",
        "<bob@example.org",
        "bob\0@example.org",
        "bob\x85@example.org",
        "bob\udcff@example.org",
    ],
)
def test_an_address_that_would_say_more_than_an_address_reaches_no_wire(
    client: Clients, field: str, address: str
) -> None:
    changed: dict[str, Any] = {field: address}
    with SmtpServer() as server:
        outcome = client(server).send(Letter(**changed))
        assert (outcome.kind, outcome.scope, outcome.offered) == (OutcomeKind.REFUSED, Scope.RECIPIENT, False)
        assert server.connections == 0


def test_a_message_without_a_recipient_reaches_no_wire(client: Clients) -> None:
    with SmtpServer() as server:
        assert client(server).send(Letter(recipient="")).kind is OutcomeKind.REFUSED
        assert server.connections == 0
