"""What the tests of the SMTP transport share: a letter, and a transport for a scripted server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.poller import ready
from tests.support.smtp_server import SmtpServer

SOON = 0.2  # seconds, for what never comes
PATIENT = 30.0  # seconds, for what comes even to a busy machine


@dataclass(frozen=True, slots=True)
class Letter:
    recipient: str = "bob@example.org"
    data: bytes = b"Message-ID: <1@example.org>\r\nSubject: hello\r\n\r\nHello\r\n"
    sender: str = "ana@example.org"
    smtputf8: bool = False


class Clients:
    """Builds transports for servers, and closes them all at the end."""

    def __init__(self) -> None:
        self._opened: list[SmtpTransport] = []

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
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._opened:
            each.close()


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
            ready([transport], PATIENT)
    return outcomes


def numbered(count: int) -> list[Letter]:
    """Letters that differ in their recipient."""
    return [Letter(recipient=f"r{n}@example.org") for n in range(count)]


def nothing_charged(outcome: Outcome | None) -> bool:
    """Say whether the connection alone is to blame, for a message that may be sent again."""
    return outcome is not None and (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.CONNECTION)
