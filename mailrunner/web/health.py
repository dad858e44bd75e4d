"""Health: can a click be recorded now? Looked for by reading, seldom, and by one request at a time.

Monitors ask often and from many places.  If each look took a write transaction, a ledger that is busy
would make them wait in a crowd, in front of the clicks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from mailrunner.errors import LedgerError

FRESH = 5.0  # seconds for which one look counts


class Health:
    """The state of the ledger; belongs to one event loop.

    `look` reads the ledger and raises LedgerError; `trouble` is what the recording of clicks has met, "" if
    nothing; `now` is in seconds.
    """

    def __init__(
        self,
        look: Callable[[], None],
        trouble: Callable[[], str],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._trouble, self._now = look, trouble, now
        self._problem, self._looked_at = "", float("-inf")
        self._looking = asyncio.Lock()

    async def problem(self) -> str:
        """Why a click could not be recorded, "" if it could."""
        if trouble := self._trouble():
            return trouble
        async with self._looking:
            if self._now() - self._looked_at >= FRESH:
                self._problem = await self._found()
                self._looked_at = self._now()
        return self._problem

    async def _found(self) -> str:
        try:
            await run_in_threadpool(self._look)
        except LedgerError as error:
            return str(error)
        return ""
