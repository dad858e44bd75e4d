"""The access log: a line for each request, and counts of them for the event log.

Neither has a token, an e-mail address or an IP address: only the kind of page, the status, the time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from mailrunner.event_log import EventLog

_INTERVAL = 60.0  # seconds between two counts in the event log


class AccessLog:
    """Counts every answer; belongs to one event loop.

    `line` gets each as a line of an access log, `log` the counts once a minute and at the end.
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
        self._next_at = now() + _INTERVAL

    def answered(self, request: str, status: int, seconds: float) -> None:
        """Note an answer; `request` is its method and the kind of page: "GET /u/…"."""
        answer = f"{request} {status}"
        if self._line is not None:
            self._line(f"{answer} {seconds * 1000:.0f} ms")
        self._answers[answer] += 1
        if self._now() >= self._next_at:
            self.close()

    def close(self) -> None:
        """Write the counts since the last time to the event log."""
        if self._answers:
            self._log.requests(self._answers)
            self._answers.clear()
        self._next_at = self._now() + _INTERVAL
