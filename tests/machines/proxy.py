"""A TCP proxy in front of PostgreSQL's socket that can be cut, and healed."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

NOTICED = 11.0  # seconds after which both ends know that the other is gone (store/postgresql.py)
_SLICE = 0.05
_TURN = 0.0005  # seconds in which others may have the lock
_BLOCK = 65_536


class Proxy:
    """Listens on a loopback `port` from `with` to its end and forwards to the socket in a file."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut, self._ended = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None
        self._thread = threading.Thread(target=self._forward, daemon=True)

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._timer is not None:
            self._timer.cancel()
        self._reset()
        self._listener.close()

    def cut(self) -> None:
        """From now on nothing goes through, and what connects hears nothing."""
        with self._guard:  # what is being passed on is through before this returns
            self._is_cut.set()
        self._timer = threading.Timer(NOTICED, self._reset)
        self._timer.start()

    def heal(self) -> None:
        """The connections of before are lost; new ones go through."""
        if self._timer is not None:
            self._timer.cancel()
        self._reset()
        self._is_cut.clear()

    def _forward(self) -> None:
        while not self._ended.wait(_SLICE if self._is_cut.is_set() else _TURN):
            with self._guard:
                if not self._is_cut.is_set():
                    self._pass_all_on()

    def _pass_all_on(self) -> None:
        for key, _ in self._selector.select(_SLICE):
            source = key.fileobj
            assert isinstance(source, socket.socket)
            if source is self._listener:
                self._accept()
            elif source in self._pairs:
                self._pass_on(source)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._target)
        except OSError:  # it restarts
            client.close()
            server.close()
            return
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        other = self._pairs[source]
        try:
            block = source.recv(_BLOCK)
            other.sendall(block)
        except OSError:
            block = b""
        if not block:
            self._close(source, other)

    def _close(self, *sockets: socket.socket) -> None:
        for each in sockets:
            if self._pairs.pop(each, None) is not None:
                self._selector.unregister(each)
            each.close()

    def _reset(self) -> None:
        """End all connections without a farewell."""
        with self._guard:
            for each in list(self._pairs):
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._close(each)
