"""One SMTP connection: the standard library's client, made strict where a message hangs on it.

It opens a connection and takes leave of it.  It adds what a mailing needs and `smtplib` does not
do: replies that are bounded in length and in time, a server that speaks out of turn is noticed, and
a reason is kept for every lost connection.

Methods raise `SMTPServerDisconnected` (with the reason, the socket is closed) when the connection
is of no use any more, and `SMTPResponseException` when the server itself ended it with a reply.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from mailrunner.transports.smtp.nonblocking_socket import NonblockingSocket
from mailrunner.transports.smtp.reply_reader import ReplyBuffer, ReplyReader

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CLOSING = 421  # what a server may say unasked (RFC 5321 §3.8)


class SmtpSession(smtplib.SMTP):
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
        self.listen()
        return super().docmd(cmd, args)

    def send(self, s: ReadableBuffer | str) -> None:
        """Write everything; text as UTF-8."""
        sock = self._connected()
        sock.settimeout(self.timeout)
        try:
            sock.sendall(s.encode() if isinstance(s, str) else s)
        except OSError as error:
            with suppress(smtplib.SMTPServerDisconnected):
                self.listen()  # the server may have said why before it hung up
            self.close()
            reason = "nothing more could be written" if isinstance(error, TimeoutError) else error.strerror
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {reason}") from error

    def getreply(self, timeout: float | None = None) -> tuple[int, bytes]:
        """Return the next reply's code and text, in `timeout` seconds (default: the session's)."""
        self._connected()
        try:
            return self._replies.read(timeout or self.timeout)
        except smtplib.SMTPServerDisconnected:
            self.close()
            raise

    def listen(self) -> None:
        """Raise if the server has spoken, or hung up, before it was asked."""
        self._connected()
        if self._replies.is_silent():
            return
        code, text = self.getreply()
        self.close()
        if code == _CLOSING:
            raise smtplib.SMTPResponseException(code, text)
        raise smtplib.SMTPServerDisconnected(f"the server spoke out of turn: {code} {text[:80]!r}")

    def hand_over(self) -> tuple[NonblockingSocket, ReplyBuffer]:
        """Return what a pipeline speaks through; until `docmd` is called it has the socket to itself."""
        return NonblockingSocket(self._connected()), self._replies.buffer

    def _connected(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self.sock
