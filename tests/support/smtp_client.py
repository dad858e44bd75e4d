"""What the tests of the SMTP transport share: a message, and a transport for a scripted server.

A reply that never comes is not waited for: as soon as a server has fallen silent for good, the steady
clock of the transports is put forward by a day, so timeouts may be long and no busy machine lets one pass.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.poller import Pollable
from mailrunner.transports.smtp.poller import wait_for as _wait_for
from tests.support.smtp_script import SILENT
from tests.support.smtp_server import SmtpServer

SOON = 0.2  # seconds, for what never comes
DAY = 86400.0
_SLICE = 0.02
PATIENT = 30.0  # seconds, for what comes even to a busy machine


@dataclass(frozen=True, slots=True)
class Letter:
    recipient: str = "bob@example.org"
    data: bytes = b"Message-ID: <1@example.org>\r\nSubject: hello\r\n\r\nHello\r\n"
    sender: str = "ana@example.org"
    smtputf8: bool = False


class SteadyClock:
    """Stands in for the module `time` in transports; can be put forward."""

    ahead = 0.0
    sleep = staticmethod(time.sleep)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


CLOCK = SteadyClock()


def wait_for(waiting: Sequence[Pollable], seconds: float) -> None:
    """Wait as transports do; put the clock forward where a server will say nothing more."""
    if any(_local_port(one) in SILENT for one in waiting):
        CLOCK.ahead += DAY
    else:
        _wait_for(waiting, min(seconds, _SLICE))


def _local_port(one: Pollable) -> int:
    if one.stream is None:
        return -1
    with socket.socket(fileno=os.dup(one.stream.fileno())) as sock:
        return int(sock.getsockname()[1])


class Clients:
    """Builds transports for servers, and closes them all at the end; their clock is `CLOCK` meanwhile."""

    def __init__(self) -> None:
        self._opened: list[SmtpTransport] = []
        self._patches = ExitStack()

    def __call__(self, server: SmtpServer, **changes: Any) -> SmtpTransport:
        user, password = server.auth or ("", None)
        usual = {
            "host": server.host,
            "port": server.port,
            "tls": server.tls,
            "user": user,
            "password": password,
            "provider": "smtp",
            "timeout": PATIENT,
            "final_timeout": PATIENT,
            "ca_file": server.ca_file,
        }
        self._opened.append(SmtpTransport(**(usual | changes)))
        return self._opened[-1]

    def __enter__(self) -> Clients:
        smtp = "mailrunner.transports.smtp"
        for module in ("client", "opening", "session", "stream", "poller"):
            self._patches.enter_context(patch(f"{smtp}.{module}.time", CLOCK))
        self._patches.enter_context(patch(f"{smtp}.client.wait_for", wait_for))
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._opened:
            each.close()
        self._patches.close()
        SILENT.clear()  # ports are used again


def deliver(transport: SmtpTransport, letters: Sequence[Letter]) -> list[Outcome]:
    """Offer the letters, as many at once as there is room for; return what came of each, in their order."""
    outcomes: list[Outcome] = []
    offered = 0
    while len(outcomes) < len(letters):
        if not transport.is_open and not transport.pending and (blocked := transport.open()):
            outcomes.append(blocked)  # it was this one's turn
            offered += 1
        while transport.room and offered < len(letters):
            transport.offer(letters[offered])
            offered += 1
        outcomes += transport.pump()
        if transport.pending:
            wait_for([transport], PATIENT)
    return outcomes


def numbered(count: int) -> list[Letter]:
    """Letters that differ in their recipient."""
    return [Letter(recipient=f"r{n}@example.org") for n in range(count)]


def nothing_charged(outcome: Outcome | None) -> bool:
    """Say whether the connection alone is to blame, for a message that may be sent again."""
    return outcome is not None and (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.CONNECTION)
