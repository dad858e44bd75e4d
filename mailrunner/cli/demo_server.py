"""The demonstration: the example newsletter, sent by the real commands to a server of our own.

The server listens on a free loopback port for as long as the demonstration runs, and keeps every
message as a file.  Nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from mailrunner.config.project_template import (
    ProjectSender,
    hidden_files,
    project_files,
    write,
    write_schemas,
)
from mailrunner.errors import Problem, UserError
from mailrunner.model.address import normalise

LIMIT = "8/4s"  # lower than the list is long, so that one sees it wait and go on
LEFT_THE_LIST = "olivia.leaving@garden.example"
_MARK = Path(".mailrunner", "demo")


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

        self.mailbox.mkdir(parents=True, exist_ok=True)
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
            (self.mailbox / f"{number:02}-{name}.eml").write_bytes(envelope.original_content)
        return f"250 2.0.0 OK: kept as {self.addresses.total():02}"


def clear(folder: Path) -> None:
    """Make an empty folder for the demonstration, also where an earlier one is.

    Raise UserError where the folder holds anything else.
    """
    if folder.exists():
        if not (folder / _MARK).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            hint = "name another folder: mailrunner demo DIR"
            raise UserError(Problem(f"{folder} is there already and is no demonstration of ours", hint=hint))
        shutil.rmtree(folder)
    (folder / _MARK).parent.mkdir(parents=True)
    (folder / _MARK).touch()


def prepare(folder: Path, *, host: str, port: int) -> None:
    """Write the demonstration's project, which sends through that server."""
    sender = example_sender(host=host, port=port, limits=(LIMIT,))
    write(folder, {**project_files(sender), **hidden_files(sender)})
    write_schemas(folder)


def example_sender(
    *, host: str = "127.0.0.1", port: int = 2525, limits: tuple[str, ...] = ("500/24h",)
) -> ProjectSender:
    """Who sends the example: nobody that exists (RFC 6761 §6.5), through a server on this machine."""
    address, name = "news@garden.example", "Linden Garden Club"
    return ProjectSender(provider="smtp", address=address, name=name, host=host, port=port, limits=limits)


def mistakes(sent: list[str], got: Counter[str]) -> list[str]:
    """What is not as promised: `sent` are the keys the report calls sent, `got` what the server counted."""
    counted: Counter[str] = Counter()
    for address, number in got.items():
        counted[normalise(address).key] += number
    twice = [f"{key} got {number} messages" for key, number in counted.items() if number > 1]
    lost = [f"{key} is reported as sent and got nothing" for key in sent if not counted[key]]
    extra = [f"{key} got a message and is not reported as sent" for key in counted.keys() - set(sent)]
    return sorted([*twice, *lost, *extra])
