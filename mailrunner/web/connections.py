"""Limits of connections, in all and from one address, and of the time that a request may take to come.

A public server meets clients that open connections and never finish a request.  Each connection has a
deadline for its header and one for its body, however slowly octets drip.  Where all places are taken, the
connection that waits longest without a whole request gives way; one that is being answered never does.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers of connections, seconds for a header from its first octet, and for the body after it."""

    connections: int = 1_000
    per_client: int = 200
    header_seconds: float = 10
    body_seconds: float = 30


class Droppable(Protocol):
    """A connection that can be closed at once."""

    def drop(self) -> None: ...


class Connections:
    """The open connections; belongs to one event loop.  `tell` is told once that a limit was met."""

    def __init__(self, limits: Limits, *, tell: Callable[[str], None]) -> None:
        self.limits, self._tell = limits, tell
        self._clients: dict[Droppable, str] = {}
        self._numbers: Counter[str] = Counter()
        self._waiting: OrderedDict[Droppable, None] = OrderedDict()  # the longest first
        self._told: set[str] = set()

    def admit(self, connection: Droppable, client: str, *, trusted: bool = False) -> bool:
        """Count a new connection, which waits for its request; False if there is no place for it.

        A `trusted` one is a proxy's: it may have as many as there are.
        """
        if not trusted and self._numbers[client] >= self.limits.per_client:
            self._say(f"more than {self.limits.per_client} connections from one address")
            return False
        if len(self._clients) >= self.limits.connections and not self._make_room():
            return False
        self._clients[connection] = client
        self._numbers[client] += 1
        self._waiting[connection] = None
        return True

    def remove(self, connection: Droppable) -> None:
        """Forget a connection that is closed; one that is not known is no mistake."""
        client = self._clients.pop(connection, None)
        self._waiting.pop(connection, None)
        if client is not None:
            self._numbers[client] -= 1
            if not self._numbers[client]:
                del self._numbers[client]

    def is_busy(self, connection: Droppable) -> None:
        """Its request has come as a whole and is being answered."""
        self._waiting.pop(connection, None)

    def is_waiting(self, connection: Droppable) -> None:
        """It was answered, and may send another request."""
        if connection in self._clients:
            self._waiting.setdefault(connection)

    def _make_room(self) -> bool:
        """Drop the connection that waits longest; False if all are being answered."""
        self._say(f"more than {self.limits.connections} connections at once")
        if not self._waiting:
            return False
        longest = next(iter(self._waiting))
        self.remove(longest)
        longest.drop()
        return True

    def _say(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(f"{what}: the ones that send no request are closed; this is said once")

    def __len__(self) -> int:
        return len(self._clients)
