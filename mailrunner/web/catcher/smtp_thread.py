"""A loop of asyncio in a thread of its own, on which an aiosmtpd server answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, Self


class SmtpThread:
    """Serves `listener` as long as the context lasts; `_dialogue` makes the protocol of one connection."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server", daemon=True)

    def __enter__(self) -> Self:
        opening = self._loop.create_server(self._dialogue, sock=self._listener)
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

    def _dialogue(self) -> Any:
        raise NotImplementedError

    async def _close(self) -> None:
        self._server.close()
        dialogues = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in dialogues:
            task.cancel()
        await asyncio.gather(*dialogues, return_exceptions=True)
