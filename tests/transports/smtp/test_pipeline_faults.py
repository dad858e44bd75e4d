"""Many messages on one connection that breaks: each outcome must be what the server did with that message."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from mailrunner.model.outcome import Outcome, OutcomeKind, Stage
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities
from tests.support.smtp_client import PATIENT, Clients, Letter, deliver, nothing_charged, numbered, wait_for
from tests.support.smtp_script import Do
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
    effective,
    garbage,
    reply,
    stall,
)

MODES = {
    "plain": (PLAIN, 1),
    "pipelined": (EXTENSIONS, 1),
    "chunked": (CHUNKED, 1),
    "eight in flight": (CHUNKED, 8),
}
LOSSES: dict[str, Do] = {
    "cut": cut(),
    "reset": cut(reset=True),
    "stall": stall(),
    "garbage": garbage(b"HTTP/1.1 400 Bad Request\r\n"),
    "half an answer": lambda _: Answer(b"250-2.0.0 O", effective=False, closes=True),
}
ENDS: dict[str, Do] = {
    "taken, cut": accept_then_cut(),
    "taken, reset": accept_then_cut(reset=True),
    "taken, stall": accept_then_stall(),
}
REFUSALS: dict[str, Do] = {
    "4xx": reply(451, "4.3.0 local error in processing"),
    "5xx": reply(550, "5.1.1 no such user here"),
    "421": reply(421, "4.3.2 closing for a moment"),
    "two lines": reply(550, "5.1.1 no such", "5.1.1 user here"),
}
STAGES = ("mail", "rcpt", "data", "body", "eod")


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


def true(letters: Sequence[Letter], outcomes: Sequence[Outcome], server: SmtpServer) -> bool:
    """Say whether the outcomes are what the server's own record says."""
    taken = [message.recipient for message in server.accepted]
    for letter, outcome in zip(letters, outcomes, strict=True):
        times = taken.count(letter.recipient)
        assert times <= 1
        assert times == 1 or outcome.kind is not OutcomeKind.SENT
        assert times == 0 or outcome.kind in (OutcomeKind.SENT, OutcomeKind.IN_DOUBT)
    return True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("stage", "deed"),
    [*product(STAGES, LOSSES | REFUSALS), *product(["eod"], ENDS)],
)
def test_whatever_befalls_one_of_many_each_outcome_is_what_the_server_did(
    client: Clients, mode: str, stage: str, deed: str
) -> None:
    extensions, in_flight = MODES[mode]
    rules = [Rule(stage, (LOSSES | REFUSALS | ENDS)[deed], nth=4)]
    letters = numbered(12)
    with SmtpServer(rules=rules, extensions=extensions) as server:
        sender = client(server, in_flight=in_flight, observed=ObservedCapabilities(proven=True))
        outcomes = deliver(sender, letters)
        sender.close()
        assert true(letters, outcomes, server)
        assert [outcome.kind for outcome in outcomes[:3]] == [OutcomeKind.SENT] * 3
        # All are answered but those on the connection when it broke.
        assert sum(outcome.kind is not OutcomeKind.SENT for outcome in outcomes) <= max(2, in_flight)
        again = [
            letter for letter, outcome in zip(letters, outcomes, strict=True) if nothing_charged(outcome)
        ]
        assert true(again, deliver(sender, again), server)
        assert {each.recipient for each in again} <= {each.recipient for each in server.accepted}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("deed", ["4xx", "5xx"])
@pytest.mark.parametrize(
    ("stage", "judged"), [("mail", "mail"), ("rcpt", "rcpt"), ("data", "data"), ("eod", "eod")]
)
def test_a_refused_message_among_many_leaves_the_others_and_the_connection_alone(
    client: Clients, mode: str, stage: str, judged: str, deed: str
) -> None:
    extensions, in_flight = MODES[mode]
    letters = numbered(12)
    rules = [Rule(stage, REFUSALS[deed], nth=range(3, 6))]
    with SmtpServer(rules=rules, extensions=extensions) as server:
        outcomes = deliver(
            client(server, in_flight=in_flight, observed=ObservedCapabilities(proven=True)), letters
        )
        assert true(letters, outcomes, server)
        refused = [outcome for outcome in outcomes if outcome.kind is not OutcomeKind.SENT]
        assert len(refused) == 3
        for outcome in refused:
            assert outcome.reply is not None
            assert outcome.reply.code == (451 if deed == "4xx" else 550)
            assert outcome.reply.stage == (
                Stage.EOD if stage == "data" and "CHUNKING" in extensions else judged
            )
        assert server.connections == 1


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
@pytest.mark.parametrize("deed", LOSSES)
@pytest.mark.parametrize("mode", ["plain", "pipelined", "chunked"])
def test_a_connection_that_is_lost_in_an_envelope_leaves_no_doubt_about_its_message(
    client: Clients, mode: str, deed: str, stage: str
) -> None:
    letters = numbered(2)
    rules = [
        Rule(stage, LOSSES[deed], recipient="r1@") if stage == "rcpt" else Rule(stage, LOSSES[deed], nth=2)
    ]
    with SmtpServer(rules=rules, extensions=MODES[mode][0]) as server:
        sender = client(server, observed=ObservedCapabilities(proven=True))
        outcomes = deliver(sender, letters)
        assert nothing_charged(outcomes[1])
        assert outcomes[1].offered is (stage == "rcpt")
        assert outcomes[0].kind is OutcomeKind.SENT
        assert [message.recipient for message in server.accepted] == ["r0@example.org"]


def test_a_message_is_in_doubt_for_each_content_that_was_written_and_not_answered(client: Clients) -> None:
    letters = numbered(9)
    with SmtpServer(rules=[Rule("eod", stall(), nth=2)], extensions=CHUNKED) as server:
        sender = client(server, in_flight=4, observed=ObservedCapabilities(proven=True))
        assert sender.open() is None
        for letter in letters[:4]:
            sender.offer(letter)
        outcomes = sender.pump()
        while sender.pending:
            wait_for([sender], PATIENT)
            outcomes += sender.pump()
        kinds = [outcome.kind for outcome in outcomes]
        assert kinds == [OutcomeKind.SENT, OutcomeKind.IN_DOUBT, OutcomeKind.IN_DOUBT, OutcomeKind.IN_DOUBT]
        assert len(server.accepted) == 1


def test_a_recipient_is_refused_and_his_data_asked_for_all_the_same(client: Clients) -> None:
    rules = [
        Rule("rcpt", reply(550, "5.1.1 no such user"), nth=2),
        Rule("data", effective(b"354 go ahead\r\n"), nth=2),
    ]
    letters = numbered(4)
    with SmtpServer(rules=rules) as server:
        outcomes = deliver(client(server, observed=ObservedCapabilities(proven=True)), letters)
        assert true(letters, outcomes, server)
        assert [outcome.kind for outcome in outcomes] == [
            OutcomeKind.SENT,
            OutcomeKind.REFUSED,
            OutcomeKind.SENT,
            OutcomeKind.SENT,
        ]
        assert outcomes[1].reply is not None
        assert outcomes[1].reply.stage is Stage.RCPT
        assert (server.connections, len(server.said("RSET"))) == (1, 1)


def test_a_sender_is_refused_and_the_data_asked_for_all_the_same(client: Clients) -> None:
    rules = [
        Rule("mail", reply(550, "5.7.1 not you"), nth=2),
        Rule("data", garbage(b"354 go ahead\r\n"), nth=2),
    ]
    letters = numbered(3)
    with SmtpServer(rules=rules) as server:
        sender = client(server, observed=ObservedCapabilities(proven=True))
        # The third is not offered before: a message that waits on a connection is put off when it is lost.
        outcomes = deliver(sender, letters[:2]) + deliver(sender, letters[2:])
        assert true(letters, outcomes, server)
        assert [outcome.kind for outcome in outcomes] == [
            OutcomeKind.SENT,
            OutcomeKind.REFUSED,
            OutcomeKind.SENT,
        ]
        assert server.connections == 2


def test_a_yes_to_the_content_of_a_refused_recipient_is_no_answer(client: Clients) -> None:
    rules = [
        Rule("rcpt", reply(550, "5.1.1 no such user"), nth=2),
        Rule("data", garbage(b"250 2.0.0 Ok\r\n"), nth=2),
    ]
    letters = numbered(6)
    with SmtpServer(rules=rules, extensions=CHUNKED) as server:
        outcomes = deliver(client(server, in_flight=3, observed=ObservedCapabilities(proven=True)), letters)
        assert outcomes[1].kind is OutcomeKind.IN_DOUBT
        assert "after a refusal" in outcomes[1].reason
        assert true(letters, outcomes, server)


def test_a_421_for_one_does_not_answer_for_those_behind_it(client: Clients) -> None:
    letters = numbered(4)
    with SmtpServer(rules=[Rule("eod", REFUSALS["421"], nth=2)], extensions=CHUNKED) as server:
        sender = client(server, in_flight=4, observed=ObservedCapabilities(proven=True))
        assert sender.open() is None
        outcomes = deliver(sender, letters)
        assert [outcome.kind for outcome in outcomes] == [
            OutcomeKind.SENT,
            OutcomeKind.DEFERRED,
            OutcomeKind.IN_DOUBT,
            OutcomeKind.IN_DOUBT,
        ]


def test_closing_tells_what_became_of_the_messages_under_way(client: Clients) -> None:
    complete = threading.Event()
    with SmtpServer(rules=[Rule("eod", delay(threading.Event(), reached=complete))]) as server:
        sender = client(server, observed=ObservedCapabilities(proven=True))
        assert sender.open() is None
        for letter in numbered(2):
            sender.offer(letter)
        while not complete.is_set():
            assert sender.pump() == []
        assert (sender.pending, sender.room) == (2, 0)
        sender.close()
        assert [outcome.kind for outcome in sender.pump()] == [OutcomeKind.IN_DOUBT, OutcomeKind.DEFERRED]
        assert (sender.pending, sender.room, sender.stream) == (0, 0, None)
