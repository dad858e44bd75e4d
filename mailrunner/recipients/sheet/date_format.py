"""Dates and times as a number format of a spreadsheet shows them (ECMA-376 Part 1 §18.8.31)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from mailrunner.recipients.cell import to_text

_DAY = timedelta(days=1)
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet has no time zones; day 0 of its calendar


def date_text(value: date | time | timedelta, tokens: Sequence[Any], language: str) -> str:
    """The text of a date, a time or a duration; `tokens` are those of `number_format.Section`."""
    moment, duration = _moment(value)
    runs = list(_runs(tokens, _date_separator(language)))
    is_12_hours = any(kind == "ampm" for kind, _ in runs)
    written = []
    for place, (kind, text) in enumerate(runs):
        if kind == "literal":
            written.append(text)
        elif kind == "elapsed":
            written.append(_elapsed(duration, text))
        elif kind == "ampm":
            written.append("AM" if moment.hour < 12 else "PM")
        else:
            is_minute = text[0] == "m" and len(text) <= 2 and _is_minute(runs, place)
            written.append(_part(moment, text, language, is_minute=is_minute, is_12_hours=is_12_hours))
    return "".join(written).strip()


def short_date(moment: date, language: str) -> str:
    """A date as the reader's system writes it: as in `language`, and ISO 8601 where that leaves doubt.

    English does: 03/04/2026 is a day in March or in April.
    """
    if not language or language.startswith("en"):
        return to_text(moment.date() if isinstance(moment, datetime) else moment)
    pattern = _short_pattern(language)
    return re.sub(r"y+|M+|d+", lambda found: _day_part(moment, found[0]), pattern)


def system_text(value: date | time | timedelta, code: str, language: str) -> str | None:
    """A value in the reader's own long date ([$-F800]) or time ([$-F400]), as in `language`.

    None where the format names neither, or the language is not known: then the rest of the format holds.
    """
    from babel import UnknownLocaleError
    from babel.dates import format_date, format_time

    mark = code[:8].upper()
    if not language or isinstance(value, timedelta) or mark not in ("[$-F800]", "[$-F400]"):
        return None
    moment, _ = _moment(value)
    try:
        if mark == "[$-F800]":
            return str(format_date(moment, "full", locale=language))
        return str(format_time(moment, "medium", locale=language))
    except (UnknownLocaleError, ValueError):
        return None


@lru_cache(maxsize=64)
def _short_pattern(language: str) -> str:
    """The order and the signs of a short date, with all digits of the year, as spreadsheets have it."""
    from babel import Locale, UnknownLocaleError

    try:
        pattern = str(Locale.parse(language).date_formats["short"].pattern)
    except (UnknownLocaleError, ValueError, KeyError):
        return "yyyy-MM-dd"
    return re.sub(r"'[^']*'|y+", lambda found: found[0] if found[0][0] == "'" else "yyyy", pattern)


@lru_cache(maxsize=64)
def _date_separator(language: str) -> str:
    """The sign between the parts of a date in a language, "/" where it is not known.

    A German Excel keeps its 31.12.2026 as `dd/mm/yyyy`: the slash of a format is each reader's own sign.
    """
    found = re.search(r"[yMd]([./-])", _short_pattern(language)) if language else None
    return found[1] if found else "/"


def _day_part(moment: date, signs: str) -> str:
    number = {"y": moment.year, "M": moment.month, "d": moment.day}[signs[0]]
    return f"{number:0{len(signs)}}"


def _moment(value: date | time | timedelta) -> tuple[datetime, timedelta]:
    """The value as a moment, and as a duration since the beginning of the calendar."""
    if isinstance(value, timedelta):
        return _EPOCH + value, value
    if isinstance(value, time):
        day = datetime.combine(_EPOCH, value)
    elif isinstance(value, datetime):
        day = value.replace(tzinfo=None)
    else:
        day = datetime.combine(value, time())
    return day, day - _EPOCH


def _runs(tokens: Sequence[Any], separator: str) -> Iterator[tuple[str, str]]:
    """The tokens with equal signs taken together: ("part", "yyyy"), ("literal", "."), ("ampm", "AM/PM").

    A slash that is not escaped stands for the `separator` of dates.
    """
    pieces = [(t.kind, t.text.lower() if t.kind == "char" else t.text) for t in tokens]
    text = "".join(t if k == "char" else "\0" for k, t in pieces if k == "char" or t)
    pieces = [piece for piece in pieces if piece[1]]
    place = 0
    while place < len(pieces):
        kind, sign = pieces[place]
        if text.startswith(("am/pm", "a/p"), place):
            yield "ampm", "AM/PM"
            place += 5 if text.startswith("am/pm", place) else 3
        elif text.startswith(".0", place):
            place += 1 + len(text[place + 1 :]) - len(text[place + 1 :].lstrip("0"))  # parts of a second
        elif kind == "char" and sign in "ymdhs":
            length = len(next("".join(group) for _, group in groupby(text[place:])))
            yield "part", sign * length
            place += length
        else:
            if kind != "char" or sign not in "@":
                shown = separator if (kind, sign) == ("char", "/") else sign
                yield ("elapsed" if kind == "elapsed" else "literal"), shown
            place += 1


def _is_minute(runs: Sequence[tuple[str, str]], place: int) -> bool:
    """True for an m beside hours or seconds, which is no month."""
    before = [text for kind, text in runs[:place] if kind in ("part", "elapsed")]
    after = [text for kind, text in runs[place + 1 :] if kind in ("part", "elapsed")]
    return bool((before and before[-1][0] == "h") or (after and after[0][0] == "s"))


def _elapsed(duration: timedelta, signs: str) -> str:
    seconds = {"h": 3600, "m": 60, "s": 1}[signs[0]]
    return f"{int(duration.total_seconds() // seconds):0{len(signs)}}"


def _part(moment: datetime, signs: str, language: str, *, is_minute: bool, is_12_hours: bool) -> str:
    sign, width = signs[0], min(len(signs), 2)
    if sign == "y":
        return f"{moment.year:04}" if len(signs) > 2 else f"{moment.year % 100:02}"
    if sign == "h":
        hour = moment.hour % 12 or 12 if is_12_hours else moment.hour
        return f"{hour:0{width}}"
    if sign == "s":
        return f"{moment.second:0{width}}"
    if sign == "m" and is_minute:
        return f"{moment.minute:0{width}}"
    if len(signs) > 2:
        return _name(moment, signs, language)
    return f"{moment.month if sign == 'm' else moment.day:0{width}}"


def _name(moment: datetime, signs: str, language: str) -> str:
    """The name of a month or a weekday: short with three signs, its first sign with five."""
    months, days = _names(language, "abbreviated" if len(signs) == 3 else "wide")
    name = months[moment.month] if signs[0] == "m" else days[moment.weekday()]
    return name[0] if len(signs) == 5 else name


@lru_cache(maxsize=64)
def _names(language: str, width: str) -> tuple[dict[int, str], dict[int, str]]:
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language or "en")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return dict(locale.months["format"][width]), dict(locale.days["format"][width])
