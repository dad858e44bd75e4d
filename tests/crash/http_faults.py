"""Kills and faults of a run over HTTP: the moments of a request, and what the server does meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.crash.lives import kill
from tests.crash.moments import FIRST_STEPS, STEPS, Moment
from tests.support.http_api_server import (
    Exchange,
    Fault,
    answer,
    chunked,
    cut,
    fault_after,
    slowly,
    take_then_cut,
    yes_then_close,
)

HTTP_FAULTS = ("none", "slow", "cuts", "faults", "429", "idle closes", "all of it")
HTTP_MOMENTS = (
    *(Moment("step", step) for step in (*FIRST_STEPS, *STEPS)),
    *(Moment("wire", at) for at in ("head", "body", "request")),
    Moment("wire", "request", taken=True),
    Moment("time", "any time"),
)


def http_faults(name: str, messages: int, random: Random) -> list[Fault]:
    """The faults of one name, each struck at some of the requests."""

    def some(do: object, share: float = 0.08) -> list[Fault]:
        times = range(1, 3 * messages)
        chosen = random.sample(times, max(1, int(share * len(times))))
        return [Fault(do, nth=number) for number in chosen]  # type: ignore[arg-type]

    known = {
        "none": [],
        "slow": [*some(slowly()), *some(chunked(), 0.2)],
        "cuts": [*some(cut()), *some(take_then_cut()), *some(cut(reset=True))],
        "faults": [*some(fault_after(500, takes=True)), *some(fault_after(502, takes=False))],
        "429": some(answer(429, retry_after="1")),
        "idle closes": some(yes_then_close(), 0.2),
    }
    return known[name] if name in known else [fault for each in known.values() for fault in each]


@dataclass(slots=True)
class HttpSnare:
    """Set in the server as a fault: kills a process at the n-th time from now that a request is so far."""

    moment: Moment
    on_the_wire: Counter[str] = field(default_factory=Counter)
    _seen: int = 0
    _fatal: int = 0
    _pid: int = 0
    _known: threading.Event = field(default_factory=threading.Event)

    def faults(self) -> Sequence[HttpSnare]:
        return [self] if self.moment.kind == "wire" else []

    def set(self, nth: int) -> None:
        """Strike at the n-th time from now the process that `aim` will name."""
        self._known.clear()
        self._fatal = self._seen + nth

    def aim(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def disarm(self) -> None:
        """The process has ended: its number may be another's soon."""
        self._fatal = 0

    def strikes(self, at: str, number: int, recipient: str) -> bool:
        if at != self.moment.name:
            return False
        self._seen += 1
        return self._seen == self._fatal

    def do(self, each: Exchange) -> None:
        self._known.wait()
        kill(self._pid)
        if self.moment.taken:
            each.take()
        each.hang_up()
