"""What the scripted server can be told to do: rules, and the deeds they order."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.smtp_dialogue import Dialogue


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire, and whether the command it answers takes effect."""

    wire: bytes
    effective: bool
    closes: bool = False


class Cut(Exception):  # noqa: N818 - it is an order, not an error
    """End the connection now; `reset` by RST instead of FIN."""

    def __init__(self, *, reset: bool = False) -> None:
        self.reset = reset


# The clients' ports of connections on which a server has fallen silent for good.
SILENT: set[int] = set()

# What a rule does: None goes on as usual.
Do = Callable[["Dialogue"], Answer | None]


def reply(code: int, *lines: str) -> Do:
    """Answer with this; 2xx and 3xx take effect as the usual answer would, 421 also hangs up."""
    return lambda _: usual(code, *lines)


def cut(*, reset: bool = False) -> Do:
    """Hang up without an answer."""

    def do(_: Dialogue) -> Answer | None:
        raise Cut(reset=reset)

    return do


def accept_then_cut(*, reset: bool = False) -> Do:
    """At `eod`: take the message, then hang up without an answer."""

    def do(dialogue: Dialogue) -> Answer | None:
        dialogue.accept()
        raise Cut(reset=reset)

    return do


def stall() -> Do:
    """Say nothing more until the server is stopped."""

    return then_stall(b"")


def then_stall(octets: bytes) -> Do:
    """Send these bytes, then say nothing more until the server is stopped."""

    def do(dialogue: Dialogue) -> Answer | None:
        if octets:
            dialogue.sock.sendall(octets)
        _fall_silent(dialogue)
        dialogue.server.stopping.wait()
        raise Cut

    return do


def _fall_silent(dialogue: Dialogue) -> None:
    with suppress(OSError):  # the client has gone already
        SILENT.add(dialogue.sock.getpeername()[1])


def accept_then_stall() -> Do:
    """At `eod`: take the message, then say nothing more until the server is stopped."""

    def do(dialogue: Dialogue) -> Answer | None:
        dialogue.accept()
        return stall()(dialogue)

    return do


def delay(until: threading.Event, reached: threading.Event | None = None) -> Do:
    """Set `reached`, go on as usual once `until` is set."""

    def do(dialogue: Dialogue) -> Answer | None:
        if reached:
            reached.set()
        while not until.wait(0.02) and not dialogue.server.stopping.is_set():
            pass
        return None

    return do


def garbage(octets: bytes) -> Do:
    """Send these bytes in place of an answer."""
    return lambda _: Answer(octets, effective=False)


def effective(octets: bytes) -> Do:
    """Send these bytes, and let the command take effect."""
    return lambda _: Answer(octets, effective=True)


def if_ahead(do: Do) -> Do:
    """Do this to a client that has sent more than the command at hand, go on as usual with others."""
    return lambda dialogue: do(dialogue) if dialogue.is_ahead else None


def endless(line: bytes) -> Do:
    """Send this line again and again for as long as the client listens."""

    def do(dialogue: Dialogue) -> Answer | None:
        while not dialogue.server.stopping.is_set():
            dialogue.sock.sendall(line)
        raise Cut

    return do


def drip(octets: bytes, every: float = 0.02) -> Do:
    """Send these bytes again and again, one at a time."""

    def do(dialogue: Dialogue) -> Answer | None:
        for n in count():
            if n == 20:  # enough to see that they are no reply
                _fall_silent(dialogue)
            if dialogue.server.stopping.wait(every):
                break
            dialogue.sock.sendall(octets[n % len(octets) :][:1])
        raise Cut

    return do


def extended(*extensions: str) -> Do:
    """At `ehlo`: announce these extensions, whatever the server's own are."""
    return reply(250, "test.invalid", *extensions)


def in_plain_text(octets: bytes) -> Do:
    """At `handshake`: wait for what the client begins, and answer it in plain text."""

    def do(dialogue: Dialogue) -> Answer | None:
        dialogue.sock.recv(65536)
        dialogue.sock.sendall(octets)
        dialogue.server.stopping.wait()
        raise Cut

    return do


def drip_handshake(every: float = 0.02) -> Do:
    """At `handshake`: a genuine one, one byte at a time."""

    def do(dialogue: Dialogue) -> Answer | None:
        for octet in _server_hello(dialogue):
            if dialogue.server.stopping.wait(every):
                break
            dialogue.sock.sendall(bytes([octet]))
        raise Cut

    return do


def _server_hello(dialogue: Dialogue) -> bytes:
    """What a TLS server answers to the handshake that the client began."""
    assert dialogue.server.context
    received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = dialogue.server.context.wrap_bio(received, to_send, server_side=True)
    while not to_send.pending:
        received.write(dialogue.sock.recv(65536))
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()
    return to_send.read()


@dataclass(frozen=True, slots=True)
class Rule:
    """At `stage`, if all that is named here holds, do something else.

    `nth` counts how often the stage was reached on this server, `on_connection` how often on the
    same connection, both from 1, as a number or a range; `connection` is a connection's number;
    `recipient` must occur in the recipient's address (from `rcpt` on).
    """

    stage: str
    do: Do
    nth: int | Container[int] | None = None
    on_connection: int | Container[int] | None = None
    connection: int | Container[int] | None = None
    recipient: str = ""

    def applies(self, dialogue: Dialogue, nth: int, on_connection: int) -> bool:
        return (
            _among(nth, self.nth)
            and _among(on_connection, self.on_connection)
            and _among(dialogue.number, self.connection)
            and self.recipient in " ".join(dialogue.recipients)
        )


def _among(number: int, wanted: int | Container[int] | None) -> bool:
    return wanted is None or number == wanted or (not isinstance(wanted, int) and number in wanted)


def usual(code: int, *lines: str) -> Answer:
    """The answer that a server gives by itself."""
    *first, last = lines or ("",)
    wire = "".join(f"{code}-{line}\r\n" for line in first) + f"{code} {last}\r\n"
    return Answer(wire.encode(), effective=200 <= code < 400, closes=code in (221, 421))
