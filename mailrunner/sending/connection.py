"""One connection of a run: its in-flight messages, its state, its reconnect backoff.

It never waits: opening goes to a pool of threads, messages are submitted to the transport, and their
results are taken as they are answered.  It is used by the send loop's thread alone.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.retry import reconnect_delay
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import Delivery
from mailrunner.transports import Envelope, Stream, Transport

_FAILURES_IN_A_ROW = 5
_SERVER_RETRY = timedelta(minutes=15)
# Who is suppressed, and what is paused, is obeyed within a second: so long the ledger's word holds.
_PERMIT_SECONDS = 0.5


class Result(NamedTuple):
    """The outcome of a delivery's message."""

    delivery: Delivery
    outcome: Outcome


class Connection:
    """One connection to the account's server.

    `in_flight` are the deliveries whose messages were submitted and not answered, `opening` is pending
    while another thread opens the connection.  It may not be opened before `backoff_until`; `wait`
    is why it was given up for the rest of the run.
    """

    def __init__(self, transport: Transport, *, random: Random, patient: bool) -> None:
        """`patient` is `--wait`: an unreachable server is tried again for as long as it takes."""
        self.transport = transport
        self._random, self._patient = random, patient
        self.in_flight: deque[Delivery] = deque()
        self.opening: Future[Outcome | None] | None = None
        self._failures = 0  # connections that failed in a row
        self.backoff_until: datetime | None = None
        self.wait: Wait | None = None

    @property
    def stream(self) -> Stream | None:
        """What the poller waits for; None without a connection, and while another thread opens it."""
        return None if self.opening else self.transport.stream

    @property
    def room(self) -> int:
        """The number of messages that may be submitted now."""
        return 0 if self.opening or self.wait else self.transport.room

    @property
    def is_in_use(self) -> bool:
        """True if it is open, is being opened, or has messages in flight."""
        return bool(self.opening or self.in_flight or self.transport.is_open)

    def may_open(self, now: datetime) -> bool:
        """True if it is closed, idle and not held back by a failure."""
        if self.wait or self.is_in_use:
            return False
        return self.backoff_until is None or self.backoff_until <= now

    def open(self, pool: Executor) -> None:
        """Begin to open the connection in a thread of `pool`."""
        self.opening = pool.submit(self.transport.open)

    def opened(self, now: datetime) -> Outcome | None:
        """Return what stood in the way, once that is known; a backoff begins then."""
        if self.opening is None or not self.opening.done():
            return None
        problem, self.opening = self.opening.result(), None
        if problem is not None:
            self._lost(problem, now)
        return problem

    def submit(self, delivery: Delivery, message: Envelope) -> None:
        """Take a message whose `sending` is durable."""
        self.in_flight.append(delivery)
        self.transport.offer(message, within=_PERMIT_SECONDS)

    @property
    def held(self) -> Delivery | None:
        """The delivery whose content may begin only if the ledger permits it once more; None without one."""
        place = self.transport.held
        return None if place is None else self.in_flight[place]

    def permit(self) -> None:
        """Let the message of the `held` delivery go on."""
        self.transport.permit(within=_PERMIT_SECONDS)

    def withdraw(self) -> None:
        """Take the message of the `held` delivery back; it has no result."""
        place = self.transport.held
        if place is not None:
            del self.in_flight[place]
            self.transport.withdraw()

    def results(self, now: datetime) -> list[Result]:
        """Write and read what is possible now; return the results that are known by it."""
        results: list[Result] = []
        broken = None
        for outcome in self.transport.pump():
            results.append(Result(self.in_flight.popleft(), outcome))
            if outcome.scope is Scope.CONNECTION:
                broken = broken or outcome
        if broken:
            self._lost(broken, now)
        elif results:
            self._failures, self.backoff_until = 0, None
        return results

    def close(self) -> None:
        """Close the connection, if nothing is in flight; it can be opened again."""
        if not self.opening and not self.in_flight:
            self.transport.close()

    def _lost(self, problem: Outcome, now: datetime) -> None:
        """Back off before the next connection, longer each time; give up where that was tried enough."""
        if problem.scope is not Scope.CONNECTION:
            return
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW and not self._patient:
            self.wait = Wait(WaitReason.SERVER, now + _SERVER_RETRY, problem.reason)
        else:
            self.backoff_until = now + reconnect_delay(self._failures, self._random)
