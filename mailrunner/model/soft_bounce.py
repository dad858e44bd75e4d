"""Soft bounces: when a mailbox that refuses "this time" is taken for dead.  Pure.

A full mailbox or an absent host is no reason to give an address up: many work again the next day, and two
newsletters within an hour prove no more than one.  A mailbox that has refused on several days, over
more than a week, and showed no life in between, is abandoned.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

# Mailing services give up after 3 to 7 soft bounces.  It is the small number here, with the time spelt
# out that the larger ones stand for: a holiday with a full mailbox is shorter than the last two together.
ENOUGH = 3
WINDOW = timedelta(days=30)
SPREAD = timedelta(days=7)


def is_dead(refusals: Iterable[datetime], signs_of_life: Iterable[datetime], *, now: datetime) -> bool:
    """Tell whether an address is given up.

    That is: since the last sign of life and in the last 30 days it refused on at least 3 different days
    (UTC), the first and the last at least 7 days apart.
    """
    since = max(signs_of_life, default=now - WINDOW)
    counted = [moment for moment in refusals if moment > since and now - WINDOW <= moment <= now]
    days = {moment.date() for moment in counted}
    return len(days) >= ENOUGH and max(counted) - min(counted) >= SPREAD
