"""A clock that tests move by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from mailrunner.clock import SystemClock

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until it is turned; waiting turns it at once to the end of the wait."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._guard = threading.Lock()
        self.waits: list[timedelta] = []

    def now(self) -> datetime:
        with self._guard:
            return self._now

    def turn(self, by: timedelta) -> None:
        with self._guard:
            self._now += by

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        if wake.is_set():
            return True
        with self._guard:
            if until > self._now:
                self.waits.append(until - self._now)
                self._now = until
        return False


class RunningClock:
    """Begins at `start` and runs as a machine's own does, but is none: a ledger elsewhere follows it."""

    def __init__(self, start: datetime = START) -> None:
        self._ahead = start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        return wake.wait(max(0.0, (until - self.now()).total_seconds()))


class WrongClock(SystemClock):
    """A machine's own clock, so much ahead (negative: behind)."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead
