"""Sending limits: the grammar of a window, what is left in it, and when the next slot comes back.

Pure: the ledger hands in what was used (`Usage`), the caller hands in `now`.

A slot is *held* from the claim to the server's reply, and used from then on: providers count at
acceptance, so a slot leaves when the window has passed since its answer.  What is held counts in full, so
a limit cannot be passed by being slow.  Windows below an hour pace the wire: there a message counts as
arrived ten seconds after its start, should the answer not have come, lest one stuck connection or dead
machine stops all others.  So a server sees no more than the limit in any window of its own clock, unless a
message was on its way for longer.

Window forms seen at providers: rolling ("500/24h"), calendar in the account's zone ("300/day",
"100/month"), and short ones beside them ("14/second").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

_UNITS = {
    "s": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "d": timedelta(days=1),
}
_CALENDAR = {"day": timedelta(days=1), "month": timedelta(days=31)}
_GRAMMAR = re.compile(r"\s*(\d[\d_,]*|unlimited)\s*/\s*(\d+)?\s*([a-z]+)\s*", re.IGNORECASE)
_TICK = timedelta(microseconds=1)
_LONG = timedelta(hours=1)
_ON_ITS_WAY = timedelta(seconds=10)  # the longest time from `sending` to the server
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=60)  # the ledger keeps what was used a little longer than this


@dataclass(frozen=True, slots=True)
class Limit:
    """`number` recipients (None: unlimited) in one window; `calendar` is "", "day" or "month".

    `written` is its spelling in mailrunner.toml, and is shown.
    """

    number: int | None
    period: timedelta
    calendar: str = ""
    written: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read "500/24h", "14/second", "300/day", "unlimited/24h"; raise ValueError with a hint."""
        match = _GRAMMAR.fullmatch(text)
        if not match:
            raise ValueError(_complaint(text))
        digits, count, unit = match[1].lower(), match[2], match[3].lower()
        number = None if digits == "unlimited" else int(re.sub("[_,]", "", digits))
        if unit in _CALENDAR and count is None:
            limit = cls(number, _CALENDAR[unit], unit, text.strip())
        elif unit in _UNITS and (count is None or len(unit) == 1):
            limit = cls(number, _UNITS[unit] * int(count or 1), written=text.strip())
        else:
            raise ValueError(_complaint(text))
        if limit.number == 0 or not limit.period:
            raise ValueError(f'"{text}" would never let a message go; leave the account out instead')
        if limit.period > _LONGEST:
            raise ValueError(f'"{text}" is longer than 60 days, which is not kept; write a shorter window')
        return limit

    @property
    def window(self) -> str:
        """The window alone: "24h", "1s", "day"; an entry replaces the preset's of the same window."""
        return self.calendar or _spell(self.period)

    @property
    def is_long(self) -> bool:
        """True for a window that lasts beyond a run's rounds, of an hour or more; a short one is a pace."""
        return self.period >= _LONG

    def held_since(self, horizon: datetime) -> datetime | None:
        """A message started up to this instant holds its slot no longer; None: until it is answered."""
        return None if self.is_long else horizon - _ON_ITS_WAY

    def usable(self, reserve: int) -> int | None:
        """The number less the account's reserve, which applies to windows of a day or longer."""
        if self.number is None:
            return None
        return max(0, self.number - (reserve if self.period >= _DAY else 0))

    def horizon(self, now: datetime, zone: tzinfo) -> datetime:
        """The instant up to and including which stamps have left the window."""
        if not self.calendar:
            return now - self.period
        return _floor(now, self.calendar, zone) - _TICK

    def frees_at(self, stamp: datetime, zone: tzinfo) -> datetime:
        """When a slot stamped `stamp` leaves the window."""
        if not self.calendar:
            return stamp + self.period
        beyond = _floor(stamp, self.calendar, zone) + self.period + timedelta(hours=2)
        return _floor(beyond, self.calendar, zone)

    def __str__(self) -> str:
        if self.written:
            return self.written
        number = "unlimited" if self.number is None else str(self.number)
        return f"{number}/{self.window}"


def _complaint(text: str) -> str:
    return f'"{text}" is not a limit; write e.g. "500/24h", "14/second", "300/day" or "unlimited/24h"'


def _spell(period: timedelta) -> str:
    """Write a length in its largest whole unit, days as hours: "24h", "90m", "1s"."""
    seconds = int(period.total_seconds())
    for letter, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _floor(moment: datetime, calendar: str, zone: tzinfo) -> datetime:
    """The start of the day or month that holds `moment` in `zone`, as an instant in UTC."""
    local = moment.astimezone(zone)
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if calendar == "month":
        first = first.replace(day=1)
    return first.astimezone(moment.tzinfo)


def merge(preset: Iterable[Limit], own: Iterable[Limit]) -> tuple[Limit, ...]:
    """An own limit replaces the preset's of the same window, and is otherwise added."""
    by_window = {limit.window: limit for limit in preset}
    by_window.update({limit.window: limit for limit in own})
    return tuple(by_window.values())


def strictest(own: Sequence[Limit], others: Iterable[Limit]) -> tuple[Limit, ...]:
    """Of each window the limit that allows least: `own` ones, unless another machine says a stricter one."""
    least = {limit.window: limit for limit in own}
    for limit in others:
        known = least.get(limit.window)
        if known is None or (limit.number is not None and limit.number < (known.number or limit.number + 1)):
            least[limit.window] = limit
    return tuple(least.values())


class Usage(Protocol):
    """The slots of one account (or campaign), as the ledger knows them."""

    def used(self, horizon: datetime) -> int:
        """Slots stamped after `horizon`."""
        ...

    def stamp(self, horizon: datetime, nth: int) -> datetime | None:
        """The stamp of the nth (from 1) slot after `horizon`; None if there are fewer."""
        ...

    def held(self, since: datetime | None) -> int:
        """Slots reserved now, and those of unanswered messages started after `since` (None: whenever)."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """The room of one limit: `left` is None where it is unlimited; `next_slot_at` is set when `left` is 0."""

    limit: Limit
    used: int
    left: int | None
    next_slot_at: datetime | None


def room(limit: Limit, usage: Usage, *, reserve: int, zone: tzinfo, now: datetime) -> Room:
    """Tell what `limit` leaves at `now` and, where that is nothing, when the next slot comes back."""
    horizon = limit.horizon(now, zone)
    used = usage.used(horizon) + usage.held(limit.held_since(horizon))
    usable = limit.usable(reserve)
    if usable is None:
        return Room(limit, used, None, None)
    left = usable - used
    if left > 0:
        return Room(limit, used, left, None)
    # Held slots have no stamp yet: they can leave a window after now at the earliest.
    last_to_leave = usage.stamp(horizon, 1 - left) or now
    return Room(limit, used, 0, limit.frees_at(last_to_leave, zone))


def tightest(rooms: Sequence[Room]) -> tuple[int | None, datetime | None]:
    """How many may start now (None: no limit), and, if none may, when the first may."""
    left, until = None, None
    for one in rooms:
        if one.left is not None:
            left = one.left if left is None else min(left, one.left)
        if one.next_slot_at is not None:
            until = one.next_slot_at if until is None else max(until, one.next_slot_at)
    return left, until
