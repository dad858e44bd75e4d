"""Time as an argument: the one place that reads the wall clock, sleeps, and writes instants in UTC."""

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
