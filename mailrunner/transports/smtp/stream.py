"""A connected socket that is never waited for, the replies read from it, and the pipeline that it serves.

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

from mailrunner.transports.smtp.pipeline import Pipeline

# RFC 5321 §4.5.3.1.5 allows 512 bytes a line; servers with long explanations pass it.
_LONGEST_LINE = 8192
_MOST_LINES = 100
_QUOTED = 80  # characters of what is no reply
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*?))?\r*", re.DOTALL)
_TOO_LONG = f"the answer has a line of more than {_LONGEST_LINE} bytes"

CHUNK = 65536  # bytes read at once
# A record of TLS (RFC 8446 §5.1).  One at a time: until all of it is written the other end can read
# none of it, so a write that would have to wait has provably said nothing.
_RECORD = 16384
# A server that reads a little now and then is given up after so many seconds and one more for so many bytes.
_SLOW_FOR, _SLOWEST = 600.0, 1000
_AT_ONCE = 1 << 20  # bytes written before the server is listened to again


class ReplyBuffer:
    """Puts replies together from bytes that arrive in pieces; knows no socket."""

    def __init__(self) -> None:
        self.lines: deque[bytes] = deque()  # whole ones that `next` has not looked at
        self._rest = b""  # of a line that has no end yet
        self._code = b""
        self._texts: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """True if not one byte waits to be understood."""
        return not (self.lines or self._rest or self._texts)

    def feed(self, octets: bytes) -> None:
        """Add what was received."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        self.lines.extend(lines)

    def next(self) -> tuple[int, bytes] | None:
        """Return the code and the lines, joined by newlines, of the next reply; None if none is whole."""
        while self.lines:
            line = self.lines.popleft()
            match = _LINE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
            if not match:
                raise _not_a_reply(line)
            code, mark, text = match.groups(b"")
            if self._texts and code != self._code:  # RFC 5321 §4.2.1: the same code on every line
                raise smtplib.SMTPServerDisconnected(f"the answer contradicts itself: {quoted(line)}")
            if mark != b"-":
                texts, self._texts = [*self._texts, text.strip()], []
                return int(code), b"\n".join(texts)
            self._texts.append(text.strip())
            self._code = code
            if len(self._texts) >= _MOST_LINES:
                raise smtplib.SMTPServerDisconnected(f"the answer has more than {_MOST_LINES} lines")
        if len(self._rest) > _LONGEST_LINE:
            raise smtplib.SMTPServerDisconnected(_TOO_LONG)
        return None


def quoted(octets: bytes) -> str:
    """The beginning of what a server said, as it may be shown; "…" where it was cut."""
    text = octets[: 4 * _QUOTED].decode("utf-8", "replace").rstrip("\r\n")
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return f'"{shown[:_QUOTED]}…"' if len(shown) > _QUOTED else f'"{shown}"'


def _not_a_reply(line: bytes) -> smtplib.SMTPServerDisconnected:
    reason = _TOO_LONG if len(line) > _LONGEST_LINE else f"the answer is not SMTP: {quoted(line)}"
    return smtplib.SMTPServerDisconnected(reason)


class SmtpStream:
    """Moves bytes between a socket, plain or TLS, and a pipeline; it never waits.

    `replies` holds what was received before and not understood yet.
    """

    def __init__(self, sock: socket.socket, *, replies: ReplyBuffer, pipeline: Pipeline) -> None:
        sock.settimeout(0)
        self._sock, self._replies, self._pipeline = sock, replies, pipeline
        self._block = _RECORD if isinstance(sock, ssl.SSLSocket) else _AT_ONCE
        self._reading_wants_write = False
        self._writing_wants_read = False
        self._begun = 0  # bytes of a record that are not all written
        self._backlog: tuple[float, int] | None = None  # since when there is always more, and written since

    # -- For waiting

    def fileno(self) -> int:
        """The socket's number, -1 once it is closed."""
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """True to wait for room to write; TLS may want to write in order to read and vice versa."""
        return self._reading_wants_write or (bool(self._pipeline.unsent) and not self._writing_wants_read)

    @property
    def deadline(self) -> float | None:
        """The instant of `time.monotonic` until which a reply is waited for; None if none is awaited."""
        return self._pipeline.deadline

    # -- Reading and writing

    def exchange(self) -> None:
        """Read replies, write commands, and lose the connection once the awaited reply is overdue."""
        try:
            # What is about to be written may complete a message: not before all there is was read.
            while self._read() and self._pipeline.unsent:
                pass
            if self._pipeline.unsent:
                self._write()
        except smtplib.SMTPServerDisconnected as nonsense:
            self._pipeline.lost(str(nonsense))
        except OSError as error:
            self._pipeline.lost(f"the connection broke: {error.strerror}")
        self._check_pace()
        self._pipeline.check_overdue(time.monotonic())

    def _check_pace(self) -> None:
        """Lose the connection to a server that reads, and so slowly that it would never have read all."""
        if not self._pipeline.unsent or self._backlog is None:
            self._backlog = (time.monotonic(), 0) if self._pipeline.unsent else None
        elif time.monotonic() > self._backlog[0] + _SLOW_FOR + self._backlog[1] / _SLOWEST:
            self._pipeline.lost(f"the server reads less than {_SLOWEST:,} bytes a second")

    def _read(self) -> bool:
        """Read what the server has sent; return whether that was anything."""
        octets = None  # b"" at the end of the stream
        self._reading_wants_write = False
        try:
            # More than a record: what stays decrypted inside is not seen by whoever waits for the socket.
            octets = self._sock.recv(CHUNK)
        except ssl.SSLWantWriteError:
            self._reading_wants_write = True
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            pass
        if octets is None and not self._replies.lines:
            return False
        if octets:
            self._replies.feed(octets)
        now = time.monotonic()
        while not self._pipeline.is_closed and (reply := self._replies.next()):
            self._pipeline.heard(*reply, now)
        self._pipeline.go_on()
        if octets == b"":
            self._pipeline.lost("the server closed the connection")
        return bool(octets)

    def _write(self) -> None:
        try:
            written = self._send(self._pipeline.next_bytes())
        except OSError:
            self._read()  # the server may have said why before it hung up
            raise
        self._pipeline.wrote(written, time.monotonic())
        if self._backlog:
            self._backlog = self._backlog[0], self._backlog[1] + written

    def _send(self, octets: bytes | memoryview) -> int:
        """Write as much as goes and return how much that was; OSError when the connection is gone."""
        self._writing_wants_read = False
        view, written = memoryview(octets)[:_AT_ONCE], 0
        try:
            while written < len(view):
                # A record that was begun is handed in again as it was, or the count would not be exact.
                self._begun = self._begun or min(self._block, len(view) - written)
                taken = self._sock.send(view[written : written + self._begun])
                written, self._begun = written + taken, 0
        except ssl.SSLWantReadError:
            self._writing_wants_read = True
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            pass
        except OSError:
            if not written:  # else the next call meets it again
                raise
        return written
