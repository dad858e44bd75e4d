"""One SMTP connection: the standard library's client, made strict where a message hangs on it.

It adds what a mailing needs and `smtplib` does not do: replies that are bounded in length and in
time, a server that speaks out of turn is noticed, a reason is kept for every lost connection, and
the end of a message is written apart from its body.

Methods raise `SMTPServerDisconnected` (with the reason, the socket is closed) when the connection
is of no use any more, and `SMTPResponseException` when the server itself ended it with a reply.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Container
from contextlib import suppress
from typing import TYPE_CHECKING

from mailrunner.transports.reply_reader import ReplyReader

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Written in one piece, after everything else: until its first byte is out nothing can be accepted.
END_OF_DATA = b"\r\n.\r\n"
# What a server may say unasked: that it is closing (RFC 5321 §3.8), and why it reads no more of a message.
_CLOSING = (421,)
_REFUSALS = range(400, 600)
_BLOCK = 65536  # each gets the time that RFC 5321 §4.5.3.2.5 gives to a data block


class Session(smtplib.SMTP):
    """Speaks SMTP over the connected `sock`; `name` is what EHLO says, `timeout` seconds for an answer."""

    def __init__(self, sock: socket.socket, *, name: str, timeout: float) -> None:
        super().__init__(local_hostname=name, timeout=timeout)
        self._adopt(sock)

    def _adopt(self, sock: socket.socket) -> None:
        """Start afresh: nothing announced or sent before counts (RFC 3207 §4.2)."""
        self.sock: socket.socket | None = sock
        self._replies = ReplyReader(sock)
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}

    def hello(self) -> None:
        """Say EHLO, or HELO to a server that is too old for it (RFC 5321 §3.2)."""
        code, text = self.ehlo()
        if code in (500, 502):
            code, text = self.helo()
        if code != 250:
            raise smtplib.SMTPHeloError(code, text)

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Turn to TLS and greet again; raises ssl.SSLError as well."""
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        sock = self._connected()
        sock.settimeout(self.timeout)
        self._adopt(context.wrap_socket(sock, server_hostname=host))
        self.hello()

    @property
    def is_open(self) -> bool:
        return self.sock is not None

    @property
    def tls_version(self) -> str:
        """ "TLSv1.3", or "" on a plain connection."""
        return (self.sock.version() or "") if isinstance(self.sock, ssl.SSLSocket) else ""

    def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
        """Send a command and return its reply, sure that it is the reply to this command."""
        self.listen(_CLOSING)
        return super().docmd(cmd, args)

    def send(self, s: ReadableBuffer | str) -> None:
        """Write everything, in blocks; text as UTF-8."""
        octets = memoryview(s.encode() if isinstance(s, str) else s)
        sock = self._connected()
        try:
            for start in range(0, len(octets), _BLOCK):
                sock.settimeout(self.timeout)
                sock.sendall(octets[start : start + _BLOCK])
        except OSError as error:
            self._fail(error)

    def send_body(self, data: bytes) -> None:
        """Write a message without the end of its last line, dots at line starts doubled (RFC 5321 §4.5.2).

        After a bare LF as well: a lax server could take such a dot for the end of the message.
        """
        stuffed = data.removesuffix(b"\r\n").replace(b"\n.", b"\n..")
        self.send(b"." + stuffed if stuffed.startswith(b".") else stuffed)

    def begin_end(self) -> int:
        """Write the end of the data and return how many of its bytes went out.

        Whatever this raises, not one byte of it did.
        """
        self.listen(_REFUSALS)
        sock = self._connected()
        sock.settimeout(self.timeout)
        try:
            return sock.send(END_OF_DATA)
        except OSError as error:
            self._fail(error)
            raise

    def getreply(self, timeout: float | None = None) -> tuple[int, bytes]:
        """Return the next reply's code and text, in `timeout` seconds (default: the session's)."""
        self._connected()
        try:
            return self._replies.read(timeout or self.timeout)
        except smtplib.SMTPServerDisconnected:
            self.close()
            raise

    def listen(self, believed: Container[int]) -> None:
        """Raise if the server has spoken, or hung up, before it was asked; tell a `believed` code apart.

        A stray line would make every later reply the answer to another question; in the worst case
        one that was read as the acceptance of a message.
        """
        self._connected()
        if self._replies.is_silent():
            return
        code, text = self.getreply()
        self.close()
        if code in believed:
            raise smtplib.SMTPResponseException(code, text)
        raise smtplib.SMTPServerDisconnected(f"the server spoke out of turn: {code} {text[:80]!r}")

    def _connected(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self.sock

    def _fail(self, error: OSError) -> None:
        """Raise for a failed write; the server may have said why before it hung up."""
        with suppress(smtplib.SMTPServerDisconnected):
            self.listen(_REFUSALS)
        self.close()
        reason = "nothing more could be written" if isinstance(error, TimeoutError) else error.strerror
        raise smtplib.SMTPServerDisconnected(f"the connection broke: {reason}") from error
