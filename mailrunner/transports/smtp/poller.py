"""Waiting for several connections at once."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mailrunner.transports import Stream

_READ, _WRITE = getattr(select, "POLLIN", 1), getattr(select, "POLLOUT", 4)


class Pollable(Protocol):
    """A connection that is waited for; without a `stream` it is left out."""

    @property
    def stream(self) -> Stream | None: ...


W = TypeVar("W", bound=Pollable)


@dataclass(slots=True)
class _Watched:
    """The registration of a connection."""

    stream: Stream
    number: int  # of its file
    events: int


class Poller(Generic[W]):
    """Waits for the same connections again and again; tells which of them may go on.

    That is all of them after `every` so many seconds, as a deadline may have come.  Each is to be
    `note`d again whenever it was used: that may have opened or closed it, or left something to write.
    """

    def __init__(self, *, every: float) -> None:
        self._every = every
        self._poll = _poll()
        self._watched: dict[W, _Watched] = {}
        self._by_number: dict[int, W] = {}
        self._all_at = 0.0

    def note(self, one: W) -> None:
        """Register the connection's stream as it is now."""
        stream, watched = one.stream, self._watched.get(one)
        if watched and watched.stream is not stream:
            self._forget(one, watched.number)
            watched = None
        if stream is None:
            return
        events = _READ | _WRITE if stream.wants_write else _READ
        if watched is None:
            watched = self._watched[one] = _Watched(stream, stream.fileno(), 0)
            self._by_number[watched.number] = one
        if events != watched.events:
            self._poll.register(watched.number, events)
            watched.events = events

    def _forget(self, one: W, number: int) -> None:
        del self._watched[one]
        if self._by_number.get(number) is one:  # the number may be another's by now
            del self._by_number[number]
            self._poll.unregister(number)

    def ready(self) -> list[W]:
        """Those that may go on, without waiting."""
        now = time.monotonic()
        if now >= self._all_at:
            self._all_at = now + self._every
            return list(self._watched)
        return [self._by_number[number] for number, _ in self._poll.poll(0)]

    def wait(self, seconds: float) -> None:
        """Return when one of them may go on, or `seconds` have passed."""
        if self._by_number:
            self._poll.poll(seconds * 1000)
        else:
            time.sleep(seconds)


def wait_for(waiting: Sequence[Pollable], seconds: float) -> None:
    """Return when one of `waiting` may go on, its deadline has come, or `seconds` have passed."""
    streams = [one.stream for one in waiting if one.stream]
    deadlines = [stream.deadline for stream in streams if stream.deadline is not None]
    left = max(0.0, min([seconds, *(deadline - time.monotonic() for deadline in deadlines)]))
    if not streams:
        time.sleep(left)
        return
    poll = _poll()
    for stream in streams:
        poll.register(stream.fileno(), _READ | _WRITE if stream.wants_write else _READ)
    poll.poll(left * 1000)


class _Poll(Protocol):
    """The methods of `select.poll` that are used; seconds are thousandths there."""

    def register(self, number: int, events: int, /) -> None: ...

    def unregister(self, number: int, /) -> None: ...

    def poll(self, milliseconds: float, /) -> list[tuple[int, int]]: ...


class _Select:
    """The same by `select.select`, where there is no `poll`: on Windows."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}

    def register(self, number: int, events: int, /) -> None:
        self._events[number] = events

    def unregister(self, number: int, /) -> None:
        del self._events[number]

    def poll(self, milliseconds: float, /) -> list[tuple[int, int]]:
        writing = [number for number, events in self._events.items() if events & _WRITE]
        readable, writable, _ = select.select(list(self._events), writing, [], milliseconds / 1000)
        return [(number, 0) for number in {*readable, *writable}]


def _poll() -> _Poll:
    return select.poll() if hasattr(select, "poll") else _Select()
