"""The SMTP server of the catcher: on loopback, with limits, and refusing on purpose by the address.

full@   452 4.2.2   gone@   550 5.1.1   quota@  550 5.4.5   (at RCPT)
slow@   answers after five seconds      cut@    takes the message and hangs up without an answer
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mailrunner.web.catcher.messages import Arrival, CaughtMessages
from mailrunner.web.catcher.smtp_thread import SmtpThread
from mailrunner.web.catcher.view import MessageParts

MOST_OCTETS, MOST_RECIPIENTS, MOST_CONNECTIONS = 32_000_000, 100, 30
_SLOW = 5.0  # seconds
_REFUSED = {
    "full": "452 4.2.2 this mailbox is full, as its name asks",
    "gone": "550 5.1.1 there is no such mailbox, as its name asks",
    "quota": "550 5.4.5 the daily sending limit is reached, as the name of the mailbox asks",
}


class CatchingServer(SmtpThread):
    """The server, on a socket that listens already, from `with` to its end."""

    def __init__(
        self,
        listener: socket.socket,
        messages: CaughtMessages,
        *,
        now: Callable[[], datetime],
        slow: float = _SLOW,
    ) -> None:
        self._messages, self._now, self._slow = messages, now, slow
        self._open = 0
        super().__init__(listener)

    def _dialogue(self) -> Any:
        from aiosmtpd.smtp import SMTP

        server = self

        class Dialogue(SMTP):
            """One connection, which counts itself."""

            def connection_made(self, transport: Any) -> None:
                server._open += 1
                if server._open > MOST_CONNECTIONS:
                    transport.write(b"421 4.7.0 too many connections\r\n")
                    transport.close()
                    return
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                server._open -= 1
                if self.transport is not None:
                    super().connection_lost(error)

        return Dialogue(
            self, hostname="localhost", enable_SMTPUTF8=True, loop=self._loop, data_size_limit=MOST_OCTETS
        )

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Accept one recipient or refuse it; called by aiosmtpd."""
        name = _name(address)
        if refusal := _REFUSED.get(name):
            arrival = Arrival(envelope.mail_from or "", address, "", "", "", refusal, b"")
            self._messages.add(arrival, self._now())
            return refusal
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        if name == "slow":
            await asyncio.sleep(self._slow)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one message; called by aiosmtpd."""
        data = envelope.original_content or b""
        parts = await asyncio.to_thread(MessageParts.of, data)
        for address in envelope.rcpt_tos:
            sender = envelope.mail_from or ""
            head = (parts.subject, parts.message_id, parts.list_id)
            self._messages.add(Arrival(sender, address, *head, "", data), self._now())
        if any(_name(address) == "cut" for address in envelope.rcpt_tos):
            server.transport.abort()
        return "250 2.0.0 OK: kept here, and delivered to no mailbox"


def _name(address: str) -> str:
    """The name of a mailbox without what stands behind a plus sign."""
    return address.partition("@")[0].partition("+")[0].lower()
