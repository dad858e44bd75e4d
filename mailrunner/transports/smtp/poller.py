"""Waiting for several connections at once."""

from __future__ import annotations

import select
import time
from collections.abc import Collection, Sequence, Set
from typing import Generic, Protocol, TypeVar


class Pollable(Protocol):
    """What is asked of a connection that is waited for."""

    def fileno(self) -> int: ...

    @property
    def wants_write(self) -> bool: ...

    @property
    def deadline(self) -> float | None: ...


W = TypeVar("W", bound=Pollable)


class Poller(Generic[W]):
    """Waits for the same connections again and again; tells which of them may go on.

    That is all of them after `every` so many seconds, as a deadline may have come.  Each is to be
    `note`d again whenever it was used: that may have opened or closed it, or left something to write.
    """

    def __init__(self, *, every: float) -> None:
        self._every = every
        self._reading: dict[int, W] = {}  # by file number
        self._writing: set[int] = set()
        self._numbers: dict[W, int] = {}
        self._all_at = 0.0

    def note(self, one: W) -> None:
        """See how it stands now."""
        number, before = one.fileno(), self._numbers.pop(one, -1)
        if before != number and self._reading.get(before) is one:  # the number may be another's by now
            del self._reading[before]
            self._writing.discard(before)
        if number >= 0:
            self._numbers[one], self._reading[number] = number, one
            (self._writing.add if one.wants_write else self._writing.discard)(number)

    def ready(self) -> list[W]:
        """Those that may go on, without waiting."""
        now = time.monotonic()
        if now >= self._all_at:
            self._all_at = now + self._every
            return list(self._numbers)
        return [self._reading[number] for number in self._ask(0.0)]

    def wait(self, seconds: float) -> None:
        """Return when one of them may go on, or `seconds` have passed."""
        self._ask(seconds)

    def _ask(self, seconds: float) -> list[int]:
        if not self._reading:
            time.sleep(seconds)
            return []
        return _answering(self._reading, self._writing, seconds)


def ready(waiting: Sequence[Pollable], seconds: float) -> None:
    """Return when one of `waiting` may go on, its deadline has come, or `seconds` have passed."""
    waiting = [one for one in waiting if one.fileno() >= 0]
    deadlines = [one.deadline for one in waiting if one.deadline is not None]
    left = min([seconds, *(deadline - time.monotonic() for deadline in deadlines)])
    if not waiting:
        time.sleep(max(0.0, left))
    else:
        writing = {one.fileno() for one in waiting if one.wants_write}
        _answering([one.fileno() for one in waiting], writing, max(0.0, left))


def _answering(reading: Collection[int], writing: Set[int], seconds: float) -> list[int]:
    """Those of the file numbers that can be read, or written where that is asked as well."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for number in reading:
            poll.register(number, select.POLLIN | (select.POLLOUT if number in writing else 0))
        return [number for number, _ in poll.poll(seconds * 1000)]
    readable, writable, _ = select.select(reading, writing, [], seconds)  # Windows
    return list({*readable, *writable})
