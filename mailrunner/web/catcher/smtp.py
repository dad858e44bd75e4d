"""The SMTP server of the catcher: on loopback, with limits, and refusing on purpose by the address.

full@   452 4.2.2   gone@   550 5.1.1   quota@  550 5.4.5   (at RCPT)
slow@   answers after some seconds      cut@    takes the message and hangs up without an answer
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from mailrunner.web.catcher.mailbox import Mailbox
from mailrunner.web.catcher.messages import Arrival, CaughtMessages
from mailrunner.web.catcher.view import MessageParts

MOST_OCTETS, MOST_RECIPIENTS, MOST_CONNECTIONS = 32_000_000, 100, 30
_REFUSED = {
    "full": "452 4.2.2 this mailbox is full, as its name asks",
    "gone": "550 5.1.1 there is no such mailbox, as its name asks",
    "quota": "550 5.4.5 the daily sending limit is reached, as the name of the mailbox asks",
}


class CatchingServer:
    """The server, on a socket that listens already, from `with` to its end; in a thread of its own.

    With a `mailbox` each message is kept there as well before it is accepted; `slow` is in seconds.
    """

    def __init__(
        self,
        listener: socket.socket,
        messages: CaughtMessages,
        *,
        now: Callable[[], datetime],
        mailbox: Mailbox | None = None,
        slow: float,
    ) -> None:
        self._messages, self._now, self._mailbox, self._slow = messages, now, mailbox, slow
        self._open = 0
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        opening = self._loop.create_server(self._dialogue, sock=self._listener)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        dialogues = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in dialogues:
            task.cancel()
        await asyncio.gather(*dialogues, return_exceptions=True)

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
        try:
            if self._mailbox is not None:
                self._mailbox.keep(data)
        except OSError as error:
            return f"452 4.3.1 the message cannot be kept: {error.strerror}"
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
