"""HTTP/1.1 on one connection, as uvicorn and h11 speak it, with the limits of `connections`."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailrunner.web.connections import Connections
from mailrunner.web.forwarded import TrustedProxies
from mailrunner.web.rate_limit import client_key


class LimitedProtocol(H11Protocol):
    """One connection: counted, and closed where its request does not come in time."""

    def __init__(self, open_: Connections, trusted: TrustedProxies, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open, self._trusted = open_, trusted
        self._awaits = ""  # the part of a request that has to come: "header", "body", or none
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        if not self._open.admit(self, client_key(host), trusted=self._trusted.trusts(host)):
            transport.abort()
            return
        self._await("header")

    def connection_lost(self, exc: Exception | None) -> None:
        self._await("")
        self._open.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self.cycle.body = bytearray()  # what was not read of it
        super().on_response_complete()
        self._look()

    def drop(self) -> None:
        """Close it at once; nothing more is sent."""
        self.transport.abort()

    def _look(self) -> None:
        """Set the deadline for what has to come next."""
        state = self.conn.their_state
        if state is h11.IDLE:
            self._await("header" if self.conn.trailing_data[0] else "")
            self._open.is_waiting(self)
        elif state is h11.SEND_BODY:
            self._await("body")
        else:
            self._await("")
            self._open.is_busy(self)

    def _await(self, part: str) -> None:
        """Let the time for `part` begin, unless it runs already."""
        if part == self._awaits:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        limits = self._open.limits
        seconds = {"header": limits.header_seconds, "body": limits.body_seconds}.get(part)
        self._awaits = part
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.drop)
