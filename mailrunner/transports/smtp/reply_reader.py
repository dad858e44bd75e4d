"""Reading a server's replies: whole ones, of bounded length, within a bounded time.

What is not a whole reply is `SMTPServerDisconnected`: after it nothing on the connection can be
understood any more.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections import deque

# RFC 5321 §4.5.3.1.5 allows 512 bytes a line; servers with long explanations pass it.
_LONGEST_LINE = 8192
_MOST_LINES = 100
_CHUNK = 65536
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*?))?\r*", re.DOTALL)
_TOO_LONG = f"the answer has a line of more than {_LONGEST_LINE} bytes"


class ReplyBuffer:
    """Puts replies together from bytes that arrive in pieces; knows no socket."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._rest = b""  # of a line that has no end yet
        self._code = b""
        self._texts: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """Say whether not one byte waits to be understood."""
        return not (self._lines or self._rest or self._texts)

    def feed(self, octets: bytes) -> None:
        """Add what was received."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        self._lines.extend(lines)

    def next(self) -> tuple[int, bytes] | None:
        """Return the code and the text lines, joined by newlines, of the next reply if it is whole."""
        while self._lines:
            code, mark, text = self._parts(self._lines.popleft())
            if mark != b"-" and not self._texts:
                return int(code), text
            self._texts.append(text)
            if mark != b"-":
                texts, self._texts, self._code = self._texts, [], b""
                return int(code), b"\n".join(texts)
            self._code = code
            if len(self._texts) >= _MOST_LINES:
                raise smtplib.SMTPServerDisconnected(f"the answer has more than {_MOST_LINES} lines")
        if len(self._rest) > _LONGEST_LINE:
            raise smtplib.SMTPServerDisconnected(_TOO_LONG)
        return None

    def _parts(self, line: bytes) -> tuple[bytes, bytes, bytes]:
        """Take a line apart: its code, whether more follow, its text."""
        if len(line) > _LONGEST_LINE:
            raise smtplib.SMTPServerDisconnected(_TOO_LONG)
        match = _LINE.fullmatch(line)
        if not match:
            raise smtplib.SMTPServerDisconnected(f"the answer is not SMTP: {line[:80]!r}")
        code, mark, text = match.groups(b"")
        if self._texts and code != self._code:  # RFC 5321 §4.2.1: the same code on every line
            raise smtplib.SMTPServerDisconnected(f"the answer contradicts itself: {line[:80]!r}")
        return code, mark, text.strip()


class ReplyReader:
    """Reads replies from `sock`, waiting for them; `buffer` is what came and was not read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.buffer = ReplyBuffer()

    def is_silent(self) -> bool:
        """Say whether the server has neither spoken nor hung up since the last reply; does not wait."""
        if not self.buffer.is_empty:
            return False
        self._sock.settimeout(0)
        try:
            self.buffer.feed(self._sock.recv(_CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass  # the next read meets it again and has the words for it
        return False

    def read(self, timeout: float) -> tuple[int, bytes]:
        """Return the code and the text lines, joined by newlines, of a reply that is whole in `timeout` s."""
        deadline = time.monotonic() + timeout
        try:
            while (reply := self.buffer.next()) is None:
                self._receive(deadline)
        except TimeoutError as error:
            raise smtplib.SMTPServerDisconnected(f"there was no answer within {timeout:g} s") from error
        except smtplib.SMTPException:
            raise
        except OSError as error:
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {error.strerror}") from error
        return reply

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        received = self._sock.recv(_CHUNK)
        if not received:
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        self.buffer.feed(received)
