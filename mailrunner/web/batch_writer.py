"""Group commit: what many requests bring within a few milliseconds is one transaction.

A commit that survives a power cut costs milliseconds, whatever is in it; a thousand clicks a second
share a few dozen of them.  One thread writes, so that a campaign that runs on the same ledger meets one
more writer and not a crowd.  A request waits until its group is durable, and is told if that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mailrunner.errors import LedgerError
from mailrunner.inbound import InboundEvent, IngestResult

PATIENCE = 0.02  # seconds that a group waits for company; nobody notices, and it halves the commits
GROUP = 200  # submissions that make a group full
MOST_WAITING = 20_000

Write = Callable[[Sequence[InboundEvent]], list[IngestResult]]
_Submission = tuple[Sequence[InboundEvent], "asyncio.Future[list[IngestResult]]"]


class BatchWriter:
    """Hands facts to `write`, in groups; belongs to one event loop."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._waiting: list[_Submission] = []
        self._full = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    async def record(self, facts: Sequence[InboundEvent]) -> list[IngestResult]:
        """Return what each fact did, once all are durable; raise LedgerError if they are not recorded."""
        if len(self._waiting) >= MOST_WAITING:
            raise LedgerError("too many clicks wait to be recorded", "they come again", passing=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[IngestResult]] = loop.create_future()
        self._waiting.append((facts, answer))
        if len(self._waiting) >= GROUP:
            self._full.set()
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await answer

    async def close(self) -> None:
        """Finish what is being recorded."""
        if self._working is not None:
            await self._working
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            await self._company()
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            await self._record(group)
        self._working = None

    async def _company(self) -> None:
        """Wait until the group is full, or its time is over."""
        if len(self._waiting) >= GROUP:
            return
        self._full.clear()
        try:
            await asyncio.wait_for(self._full.wait(), PATIENCE)
        except TimeoutError:
            return

    async def _record(self, group: list[_Submission]) -> None:
        facts = [fact for submitted, _ in group for fact in submitted]
        try:
            effects = await asyncio.get_running_loop().run_in_executor(self._thread, self._write, facts)
        except Exception as error:
            await self._failed(group, error)
            return
        left = iter(effects)
        for submitted, answer in group:
            own = [next(left) for _ in submitted]
            if not answer.done():  # its request may have been given up meanwhile
                answer.set_result(own)

    async def _failed(self, group: list[_Submission], error: Exception) -> None:
        """Tell those who wait, or, where one of them may be the reason, try each alone."""
        passing = isinstance(error, LedgerError) and error.passing
        if len(group) > 1 and not passing:
            for submission in group:
                await self._record([submission])
            return
        for _, answer in group:
            if not answer.done():
                answer.set_exception(error)
