"""Claim, render, send, record: the loop that sends a campaign.

A worker is a thread with a connection of its own.  All of them share the ledger, which alone
decides who may be sent now; a second process is simply more workers.  The order of steps is what
keeps the promises of `docs/states.md`:

    claim      a few deliveries and their quota slots, for a term
    open       the connection, only now that there is something to send
    render     the bytes of one message
    sending    durable; suppression, pause and cancel are looked at once more in that transaction
    send       no transaction is open while the network is used
    record     before anything else is done

The first and the waiting for it are here, the rest is the `Courier`'s.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailrunner.clock import Clock, nap
from mailrunner.courier import Courier, Step
from mailrunner.hold import Hold, Why
from mailrunner.log import EventLog
from mailrunner.schedule import Schedule
from mailrunner.store import Delivery, Ledger, Run, Terms

BATCH = 10  # deliveries claimed at once by one worker
SHORT_WAIT = timedelta(minutes=1)  # what a run sleeps through; longer waits end it unless it is patient
_COLLEAGUE = 0.3  # seconds between looks whether another worker let go of something
_MOMENT = timedelta(milliseconds=50)
_LOOK_AGAIN = timedelta(minutes=5)  # a patient run looks whether a person has changed something


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a person and the campaign's file want of this run.

    `limit` is the most messages to send, `patient` is `--wait`.
    """

    campaign_id: str
    connections: int
    schedule: Schedule
    start: datetime | None
    limit: int | None = None
    patient: bool = False


@dataclass(slots=True)
class Tally:
    """What this run has done so far, for the progress line and the summary."""

    states: Counter[str] = field(default_factory=Counter)
    waiting: Hold | None = None

    @property
    def sent(self) -> int:
        return self.states["sent"]


class Runner:
    """One process's share of one campaign."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        own_run: Run,
        terms: Terms,
        orders: Orders,
        hire: Callable[[], Courier],
        clock: Clock,
        log: EventLog,
        on_step: Step,
    ) -> None:
        """`hire` makes a courier with a connection of its own; it is called once a worker."""
        self._ledger, self._own_run, self._terms, self._orders = ledger, own_run, terms, orders
        self._hire, self._clock, self._log, self._on_step = hire, clock, log, on_step
        self.tally = Tally()
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._held = 0  # deliveries that workers of this run hold
        self._tickets = orders.limit  # messages that may still be sent
        self._holds: list[Hold] = []
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Finish what is on the wire, record it, end.  Safe to call from a signal handler."""
        self._stop.set()

    def run(self, watch: Callable[[Tally], None] = lambda _: None) -> Hold:
        """Send until nothing more can be sent now; say why.

        `watch` is called a few times a second in the calling thread.  Raises what a worker could
        not handle (LedgerError above all) after every worker has ended.
        """
        workers = [
            threading.Thread(target=self._work, name=f"worker-{number}")
            for number in range(1, self._orders.connections + 1)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                nap()
                self._show_life(watch)
        if self._failure is not None:
            raise self._failure
        order = {why: rank for rank, why in enumerate(Why)}
        return min(self._holds, key=lambda hold: order[hold.why], default=Hold(Why.DONE))

    def _show_life(self, watch: Callable[[Tally], None]) -> None:
        if self._failure is not None:
            return  # all that is left to do is to wait for the workers
        try:
            self._ledger.beat(self._own_run)
            with suppress(OSError):  # nobody looks any more (a closed terminal, a pipe's end): send on
                watch(self.tally)
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()

    def _work(self) -> None:
        courier = None
        try:
            courier = self._hire()
            while (batch := self._next(courier)) and self._carry(courier, batch):
                pass
        except BaseException as error:
            self._fail(error)
        finally:
            if courier is not None:
                courier.rest()

    def _next(self, courier: Courier) -> list[Delivery]:
        """Claim the next few, waiting for them where that is short; nothing if this worker is done."""
        alone = False
        while not self._stop.is_set():
            found = self._closed() or self._claim()
            if isinstance(found, list):
                self.tally.waiting = None
                self._on_step("claimed")
                return found
            if found.why is Why.OTHERS and not alone and not self._held:
                alone = True  # whoever held them may be gone
                self._ledger.deliveries.take_over(own_run=self._own_run.no)
            elif not self._await(found, courier):
                self._holds.append(found)
                return []
        self._holds.append(Hold(Why.INTERRUPTED))
        return []

    def _carry(self, courier: Courier, batch: list[Delivery]) -> bool:
        """Send a batch; False if this worker should end."""
        try:
            while batch and not self._stop.is_set() and self._closed() is None:
                hold = courier.reach(self._stop)
                if hold is not None:
                    self._holds.append(hold)
                    return False
                if self._stop.is_set() or not courier.is_ready:
                    return True  # let these go: the next claim meets what is in the way
                sent = courier.deliver(batch[0], self.tally.states)
                self._lose(batch, 1, tickets=int(not sent))
            return True
        finally:
            if batch:
                self._ledger.deliveries.release(batch)
                self._lose(batch, len(batch), tickets=len(batch))

    def _lose(self, batch: list[Delivery], number: int, *, tickets: int) -> None:
        """This worker holds the first `number` of the batch no more; give back unused tickets."""
        del batch[:number]
        with self._guard:
            self._held -= number
            self._spend(-tickets)

    def _spend(self, tickets: int) -> None:
        if self._tickets is not None:
            self._tickets -= tickets

    def _closed(self) -> Hold | None:
        """The campaign's own start and sending window."""
        now, start = self._clock.now(), self._orders.start
        if start is not None and now < start:
            return Hold(Why.START, start)
        opens = self._orders.schedule.opens_at(now)
        return Hold(Why.WINDOW, opens) if opens > now else None

    def _claim(self) -> list[Delivery] | Hold:
        with self._guard:
            most = BATCH if self._tickets is None else min(BATCH, self._tickets)
            if most == 0:
                return Hold(Why.LIMIT)
            self._spend(most)
        claimed = 0
        try:
            found = self._ledger.deliveries.claim(self._terms, token=self._own_run.next_token(), most=most)
            claimed = len(found) if isinstance(found, list) else 0
            return found
        finally:
            with self._guard:  # only what is really held keeps colleagues waiting
                self._held += claimed
                self._spend(claimed - most)

    def _await(self, hold: Hold, courier: Courier) -> bool:
        """Wait for `hold` to pass if that is short, or the run patient; False if the worker should end."""
        if hold.until is None:
            return hold.why in (Why.OTHERS, Why.LIMIT, Why.DONE) and self._await_colleagues()
        now = self._clock.now()
        if hold.until - now > SHORT_WAIT:
            courier.rest()  # no connection stays open while nothing can be sent
            if not self._orders.patient:
                return hold.why is Why.RETRY and self._await_colleagues()
        if self.tally.waiting != hold:
            self.tally.waiting = hold
            self._log.waiting(self._orders.campaign_id, hold.why, hold.until)
        # At least a moment, as the ledger's clock may be another machine's.
        self._clock.wait(self._stop, max(min(hold.until, now + _LOOK_AGAIN), now + _MOMENT))
        return True

    def _await_colleagues(self) -> bool:
        """Wait a moment for another worker to let go of something; False if none holds anything."""
        if self._held == 0:
            return False
        nap(_COLLEAGUE)
        return True
