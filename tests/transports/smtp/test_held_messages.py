"""A message that was offered with a time within which its content must begin."""

from __future__ import annotations

import pytest

from mailrunner.model.outcome import Outcome, OutcomeKind
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.server_capabilities import Capabilities
from tests.support.smtp_client import numbered
from tests.transports.smtp.test_pipeline import CHUNKED, DATA, END, FIRST, PIPELINED, PLAIN, pipeline

WITHIN = 0.5
CHUNK = b"BDAT %d LAST\r\n" % len(DATA) + DATA


def offered(able: Capabilities, count: int, *, in_flight: int = 1) -> Pipeline:
    machine = pipeline(able, in_flight=in_flight)
    for letter in numbered(count):
        machine.offer(letter, now=0.0, within=WITHIN)
    return machine


def envelope(number: int) -> bytes:
    return FIRST.replace(b"r0", b"r%d" % number)


def written(machine: Pipeline, now: float, number: int | None = None) -> bytes:
    octets = bytes(machine.next_bytes(now))[:number]
    machine.wrote(len(octets), now=now)
    return octets


def told(machine: Pipeline, now: float, *replies: str) -> list[Outcome]:
    for reply in replies:
        machine.heard(int(reply[:3]), reply[4:].encode(), now=now)
    machine.go_on()
    return machine.settled()


def behind(able: Capabilities) -> Pipeline:
    """A message whose content is written, and a second one whose envelope rode behind it."""
    machine = offered(able, 2)
    written(machine, 0.0)
    told(machine, 0.0, "250 ok", "250 ok", *([] if able.chunking else ["354 go"]))
    written(machine, 0.0)
    return machine


ANSWERS = {PIPELINED: ["250 ok"] * 3 + ["354 go"], CHUNKED: ["250 ok"] * 4}
CONTENT = {PIPELINED: DATA + END, CHUNKED: CHUNK}


@pytest.mark.parametrize("able", [PIPELINED, CHUNKED])
def test_a_quick_server_gets_the_content_without_another_question(able: Capabilities) -> None:
    machine = behind(able)
    told(machine, WITHIN, *ANSWERS[able])
    assert (written(machine, WITHIN), machine.held) == (CONTENT[able], None)


@pytest.mark.parametrize("able", [PIPELINED, CHUNKED])
def test_a_content_that_is_late_is_held_until_it_is_permitted(able: Capabilities) -> None:
    machine = behind(able)
    assert len(told(machine, 8.0, *ANSWERS[able])) == 1
    assert (written(machine, 8.0), machine.held) == (b"", 0)
    machine.permit(8.0, within=WITHIN)
    assert machine.held is None
    assert written(machine, 8.0) == CONTENT[able]


def test_a_permit_is_asked_for_again_where_it_has_passed_as_well() -> None:
    machine = behind(PIPELINED)
    told(machine, 8.0, *ANSWERS[PIPELINED])
    written(machine, 8.0)
    machine.permit(8.0, within=WITHIN)
    assert (written(machine, 9.0), machine.held) == (b"", 0)


def test_a_slow_dialogue_with_one_message_is_no_different() -> None:
    machine = offered(PLAIN, 1)
    for reply in ("250 ok", "250 ok", "354 go"):
        assert written(machine, 8.0)
        told(machine, 8.0, reply)
    assert (written(machine, 8.0), machine.held) == (b"", 0)


def test_a_withdrawn_message_whose_data_was_accepted_ends_the_connection_without_a_doubt() -> None:
    machine = behind(PIPELINED)
    told(machine, 8.0, *ANSWERS[PIPELINED])
    written(machine, 8.0)
    machine.offer(numbered(3)[2], now=8.0, within=WITHIN)
    machine.withdraw()
    assert machine.is_closed
    [neighbour] = machine.settled()  # the withdrawn one has no outcome
    assert (neighbour.kind, neighbour.offered) == (OutcomeKind.DEFERRED, False)


def test_a_withdrawn_chunk_leaves_the_connection_to_the_next_message() -> None:
    machine = behind(CHUNKED)
    told(machine, 8.0, *ANSWERS[CHUNKED])
    written(machine, 8.0)
    machine.offer(numbered(3)[2], now=8.0, within=WITHIN)
    machine.withdraw()
    assert (machine.held, machine.pending, machine.is_open) == (None, 1, True)
    assert written(machine, 8.0) == b"RSET\r\n" + envelope(2)
    assert told(machine, 8.0, *["250 ok"] * 3) == []
    assert written(machine, 8.0) == CHUNK
    assert [outcome.kind for outcome in told(machine, 8.0, "250 ok")] == [OutcomeKind.SENT]
    assert machine.is_at_rest


def test_a_withdrawn_message_among_many_in_flight_leaves_those_before_and_behind_alone() -> None:
    machine = offered(CHUNKED, 4, in_flight=4)
    # The server stops reading behind the envelope of the second message.
    begun = FIRST + CHUNK + b"RSET\r\n" + envelope(1)
    assert written(machine, 0.0, len(begun)) == begun
    assert (written(machine, 8.0), machine.held) == (b"", 1)
    machine.withdraw()
    assert (machine.pending, machine.is_closed) == (3, False)
    said = written(machine, 8.0)
    for place in (1, 2):
        assert (written(machine, 8.0), machine.held) == (b"", place)
        machine.permit(8.0, within=WITHIN)
        said += written(machine, 8.0)
    assert said == b"RSET\r\n" * 2 + envelope(2) + CHUNK + b"RSET\r\n" + envelope(3) + CHUNK
    outcomes = told(machine, 8.0, *["250 ok"] * (3 + 3 + 1 + 4 + 4))
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SENT] * 3
    assert machine.is_at_rest and machine.is_open


def test_a_refused_envelope_of_a_withdrawn_message_is_ignored() -> None:
    machine = offered(CHUNKED, 3, in_flight=3)
    written(machine, 0.0, len(FIRST + CHUNK + b"RSET\r\n" + envelope(1)))
    written(machine, 8.0)
    machine.withdraw()
    told(machine, 8.0, "250 ok", "250 ok")
    written(machine, 8.0)
    outcomes = told(machine, 8.0, "250 ok", "250 ok", "250 ok", "550 5.1.1 unknown", "250 ok")
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SENT]
    assert not machine.is_closed


def test_bytes_of_a_record_that_was_begun_cannot_be_called_back() -> None:
    machine = behind(PIPELINED)
    told(machine, 0.1, *ANSWERS[PIPELINED])
    assert machine.next_bytes(8.0, begun=len(DATA)) == DATA + END
    assert machine.held is None


def test_a_connection_that_is_lost_holds_nothing() -> None:
    machine = behind(CHUNKED)
    told(machine, 8.0, *ANSWERS[CHUNKED])
    written(machine, 8.0)
    machine.lost("the server closed the connection")
    assert machine.held is None
    assert [outcome.kind for outcome in machine.settled()] == [OutcomeKind.DEFERRED]
