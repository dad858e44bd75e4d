"""A scripted SMTP server for tests: real sockets, real TLS, faults on order, a record of its own.

    with SmtpServer(rules=[Rule("eod", nth=3, do=accept_then_cut())]) as server:
        ...                                  # talk to 127.0.0.1, server.port
    assert [m.recipient for m in server.accepted] == [...]

A rule names a stage, when it applies, and what is done in place of the usual answer.  Stages:
connect, ehlo, starttls, handshake (of TLS, before connect or after starttls), auth, mail, rcpt, data
(or BDAT, of which nothing but the command is read), body (the first bytes of a message are read), eod
(the message is complete, its answer is not out), rset, quit.  What was answered before is on its way
when a deed is done.

As a process of its own it prints its port and records what it accepts until it is killed:

    python -m tests.support.smtp_server --port 0 --record accepted.jsonl --rule "eod:3=accept-then-cut"
"""

from __future__ import annotations

import argparse
import atexit
import os
import socket
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

import trustme

from tests.support.patience import PATIENCE
from tests.support.smtp_dialogue import Accepted, Dialogue, Login
from tests.support.smtp_script import (
    Answer,
    Rule,
    accept_and_hang_up,
    accept_then_cut,
    accept_then_stall,
    cut,
    delay,
    drip,
    drop_ahead,
    effective,
    endless,
    extended,
    garbage,
    if_ahead,
    reply,
    stall,
)

__all__ = [
    "CHUNKED",
    "EXTENSIONS",
    "PLAIN",
    "Accepted",
    "Answer",
    "Login",
    "Rule",
    "SmtpServer",
    "accept_and_hang_up",
    "accept_then_cut",
    "accept_then_stall",
    "cut",
    "delay",
    "drip",
    "drop_ahead",
    "effective",
    "endless",
    "extended",
    "garbage",
    "if_ahead",
    "reply",
    "stall",
]

PLAIN = ("SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
EXTENSIONS = ("PIPELINING", *PLAIN)
CHUNKED = ("CHUNKING", *EXTENSIONS)


class SmtpServer:
    """Listens on a loopback port from `with` to its end.

    `auth` is the one user and password (login is then required), or `bearer` tells whether a token
    is a user's (XOAUTH2, OAUTHBEARER); `tls` is "none", "starttls" or "implicit", with a certificate
    of `ca_file` for 127.0.0.1 and localhost; `record` is a file to which every accepted message is
    appended as a line of JSON, on disk before the answer goes out.
    """

    def __init__(
        self,
        *,
        rules: Iterable[Rule] = (),
        auth: tuple[str, str] | None = None,
        bearer: Callable[[str, str], bool] | None = None,
        mechanisms: str = "",
        tls: str = "none",
        extensions: Iterable[str] = EXTENSIONS,
        record: Path | None = None,
        port: int = 0,
    ) -> None:
        self.rules, self.auth, self.bearer, self.tls = tuple(rules), auth, bearer, tls
        self.mechanisms = mechanisms or ("XOAUTH2 OAUTHBEARER" if bearer else "PLAIN LOGIN")
        self.extensions = tuple(extensions)
        self.context = _certificate()[0] if tls != "none" else None
        self.accepted: list[Accepted] = []
        self.logins: list[Login] = []
        self.commands: list[str] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._reached: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._record = record
        self._threads: list[threading.Thread] = []
        self._dialogues: list[Dialogue] = []
        self._listening: threading.Thread | None = None
        self._is_up = False
        self._return: threading.Thread | None = None
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.host, self.port = self._listener.getsockname()

    @property
    def ca_file(self) -> Path | None:
        """The authority to trust, None for a server without TLS."""
        return _certificate()[1] if self.tls != "none" else None

    def __enter__(self) -> SmtpServer:
        self._come_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self.await_return()
        self._go_down()
        for thread in self._threads:
            thread.join()

    def restart(self, away: float) -> None:
        """Die as a process does, with every connection; come back on the same port after `away` seconds.

        What was read completely may still be taken, and its answer lost; the record stays.
        """
        self._go_down()
        self._return = threading.Thread(target=self._come_back, args=(away,), daemon=True)
        self._return.start()

    def await_return(self) -> None:
        """Wait until it is back, if it was restarted."""
        if self._return:
            self._return.join()

    def _come_up(self) -> None:
        self._is_up = True
        self._listening = self._start(self._listen)

    def _go_down(self) -> None:
        if self._is_up and self._listening:
            self._is_up = False
            with suppress(OSError):  # wakes the listener
                socket.create_connection((self.host, self.port), timeout=PATIENCE).close()
            self._listening.join()
            self._listener.close()
        for dialogue in self._dialogues:
            with suppress(OSError):
                dialogue.sock.shutdown(socket.SHUT_RDWR)

    def _come_back(self, away: float) -> None:
        if not self.stopping.wait(away):
            self._listener = socket.create_server((self.host, self.port), backlog=128)
            self._come_up()

    def said(self, word: str) -> list[str]:
        """The commands that begin with `word`."""
        return [command for command in self.commands if command.upper().startswith(word.upper())]

    def interrupt(self, octets: bytes) -> None:
        """Send this on the newest connection, whatever is going on there."""
        self._dialogues[-1].sock.sendall(octets)

    def scripted(self, stage: str, dialogue: Dialogue) -> Answer | None:
        """What a rule wants at `stage`, None without one."""
        if not self.rules:
            return None
        with self._lock:
            self._reached[stage] += 1
            nth = self._reached[stage]
        dialogue.reached[stage] += 1
        for rule in self.rules:
            if rule.stage == stage and rule.applies(dialogue, nth, dialogue.reached[stage]):
                dialogue.flush()
                return rule.do(dialogue)
        return None

    def keep(self, message: Accepted) -> int:
        """Take a message: on disk first, then in the list; return its number."""
        with self._lock:
            if self._record:
                with self._record.open("a", encoding="utf-8") as file:
                    file.write(message.as_json() + "\n")
                    file.flush()
                    os.fsync(file.fileno())
            self.accepted.append(message)
            return len(self.accepted)

    def _listen(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if not self._is_up:
                sock.close()
                return
            self.connections += 1
            dialogue = Dialogue(self, sock, self.connections)
            self._dialogues.append(dialogue)
            self._start(dialogue.run)

    def _start(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


@cache
def _certificate() -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file of the authority that it is to be trusted by."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(authority.cert_pem.bytes())
    path = Path(file.name)
    atexit.register(path.unlink)
    return context, path


def _rule(text: str) -> Rule:
    """Read "eod:3=accept-then-cut" or "rcpt=550 5.1.1 no such user"."""
    place, _, what = text.partition("=")
    stage, _, nth = place.partition(":")
    actions = {
        "cut": cut,
        "stall": stall,
        "accept-then-cut": accept_then_cut,
        "accept-then-stall": accept_then_stall,
    }
    do = actions[what]() if what in actions else reply(int(what[:3]), what[4:])
    return Rule(stage, do, nth=int(nth) if nth else None)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.smtp_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--rule", type=_rule, action="append", default=[])
    options = parser.parse_args()
    with SmtpServer(port=options.port, record=options.record, rules=options.rule) as server:
        print(server.port, flush=True)  # noqa: T201 - this is the result
        threading.Event().wait()


if __name__ == "__main__":
    main()
