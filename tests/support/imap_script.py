"""A scripted IMAP server for what a real one cannot be made to say: Gmail's words, refusals, silence.

    with ScriptedImap(answers={"SEARCH": "NO not now"}) as server:
        ...                                  # talk to 127.0.0.1, server.port

A command whose name is a key of `answers` is answered with that text, before which "* …" lines may
stand; "" says nothing at all and holds the line.  All others are answered with OK.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

_NAME = re.compile(rb"(\S+) (?:UID )?(\w+)(.*)", re.IGNORECASE)


class ScriptedImap:
    """Serves one connection after the other until the end of `with`; `commands` is all that was said."""

    def __init__(self, *, capabilities: str = "", answers: Mapping[str, str] | None = None) -> None:
        self._capabilities, self._answers = f"IMAP4rev1 {capabilities}".strip(), dict(answers or {})
        self.commands: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: socket.socket | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

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
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping:
            sock, _ = self._listener.accept()
            self._open = sock
            with sock, suppress(OSError), sock.makefile("rb") as lines:
                sock.sendall(b"* OK ready\r\n")
                for line in lines:
                    sock.sendall(self._answer(line.strip()).encode())

    def _answer(self, line: bytes) -> str:
        said = _NAME.match(line)
        if said is None:
            return ""
        tag, name = said[1].decode(), said[2].decode().upper()
        self.commands.append(f"{name}{said[3].decode()}")
        given = self._answers.get(name, "OK done")
        if name == "CAPABILITY":
            given = f"* CAPABILITY {self._capabilities}\nOK done"
        *before, last = given.split("\n")
        return "".join(f"{text}\r\n" for text in (*before, f"{tag} {last}")) if last else ""
