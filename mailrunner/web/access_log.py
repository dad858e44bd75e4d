"""What an operator is told of requests: a line for each, and sums of them for the event log.

Neither knows a token, an address or anybody's IP: the kind of page, the answer, the time it took.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from mailrunner.event_log import EventLog

_A_WHILE = 60.0  # seconds between two sums; a thousand clicks a second are not a thousand events


class AccessLog:
    """Takes note of every answer; belongs to one event loop.

    `line` is given each as a line of an access log, `log` gets their numbers once a minute and at the end.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        line: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._line, self._now = log, line, now
        self._answers: Counter[str] = Counter()
        self._next_at = now() + _A_WHILE

    def answered(self, request: str, status: int, seconds: float) -> None:
        """Note an answer; `request` is its method and the kind of page: "GET /u/…"."""
        answer = f"{request} {status}"
        if self._line is not None:
            self._line(f"{answer} {seconds * 1000:.0f} ms")
        self._answers[answer] += 1
        if self._now() >= self._next_at:
            self.close()

    def close(self) -> None:
        """Write down what was counted."""
        if self._answers:
            self._log.requests(self._answers)
            self._answers.clear()
        self._next_at = self._now() + _A_WHILE
