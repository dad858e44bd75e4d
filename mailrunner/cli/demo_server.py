"""An SMTP server on this machine that keeps every message as a file, for the demonstration.

It listens on a free loopback port for as long as the demonstration runs.  Nothing leaves this machine.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from pathlib import Path
from typing import Any, Self

from mailrunner.store.private_file import make_folder, write
from mailrunner.web.catcher.smtp_thread import SmtpThread


class CapturingServer(SmtpThread):
    """An SMTP server on a free loopback port from `with` to its end; keeps each message as .eml.

    `addresses` counts how many messages each address got.
    """

    def __init__(self, mailbox: Path) -> None:
        self.addresses: Counter[str] = Counter()
        self.mailbox = mailbox
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        super().__init__(self._listener)

    def __enter__(self) -> Self:
        make_folder(self.mailbox)
        return super().__enter__()

    def _dialogue(self) -> Any:
        from aiosmtpd.smtp import SMTP

        return SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=self._loop)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one message; called by aiosmtpd."""
        for address in envelope.rcpt_tos:
            self.addresses[address] += 1
            number = self.addresses.total()
            name = re.sub(r"[^\w.@+-]", "_", address)
            write(self.mailbox / f"{number:02}-{name}.eml", envelope.original_content)
        return f"250 2.0.0 OK: kept as {self.addresses.total():02}"
