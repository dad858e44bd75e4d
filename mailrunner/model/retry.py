"""When to try again: a delivery put off, a connection lost.

A delivery that was refused for now waits 5 minutes, as greylisting expects (RFC 6647 §2), then twice
as long each time up to 4 hours, and is given up at the campaign's `give_up_after`.  RFC 5321 §4.5.4.1
would try for 4 to 5 days; news is stale by then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

_FIRST = timedelta(minutes=5)
_LONGEST = timedelta(hours=4)
_AT_LEAST = 3  # tries before a delivery is given up, however long it waited
_LONGEST_RECONNECT = 300.0  # seconds
_MANY = 16  # doublings beyond any cap; keeps the powers small


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
