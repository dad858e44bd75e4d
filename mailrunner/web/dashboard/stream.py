"""Server-sent events: the sections of a page that changed, at most one event every two seconds.

One rendering serves all browsers that look at the same page.  The stream ends by itself when the server
stops: uvicorn waits for open answers before it tells the application anything.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from mailrunner.errors import MailrunnerError

TICK = 0.25  # seconds between two looks at whether the server stops
EVERY = 2.0  # seconds between two looks at the page
_COMMENT_EVERY = 15.0  # seconds; a proxy closes what is silent
Sections = Callable[[], dict[str, str]]


@dataclass(slots=True)
class _Rendered:
    at: float = float("-inf")
    sections: dict[str, str] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Streams:
    """All streams of one server; `elapsed` is in seconds, `is_ending` says that the server stops."""

    def __init__(
        self, *, is_ending: Callable[[], bool], elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_ending, self._elapsed = is_ending, elapsed
        self._pages: dict[str, _Rendered] = {}
        self.open = 0

    async def events(self, page: str, sections: Sections) -> AsyncIterator[str]:
        """The events of one browser on `page`; the first has no sections, as the page is new."""
        self.open += 1
        try:
            yield "retry: 3000\n\n"
            async for event in self._changes(page, sections):
                yield event
        finally:
            self.open -= 1

    async def _changes(self, page: str, sections: Sections) -> AsyncIterator[str]:
        seen = await self._rendered(page, sections)
        yield _event({})
        looked = said = self._elapsed()
        while not self._is_ending():
            await asyncio.sleep(TICK)
            now = self._elapsed()
            if now - looked < EVERY:
                continue
            looked = now
            found = await self._rendered(page, sections)
            changed = {name: html for name, html in found.items() if seen.get(name) != html}
            seen = found
            if changed:
                yield _event(changed)
            elif now - said >= _COMMENT_EVERY:
                yield ": still here\n\n"
            else:
                continue
            said = now

    async def _rendered(self, page: str, sections: Sections) -> dict[str, str]:
        """The sections, not older than a look; those of before where the ledger cannot be read."""
        if len(self._pages) > 100:  # pages that no browser looks at any more
            self._pages.clear()
        known = self._pages.setdefault(page, _Rendered())
        async with known.lock:
            if self._elapsed() - known.at >= EVERY / 2:
                try:
                    known.sections = await run_in_threadpool(sections)
                except MailrunnerError:
                    return known.sections
                known.at = self._elapsed()
        return known.sections


def _event(sections: dict[str, str]) -> str:
    return f"event: statistics\ndata: {json.dumps(sections)}\n\n"
