"""An SMTP server on this machine that keeps every message as a file, for the demonstration.

It listens on a free loopback port for as long as the demonstration runs.  Nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from mailrunner.store.private_file import make_folder, write


class CapturingServer:
    """An SMTP server on a free loopback port from `with` to its end; keeps each message as .eml.

    `addresses` counts how many messages each address got.
    """

    def __init__(self, mailbox: Path) -> None:
        self.addresses: Counter[str] = Counter()
        self.mailbox = mailbox
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="capturing-server", daemon=True)

    def __enter__(self) -> CapturingServer:
        from aiosmtpd.smtp import SMTP

        def dialogue() -> Any:
            return SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=self._loop)

        make_folder(self.mailbox)
        opening = self._loop.create_server(dialogue, sock=self._listener)
        self._server = self._loop.run_until_complete(opening)
        self._thread.start()
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

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one message; called by aiosmtpd."""
        for address in envelope.rcpt_tos:
            self.addresses[address] += 1
            number = self.addresses.total()
            name = re.sub(r"[^\w.@+-]", "_", address)
            write(self.mailbox / f"{number:02}-{name}.eml", envelope.original_content)
        return f"250 2.0.0 OK: kept as {self.addresses.total():02}"
