"""One SMTP connection from the greeting to the login: the standard library's client, made strict.

It opens a connection and takes leave of it.  It adds what `smtplib` does not do: replies are bounded
in length and in time, a server that sends something before it was asked is noticed, and a reason is
kept for every lost connection.

Methods raise `SMTPServerDisconnected` (with the reason, the socket is closed) when the connection
is of no use any more, and `SMTPResponseException` when the server itself ended it with a reply.
"""

from __future__ import annotations

import math
import smtplib
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from mailrunner.transports import network
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.stream import CHUNK, ReplyBuffer, SmtpStream, quoted

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CLOSING = 421  # what a server may say unasked (RFC 5321 §3.8)


class ReplyReader:
    """Reads replies from `sock`, waiting for them; `buffer` holds what was received and not read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.buffer = ReplyBuffer()

    def is_silent(self) -> bool:
        """Tell, without waiting, that the server has sent nothing and not hung up since the last reply."""
        if not self.buffer.is_empty:
            return False
        self._sock.settimeout(0)
        try:
            self.buffer.feed(self._sock.recv(CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass  # the next read meets it again and has the words for it
        return False

    def read(self, timeout: float) -> tuple[int, bytes]:
        """Return the code and the text lines, joined by newlines, of a reply that is whole in `timeout` s.

        Raises TimeoutError if none is.
        """
        deadline = time.monotonic() + timeout
        try:
            while (reply := self.buffer.next()) is None:
                self._receive(deadline)
        except (TimeoutError, smtplib.SMTPException):
            raise
        except OSError as error:
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {error.strerror}") from error
        return reply

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        received = self._sock.recv(CHUNK)
        if not received:
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        self.buffer.feed(received)


class SmtpSession(smtplib.SMTP):
    """Speaks SMTP over the connected `sock`; `name` is for EHLO, `timeout` the seconds for a reply.

    All before `stream` has until `until`, an instant of `time.monotonic`, `total` seconds in all: a
    server could stay within each single timeout and never be ready.
    """

    def __init__(self, sock: socket.socket, *, name: str, timeout: float, total: float, until: float) -> None:
        super().__init__(local_hostname=name, timeout=timeout)
        self._total, self._until = total, until
        self._adopt(sock)

    def _adopt(self, sock: socket.socket) -> None:
        """Start afresh: nothing that was announced or sent before counts (RFC 3207 §4.2)."""
        self.sock: socket.socket | None = sock
        self._replies = ReplyReader(sock)
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS with `host`; raises ssl.SSLError as well."""
        sock, seconds = self._connected(), self._seconds()
        sock.settimeout(seconds)
        try:
            self._adopt(context.wrap_socket(sock, server_hostname=host))
        except TimeoutError as error:  # of the handshake as a whole, however its bytes arrive
            self.close()
            reason = self._overdue("the TLS handshake did not end", seconds)
            raise smtplib.SMTPServerDisconnected(reason) from error

    def hello(self) -> None:
        """Say EHLO, or HELO to a server that is too old for it (RFC 5321 §3.2)."""
        code, text = self.ehlo()
        if code in (500, 502):
            code, text = self.helo()
        if code != 250:
            raise smtplib.SMTPHeloError(code, text)

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Turn to TLS and greet again; raises ssl.SSLError as well.

        What stands in the clear behind the server's yes was put there to be taken for its words over
        TLS (CVE-2021-38371): that is the end of the connection.
        """
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        if not self._replies.is_silent() and not self._replies.buffer.is_empty:
            self._refuse_plain_text()
        try:
            self.encrypt(context, host)
        except ssl.SSLError as error:
            if error.reason in network.PLAINTEXT:
                self._refuse_plain_text()
            raise
        self.hello()

    def _refuse_plain_text(self) -> NoReturn:
        self.close()
        raise smtplib.SMTPServerDisconnected(
            "the server agreed to TLS and went on in plain text: something on the way may have changed it"
        )

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, sure that the reply that comes next is the reply to it."""
        self.listen()
        super().putcmd(cmd, args)

    def send(self, s: ReadableBuffer | str) -> None:
        """Write everything; text as UTF-8."""
        sock = self._connected()
        sock.settimeout(self._seconds())
        try:
            sock.sendall(s.encode() if isinstance(s, str) else s)
        except OSError as error:
            with suppress(smtplib.SMTPServerDisconnected):
                self.listen()  # the server may have said why before it hung up
            self.close()
            reason = "nothing more could be written" if isinstance(error, TimeoutError) else error.strerror
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {reason}") from error

    def getreply(self) -> tuple[int, bytes]:
        """Return the next reply's code and text."""
        self._connected()
        seconds = self._seconds()
        try:
            return self._replies.read(seconds)
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(self._overdue("there was no answer", seconds)) from error
        except smtplib.SMTPServerDisconnected:
            self.close()
            raise

    def _seconds(self) -> float:
        """Seconds for what comes next."""
        left = self._until - time.monotonic()
        if left <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected(self._overdue("", left))
        return min(self.timeout, left)

    def _overdue(self, what: str, seconds: float) -> str:
        """Why it is given up after `seconds` seconds: for `what` alone, or for all before it as well."""
        if seconds < self.timeout:
            return f"the server was not ready to take mail within {self._total:g} s"
        return f"{what} within {seconds:g} s"

    def listen(self) -> None:
        """Raise if the server has spoken, or hung up, before it was asked."""
        self._connected()
        if self._replies.is_silent():
            return
        code, text = self.getreply()
        self.close()
        if code == _CLOSING:
            raise smtplib.SMTPResponseException(code, text)
        raise smtplib.SMTPServerDisconnected(f"the server spoke out of turn: {code} {quoted(text)}")

    def stream(self, pipeline: Pipeline) -> SmtpStream:
        """Return the stream on which `pipeline` is spoken; it has the socket to itself until `docmd`."""
        self._until = math.inf
        return SmtpStream(self._connected(), replies=self._replies.buffer, pipeline=pipeline)

    def _connected(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self.sock
