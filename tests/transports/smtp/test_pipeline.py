"""The transaction phase as a machine: what it says when, and that its outcomes are what a server did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.server_capabilities import Capabilities, ObservedCapabilities
from mailrunner.transports.smtp.session_outcome import SessionOutcomes
from mailrunner.transports.smtp.stream import ReplyBuffer
from mailrunner.transports.smtp.transaction import PipelineLimits, stuffed
from tests.support.clocks import ManualClock
from tests.support.smtp_client import Letter, numbered

PLAIN = Capabilities()
PIPELINED = Capabilities(pipelining=True)
CHUNKED = Capabilities(pipelining=True, chunking=True)
FIRST = b"MAIL FROM:<ana@example.org>\r\nRCPT TO:<r0@example.org>\r\n"
SECOND = FIRST.replace(b"r0", b"r1")
DATA = Letter().data
END = b".\r\n"
TIMEOUT, FINAL_TIMEOUT = 60.0, 600.0


def pipeline(able: Capabilities, *, in_flight: int = 1, proven: bool = True) -> Pipeline:
    judge = SessionOutcomes(host="mail.example.org", provider="smtp", clock=ManualClock())
    return Pipeline(
        capabilities=able,
        judge=judge,
        observed=ObservedCapabilities(proven=proven),
        limits=PipelineLimits(in_flight=in_flight, timeout=TIMEOUT, final_timeout=FINAL_TIMEOUT),
    )


def written(machine: Pipeline, number: int | None = None) -> bytes:
    """Write all that is unsent, or that many bytes of it."""
    octets = bytes(machine.next_bytes(0.0))[:number]
    machine.wrote(len(octets), now=0.0)
    return octets


def told(machine: Pipeline, *replies: str) -> list[Outcome]:
    for reply in replies:
        machine.heard(int(reply[:3]), reply[4:].encode(), now=0.0)
    machine.go_on()
    return machine.settled()


def offered(able: Capabilities, count: int, *, in_flight: int = 1, proven: bool = True) -> Pipeline:
    machine = pipeline(able, in_flight=in_flight, proven=proven)
    for letter in numbered(count):
        machine.offer(letter, now=0.0)
    return machine


# -- What is said when


def test_a_plain_server_is_told_command_by_command() -> None:
    machine = offered(PLAIN, 2)
    said = [written(machine)]
    for reply in ("250 ok", "250 ok", "354 go", "250 ok"):
        told(machine, reply)
        said.append(written(machine))
    commands = FIRST.splitlines(keepends=True)
    assert said == [*commands, b"DATA\r\n", DATA + END, commands[0]]


def test_an_envelope_rides_behind_the_end_of_the_data_before() -> None:
    machine = offered(PIPELINED, 2)
    assert written(machine) == FIRST + b"DATA\r\n"
    assert told(machine, "250 ok", "250 ok", "354 go") == []
    assert written(machine) == DATA + END + SECOND + b"DATA\r\n"
    assert [outcome.kind for outcome in told(machine, "250 ok", "250 ok", "250 ok", "354 go")] == [
        OutcomeKind.SENT
    ]
    assert written(machine) == DATA + END


def test_an_envelope_that_is_offered_late_goes_at_once() -> None:
    machine = offered(PIPELINED, 1)
    written(machine)
    told(machine, "250 ok", "250 ok", "354 go")
    assert written(machine) == DATA + END
    machine.offer(numbered(2)[1], now=0.0)
    assert written(machine) == SECOND + b"DATA\r\n"


def test_a_chunk_waits_for_the_answers_to_its_own_envelope_only() -> None:
    machine = offered(CHUNKED, 2)
    chunk = b"BDAT %d LAST\r\n" % len(DATA) + DATA
    assert written(machine) == FIRST
    told(machine, "250 ok", "250 ok")
    assert written(machine) == chunk + b"RSET\r\n" + SECOND
    assert [outcome.kind for outcome in told(machine, *["250 ok"] * 4)] == [OutcomeKind.SENT]
    assert written(machine) == chunk


def test_with_several_in_flight_everything_goes_at_once() -> None:
    machine = offered(CHUNKED, 4, in_flight=3)
    chunk = b"BDAT %d LAST\r\n" % len(DATA) + DATA
    assert written(machine) == FIRST + chunk + b"".join(
        b"RSET\r\n" + FIRST.replace(b"r0", b"r%d" % n) + chunk for n in (1, 2)
    )
    assert len(told(machine, *["250 ok"] * 3)) == 1
    assert written(machine).startswith(b"RSET\r\nMAIL FROM:<ana@example.org>\r\nRCPT TO:<r3@")


@pytest.mark.parametrize(("able", "in_flight"), [(PIPELINED, 1), (CHUNKED, 1), (CHUNKED, 8)])
def test_a_server_that_is_not_known_yet_gets_one_message_alone(able: Capabilities, in_flight: int) -> None:
    machine = offered(able, 2, in_flight=in_flight, proven=False)
    assert machine.capacity == 1
    assert b"BDAT" not in written(machine)
    told(machine, "250 ok", "250 ok", *([] if able.chunking else ["354 go"]))
    assert b"r1@" not in written(machine)
    told(machine, "250 ok")
    assert b"r1@" in written(machine)
    assert machine.capacity == max(2, in_flight)


def test_dots_are_doubled_for_data_and_left_alone_in_a_chunk() -> None:
    data = b".first\r\n\r\n.\r\nend.\r\n"
    for able, expected in ((PIPELINED, b"..first\r\n\r\n..\r\nend.\r\n.\r\n"), (CHUNKED, data)):
        machine = pipeline(able)
        machine.offer(Letter(data=data), now=0.0)
        written(machine)
        told(machine, "250 ok", "250 ok", *([] if able.chunking else ["354 go"]))
        assert written(machine).endswith(expected)


@dataclass(frozen=True, slots=True)
class Searched(Letter):
    """Its maker knows whether some line of it begins with a dot."""

    has_leading_dots: bool = True


@given(st.lists(st.sampled_from([b".", b"a", b"\r\n", b"\n"])).map(b"".join))
def test_a_message_that_is_known_to_have_no_leading_dots_goes_as_if_it_were_searched(data: bytes) -> None:
    known = Searched(data=data, has_leading_dots=b"\n." in b"\n" + data)
    assert b"".join(stuffed(known)) == b"".join(stuffed(Letter(data=data)))


# -- Which byte makes the doubt


@pytest.mark.parametrize("able", [PLAIN, PIPELINED, CHUNKED])
@pytest.mark.parametrize("over", [False, True])
def test_doubt_begins_with_the_first_byte_that_could_complete_the_message(
    able: Capabilities, over: bool
) -> None:
    machine = offered(able, 1)
    for reply in ("250 ok", "250 ok", "354 go")[: 2 if able.chunking else 3]:
        written(machine)
        told(machine, reply)
    whole = len(machine.next_bytes(0.0))
    before = whole - (1 if able.chunking else len(b"\r\n.\r\n"))
    written(machine, before + over)
    machine.lost("the wire was cut")
    [outcome] = machine.settled()
    assert outcome.kind is (OutcomeKind.IN_DOUBT if over else OutcomeKind.DEFERRED)
    assert outcome.offered
    assert "mail.example.org" in outcome.reason
    assert "the wire was cut" in outcome.reason


@pytest.mark.parametrize(
    ("bytes_out", "is_offered"), [(0, False), (len(FIRST), False), (len(FIRST) + 40, True)]
)
def test_a_message_is_offered_once_a_byte_of_its_content_is_out(bytes_out: int, is_offered: bool) -> None:
    machine = offered(CHUNKED, 1, in_flight=2)
    written(machine, bytes_out)
    machine.lost("the wire was cut")
    assert [outcome.offered for outcome in machine.settled()] == [is_offered]


@pytest.mark.parametrize("code", [250, 354, 552])
@pytest.mark.parametrize("able", [PLAIN, PIPELINED, CHUNKED])
def test_an_answer_before_the_end_of_the_content_is_believed_only_if_it_is_a_no(
    able: Capabilities, code: int
) -> None:
    machine = offered(able, 1)
    for reply in ("250 ok", "250 ok", "354 go")[: 2 if able.chunking else 3]:
        written(machine)
        told(machine, reply)
    written(machine, 30)
    [outcome] = told(machine, f"{code} 5.3.4 too big")
    assert outcome.kind is (OutcomeKind.REFUSED if code == 552 else OutcomeKind.DEFERRED)
    assert machine.is_closed


@pytest.mark.parametrize(
    ("reply", "next_command"),
    [("503 5.5.1 no", b""), ("554 5.7.1 your message is about pipelining", b"RSET\r\n")],
    ids=["which ends the session", "which does not"],
)
def test_a_refused_content_is_refused_whatever_the_words(reply: str, next_command: bytes) -> None:
    machine = offered(PIPELINED, 1)
    for answers in (["250 ok", "250 ok", "354 go"], []):
        written(machine)
        told(machine, *answers)
    [outcome] = told(machine, reply)
    assert outcome.reply is not None
    assert str(outcome.reply) == reply
    assert written(machine) == next_command
    assert machine.is_open is bool(next_command)


def test_a_421_between_two_messages_does_not_answer_for_a_content_that_is_out() -> None:
    machine = offered(CHUNKED, 2, in_flight=2)
    written(machine)
    outcomes = told(machine, "250 ok", "250 ok", "250 ok", "421 4.3.2 closing")
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SENT, OutcomeKind.IN_DOUBT]
    assert "closing" in outcomes[1].reason


def test_a_421_between_two_messages_answers_for_one_that_has_only_its_envelope_out() -> None:
    machine = offered(CHUNKED, 2)
    for answers in (["250 ok", "250 ok"], []):
        written(machine)
        told(machine, *answers)
    outcomes = told(machine, "250 ok", "421 4.3.2 closing")
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SENT, OutcomeKind.DEFERRED]
    assert outcomes[1].reply is not None
    assert outcomes[1].reply.code == 421


# -- How long it waits


def test_the_longer_patience_begins_when_the_content_is_written() -> None:
    machine = offered(PIPELINED, 1)
    assert machine.deadline == 0.0 + TIMEOUT
    machine.wrote(len(machine.next_bytes(0.0)), now=1.0)
    for n in range(3):
        machine.heard(354 if n == 2 else 250, b"ok", now=2.0 + n)
    machine.go_on()
    assert machine.deadline == 4.0 + TIMEOUT
    machine.wrote(10, now=5.0)
    assert machine.deadline == 5.0 + TIMEOUT
    machine.wrote(len(machine.next_bytes(0.0)), now=6.0)
    assert machine.deadline == 6.0 + FINAL_TIMEOUT
    machine.heard(250, b"ok", now=7.0)
    assert machine.deadline is None


def test_what_is_written_for_the_next_message_does_not_prolong_the_wait() -> None:
    machine = offered(PIPELINED, 1)
    written(machine)
    told(machine, "250 ok", "250 ok", "354 go")
    machine.wrote(len(machine.next_bytes(0.0)), now=1.0)
    machine.offer(numbered(2)[1], now=2.0)
    machine.wrote(len(machine.next_bytes(0.0)), now=3.0)
    assert machine.deadline == 1.0 + FINAL_TIMEOUT


# -- Held against a server, byte by byte


@dataclass
class Server:
    """A strict server without a socket: obeys RFC 5321, 2920 and 3030, and records what it takes.

    `refusals` says at which command a recipient's message is refused, and with which code.
    """

    refusals: dict[str, tuple[str, int]] = field(default_factory=dict)
    answers: bytes = b""
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    _heard: bytes = b""
    _sender: bool = False
    _recipient: str = ""
    _in_data: bool = False

    def hear(self, octets: bytes) -> None:
        self._heard += octets
        while self._one_step():
            pass

    def _one_step(self) -> bool:
        if self._in_data:
            content, end, rest = (b"\r\n" + self._heard).partition(b"\r\n.\r\n")
            if end:
                self._heard, self._in_data = rest, False
                self._decide((content[2:] + b"\r\n").replace(b"\r\n..", b"\r\n.") if content else b"")
            return bool(end)
        line, end, rest = self._heard.partition(b"\r\n")
        if not end:
            return False
        if chunk := re.fullmatch(rb"BDAT (\d+) LAST", line):
            if len(rest) < int(chunk[1]):
                return False
            content, self._heard = rest[: int(chunk[1])], rest[int(chunk[1]) :]
            self._decide(content)
            return True
        self._heard = rest
        self._obey(line.decode())
        return True

    def _obey(self, line: str) -> None:
        if line == "RSET":
            self._forget()
            self._say(250)
        elif line.startswith("MAIL FROM:<"):
            self._sender = self._say(503 if self._sender else 250)
        elif address := re.fullmatch(r"RCPT TO:<(.*)>", line):
            code = self._code("RCPT", address[1]) if self._sender else 503
            if self._say(code):
                self._recipient = address[1]
        elif line == "DATA":
            assert not self._heard, "DATA is the last of its group (RFC 2920 §3.1)"
            self._in_data = self._say(self._code("DATA", self._recipient, 354) if self._recipient else 503)
        else:
            raise AssertionError(f"not a command: {line}")

    def _decide(self, content: bytes) -> None:
        code = self._code("END", self._recipient) if self._recipient else 503
        if self._say(code):
            self.taken.append((self._recipient, content))
        self._forget()

    def _code(self, verb: str, recipient: str, usual: int = 250) -> int:
        where, code = self.refusals.get(recipient, ("", 0))
        return code if where == verb else usual

    def _say(self, code: int) -> bool:
        self.answers += b"%d-2.0.0 as\r\n%d 2.0.0 ever\r\n" % (code, code)
        return code < 400

    def _forget(self) -> None:
        self._sender, self._recipient = False, ""


_REFUSALS = st.dictionaries(
    st.integers(0, 7).map("r{}@example.org".format),
    st.tuples(st.sampled_from(["RCPT", "DATA", "END"]), st.sampled_from([450, 452, 550, 554])),
)
_SIZES = st.lists(st.one_of(st.integers(1, 12), st.integers(60, 400)), min_size=1, max_size=12)
_BODIES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"hello"]), max_size=6).map(
    lambda lines: b"".join(line + b"\r\n" for line in [b"Subject: x", b"", *lines])
)


@given(
    able=st.sampled_from([PLAIN, PIPELINED, CHUNKED]),
    in_flight=st.integers(1, 8),
    proven=st.booleans(),
    bodies=st.lists(_BODIES, min_size=1, max_size=8),
    refusals=_REFUSALS,
    writes=_SIZES,
    reads=_SIZES,
    cut_at=st.one_of(st.none(), st.integers(0, 1500)),
)
@settings(max_examples=200, deadline=None)
def test_the_outcomes_are_what_a_server_did_wherever_the_bytes_are_split_or_cut(
    able: Capabilities,
    in_flight: int,
    proven: bool,
    bodies: list[bytes],
    refusals: dict[str, tuple[str, int]],
    writes: list[int],
    reads: list[int],
    cut_at: int | None,
) -> None:
    letters = [Letter(recipient=f"r{n}@example.org", data=body) for n, body in enumerate(bodies)]
    server, replies = Server(refusals), ReplyBuffer()
    machine = pipeline(able, in_flight=in_flight, proven=proven)
    outcomes: list[Outcome] = []
    out, under_way, queue = 0, 0, iter(letters)
    for write, read in zip(cycle(writes), cycle(reads)):
        while machine.pending < machine.capacity and (letter := next(queue, None)):
            machine.offer(letter, now=0.0)
        octets = written(machine, write if cut_at is None else min(write, cut_at - out))
        out += len(octets)
        server.hear(octets)
        replies.feed(server.answers[:read])
        server.answers = server.answers[read:]
        while reply := replies.next():
            machine.heard(*reply, now=0.0)
        machine.go_on()
        if out == cut_at:
            machine.lost("the wire was cut")
        outcomes += machine.settled()
        under_way = machine.pending
        if len(outcomes) == len(letters) or (machine.is_closed and not under_way):
            break
    taken = [recipient for recipient, _ in server.taken]
    for letter, outcome in zip(letters, outcomes, strict=False):
        assert (taken.count(letter.recipient) == 1) or outcome.kind is not OutcomeKind.SENT
        assert letter.recipient not in taken or outcome.kind in (OutcomeKind.SENT, OutcomeKind.IN_DOUBT)
    assert [data for _, data in server.taken] == [
        letter.data for letter in letters if letter.recipient in taken
    ]
    doubtful = sum(outcome.kind is OutcomeKind.IN_DOUBT for outcome in outcomes)
    assert doubtful <= (0 if cut_at is None or out < cut_at else in_flight if able.chunking else 1)
    if not doubtful and len(outcomes) == len(letters) and not machine.is_closed:
        refused = {
            letter.recipient
            for letter, outcome in zip(letters, outcomes, strict=True)
            if outcome.reply and outcome.reply.code >= 400
        }
        verbs = ("RCPT", "END") if able.chunking else ("RCPT", "DATA", "END")
        assert refused == {
            letter.recipient for letter in letters if refusals.get(letter.recipient, ("",))[0] in verbs
        }


@given(
    replies=st.lists(
        st.tuples(st.integers(200, 599), st.lists(st.binary(max_size=30), min_size=1, max_size=4)), max_size=5
    ),
    sizes=_SIZES,
)
@settings(deadline=None)
def test_replies_are_the_same_wherever_they_are_split(
    replies: list[tuple[int, list[bytes]]], sizes: list[int]
) -> None:
    wire, expected = b"", []
    for code, lines in replies:
        texts = [line.replace(b"\n", b"").strip() for line in lines]
        *first, last = texts
        wire += b"".join(b"%d-%s\r\n" % (code, text) for text in first) + b"%d %s\r\n" % (code, last)
        expected.append((code, b"\n".join(texts)))
    buffer, heard = ReplyBuffer(), []
    for size in cycle(sizes):
        buffer.feed(wire[:size])
        wire = wire[size:]
        while reply := buffer.next():
            heard.append(reply)
        if not wire:
            break
    assert heard == expected
    assert buffer.is_empty


# -- Whose turn it was


@pytest.mark.parametrize("able", [PLAIN, PIPELINED, CHUNKED], ids=["plain", "pipelined", "chunked"])
def test_a_message_whose_content_was_being_written_is_implicated_in_the_loss_and_none_behind_it(
    able: Capabilities,
) -> None:
    machine = offered(able, 2)
    settled = []
    for answer in ("250 ok", "250 ok", "354 go") if able is not CHUNKED else ("250 ok", "250 ok"):
        written(machine)
        settled += told(machine, answer)
    written(machine, len(b"BDAT 999 LAST\r\n"))
    machine.lost("the server closed the connection")
    settled += machine.settled()
    assert [(each.scope, each.implicated, each.offered) for each in settled] == [
        (Scope.CONNECTION, True, True),
        (Scope.CONNECTION, False, False),
    ]


def test_an_envelope_that_rode_behind_a_doubt_is_not_implicated() -> None:
    machine = offered(PIPELINED, 2)
    written(machine)
    told(machine, "250 ok", "250 ok", "354 go")
    written(machine)
    machine.lost("the server closed the connection")
    doubt, behind = machine.settled()
    assert (doubt.kind, behind.scope, behind.implicated) == (OutcomeKind.IN_DOUBT, Scope.CONNECTION, False)


@pytest.mark.parametrize(
    ("before", "wrote", "is_implicated"),
    [
        ((), True, True),
        ((), False, False),
        (("250 ok", "250 ok", "354 go", "250 taken", "250 reset"), True, False),
    ],
    ids=["its first command", "nothing of it", "the command behind a message that was taken"],
)
def test_a_loss_before_any_reply_implicates_only_the_first_message_of_a_connection(
    before: tuple[str, ...], wrote: bool, is_implicated: bool
) -> None:
    machine = pipeline(PLAIN)
    first, second = numbered(2)
    if before:
        machine.offer(first, now=0.0)
        for answer in before[:4]:
            written(machine)
            told(machine, answer)
    machine.offer(second, now=0.0)
    if wrote:
        written(machine)
    machine.lost("the server closed the connection")
    assert [outcome.implicated for outcome in machine.settled()] == [is_implicated]


@pytest.mark.parametrize("stage", [0, 1, 2, 3], ids=["MAIL", "RCPT", "DATA", "the final dot"])
@pytest.mark.parametrize("carried", [0, 1])
def test_a_wish_for_another_session_implicates_the_first_message_alone_and_ends_the_session(
    stage: int, carried: int
) -> None:
    machine = pipeline(PLAIN)
    letters = numbered(carried + 1)
    for letter in letters[:carried]:
        machine.offer(letter, now=0.0)
        for answer in ("250 ok", "250 ok", "354 go", "250 taken"):
            written(machine)
            told(machine, answer)
    machine.offer(letters[-1], now=0.0)
    for answer in [*("250 ok", "250 ok", "354 go")[:stage], "452 4.5.3 too many messages per session"]:
        written(machine)
        settled = told(machine, answer)
    assert [(each.scope, each.implicated) for each in settled] == [(Scope.CONNECTION, not carried)]
    assert (machine.is_open, machine.is_closed, machine.room, machine.is_at_rest) == (False, False, 0, True)


def test_what_waited_behind_a_wish_for_another_session_is_let_go_and_charged_nothing() -> None:
    machine = offered(PLAIN, 2)
    written(machine)
    first, second = told(machine, "452 4.5.3 too many messages per session")
    assert (first.offered, second.offered, second.implicated) == (False, False, False)
    assert second.scope is Scope.CONNECTION and "asked for a fresh connection" in second.reason


def test_a_refusal_behind_the_go_ahead_is_that_messages_own() -> None:
    machine = offered(PIPELINED, 1)
    written(machine)
    machine.heard(250, b"ok", now=0.0)
    machine.heard(250, b"ok", now=0.0)
    machine.heard(354, b"go", now=0.0)
    machine.heard(452, b"4.2.2 mailbox full", now=0.0)  # in one segment with the 354
    (outcome,) = machine.settled()
    assert (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.RECIPIENT)
    assert machine.is_closed
