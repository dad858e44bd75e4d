"""When the slots of a window come back: the future of a limit, in steps of equal length.

Pure: the ledger is asked for the total at each of `bounds`, and `returning` makes differences of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from mailrunner.model.quota import Limit

_LATEST = datetime.max.replace(tzinfo=UTC)  # slots with a later stamp than now count as used now


def bounds(limit: Limit, zone: tzinfo, now: datetime, *, step: timedelta, steps: int) -> list[datetime]:
    """The stamps up to which slots have left the window at now, one step later, and so on: steps + 1."""
    horizons = [limit.horizon(now + step * place, zone) for place in range(steps + 1)]
    return [_LATEST if horizon >= now else horizon for horizon in horizons]


def returning(totals: Sequence[int]) -> list[int]:
    """The slots that come back in each step, from the totals at `bounds`."""
    return [after - before for before, after in pairwise(totals)]
