"""One connection of a run: what is aboard, whether it is open, when to try again.

A courier never waits: opening goes to a pool of threads, messages are offered to the transport and
collected as they are answered.  It is used by the runner's thread alone.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from random import Random

from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.retry import reconnect_delay
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import Delivery
from mailrunner.transports import Envelope, Transport

_FAILURES_IN_A_ROW = 5
_SERVER_REST = timedelta(minutes=15)


class Connection:
    """One line to the account's server."""

    def __init__(self, transport: Transport, *, random: Random, patient: bool) -> None:
        """`patient` is `--wait`: a server that is away is waited for."""
        self.transport = transport
        self._random, self._patient = random, patient
        self._aboard: deque[Delivery] = deque()
        self._opening: Future[Outcome | None] | None = None
        self._failures = 0  # connections that failed in a row
        self.rests_until: datetime | None = None
        self.hold: Wait | None = None  # why it has given up

    @property
    def room(self) -> int:
        """How many messages it can take now."""
        return 0 if self._opening or self.hold else self.transport.room

    @property
    def is_opening(self) -> bool:
        return self._opening is not None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._opening is not None or bool(self._aboard)

    def fileno(self) -> int:
        """The socket to wait for; -1 while it is opened by another thread, or without one."""
        return -1 if self._opening else self.transport.fileno()

    @property
    def wants_write(self) -> bool:
        return self.transport.wants_write

    @property
    def deadline(self) -> float | None:
        return self.transport.deadline

    def may_open(self, now: datetime) -> bool:
        if self.hold or self.is_busy or self.transport.is_open:
            return False
        return self.rests_until is None or self.rests_until <= now

    def open(self, pool: Executor) -> None:
        """Begin to open the connection."""
        self._opening = pool.submit(self.transport.open)

    def opened(self, now: datetime) -> Outcome | None:
        """What stood in the way, once that is known; the courier rests a little then."""
        if self._opening is None or not self._opening.done():
            return None
        problem, self._opening = self._opening.result(), None
        if problem is not None:
            self._lost(problem, now)
        return problem

    def carry(self, delivery: Delivery, message: Envelope) -> None:
        """Take a message whose `sending` is durable."""
        self._aboard.append(delivery)
        self.transport.offer(message)

    def collect(self, now: datetime) -> list[tuple[Delivery, Outcome]]:
        """Write and read what is possible now; the messages that are settled by it."""
        settled = [(self._aboard.popleft(), outcome) for outcome in self.transport.pump()]
        broken = [outcome for _, outcome in settled if outcome.scope is Scope.CONNECTION]
        if broken:
            self._lost(broken[0], now)
        elif settled:
            self._failures, self.rests_until = 0, None
        return settled

    def give_up(self, hold: Wait) -> None:
        """Carry nothing more in this run."""
        self.hold = hold

    def close(self) -> None:
        """Close the connection, if nothing is aboard; it can be opened again."""
        if not self.is_busy:
            self.transport.close()

    def _lost(self, problem: Outcome, now: datetime) -> None:
        """Rest before the next connection, longer each time; give up where that was tried enough."""
        if problem.scope is not Scope.CONNECTION:
            return
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW and not self._patient:
            self.give_up(Wait(WaitReason.SERVER, now + _SERVER_REST, problem.reason))
        else:
            self.rests_until = now + reconnect_delay(self._failures, self._random)
