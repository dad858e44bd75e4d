"""When to try again: a delivery put off, a connection lost, and the wait a server asks for by name.

A delivery that was refused for now waits 5 minutes, as greylisting expects (RFC 6647 §2), then twice
as long each time up to 4 hours, and is given up at the campaign's `give_up_after`.  RFC 5321 §4.5.4.1
would try for 4 to 5 days; news is stale by then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

_FIRST = timedelta(minutes=5)
_LONGEST = timedelta(hours=4)
_AT_LEAST = 3  # tries before a delivery is given up, however long it waited
_LONGEST_RECONNECT = 300.0  # seconds
LONGEST_NAMED = timedelta(days=7)  # what names more is not a wait for a mail
_MANY = 16  # doublings beyond any cap; keeps the powers small

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CUE = (
    r"(?:try|retr(?:y|ied)|again|come back|wait|gr[ea]y-?list\w*|deferr?\w*|delay\w*|blocked|suspended|"
    r"locked|paused|resumed?)"
)
_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\b"
_AS_CLOCK = re.compile(
    rf"\b{_CUE}\b.{{0,20}}?\b(?:in|for|after|wait) (\d\d?):(\d\d):(\d\d)\b(?! ?(?:UTC|GMT|Z\b|[+-]))",
    re.IGNORECASE,
)
_AS_AMOUNT = re.compile(
    rf"\b{_CUE}\b.{{0,40}}?(?<!per )(?<!last )(?<![=/.:\w])"
    rf"(?:\d{{1,4}} ?(?:-|to) ?)?(\d{{1,6}}|an?|one)[ -]?{_UNIT}",
    re.IGNORECASE,
)
_AS_REST = re.compile(rf"\b(\d{{1,6}}) ?{_UNIT} (?:left|remaining|to wait|before (?:re)?try)", re.IGNORECASE)
_AS_INSTANT = re.compile(
    r"\b(?:after|until|again|at|before)\b.{0,20}?"
    r"(?:(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?) ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)"
    r"|(?P<mail>(?:[a-z]{3}, )?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:UTC|GMT|[+-]\d{4})))",
    re.IGNORECASE,
)


def next_try(
    *,
    attempts: int,
    waited: timedelta,
    give_up_after: timedelta,
    retry_after: timedelta | None,
    now: datetime,
    random: Random,
) -> datetime | None:
    """Tell when to try a delivery again that was refused for now; None: give it up.

    `attempts` were made so far (at least 1).  `waited` is the sum of the waits it was given, counting
    only time in which it could have gone.  The server's own `retry_after` is never undercut, and
    neither are the 5 minutes: the jitter of up to 10 % only ever adds.
    """
    if waited >= give_up_after and attempts >= _AT_LEAST:
        return None
    backoff = min(_LONGEST, _FIRST * (1 << min(attempts - 1, _MANY)))
    return now + max(backoff, retry_after or _FIRST) * random.uniform(1.0, 1.1)


def reconnect_delay(failures_in_a_row: int, random: Random) -> timedelta:
    """How long to wait before connecting again: 1 s, 2 s, 4 s … 5 min, less up to a quarter.

    The jitter keeps several connections that were cut together from coming back together.
    """
    doubled = 2.0 ** min(max(failures_in_a_row - 1, 0), _MANY)
    return timedelta(seconds=min(_LONGEST_RECONNECT, doubled) * random.uniform(0.75, 1.0))


def named_wait(text: str) -> timedelta | None:
    """Read the wait that a reply asks for: "come back in 00:05:00", "try again in 5 minutes".

    None where it names none, or more than a week.
    """
    seconds = _named_seconds(text)
    return timedelta(seconds=seconds) if 0 < seconds <= LONGEST_NAMED.total_seconds() else None


def _named_seconds(text: str) -> int:
    if clock := _AS_CLOCK.search(text):
        hours, minutes, seconds = map(int, clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    if amount := _AS_AMOUNT.search(text) or _AS_REST.search(text):
        number = int(amount[1]) if amount[1].isdigit() else 1
        return number * _UNITS[amount[2][0].lower()]
    return 0


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
