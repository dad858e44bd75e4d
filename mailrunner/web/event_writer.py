"""Group commit of what pages and webhooks bring: the requests of a few milliseconds are one transaction.

A click, a one-click unsubscribe or a provider's event waits here for its group; `store/ingest.py` writes it.

A commit that survives a power cut costs milliseconds, whatever is in it; a thousand clicks a second
share a few dozen of them.  One thread writes, so that a campaign that runs on the same ledger meets one
more writer and not a crowd.  A request waits until its group is durable; it gets the error if that failed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mailrunner.errors import LedgerError
from mailrunner.inbound import InboundEvent, IngestResult

GROUP_WAIT = 0.02  # seconds that a group waits for further requests; it halves the commits
GROUP_SIZE = 200  # submissions
MAX_WAITING = 20_000
STUCK = 10.0  # seconds after which a group that is being written is trouble
REMEMBERED = 60.0  # seconds for which a failure counts, if no group was recorded since

Write = Callable[[Sequence[InboundEvent]], list[IngestResult]]
_Submission = tuple[Sequence[InboundEvent], "asyncio.Future[list[IngestResult]]"]


class EventWriter:
    """Hands inbound events to `write`, in groups; belongs to one event loop.  `now` is in seconds."""

    def __init__(self, write: Write, *, now: Callable[[], float] = time.monotonic) -> None:
        self._write, self._now = write, now
        self._begun_at: float | None = None  # of the group that is being written
        self._failure, self._failed_at = "", float("-inf")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._waiting: list[_Submission] = []
        self._full = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    async def record(self, events: Sequence[InboundEvent]) -> list[IngestResult]:
        """Return the result of each event once all are durable; raises LedgerError if recording failed."""
        if len(self._waiting) >= MAX_WAITING:
            raise LedgerError("too many clicks wait to be recorded", "they come again", passing=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[IngestResult]] = loop.create_future()
        self._waiting.append((events, answer))
        if len(self._waiting) >= GROUP_SIZE:
            self._full.set()
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await answer

    def trouble(self) -> str:
        """Why clicks are not recorded just now, as far as the last groups tell; "" if they are."""
        if self._begun_at is not None and self._now() - self._begun_at > STUCK:
            return "the ledger is busy: clicks wait to be recorded"
        return self._failure if self._now() - self._failed_at < REMEMBERED else ""

    async def close(self) -> None:
        """Finish what is being recorded."""
        if self._working is not None:
            await self._working
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            await self._fill()
            group, self._waiting = self._waiting[:GROUP_SIZE], self._waiting[GROUP_SIZE:]
            await self._record(group)
        self._working = None

    async def _fill(self) -> None:
        """Wait until the group is full or GROUP_WAIT is over."""
        if len(self._waiting) >= GROUP_SIZE:
            return
        self._full.clear()
        try:
            await asyncio.wait_for(self._full.wait(), GROUP_WAIT)
        except TimeoutError:
            return

    async def _record(self, group: list[_Submission]) -> None:
        events = [event for submitted, _ in group for event in submitted]
        self._begun_at = self._now()
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._write, events)
        except Exception as error:
            self._failure, self._failed_at = str(error), self._now()
            await self._failed(group, error)
            return
        finally:
            self._begun_at = None
        self._failed_at = float("-inf")
        left = iter(results)
        for submitted, answer in group:
            own = [next(left) for _ in submitted]
            if not answer.done():  # its request may have been given up meanwhile
                answer.set_result(own)

    async def _failed(self, group: list[_Submission], error: Exception) -> None:
        """Give the error to every request, or, where one of them may be its cause, try each alone."""
        passing = isinstance(error, LedgerError) and error.passing
        if len(group) > 1 and not passing:
            for submission in group:
                await self._record([submission])
            return
        for _, answer in group:
            if not answer.done():
                answer.set_exception(error)
