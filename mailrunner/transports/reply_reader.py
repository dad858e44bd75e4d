"""Reading a server's replies: whole ones, of bounded length, within a bounded time."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time

# RFC 5321 §4.5.3.1.5 allows 512 bytes a line; servers with long explanations pass it.
_LONGEST_LINE = 8192
_MOST_LINES = 100
_CHUNK = 65536
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class ReplyReader:
    """Reads replies from `sock`; everything that is not a whole reply is `SMTPServerDisconnected`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unread = bytearray()

    def is_silent(self) -> bool:
        """Say whether the server has neither spoken nor hung up since the last reply; does not wait."""
        if self._unread:
            return False
        self._sock.settimeout(0)
        try:
            self._unread += self._sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass  # the next read meets it again and has the words for it
        return False

    def read(self, timeout: float) -> tuple[int, bytes]:
        """Return the code and the text lines, joined by newlines, of a reply that is whole in `timeout` s."""
        deadline = time.monotonic() + timeout
        try:
            return self._reply(deadline)
        except TimeoutError as error:
            raise smtplib.SMTPServerDisconnected(f"there was no answer within {timeout:g} s") from error
        except smtplib.SMTPException:
            raise
        except OSError as error:
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {error.strerror}") from error

    def _reply(self, deadline: float) -> tuple[int, bytes]:
        codes, texts = set(), []
        for _ in range(_MOST_LINES):
            line = self._line(deadline)
            match = _LINE.fullmatch(line)
            if not match:
                raise smtplib.SMTPServerDisconnected(f"the answer is not SMTP: {line[:80]!r}")
            codes.add(match[1])
            texts.append((match[3] or b"").strip())
            if len(codes) > 1:  # RFC 5321 §4.2.1: the same code on every line
                raise smtplib.SMTPServerDisconnected(f"the answer contradicts itself: {line[:80]!r}")
            if match[2] != b"-":
                return int(match[1]), b"\n".join(texts)
        raise smtplib.SMTPServerDisconnected(f"the answer has more than {_MOST_LINES} lines")

    def _line(self, deadline: float) -> bytes:
        while (end := self._unread.find(b"\n")) < 0 and len(self._unread) <= _LONGEST_LINE:
            self._receive(deadline)
        if not 0 <= end <= _LONGEST_LINE:
            raise smtplib.SMTPServerDisconnected(f"the answer has a line of more than {_LONGEST_LINE} bytes")
        line = bytes(self._unread[:end]).rstrip(b"\r")
        del self._unread[: end + 1]
        return line

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        received = self._sock.recv(_CHUNK)
        if not received:
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        self._unread += received
