"""Transports: the ways in which a message leaves this machine.

To add one, write a module here with a class that has the three methods of `Transport`.  What a
server says or does is always a value, an `Outcome`; a transport raises nothing but `UserError`, and
that only where it is built.  The caller uses a transport from one thread at a time:

    blocked = transport.open()          # None: ready
    outcome = transport.send(message)   # as often as there are messages
    transport.close()

Two promises carry the whole product.  `SENT` means that the server's own acceptance was read.
`DEFERRED` and `REFUSED` mean that it provably did not take the message.  Everything between is
`IN_DOUBT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mailrunner.outcome import Outcome


class Envelope(Protocol):
    """A message as it goes over the wire: `data` is complete, with CRLF line ends."""

    @property
    def sender(self) -> str: ...

    @property
    def recipient(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def smtputf8(self) -> bool: ...


class Transport(Protocol):
    """One connection's worth of a provider."""

    def open(self) -> Outcome | None:
        """Connect and log in unless that is done; return None when ready, otherwise why not.

        The outcome never concerns a recipient and has `offered=False`.
        """
        ...

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message, opening the connection first where it is closed."""
        ...

    def close(self) -> None:
        """Take leave within a few seconds; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a server announced: `size` in bytes (None: no limit named), `auth` its mechanisms."""

    size: int | None = None
    smtputf8: bool = False
    eightbitmime: bool = False
    starttls: bool = False
    pipelining: bool = False
    chunking: bool = False
    auth: tuple[str, ...] = ()
    tls_version: str = ""
