"""One request after another on a connected socket that is never waited for (HTTP/1.1, RFC 9112).

What a server can have of a request is exact: a body that is shorter than its Content-Length is
incomplete (RFC 9112 §8), so a request whose last octet was not handed to the network was not taken.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

import h11

from mailrunner.transports.http_request import HttpAnswer, HttpRequest

MOST_READ = 1 << 20  # octets that are kept of an answer's body
_CHUNK = 65536
# A record of TLS (RFC 8446 §5.1): until all of it is written the other end can read none of it.
_RECORD = 16384
_AT_ONCE = 1 << 20  # octets written before the server is listened to again
_MOST_HEAD = 65536  # octets of an answer's head
# Octets beside the body: answers before the answer (1xx), chunks' sizes, trailers.  A server that never
# ends them is always ready to be read, so no deadline would come to its turn.
_MOST_FRAMING = 1 << 18
_SLOWEST = 1000  # octets a second, beside the timeout: a server that reads less is given up


@dataclass(frozen=True, slots=True)
class LostExchange:
    """The connection ended without a status.  `begun`: something was written; `whole`: all of it was."""

    reason: str
    begun: bool
    whole: bool


class HttpExchange:
    """A connection; `authority` is for the Host field, `timeout` the seconds for an answer."""

    def __init__(self, sock: socket.socket, *, authority: str, timeout: float) -> None:
        sock.settimeout(0)
        self._sock, self._authority, self._timeout = sock, authority, timeout
        self._block = _RECORD if isinstance(sock, ssl.SSLSocket) else _AT_ONCE
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD)
        self._pieces: Iterator[bytes] = iter(())
        self._unsent = memoryview(b"")
        self._record = 0  # octets of a TLS record that was begun: it is handed in again as it was
        self._reading_wants_write = self._writing_wants_read = False
        self._is_idle, self._is_closed = True, False
        self._start(0)

    def _start(self, length: int) -> None:
        self.has_begun = self.is_written = False
        self._answer: h11.Response | None = None
        self._body: list[bytes] = []
        self._size = self._heard = 0
        self.deadline: float | None = None
        self._allowed = self._timeout + length / _SLOWEST

    # -- For waiting

    def fileno(self) -> int:
        """The socket's number, -1 once it is closed."""
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """True to wait for room to write; TLS may want to write in order to read and vice versa."""
        unsent = not (self._is_idle or self.is_written or self._answer)
        return self._reading_wants_write or (unsent and not self._writing_wants_read)

    # -- One request

    def begin(self, request: HttpRequest) -> None:
        """Take a request; nothing of it is written before `pump`."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._start(request.length)
        headers = [("Host", self._authority), ("Content-Length", str(request.length)), *request.headers]
        head = self._http.send(h11.Request(method=request.method, target=request.target, headers=headers))
        self._pieces = self._encoded(head or b"", request)
        self._unsent = memoryview(b"")
        self._is_idle = False

    def _encoded(self, head: bytes, request: HttpRequest) -> Iterator[bytes]:
        for piece in request.pieces():
            if piece:
                yield head + (self._http.send(h11.Data(data=piece)) or b"")
                head = b""
        if head:
            yield head
        self._http.send(h11.EndOfMessage())

    @property
    def is_reusable(self) -> bool:
        """True while another request may be written: idle, and the server keeps the connection."""
        return self._is_idle and not self._is_closed

    def is_silent(self) -> bool:
        """Tell, without waiting, that the server has neither hung up nor spoken since its last answer."""
        try:
            self._sock.recv(1)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass
        self._is_closed = True
        return False

    def pump(self) -> HttpAnswer | LostExchange | None:
        """Read and write what is possible; return the answer, or the loss, of the request that was begun."""
        now = time.monotonic()
        if self._is_idle:
            return None
        try:
            found = self._read()
            if found is None and not (self.is_written or self._answer):
                found = self._write()
        except h11.RemoteProtocolError as nonsense:
            found = self._broken(f"the answer is not HTTP: {str(nonsense)[:200]}")
        except OSError as error:
            found = self._broken(f"the connection broke: {error.strerror or error}")
        if found is None and self.deadline is not None and now >= self.deadline:
            found = self._broken(f"there was no answer within {self._allowed:g} s")
        if found is not None:
            self._is_idle, self.deadline = True, None
        return found

    def close(self) -> None:
        """Close the socket; never raises.  No close_notify: it would push out what was held back."""
        self._is_closed = True
        self._sock.close()

    # -- Reading

    def _read(self) -> HttpAnswer | LostExchange | None:
        while True:
            octets = self._receive()
            if octets is None:
                return None
            self._heard += len(octets)
            try:
                self._http.receive_data(octets)
                if (found := self._events()) is not None:
                    return found
            except h11.RemoteProtocolError:
                if octets:
                    raise
            if not octets:
                return self._broken("the server closed the connection")
            if self._heard - self._size > _MOST_FRAMING:
                return self._broken("the answer does not come to its end")

    def _receive(self) -> bytes | None:
        """What the server has sent, b"" at the end of the stream, None where there is nothing yet."""
        self._reading_wants_write = False
        try:
            return self._sock.recv(_CHUNK)
        except ssl.SSLWantWriteError:
            self._reading_wants_write = True
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            pass
        return None

    def _events(self) -> HttpAnswer | None:
        """Understand what was received; the answer once all of it is there, or enough of it."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                self._answer = event
            elif isinstance(event, h11.Data):
                self._body.append(bytes(event.data))
                self._size += len(event.data)
                if self._size > MOST_READ:
                    return self._answered(whole=False)
            elif isinstance(event, h11.EndOfMessage):
                return self._answered(whole=True)
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return None

    def _answered(self, *, whole: bool) -> HttpAnswer:
        assert self._answer is not None  # noqa: S101 - h11 gives the head first
        headers: dict[str, str] = {}
        for name, value in self._answer.headers:
            headers.setdefault(name.decode("ascii"), value.decode("latin-1"))
        states = (self._http.our_state, self._http.their_state)
        if not whole or states != (h11.DONE, h11.DONE) or not self.is_written:
            self._is_closed = True
        body = b"".join(self._body)[:MOST_READ]
        return HttpAnswer(self._answer.status_code, headers, body, whole, early=not self.is_written)

    def _broken(self, reason: str) -> HttpAnswer | LostExchange:
        self._is_closed = True
        if self._answer is not None:
            return self._answered(whole=False)
        return LostExchange(reason, begun=self.has_begun, whole=self.is_written)

    # -- Writing

    def _write(self) -> HttpAnswer | LostExchange | None:
        try:
            self._write_pieces()
        except OSError:
            if found := self._read():  # the server may have said why before it hung up
                return found
            raise
        return None

    def _write_pieces(self) -> None:
        self._writing_wants_read = False
        if self.deadline is None:
            self.deadline = time.monotonic() + self._allowed
        try:
            for _ in range(_AT_ONCE // _RECORD):
                if not self._unsent and not self._next_piece():
                    return
                self._record = self._record or min(self._block, len(self._unsent))
                taken = self._sock.send(self._unsent[: self._record])
                self.has_begun, self._record = True, 0
                self._unsent = self._unsent[taken:]
            if not self._unsent:
                self._next_piece()
        except ssl.SSLWantReadError:
            self._writing_wants_read = True
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            pass

    def _next_piece(self) -> bool:
        """Go on to the next piece; False, and all is written, where there is none."""
        piece = next(self._pieces, None)
        if piece is None:
            self.is_written, self._allowed = True, self._timeout
            self.deadline = time.monotonic() + self._timeout
            return False
        self._unsent = memoryview(piece)
        return True
