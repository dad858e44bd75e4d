"""Time as an argument: the one place that reads the wall clock, sleeps, and writes instants in UTC.

What is decided or stored about deliveries is on the ledger's clock: `Ledger.clock`.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_CLOCKS_AGREE = 5  # seconds that two clocks may differ before a user is told


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
        return _wait(self, wake, until)


class LedgerClock:
    """The clock of a ledger on another machine: what it showed when it was read last, and the time since.

    Each transaction that asks for the time reads it, so a clock that is moved, on either machine, is
    noticed.  It is late by the way of the answer and never early.  Until the first reading it shows what
    `local` does.
    """

    def __init__(self, local: Clock) -> None:
        self.local = local
        self._read = (local.now(), _elapsed())

    def set(self, shown: datetime) -> None:
        """Take note of what the ledger's clock shows at this moment."""
        self._read = (shown, _elapsed())

    def now(self) -> datetime:
        shown, since = self._read
        return shown + timedelta(seconds=_elapsed() - since)

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        return _wait(self, wake, until)

    @property
    def ahead(self) -> timedelta:
        """How far this machine's clock is ahead of the ledger's; negative where it is behind."""
        return self.local.now() - self.now()


def _wait(clock: Clock, wake: threading.Event, until: datetime) -> bool:
    # Short sleeps, and the clock asked each time: a clock that is moved and a machine that was suspended
    # are noticed at once, which a timed wait on a lock does not do.
    while not wake.is_set() and (left := (until - clock.now()).total_seconds()) > 0:
        nap(min(left, SLICE))
    return wake.is_set()


def _elapsed() -> float:
    """Seconds since some instant, those in which the machine was suspended included where it can tell."""
    counter = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if counter is None else time.clock_gettime(counter)


def clock_difference(ahead: float) -> str:
    """A clock that is so many seconds ahead of the ledger's, in words; "" where the two agree."""
    seconds = round(ahead)
    if abs(seconds) <= _CLOCKS_AGREE:
        return ""
    return f"{abs(seconds):,} seconds {'ahead of' if seconds > 0 else 'behind'} the ledger's"


def rfc3339(moment: datetime | None) -> str | None:
    """An instant as JSON shows it (RFC 3339): in UTC, whole seconds, "Z"; None for None.

    This function and the two below are the only ones that write an instant as UTC.  They raise ValueError
    for a time without a zone, which is none.
    """
    return None if moment is None else f"{_in_utc(moment):%Y-%m-%dT%H:%M:%SZ}"


def utc_minute(moment: datetime) -> str:
    """An instant in a sentence, to the minute: "2026-11-02 04:30 UTC"."""
    return f"{_in_utc(moment):%Y-%m-%d %H:%M} UTC"


def utc_day(moment: datetime) -> str:
    """The day of an instant in UTC, such as "2026-11-02"."""
    return f"{_in_utc(moment):%Y-%m-%d}"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no zone")
    return moment.astimezone(UTC)


SLICE = 0.1  # seconds


def nap(seconds: float = SLICE) -> None:
    """Let other threads work for a moment."""
    time.sleep(seconds)
