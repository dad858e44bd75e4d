"""Changes told to an open page: files that were saved, and more of the list that is read.

A script follows the events and takes the sections of the page anew, whose state is in its URL.  Without
script a small frame asks by itself, and shows a link when there is something new.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from mailrunner.preview.live import LivePreview, PreviewState

TICK = 0.25  # seconds between two looks at the files: a file that two looks find the same is read
ASKED_EVERY = 2  # seconds between two looks of the frame without script
_PROGRESS_EVERY = 1.0  # seconds
_COMMENT_EVERY = 15.0  # seconds; a proxy closes what is silent


class Changes:
    """The events of all open pages of a preview; `is_ending` says that the server stops."""

    def __init__(
        self,
        live: LivePreview,
        *,
        is_ending: Callable[[], bool],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live, self._is_ending, self._elapsed = live, is_ending, elapsed

    async def events(self, seen: int) -> AsyncIterator[str]:
        """`changed` with the number of a newer state than `seen`, `progress` while the list is read."""
        yield "retry: 1000\n\n"
        said, told = self._elapsed(), progress_of(self._live.state)
        while not self._is_ending():
            await run_in_threadpool(lambda: self._live.look(settled=True))
            state, now = self._live.state, self._elapsed()
            progress = progress_of(state)
            if state.number != seen:
                seen = state.number
                yield _event(
                    "changed", {"number": seen, "files": state.changed, "broken": bool(state.problems)}
                )
            elif progress != told and now - said >= _PROGRESS_EVERY:
                yield _event("progress", {})
            elif now - said >= _COMMENT_EVERY:
                yield ": still here\n\n"
            else:
                await asyncio.sleep(TICK)
                continue
            said, told = now, progress


def progress_of(state: PreviewState) -> tuple[object, ...]:
    """What of the progress a page shows."""
    index, rendering, incoming = state.index, state.rendering, state.incoming
    return (
        index.rows,
        index.is_read.is_set(),
        rendering.rendered,
        rendering.is_done,
        incoming and incoming.rows,
    )


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
