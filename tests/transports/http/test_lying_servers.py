"""Servers that lie about their answers: each ends, in bounded memory, and no request is made twice."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from mailrunner.model.outcome import OutcomeKind
from tests.transports.http.test_transport import KEY, OK, Script, message, transport, whole

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b'{"id": "7"' + b" " * 50_000_000 + b"}")
DOUBT, SENT = OutcomeKind.IN_DOUBT, OutcomeKind.SENT


def saying(*pieces: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(pieces)


def endless(piece: bytes, *before: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: chain(before, repeat(piece * 1000))


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (endless(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), DOUBT),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n"), DOUBT),
        (endless(b"X-A: b\r\n", HEAD), DOUBT),
        (endless(b"x", b"HTTP/1.1 200 "), DOUBT),
        (endless(b"1;" + b"e" * 20_000 + b"\r\nx\r\n", CHUNKED), SENT),  # a 2xx whose body was cut
        (endless(b"1\r\nx\r\n", CHUNKED), SENT),
        (endless(b"X-A: b\r\n", CHUNKED, b"0\r\n"), SENT),
        (endless(b"x", HEAD, b"Content-Length: 9999999999\r\n\r\n"), SENT),
        (saying(CHUNKED, b"fffffffffffffffffffffffffff\r\nx"), SENT),
        (saying(HEAD, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}"), DOUBT),
        (saying(HEAD, b"Content-Length: -1\r\n\r\n{}"), DOUBT),
        (saying(HEAD, b"Content-Length: 99\r\n\r\n{"), SENT),
        (saying(HEAD, b"Content-Length: 2\r\n\r\n{}", OK * 9), DOUBT),
        (saying(HEAD, b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB), DOUBT),
        (saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", OK), DOUBT),
        (saying(b"\x16\x03\x01\x00\x05hello"), DOUBT),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), None),
    ],
)
def test_an_answer_that_lies_ends_and_is_repeated_nowhere(
    octets: Callable[[], Iterator[bytes]], kind: OutcomeKind | None
) -> None:
    requests = []

    def act(sock: socket.socket, _: bytes) -> None:
        requests.append(whole(sock))
        for piece in octets():
            sock.sendall(piece)

    with Script([act, act]).served() as port:
        made = transport(port)
        outcome = made.send(message())
        made.close()
    assert len(requests) == 1
    assert kind in (None, outcome.kind), outcome
    assert kind is not None or outcome.kind is not OutcomeKind.SENT
    assert outcome.reason and KEY not in outcome.reason and len(outcome.reason) < 2000
