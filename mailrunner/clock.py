"""Time as an argument: the one place that reads the wall clock and sleeps."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits; tests hand in one that they move by hand."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        """Sleep until `until` or until `wake` is set; say whether it was set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        # Short sleeps, and the wall clock asked each time: a clock that is moved and a machine that was
        # suspended are noticed at once, which a timed wait on a lock does not do.
        while not wake.is_set() and (left := (until - self.now()).total_seconds()) > 0:
            nap(min(left, SLICE))
        return wake.is_set()


SLICE = 0.1  # seconds


def nap(seconds: float = SLICE) -> None:
    """Let other threads work for a moment."""
    time.sleep(seconds)
