"""Sending windows: the days, the hours and the zone in which messages may be sent.

    Schedule.parse("Mon-Fri 08:00-20:00 Europe/Bucharest").opens_at(now)

Pure: `now` is an argument, and every instant that goes in or comes out is aware.  Hours are what a
clock on the wall of that zone shows; where a clock change skips an hour an opening begins or ends at
the change, and where it repeats one the first pass counts.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset(range(7))
_MIDNIGHT = 24 * 60
_EXAMPLE = '"Mon-Fri 08:00-20:00 Europe/Bucharest"'
_NEVER_CLOSES = datetime.max.replace(tzinfo=UTC)
# The rarest opening is once a week; a clock change can swallow one of them whole.
_DAYS_AHEAD = 16
_DURATION = re.compile(r"\s*(\d+)\s*([smhd])\s*", re.IGNORECASE)
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_RANGE = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekdays (0 is Monday), ranges in minutes since midnight, and the zone that both are meant in.

    A range that ends after minute 1440 runs into the next day and belongs to the day it begins on.
    """

    days: frozenset[int]
    ranges: tuple[tuple[int, int], ...]
    zone: tzinfo

    @classmethod
    def always(cls) -> Schedule:
        """The schedule that is never closed."""
        return cls(_EVERY_DAY, ((0, _MIDNIGHT),), UTC)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read "[days] hours zone"; raise ValueError with a hint.

        Days: "Mon-Fri", "Mon,Wed,Sat-Sun", or none for every day.  Hours: "08:00-20:00", several by
        comma, "22:00-06:00" over midnight, up to 24:00.  Zone: an IANA name or "UTC".
        """
        words = re.sub(r"\s*,\s*", ",", text).split()
        if not words or re.search(r"\d:\d", words[-1]):
            raise ValueError(f'"{text}" names no time zone; end it with one, as in {_EXAMPLE}')
        if len(words) not in (2, 3):
            raise ValueError(f'"{text}" is not a sending window; write e.g. {_EXAMPLE}')
        days = _days(words[0]) if len(words) == 3 else _EVERY_DAY
        ranges = tuple(sorted(_range(part) for part in words[-2].split(",")))
        return cls(days, ranges, zone(words[-1]))

    def opens_at(self, now: datetime) -> datetime:
        """The first instant from `now` on at which mail may go out, in UTC; `now` itself if it may now."""
        return max(now.astimezone(UTC), self.opening(now)[0])

    def opening(self, now: datetime) -> tuple[datetime, datetime]:
        """The present opening or, if closed, the next one: its start and its end (exclusive), in UTC."""
        return next(opening for opening in self._openings(now) if opening[1] > now)

    def closes_at(self, now: datetime) -> datetime:
        """The end, in UTC, of the present opening or, if closed, of the next one.

        Openings that touch are one.  `datetime.max` in UTC where it never closes.
        """
        ahead = [opening for opening in self._openings(now) if opening[1] > now]
        closing = ahead[0][1]
        for start, end in ahead:
            if start > closing:
                return closing
            closing = max(closing, end)
        return _NEVER_CLOSES

    def _openings(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The openings around and after `now`, by their start; yesterday's may run over midnight."""
        yesterday = now.astimezone(self.zone).date() - timedelta(days=1)
        for number in range(_DAYS_AHEAD):
            day = yesterday + timedelta(days=number)
            if day.weekday() in self.days:
                for first, last in self.ranges:
                    start, end = _instant(day, first, self.zone), _instant(day, last, self.zone)
                    if start < end:
                        yield start, end

    def __str__(self) -> str:
        hours = ",".join(f"{_clock(first)}-{_clock(last)}" for first, last in self.ranges)
        days = ",".join(_DAYS[day] for day in sorted(self.days))
        prefix = "" if self.days == _EVERY_DAY else f"{days} "
        return f"{prefix}{hours} {self.zone}"


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Find the zone of an IANA name; raise ValueError with a hint."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is an OSError
        known = {known.casefold(): known for known in zoneinfo.available_timezones()}
        close = difflib.get_close_matches(name.casefold(), known, n=1)
        hint = f'did you mean "{known[close[0]]}"?' if close else 'write e.g. "Europe/Bucharest" or "UTC"'
        raise ValueError(f'"{name}" is not a time zone; {hint}') from None


def duration(text: str) -> timedelta:
    """Read "48h", "90m", "2d" or "30s"; raise ValueError with a hint."""
    match = _DURATION.fullmatch(text)
    if not match or not 0 < int(match[1]) <= 10**6:
        raise ValueError(f'"{text}" is not a length of time; write e.g. "48h", "90m" or "2d"')
    return timedelta(**{_DURATION_UNITS[match[2].lower()]: int(match[1])})


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = _day(first), _day(last or first)
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(found)


def _day(text: str) -> int:
    name = text.casefold()
    for number, long in enumerate(_LONG_DAYS):
        if name in (long, long[:3]):
            return number
    raise ValueError(f'"{text}" is not a day of the week; write {", ".join(_DAYS)}')


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is not a range of hours; write e.g. "08:00-20:00"')
    first, last = (
        _minute(match[1], match[2], latest=_MIDNIGHT - 1),
        _minute(match[3], match[4], latest=_MIDNIGHT),
    )
    if first == last:
        raise ValueError(f'"{text}" is empty; the whole day is "00:00-24:00"')
    return first, last if last > first else last + _MIDNIGHT


def _minute(hours: str, minutes: str, *, latest: int) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > latest:
        raise ValueError(f'"{hours}:{minutes}" is not a time of day; the day runs from 00:00 to 24:00')
    return minute


def _instant(day: date, minute: int, where: tzinfo) -> datetime:
    """The first instant at which the clock in `where` shows `minute` of `day` or, if skipped, more."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    instant = wall.replace(tzinfo=where).astimezone(UTC)
    if instant.astimezone(where).replace(tzinfo=None) == wall:
        return instant
    # The clock jumps over it: find the jump, which lies between the two readings of PEP 495.
    before, after = wall.replace(tzinfo=where, fold=1).astimezone(UTC), instant
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(where).replace(tzinfo=None) < wall:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _clock(minute: int) -> str:
    hours, minutes = divmod(minute if minute <= _MIDNIGHT else minute - _MIDNIGHT, 60)
    return f"{hours:02}:{minutes:02}"


ALWAYS = Schedule.always()
