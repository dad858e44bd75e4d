"""Waiting for several connections at once."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Protocol


class Waiting(Protocol):
    """What is asked of a connection that is waited for."""

    def fileno(self) -> int: ...

    @property
    def wants_write(self) -> bool: ...

    @property
    def deadline(self) -> float | None: ...


def ready(waiting: Sequence[Waiting], seconds: float) -> None:
    """Return when one of `waiting` may go on, its deadline has come, or `seconds` have passed."""
    waiting = [one for one in waiting if one.fileno() >= 0]
    deadlines = [one.deadline for one in waiting if one.deadline is not None]
    left = min([seconds, *(deadline - time.monotonic() for deadline in deadlines)])
    if not waiting:
        time.sleep(max(0.0, left))
    elif hasattr(select, "poll"):
        poll = select.poll()
        for one in waiting:
            poll.register(one.fileno(), select.POLLIN | (select.POLLOUT if one.wants_write else 0))
        poll.poll(max(0.0, left) * 1000)
    else:  # Windows
        writing = [one.fileno() for one in waiting if one.wants_write]
        select.select([one.fileno() for one in waiting], writing, [], max(0.0, left))
