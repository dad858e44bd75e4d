"""A connected socket that is never waited for, plain or TLS."""

from __future__ import annotations

import socket
import ssl

_CHUNK = 65536
# A record of TLS (RFC 8446 §5.1).  One at a time: until all of it is written the other end can read
# none of it, so a write that would have to wait has provably said nothing.
_RECORD = 16384
_AT_ONCE = 1 << 20  # bytes written before the server is listened to again


class NonblockingSocket:
    """Reads from and writes to `sock`; both raise OSError when the connection is gone."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._block = _RECORD if isinstance(sock, ssl.SSLSocket) else _AT_ONCE
        self._reading_wants_write = False
        self._writing_wants_read = False
        self._begun = 0  # bytes of a record that are not all written

    def fileno(self) -> int:
        return self._sock.fileno()

    def wants_write(self, unsent: bool) -> bool:
        """Say whether to wait for room to write; TLS may want to write in order to read and vice versa."""
        return self._reading_wants_write or (unsent and not self._writing_wants_read)

    def receive(self) -> bytes | None:
        """Return what is there, b"" at the end of the stream, None if nothing is there now."""
        self._reading_wants_write = False
        try:
            # More than a record: what stays decrypted inside is not seen by whoever waits for the socket.
            return self._sock.recv(_CHUNK)
        except ssl.SSLWantWriteError:
            self._reading_wants_write = True
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            pass
        return None

    def send(self, octets: bytes | memoryview) -> int:
        """Write as much as goes and return how much that was."""
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
