"""When a campaign will be done: a simulation of its account's windows and its own sending hours.

Pure.  Long windows are followed slot by slot in buckets of an hour (a bucket leaves when its newest
slot does, so the forecast is never too early); short ones are a rate.  How fast the server is, is taken from
what it took last; it is guessed only where it has not taken enough yet.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from mailrunner.model.quota import Limit
from mailrunner.model.schedule import Schedule

_BUCKET = timedelta(hours=1)
_HORIZON = timedelta(days=3660)  # beyond ten years the date does not matter
_PER_CONNECTION = 2.0  # messages a second: a cautious guess for a server across the Internet
# What of the history tells a rate: the newest answers without a pause between, if they are enough.
_PAUSE = timedelta(seconds=30)
_STRETCH = timedelta(minutes=5)
_LEAST_ANSWERS, _LEAST_TIME = 20, timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The limits, windows and rates that hold a campaign back.

    `history` are (stamp, slots) of the account's answers, oldest first; `not_before` is the latest
    of the campaign's start, the account's pause and what the campaign waits for; `last_due` is when the
    last of its retries is due.
    """

    limits: Sequence[Limit]
    own: Sequence[Limit]
    reserve: int
    zone: tzinfo
    schedule: Schedule
    connections: int
    history: Sequence[tuple[datetime, int]]
    not_before: datetime | None = None
    last_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`finish_at` is None where it lies more than ten years ahead; `days` are local to the account's zone."""

    finish_at: datetime | None
    days: tuple[tuple[date, int], ...]


def forecast(number: int, pace: Pace, now: datetime) -> Forecast:
    """Tell when the last of `number` messages will have gone, and how many go on which day."""
    windows = [_Window(limit, pace) for limit in pace.limits if _is_long(limit)]
    windows += [_Window(limit, pace, reserve=0, history=()) for limit in pace.own if _is_long(limit)]
    rate = _rate(pace)
    at = max(now, pace.not_before or now)
    days: Counter[date] = Counter()
    left = number
    while left > 0:
        at = pace.schedule.opens_at(at)
        if at - now > _HORIZON:
            return Forecast(None, tuple(sorted(days.items())))
        room = min((window.room(at) for window in windows), default=left)
        if room <= 0:
            at = max(window.frees_at(at) for window in windows if window.room(at) <= 0)
            continue
        seconds_open = (pace.schedule.closes_at(at) - at).total_seconds()
        gone = min(left, room, max(1, int(rate * seconds_open)))
        at += timedelta(seconds=gone / rate)
        for window in windows:
            window.use(at, gone)
        days[at.astimezone(pace.zone).date()] += gone
        left -= gone
    if number and pace.last_due is not None:
        at = max(at, pace.last_due + timedelta(seconds=1 / rate))
    return Forecast(at, tuple(sorted(days.items())))


def rate_seen(history: Sequence[tuple[datetime, int]]) -> float | None:
    """Messages a second that the server took in the newest stretch of (stamp, slots); None for too few.

    A stretch has no pause of half a minute (a limit, a closed window, the end of a run), and is looked at
    for five minutes.
    """
    if not history:
        return None
    newest = before = history[-1][0]
    slots, in_first = 0, 0
    for stamp, number in reversed(history):
        if newest - stamp > _STRETCH or before - stamp > _PAUSE:
            break
        slots, in_first, before = slots + number, number, stamp
    taken, time = slots - in_first, newest - before  # those of the first stamp were sent before it
    if taken < _LEAST_ANSWERS or time < _LEAST_TIME:
        return None
    return taken / time.total_seconds()


def _is_long(limit: Limit) -> bool:
    return limit.number is not None and limit.is_long


def _rate(pace: Pace) -> float:
    """Messages a second that the server and the short windows allow."""
    rates = [
        limit.number / limit.period.total_seconds()
        for limit in (*pace.limits, *pace.own)
        if limit.number is not None and not limit.is_long
    ]
    return min([*rates, rate_seen(pace.history) or pace.connections * _PER_CONNECTION])


class _Window:
    """One long limit and what is in it."""

    def __init__(
        self,
        limit: Limit,
        pace: Pace,
        *,
        reserve: int | None = None,
        history: Iterable[tuple[datetime, int]] | None = None,
    ) -> None:
        self._limit, self._zone = limit, pace.zone
        self._usable = limit.usable(pace.reserve if reserve is None else reserve) or 0
        self._inside: deque[tuple[datetime, int]] = deque()
        self._used = 0
        for stamp, slots in pace.history if history is None else history:
            self.use(stamp, slots)

    def room(self, at: datetime) -> int:
        horizon = self._limit.horizon(at, self._zone)
        while self._inside and self._inside[0][0] <= horizon:
            self._used -= self._inside.popleft()[1]
        return self._usable - self._used

    def frees_at(self, at: datetime) -> datetime:
        oldest = self._inside[0][0] if self._inside else at
        return self._limit.frees_at(oldest, self._zone)

    def use(self, stamp: datetime, slots: int) -> None:
        self._used += slots
        if self._inside and stamp - self._inside[-1][0] < _BUCKET and self._same_hour(stamp):
            slots += self._inside.pop()[1]
        self._inside.append((stamp, slots))

    def _same_hour(self, stamp: datetime) -> bool:
        last = self._inside[-1][0]
        return (last.date(), last.hour) == (stamp.date(), stamp.hour)
