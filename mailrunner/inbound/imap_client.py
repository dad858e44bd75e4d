"""IMAP4 connections whose answers are bounded in octets, lines and time, whatever the server sends.

`imaplib` alone reads a literal of any announced size and any number of lines, and starts its timeout anew
with each octet.  Here all that is received from one `send` to the next has one budget; what exceeds it
raises `imaplib.IMAP4.abort`.  IDLE is here as well, as `imaplib` has none before Python 3.14.
"""

from __future__ import annotations

import imaplib
import math
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from mailrunner.model.number_and_noun import counted
from mailrunner.transports import network

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LARGEST_ANSWER = 32 * 1024 * 1024  # octets; a hundred headers of 256 KiB have room in it
MOST_LINES = 100_000  # in one answer; each folder, each message and each change of a flag is a line
SLOWEST_ANSWER = 10  # times the timeout, which alone says how long the server may be silent
_RECEIVED_AT_ONCE = 65_536
_IDLE_SLICE = 1.0  # seconds after which a request to stop is noticed


class BoundedImap4(imaplib.IMAP4):
    """An unencrypted connection, until `starttls`."""

    _unread: bytearray
    _unread_from: socket.socket | None

    def open(self, *args: Any, **options: Any) -> None:
        """Connect, as `imaplib` does it; its `timeout` is the seconds for which the server may be silent."""
        super().open(*args, **options)
        self._unread, self._unread_from = bytearray(), self.sock
        self._allow(self.sock.gettimeout())

    def _create_socket(self, timeout: float | None) -> socket.socket:
        """Each address in turn, looked up within a deadline; called by `imaplib` in `open`."""
        return network.connect(network.resolve(self.host, self.port), timeout or network.LOOK_UP)

    def send(self, data: ReadableBuffer) -> None:
        """Send a command, with a new budget for its answer."""
        self._allow(self.sock.gettimeout())
        super().send(data)

    def read(self, size: int) -> bytes:
        """Read a literal of `size` octets."""
        unread = self._received()
        if size - len(unread) > self._octets:
            raise self.abort(f"it announces {counted(size, 'octet')}, which is more than any answer needs")
        while len(unread) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        """Read a line with its end."""
        unread = self._received()
        end = unread.find(b"\n")
        while end < 0:
            searched = len(unread)
            self._receive()
            end = unread.find(b"\n", searched)
        self._lines -= 1
        if self._lines < 0:
            raise self.abort(f"its answer has more than {MOST_LINES:,} lines")
        return self._take(end + 1)

    def idle(self, stop: threading.Event, seconds: float) -> None:
        """IDLE (RFC 2177) until a message arrives, `stop` is set, or `seconds` have passed.

        Raises imaplib's errors where the server refuses or the connection is closed.
        """
        tag = self._command("IDLE")
        while self._get_response() is not None:
            if self.tagged_commands[tag]:
                _, data = self._command_complete("IDLE", tag)
                raise self.error(f"IDLE was refused: {data[-1].decode('utf-8', 'replace')}")
        timeout, until = self.sock.gettimeout(), monotonic() + seconds
        self._until = math.inf
        self.sock.settimeout(_IDLE_SLICE)
        while not stop.is_set() and monotonic() < until:
            while b"\n" in self._received():
                self._get_response()
            if "EXISTS" in self.untagged_responses:
                break
            with suppress(TimeoutError):
                self._receive()
        self.sock.settimeout(timeout)
        self.send(b"DONE\r\n")
        self._command_complete("IDLE", tag)

    def _log(self, line: str) -> None:
        """Keep nothing: `imaplib` would remember ten lines, be it the login, be they of any length."""

    def _allow(self, timeout: float | None) -> None:
        """Begin a new budget."""
        self._octets, self._lines = LARGEST_ANSWER, MOST_LINES
        self._until = monotonic() + SLOWEST_ANSWER * timeout if timeout else math.inf

    def _received(self) -> bytearray:
        """The octets that wait to be read; those from before STARTTLS are dropped with its socket."""
        if self._unread_from is not self.sock:
            self._unread, self._unread_from = bytearray(), self.sock
        return self._unread

    def _receive(self) -> None:
        """Receive some octets within the budget."""
        if monotonic() > self._until:
            raise self.abort("its answer takes too long")
        received = self.sock.recv(_RECEIVED_AT_ONCE)
        if not received:
            raise self.abort("it closed the connection")
        self._unread += received
        self._octets -= len(received)
        if self._octets < 0:
            raise self.abort(f"its answer has more than {LARGEST_ANSWER:,} octets")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken


class BoundedImap4Tls(BoundedImap4, imaplib.IMAP4_SSL):
    """A connection that is encrypted from the start (RFC 8314 §3.2)."""

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = super()._create_socket(timeout)
        encrypted: socket.socket = self.ssl_context.wrap_socket(plain, server_hostname=self.host)
        return encrypted


# Python's own list has it from 3.14 on (there as a command of the states AUTH and SELECTED alone).
imaplib.Commands.setdefault("IDLE", ("AUTH", "SELECTED"))
