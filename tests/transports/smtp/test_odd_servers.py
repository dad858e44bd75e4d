"""Whatever a server says, or does not say, while a connection is opened: an outcome with a sentence.

Bounded in octets and in time as a whole; never a traceback.  The same for a connection in use stands in
`test_client_faults.py`.
"""

from __future__ import annotations

import base64
import math
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.transports import network
from tests.support.smtp_client import CLOCK, SOON, Clients, Letter, nothing_charged
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Do, drip_handshake, in_plain_text, then_stall
from tests.support.smtp_server import (
    CHUNKED,
    Rule,
    SmtpServer,
    drip,
    effective,
    endless,
    extended,
    garbage,
    reply,
    stall,
)

LONGEST_REASON = 1_300  # characters: a reply's 1,000 and a sentence around it
STAGES = pytest.mark.parametrize("stage", ["connect", "ehlo", "starttls", "auth"])


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


def closed(stage: str, do: Do, client: Clients, **changes: float) -> Outcome:
    """Why a connection on which this is done at a stage cannot be opened."""
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=[Rule(stage, do)]) as server:
        outcome = client(server, **changes).open()
    assert outcome is not None
    assert not outcome.offered
    assert len(outcome.reason) < LONGEST_REASON
    assert outcome.reason.isprintable()
    return outcome


# -- What is said


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (endless(b"220-welcome, welcome\r\n"), "more than 100 lines"),
        (endless(b"250-and more, without an end of the line"), "more than 8192 bytes"),
        (
            garbage(b"250-" + b"x" * 8_000 + b"\r\n250 " + b"y" * 100_000_000 + b"\r\n"),
            "more than 8192 bytes",
        ),
        (garbage(b"250-x\r\n" * 10_000 + b"250 x\r\n"), "more than 100 lines"),
        (garbage(b"250-a\r\n" * 99 + b"550 b\r\n"), "contradicts itself"),
        (garbage(b"\x00" * 70 + b"\r\n"), "not SMTP"),
        (garbage(b"\xff\xfe\x1b[31m\xe2\x80\xae\r\n"), "not SMTP"),
        (garbage(b"\r\n"), "not SMTP"),
        (garbage(b"220" + b"0" * 5_000 + b" \r\n"), "not SMTP"),
    ],
)
@STAGES
def test_an_answer_without_bounds_or_sense_opens_no_connection(
    client: Clients, stage: str, do: Do, words: str
) -> None:
    outcome = closed(stage, do, client)
    assert nothing_charged(outcome)
    assert words in outcome.reason


@STAGES
def test_the_words_of_a_refusal_are_cut(client: Clients, stage: str) -> None:
    lines = [f"{n} \x00\x1b[31m" + "ü" * 2_000 for n in range(99)]
    outcome = closed(stage, reply(554, *lines), client)
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.reply is not None
    assert 900 < len(outcome.reply.text) <= 1_000


@pytest.mark.parametrize(
    ("size", "read"),
    [
        ("9" * 5_000, None),
        ("0" * 5_000 + "70000", 70_000),
        ("0", None),
        ("-5", None),
        ("²", None),
        ("10 20", None),
        ("99999999999999999999", 99_999_999_999_999_999_999),
    ],
)
def test_a_size_may_have_any_digits(client: Clients, size: str, read: int | None) -> None:
    with SmtpServer(extensions=[*CHUNKED[:-3], f"SIZE {size}"]) as server:
        sender = client(server)
        assert sender.open() is None
        assert sender._pipeline._capabilities.size == read
        assert sender.send(Letter()).kind is OutcomeKind.SENT


def test_thousands_of_mechanisms_and_no_known_one_are_named_in_short(client: Clients) -> None:
    mechanisms = " ".join(f"M{n}" for n in range(1_000)) + " \x1b[31m"
    with SmtpServer(auth=("ana", "secret"), mechanisms=mechanisms) as server:
        outcome = client(server).open()
    assert outcome is not None
    assert outcome.scope is Scope.CREDENTIALS
    assert len(outcome.reason) < 300
    assert outcome.reason.isprintable()


@pytest.mark.parametrize("challenge", [b"\x00\xff", b"not base64!", b"A" * 8_000])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_challenge_without_sense_is_no_wrong_password(
    client: Clients, mechanism: str, challenge: bytes
) -> None:
    """A server that goes on asking has refused nothing."""
    rule = Rule("auth", garbage(b"334 " + challenge + b"\r\n"))
    with SmtpServer(auth=("ana", "secret"), mechanisms=mechanism, rules=[rule]) as server:
        outcome = client(server).open()
    assert nothing_charged(outcome)


@pytest.mark.parametrize("length", [20, 200, 900])
@pytest.mark.parametrize("before", ["", "500 ", "500 " + "x" * 900 + " "])
def test_of_a_long_password_that_is_repeated_no_half_is_told_where_the_words_are_cut(
    client: Clients, before: str, length: int
) -> None:
    def repeat(dialogue: Dialogue) -> Answer | None:
        return Answer(f"{before}{dialogue.server.commands[-1]}\r\n".encode(), effective=False)

    password = "canary-0451-" * (length // 12)
    secret = base64.b64encode(f"\0ana\0{password}".encode()).decode()
    with SmtpServer(auth=("ana", password), rules=[Rule("auth", repeat)]) as server:
        outcome = client(server).open()
    assert outcome is not None
    assert "***" in outcome.reason
    assert secret[:16] not in repr(outcome)


# -- When it is said


def turn(seconds: float) -> Do:
    """Let time pass, then go on as usual."""

    def do(_: Dialogue) -> Answer | None:
        CLOCK.ahead += seconds
        return None

    return do


def test_all_of_the_opening_has_one_deadline(client: Clients) -> None:
    """Each answer is in time for itself."""
    rules = [Rule(stage, turn(25.0)) for stage in ("connect", "ehlo", "starttls", "auth")]
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=rules) as server:
        outcome = client(server, timeout=30.0).open()
    assert nothing_charged(outcome)
    assert outcome is not None
    assert "was not ready to take mail within 60 s" in outcome.reason


def test_a_slow_opening_within_its_deadline_leaves_the_messages_all_their_time(client: Clients) -> None:
    rules = [Rule("connect", turn(25.0)), Rule("ehlo", turn(25.0)), Rule("mail", turn(25.0))]
    with SmtpServer(rules=rules) as server:
        sender = client(server, timeout=30.0)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert sender.send(Letter()).kind is OutcomeKind.SENT


def test_no_further_address_is_tried_after_the_deadline() -> None:
    with SmtpServer() as server, socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = network.resolve("127.0.0.1", listener.getsockname()[1])
        listener.close()
        addresses = [*refusing, *network.resolve(server.host, server.port)]
        with pytest.raises(ConnectionRefusedError):
            network.connect(addresses, 5.0, until=-math.inf)


@pytest.mark.parametrize("do", [stall(), drip(b"220-welcome\r\n"), then_stall(b"220 half a li")])
@STAGES
def test_an_answer_that_does_not_end_is_not_waited_for(client: Clients, stage: str, do: Do) -> None:
    outcome = closed(stage, do, client, timeout=SOON)
    assert nothing_charged(outcome)
    assert "there was no answer within 0.2 s" in outcome.reason


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_a_handshake_byte_by_byte_is_not_waited_for(client: Clients, mode: str) -> None:
    with SmtpServer(tls=mode, rules=[Rule("handshake", drip_handshake())]) as server:
        outcome = client(server, timeout=SOON).open()
    assert nothing_charged(outcome)
    assert outcome is not None
    assert "TLS handshake did not end within 0.2 s" in outcome.reason


# -- Before and after STARTTLS


def test_what_is_announced_after_starttls_counts_and_nothing_from_before(client: Clients) -> None:
    before = garbage(b"250-test.invalid\r\n250-SIZE 1\r\n250-AUTH XOAUTH2\r\n250 STARTTLS\r\n")
    after = extended("PIPELINING", "SIZE 35882577", "CHUNKING", "AUTH LOGIN")
    rules = [Rule("ehlo", before, nth=1), Rule("ehlo", after, nth=2)]
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=rules) as server:
        assert client(server).send(Letter()).kind is OutcomeKind.SENT
        assert server.logins[0].mechanism == "LOGIN"
        assert len(server.said("BDAT")) == 1


@pytest.mark.parametrize(
    "slipped_in", [b"250-test.invalid\r\n250-SIZE 1\r\n250 AUTH XOAUTH2\r\n", b"250 half a li", b"\x00"]
)
def test_plain_text_behind_the_yes_to_starttls_is_refused(client: Clients, slipped_in: bytes) -> None:
    """An attacker in between would have us take it for what came over TLS (CVE-2021-38371)."""
    rules = [Rule("starttls", effective(b"220 go\r\n" + slipped_in))]
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=rules) as server:
        outcome = client(server).open()
        assert nothing_charged(outcome)
        assert outcome is not None
        assert "agreed to TLS and went on in plain text" in outcome.reason
        assert server.logins == []


def test_plain_text_in_place_of_the_handshake_is_no_advice_to_use_starttls(client: Clients) -> None:
    with SmtpServer(tls="starttls", rules=[Rule("handshake", in_plain_text(b"250 hello\r\n" * 9))]) as server:
        outcome = client(server).open()
    assert nothing_charged(outcome)
    assert outcome is not None
    assert "agreed to TLS and went on in plain text" in outcome.reason


def test_an_answer_to_ehlo_before_it_was_said_is_refused(client: Clients) -> None:
    early = effective(b"220 test.invalid\r\n250-test.invalid\r\n250 SIZE 1\r\n")
    with SmtpServer(rules=[Rule("connect", early)]) as server:
        outcome = client(server).open()
        assert nothing_charged(outcome)
        assert outcome is not None
        assert "out of turn" in outcome.reason
        assert server.commands == []


# -- All together


@given(
    stage=st.sampled_from(["connect", "ehlo", "starttls", "auth"]),
    code=st.sampled_from(
        [b"", b"220 ", b"220-", b"250 ", b"250-", b"334 ", b"235 ", b"421 ", b"454 ", b"535 "]
    ),
    octets=st.binary(max_size=60),
    end=st.sampled_from([b"", b"\r\n", b"\n", b"\r\n250 "]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_said_while_opening_is_an_outcome(
    stage: str, code: bytes, octets: bytes, end: bytes
) -> None:
    rule = Rule(stage, garbage(code + octets + end))
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=[rule]) as server, Clients() as client:
        outcome = client(server, timeout=0.05).open()
    if outcome:
        assert not outcome.offered
        assert len(outcome.reason) < LONGEST_REASON
        assert "\x00" not in outcome.reason
