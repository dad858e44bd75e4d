"""Connections that ask for more than their share: slow headers, slow bodies, crowds; on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from mailrunner.store import Ledger
from mailrunner.web.connections import Connections, Limits
from mailrunner.web.server import accept_room
from tests.support.patience import PATIENCE
from tests.support.web_clicks import Served, deliveries, mailed

ANA = "ana@example.org"


@contextmanager
def caller(site: Served, sent: bytes = b"", source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE, (source, 0)) as connection:
        connection.sendall(sent)
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Wait for the server to say or close something; True if it closes without an answer."""
    try:
        return connection.recv(1_000) == b""
    except ConnectionResetError:
        return True


def answer(connection: socket.socket, path: str = "/nowhere") -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(12)


@pytest.mark.parametrize("sent", [b"", b"GET /health HT", b"POST /u/x HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"])
def test_a_header_that_does_not_come_to_its_end_closes_the_connection(ledger: Ledger, sent: bytes) -> None:
    with Served(ledger, limits=Limits(header_seconds=0.05)) as site, caller(site, sent) as slow:
        assert is_closed(slow)


def test_a_header_that_drips_has_no_more_time_than_one_that_stands_still(ledger: Ledger) -> None:
    def drip(slow: socket.socket) -> None:
        """Send a field now and then until the server has closed."""
        slow.settimeout(0.01)
        while True:
            slow.sendall(b"X: y\r\n")
            with suppress(TimeoutError):
                if slow.recv(100) == b"":
                    raise ConnectionResetError

    with (
        Served(ledger, limits=Limits(header_seconds=0.2)) as site,
        caller(site, b"GET / HTTP/1.1\r\n") as slow,
        pytest.raises(ConnectionError),
    ):
        drip(slow)


def test_a_second_request_on_a_connection_has_a_deadline_too(ledger: Ledger) -> None:
    limits = Limits(header_seconds=PATIENCE)
    with Served(ledger, limits=limits) as site, caller(site) as slow:
        assert answer(slow) == b"HTTP/1.1 404"
        page = b""
        while b"</html>" not in page:
            page += slow.recv(65_536)
        object.__setattr__(limits, "header_seconds", 0.05)  # not before: the first one has come in time
        slow.sendall(b"GET /hea")
        assert is_closed(slow)


def test_a_body_that_is_not_read_has_a_deadline(ledger: Ledger) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"
    with Served(ledger, limits=Limits(body_seconds=0.05)) as site, caller(site, head) as slow:
        assert answer(slow) == b"HTTP/1.1 404"
        while not is_closed(slow):  # the rest of the 404
            pass


def test_one_address_has_so_many_connections_and_others_are_served(ledger: Ledger) -> None:
    with Served(ledger, limits=Limits(per_client=3)) as site, ExitStack() as open_:
        crowd = [open_.enter_context(caller(site, b"GET", "127.0.0.2")) for _ in range(3)]
        with caller(site, b"", "127.0.0.2") as one_more:
            assert is_closed(one_more)
        with caller(site) as other:
            assert answer(other) == b"HTTP/1.1 404"
        crowd[0].close()
        assert [line for line in site.said if "127.0.0.2" in line] == []  # no address in what is told
        assert len(site.said) == 1 and "more than 3 connections from one address" in site.said[0]


def test_a_trusted_proxy_may_hold_as_many_as_there_are(ledger: Ledger) -> None:
    with Served(ledger, limits=Limits(per_client=2), trusted="127.0.0.1") as site, ExitStack() as open_:
        crowd = [open_.enter_context(caller(site)) for _ in range(8)]
        assert [answer(one) for one in crowd] == [b"HTTP/1.1 404"] * 8


def test_connections_without_requests_give_way_to_one_with(ledger: Ledger) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
    with Served(ledger, limits=Limits(connections=5)) as site, ExitStack() as open_:
        crowd = [open_.enter_context(caller(site, b"POST /u/")) for _ in range(5)]
        assert site.click(site.token(ana)).status == 200
        assert is_closed(crowd[0])


class Line:
    """A connection that can be dropped."""

    dropped = False

    def drop(self) -> None:
        self.dropped = True


def test_a_connection_being_answered_never_gives_way() -> None:
    room = Connections(Limits(connections=2), tell=lambda _: None)
    busy, waiting, third, fourth = Line(), Line(), Line(), Line()
    for line in (busy, waiting):
        assert room.admit(line, "a")
    room.is_busy(busy)
    assert room.admit(third, "b")
    assert (busy.dropped, waiting.dropped) == (False, True)
    room.is_busy(third)
    assert not room.admit(fourth, "c")
    room.is_waiting(busy)
    assert room.admit(fourth, "c")
    assert busy.dropped


def test_a_connection_that_ends_makes_room_and_leaves_nothing() -> None:
    room = Connections(Limits(connections=9, per_client=1), tell=lambda _: None)
    for _ in range(50):
        line = Line()
        assert room.admit(line, "a")
        assert not room.admit(Line(), "a")
        room.remove(line)
        room.remove(line)
    assert len(room) == 0


@pytest.mark.parametrize(
    ("files", "backlog", "connections"),
    [(64, 16, 1), (256, 64, 128), (1024, 256, 704), (8192, 512, 1000)],
)
def test_connections_and_those_that_knock_never_use_up_the_files(
    files: int, backlog: int, connections: int
) -> None:
    assert accept_room(files) == (backlog, connections)
    assert files < 256 or backlog + connections + 64 <= files


def test_the_limits_hold_no_event_loop() -> None:
    """They are made before the server runs, in a thread of its own."""
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    Connections(Limits(), tell=lambda _: None)
