"""When a reply asks us to come back: a small grammar of waits and of instants.  Pure.

    wait     = cue … amount {[","] ["and"] amount} | cue … "in" hh:mm:ss | amount "remaining"
    amount   = number [" " | "-"] unit | ("a" | "an" | "one" | "half an") " " unit spelt out
    number   = digits [("." | ",") digits]              "2.5", "1,5"; "3,600" has a thousand
    unit     = "s" … "seconds", "m" … "minutes", "h" … "hours", "d" … "days", "w" … "weeks"

A unit of one letter needs a figure before it, and nothing may be glued to an amount: "wait and try
again" names no day, "as" no second, "am" no minute.  What is a span ("per 24 hours", "24-hour limit",
"in the last hour") is no wait.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil

LONGEST_NAMED = timedelta(days=7)  # what names more is not a wait for a mail

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NUMBER = r"\d{1,6}(?:[.,]\d{1,3})?"
_SPELT = r"(?:sec(?:ond)?|min(?:ute)?|hr|hour|day|week)(?:s|\(s\)|\b)"
_UNIT = rf"(?:{_SPELT}|[smhdw])(?![^\W\d_])"  # not glued to a word; "1h30m" goes on with a figure
_ONE = rf"(?:half an?|an?|one) {_SPELT}(?!\w)"
_PART = rf"{_NUMBER}[ -]?{_UNIT}"
_AMOUNT = rf"(?:{_PART}(?:(?:,? and |, | )?{_PART}){{0,3}}|{_ONE})"
_SPAN_BEFORE = "".join(f"(?<!{word} )" for word in ("per", "last", "every", "each", "past", "within"))
_SPAN_AFTER = r"(?!(?:ly)?[ -](?:\w+ )?(?:limit|quota|period|window|rate|allowance))"
_CUE = (
    r"\b(?:try|retr(?:y|ied)|again|come back|wait|gr[ea]y-?list\w*|deferr?\w*|delay\w*|blocked|suspended|"
    r"locked|paused|resumed?|resets?|lifted|expires?)\b"
)
_AS_CLOCK = re.compile(
    rf"{_CUE}.{{0,20}}?\b(?:in|for|after|wait) (\d\d?):(\d\d):(\d\d)\b(?! ?(?:UTC|GMT|Z\b|[+-]))",
    re.IGNORECASE,
)
_AS_AMOUNT = re.compile(
    rf"{_CUE}.{{0,40}}?{_SPAN_BEFORE}(?<![=/.:\w])(?<!\d,)({_AMOUNT}){_SPAN_AFTER}",
    re.IGNORECASE,
)
_AS_REST = re.compile(
    rf"(?<![=/.:\w])(?<!\d,)({_AMOUNT}) (?:left|remaining|to wait|before (?:re)?try)", re.IGNORECASE
)
_ONE_PART = re.compile(
    rf"(?P<number>{_NUMBER})[ -]?(?P<unit>[smhdw])"
    r"|(?P<half>half )?(?:an?|one) (?P<one>[smhdw])",
    re.IGNORECASE,
)
_AS_INSTANT = re.compile(
    r"\b(?:after|until|again|at|before)\b.{0,20}?"
    r"(?:(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?) ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)"
    r"|(?P<mail>(?:[a-z]{3}, )?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:UTC|GMT|[+-]\d{4})))",
    re.IGNORECASE,
)


def named_wait(text: str) -> timedelta | None:
    """Read the wait that a reply asks for: "come back in 00:05:00", "will reset in 5.08 hours".

    Whole seconds, rounded up; None where it names none, or more than a week.
    """
    seconds = _named_seconds(text)
    return timedelta(seconds=seconds) if 0 < seconds <= LONGEST_NAMED.total_seconds() else None


def named_time(text: str) -> datetime | None:
    """Read the instant that a reply names, in UTC: "try again after 2026-05-01 08:00:00 UTC".

    A time without a zone is not guessed at.
    """
    found = _AS_INSTANT.search(text)
    if not found:
        return None
    try:
        if found["mail"]:
            return parsedate_to_datetime(found["mail"].upper().replace("UTC", "+0000")).astimezone(UTC)
        zone = found["zone"].upper().replace("UTC", "Z").replace("GMT", "Z")
        return datetime.fromisoformat(f"{found['iso']}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _named_seconds(text: str) -> int:
    if clock := _AS_CLOCK.search(text):
        hours, minutes, seconds = map(int, clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    found = _AS_AMOUNT.search(text) or _AS_REST.search(text)
    return ceil(sum(map(_seconds, _ONE_PART.finditer(found[1]))) - 1e-6) if found else 0


def _seconds(part: re.Match[str]) -> float:
    """The seconds of one number and its unit."""
    if part["one"]:
        return _SECONDS[part["one"].lower()] * (0.5 if part["half"] else 1)
    return _number(part["number"]) * _SECONDS[part["unit"].lower()]


def _number(text: str) -> float:
    """A figure as it is written: a comma before exactly three digits groups thousands."""
    if re.fullmatch(r"\d{1,3},\d{3}", text):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))
