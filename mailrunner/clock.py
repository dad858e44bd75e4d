"""Time as an argument: the one place that reads the wall clock and sleeps."""

from __future__ import annotations

import threading
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
        # One sleep of a minute at most: a clock that is moved, or a machine that was
        # suspended, is then noticed within a minute.
        while (left := (until - self.now()).total_seconds()) > 0:
            if wake.wait(min(left, 60.0)):
                return True
        return wake.is_set()
