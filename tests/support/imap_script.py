"""A scripted IMAP server for what a real one cannot be made to send: refusals, silence, lies.

    with ScriptedImap(answers={"SEARCH": "NO not now"}) as server:
        ...                                  # connect to 127.0.0.1, server.port

A command whose name is a key of `answers` is answered with that text, before which "* …" lines may
stand; "" sends nothing at all and keeps the connection open.  A function is given the tag and returns the
octets to send, without an end if it likes.  "CREDENTIALS" in the answer to AUTHENTICATE is what the
client sent for it.  All others are answered with OK.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

from pydantic import SecretStr

from mailrunner.config.account import Imap
from mailrunner.config.providers import Tls
from tests.support.patience import PATIENCE

_NAME = re.compile(rb"(\S+) (?:UID )?(\w+)(.*)", re.IGNORECASE)

PASSWORD = "simple"  # of characters that LOGIN can carry
ScriptedAnswer = str | Callable[[str], Iterable[bytes]]


class ScriptedImap:
    """Serves one connection after the other until the end of `with`; `commands` is all that was received.

    `tls` is used from STARTTLS on.
    """

    def __init__(
        self,
        *,
        capabilities: str = "",
        answers: Mapping[str, ScriptedAnswer] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._capabilities, self._answers = f"IMAP4rev1 {capabilities}".strip(), dict(answers or {})
        self._tls = tls
        self.commands: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: socket.socket | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def settings(self, *, password: str = PASSWORD, tls: Tls = "none") -> Imap:
        """How to log in to it."""
        return Imap(host="127.0.0.1", port=self.port, tls=tls, user="ana", password=SecretStr(password))

    def __enter__(self) -> ScriptedImap:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        with suppress(OSError):
            if self._open:
                self._open.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # wakes the listener
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping:
            sock, _ = self._listener.accept()
            with suppress(OSError):
                self._converse(sock)
            with suppress(OSError):
                (self._open or sock).close()

    def _converse(self, sock: socket.socket) -> None:
        self._open = sock
        sock.sendall(b"* OK ready\r\n")
        lines = sock.makefile("rb")
        while line := lines.readline():
            for octets in self._answer(line.strip(), sock, lines):
                sock.sendall(octets)
            if self._tls and self.commands[-1:] == ["STARTTLS"]:
                self._open = sock = self._tls.wrap_socket(sock, server_side=True)
                lines = sock.makefile("rb")

    def _answer(self, line: bytes, sock: socket.socket, lines: BinaryIO) -> Iterable[bytes]:
        command = _NAME.match(line)
        if command is None:
            return []
        tag, name = command[1].decode(), command[2].decode().upper()
        self.commands.append(f"{name}{command[3].decode()}")
        given = self._answers.get(name, "OK done")
        if name == "CAPABILITY":
            given = f"* CAPABILITY {self._capabilities}\nOK done"
        if not isinstance(given, str):
            return given(tag)
        if name == "AUTHENTICATE":
            sock.sendall(b"+ \r\n")
            given = given.replace("CREDENTIALS", lines.readline().decode().strip())
        *before, last = given.split("\n")
        return [f"{text}\r\n".encode() for text in (*before, f"{tag} {last}")] if last else []
