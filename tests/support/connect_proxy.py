"""An HTTP proxy on loopback that knows CONNECT alone, with a list of hosts that it lets through."""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self


class ConnectProxy:
    """`allowed` are "host:port"; `login` is "user:password" or "" for none; `asked` is its record.

    `names` are addresses of hosts, or "host:port" of others, that it alone knows.  With `path` it listens
    at that socket of the file system, which another network namespace reaches as well; `port` is 0 then.
    """

    def __init__(
        self,
        *,
        allowed: Collection[str],
        login: str = "",
        names: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> None:
        self._allowed, self._login, self._names = allowed, login, names or {}
        self.asked: list[str] = []
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port: int = self._listener.getsockname()[1]
            return
        self._listener, self.port = socket.socket(socket.AF_UNIX), 0
        self._listener.bind(str(path))
        self._listener.listen(64)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (octet := sock.recv(1)):
                return
            head += octet
        lines = head.decode().split("\r\n")
        _, target, _ = lines[0].split(" ")
        self.asked.append(target)
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(self._login.encode()).decode()}"
        if self._login and wanted not in lines:
            sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif target not in self._allowed:
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            host, _, port = self._names.get(target, target).rpartition(":")
            with (
                suppress(OSError),
                socket.create_connection((self._names.get(host, host), int(port))) as other,
            ):
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(sock, other)
        sock.close()


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry octets both ways until one side has no more."""
    pair = {one: other, other: one}
    while True:
        for sock in select.select(list(pair), [], [])[0]:
            octets = sock.recv(65536)
            if not octets:
                return
            pair[sock].sendall(octets)
