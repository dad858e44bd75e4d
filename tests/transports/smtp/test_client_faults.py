"""The SMTP transport on connections that break: what it says must be what the server did."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.model.outcome import OutcomeKind, Scope
from tests.support.smtp_client import CLOCK, PATIENT, Clients, Letter, nothing_charged, wait_for
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Cut, Do, then_stall
from tests.support.smtp_server import (
    CHUNKED,
    EXTENSIONS,
    PLAIN,
    Answer,
    Rule,
    SmtpServer,
    accept_then_cut,
    accept_then_stall,
    cut,
    delay,
    drip,
    effective,
    endless,
    garbage,
    reply,
    stall,
)

MEGABYTES = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200_000


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


SPOKEN = pytest.mark.parametrize(
    "extensions", [PLAIN, EXTENSIONS, CHUNKED], ids=["plain", "pipelined", "chunked"]
)


# -- Connections that are lost before the end of the data


@pytest.mark.parametrize("do", [cut(), cut(reset=True), stall(), garbage(b"HTTP/1.1 400 Bad Request\r\n")])
@pytest.mark.parametrize(("stage", "offered"), [("mail", False), ("rcpt", True), ("data", True)])
@pytest.mark.parametrize("extensions", [PLAIN, EXTENSIONS], ids=["plain", "pipelined"])
def test_a_connection_lost_in_the_envelope_costs_no_recipient(
    client: Clients, extensions: Sequence[str], stage: str, offered: bool, do: Do
) -> None:
    with SmtpServer(extensions=extensions, rules=[Rule(stage, do, nth=1)]) as server:
        sender = client(server)
        outcome = sender.send(Letter())
        assert nothing_charged(outcome)
        assert outcome.offered is offered
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert len(server.accepted) == 1


@pytest.mark.parametrize("do", [cut(), cut(reset=True)])
@SPOKEN
def test_a_connection_lost_in_the_body_costs_no_recipient(
    client: Clients, extensions: Sequence[str], do: Do
) -> None:
    with SmtpServer(extensions=extensions, rules=[Rule("body", do)]) as server:
        outcome = client(server).send(Letter(data=MEGABYTES))
        assert nothing_charged(outcome)
        assert outcome.offered
        assert server.accepted == []


@SPOKEN
def test_a_server_that_stops_reading_costs_no_recipient(client: Clients, extensions: Sequence[str]) -> None:
    with SmtpServer(extensions=extensions, rules=[Rule("body", stall())]) as server:
        assert nothing_charged(client(server).send(Letter(data=MEGABYTES)))


@SPOKEN
def test_a_server_that_reads_a_little_now_and_then_is_not_waited_for(
    client: Clients, extensions: Sequence[str]
) -> None:
    def trickle(dialogue: Dialogue) -> Answer | None:
        """A thousand seconds for eight thousand octets."""
        while dialogue.sock.recv(8192):
            CLOCK.ahead += 1_000.0
        raise Cut

    with SmtpServer(extensions=extensions, rules=[Rule("body", trickle)]) as server:
        outcome = client(server, timeout=1e9).send(Letter(data=MEGABYTES))
        assert nothing_charged(outcome)
        assert "reads less than 1,000 bytes a second" in outcome.reason


@pytest.mark.parametrize("closes", [False, True])
@SPOKEN
def test_a_refusal_in_the_middle_of_the_body_is_believed(
    client: Clients, extensions: Sequence[str], closes: bool
) -> None:
    refusal = Answer(b"552 5.3.4 Message too big for system\r\n", effective=False, closes=closes)
    with SmtpServer(extensions=extensions, rules=[Rule("body", lambda _: refusal)]) as server:
        sender = client(server)
        outcome = sender.send(Letter(data=MEGABYTES))
        assert (outcome.kind, outcome.scope) == (OutcomeKind.REFUSED, Scope.RECIPIENT)
        assert outcome.reply is not None
        assert outcome.reply.code == 552
        assert server.accepted == []


@SPOKEN
def test_a_server_that_hangs_up_between_messages_costs_no_recipient(
    client: Clients, extensions: Sequence[str]
) -> None:
    last_words = Answer(b"250 2.0.0 Ok\r\n", effective=True, closes=True)
    with SmtpServer(extensions=extensions, rules=[Rule("eod", lambda _: last_words, nth=1)]) as server:
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        outcome = sender.send(Letter())
        assert nothing_charged(outcome)
        assert not outcome.offered
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert len(server.accepted) == 2


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
@pytest.mark.parametrize(
    ("do", "words"),
    [
        (endless(b"250-and more\r\n"), "more than 100 lines"),
        (endless(b"250-and more"), "more than 8192 bytes"),
        (garbage(b"250 " + b"x" * 10_000 + b"\r\n"), "more than 8192 bytes"),
        (garbage(b"250-a\r\n550 b\r\n"), "contradicts itself"),
        (garbage(b"hello\r\n"), "not SMTP"),
        (then_stall(b"250-a\r\n250"), "no answer within 30 s"),
        (drip(b"250-a\r\n"), "no answer within 30 s"),
        (cut(), "closed the connection"),
    ],
)
def test_an_answer_without_bounds_or_sense_ends_the_connection(
    client: Clients, stage: str, do: Do, words: str
) -> None:
    # Plain, as otherwise the answers to the rest of the group would complete a half one.
    with SmtpServer(rules=[Rule(stage, do)], extensions=PLAIN) as server:
        outcome = client(server, timeout=30.0).send(Letter())
        assert nothing_charged(outcome)
        assert words in outcome.reason


@pytest.mark.parametrize("stray", [b"250 2.0.0 Ok\r\n", b"550 5.1.1 No such user\r\n"])
def test_an_answer_to_no_question_is_never_taken_for_the_next_one(client: Clients, stray: bytes) -> None:
    twice = effective(b"250 2.0.0 Ok\r\n" + stray)
    with SmtpServer(rules=[Rule("eod", twice, nth=1)]) as server:
        sender = client(server)
        kinds = [sender.send(Letter()).kind for _ in range(3)]
        assert kinds == [OutcomeKind.SENT] * 3
        assert [message.connection for message in server.accepted] == [1, 2, 2]


def test_a_421_between_messages_is_read_and_costs_no_recipient(client: Clients) -> None:
    twice = effective(b"250 2.0.0 Ok\r\n421 4.4.2 Idle too long\r\n")
    with SmtpServer(rules=[Rule("eod", twice, nth=1)]) as server:
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert not sender.is_open
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert [message.connection for message in server.accepted] == [1, 2]


@pytest.mark.parametrize("stray", ["250 2.0.0 Ok", "421 4.4.2 Idle too long"])
def test_an_unasked_reply_is_read_before_the_next_message(client: Clients, stray: str) -> None:
    with SmtpServer() as server:
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        server.interrupt(stray.encode() + b"\r\n")
        wait_for([sender], PATIENT)
        outcome = sender.send(Letter())
        assert nothing_charged(outcome)
        assert not outcome.offered
        assert stray in outcome.reason
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert [message.connection for message in server.accepted] == [1, 2]


@pytest.mark.parametrize("hasty", [b"354 go ahead\r\n250 2.0.0 Ok\r\n", b"250 2.0.0 Ok\r\n"])
def test_an_acceptance_before_the_message_was_complete_is_none(client: Clients, hasty: bytes) -> None:
    with SmtpServer(rules=[Rule("data", garbage(hasty))]) as server:
        assert nothing_charged(client(server).send(Letter()))
        assert server.accepted == []


# -- In doubt


@pytest.mark.parametrize(
    "do",
    [
        accept_then_cut(),
        accept_then_cut(reset=True),
        accept_then_stall(),
        cut(),
        cut(reset=True),
        stall(),
        then_stall(b"\x00\xff" * 100),
        garbage(b"\x00\xff" * 100 + b"\r\n"),
        then_stall(b"250 2.0.0 O"),
        then_stall(b"250-2.0.0 Ok\r\n"),
        garbage(b"354 go ahead\r\n"),
        garbage(b"999 Ok\r\n"),
        garbage(b"250-a\r\n550 b\r\n"),
        endless(b"250-and more\r\n"),
    ],
)
@SPOKEN
def test_without_a_clear_answer_to_the_final_dot_the_message_is_in_doubt(
    client: Clients, extensions: Sequence[str], do: Do
) -> None:
    with SmtpServer(extensions=extensions, rules=[Rule("eod", do, nth=1)]) as server:
        sender = client(server)
        outcome = sender.send(Letter())
        assert (outcome.kind, outcome.scope, outcome.offered) == (OutcomeKind.IN_DOUBT, Scope.RECIPIENT, True)
        assert server.host in outcome.reason
        before = len(server.accepted)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert len(server.accepted) == before + 1
        assert server.connections == 2


@SPOKEN
def test_the_answer_to_the_final_dot_has_more_time_than_others(
    client: Clients, extensions: Sequence[str]
) -> None:
    reached, released = threading.Event(), threading.Event()

    def let_time_pass() -> None:
        reached.wait()
        CLOCK.ahead += 300.0
        released.set()

    with SmtpServer(extensions=extensions, rules=[Rule("eod", delay(released, reached))]) as server:
        sender = client(server, timeout=200.0, final_timeout=600.0)
        passing = threading.Thread(target=let_time_pass)
        passing.start()
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        passing.join()


def test_an_interrupted_message_does_not_become_the_beginning_of_the_next(client: Clients) -> None:
    class Interrupted:
        """The operator's Ctrl-C arrives when the body is about to be written."""

        sender, recipient, smtputf8 = "ana@example.org", "bob@example.org", False

        def __init__(self, server: SmtpServer) -> None:
            self.server = server

        @property
        def data(self) -> bytes:
            if self.server.said("DATA"):
                raise KeyboardInterrupt
            return Letter().data

    with SmtpServer() as server:
        sender = client(server)
        with pytest.raises(KeyboardInterrupt):
            sender.send(Interrupted(server))
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert (server.connections, len(server.accepted)) == (2, 1)


# -- All together


_DEEDS = st.one_of(
    st.sampled_from([cut(), cut(reset=True), accept_then_cut(), reply(421, "4.3.2 closing"), stall()]),
    st.builds(
        reply, st.sampled_from([450, 451, 452, 454, 500, 530, 550, 552, 554]), st.text("5.17 ax", max_size=9)
    ),
    # Bytes that begin like an acceptance would be a lie, and a lie cannot be seen through.
    st.binary(max_size=60).filter(lambda octets: octets[:1] not in (b"2", b"3")).map(garbage),
)
_STAGES = ["connect", "ehlo", "auth", "mail", "rcpt", "data", "eod", "rset", "quit"]
_RULES = st.builds(
    lambda stage, do, nth: Rule(stage, do if stage == "eod" else _unaccepting(do), nth=nth),
    st.sampled_from(_STAGES),
    _DEEDS,
    st.integers(1, 4),
)


def _unaccepting(do: Do) -> Do:
    """A message can be accepted at its end only."""
    return cut() if do.__qualname__.startswith("accept_then_cut") else do


@given(
    rules=st.lists(_RULES, min_size=1, max_size=4), extensions=st.sampled_from([PLAIN, EXTENSIONS, CHUNKED])
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_server_does_the_outcome_tells_what_it_took(
    rules: list[Rule], extensions: Sequence[str]
) -> None:
    letters = [Letter(recipient=f"r{n}@example.org") for n in range(6)]
    with SmtpServer(rules=rules, auth=("ana", "secret"), extensions=extensions) as server:
        with Clients() as client:
            sender = client(server, timeout=0.1, final_timeout=0.1)
            outcomes = [sender.send(letter) for letter in letters]
        taken = [message.recipient for message in server.accepted]
    for letter, outcome in zip(letters, outcomes, strict=True):
        assert taken.count(letter.recipient) <= 1
        if outcome.kind is OutcomeKind.SENT:
            assert letter.recipient in taken
        if letter.recipient in taken:
            assert outcome.kind in (OutcomeKind.SENT, OutcomeKind.IN_DOUBT)
