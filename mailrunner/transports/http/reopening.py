"""A connection that is opened again while a message waits for it, in a thread beside the send loop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from mailrunner.model.outcome import Outcome


class Reopening:
    """Calls `opening` `after` so many seconds in a thread of its own; a `Stream` to read once it has ended.

    Nothing waits for the thread: a name server or a handshake cannot be cut short.  Where it was closed
    meanwhile, the thread closes what it has opened.
    """

    wants_write = False
    deadline: float | None = None

    def __init__(self, opening: Callable[[], socket.socket | Outcome], *, after: float) -> None:
        self._opening, self._after = opening, after
        self._lock = threading.Lock()
        self._found: socket.socket | Outcome | None = None
        self._closed = threading.Event()
        self._reader, self._writer = socket.socketpair()
        threading.Thread(target=self._work, name="reopening", daemon=True).start()

    def fileno(self) -> int:
        """The number of a socket that can be read once `take` has something."""
        return self._reader.fileno()

    def take(self) -> socket.socket | Outcome | None:
        """The connected socket or what stood in its way, once; None before that is known."""
        with self._lock:
            found, self._found = self._found, None
        if found is not None:
            self.close()
        return found

    def close(self) -> None:
        """Want it no more; never raises."""
        with self._lock:
            found, self._found = self._found, None
            self._closed.set()
            self._reader.close()
            self._writer.close()
        if isinstance(found, socket.socket):
            found.close()

    def _work(self) -> None:
        if self._closed.wait(self._after):
            return
        found = self._opening()
        with self._lock:
            if not self._closed.is_set():
                self._found = found
                self._writer.send(b".")
                return
        if isinstance(found, socket.socket):
            found.close()
