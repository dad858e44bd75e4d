"""Claim, render, send, record: the loop that sends a campaign.

One thread drives all connections, so nothing is shared and nothing needs a lock.  Each round brings
to the ledger, in one transaction, what came up since the last one (see `store.batch`).  The ledger
alone decides who may be sent now; a second process is simply more of the same.  The order of steps is
what keeps the promises of `docs/states.md`:

    collect    answers that have come in
    render     the bytes of the next messages, as many as the connections have room for
    visit      the ledger: answers recorded, `sending` durable for the next messages, more claimed
    carry      those messages to their connections; no transaction is open while the network is used
    wait       for the wire, or for a time, or end
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mailrunner.clock import SLICE, Clock, nap
from mailrunner.errors import RowError
from mailrunner.model.schedule import Schedule
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.connection import Connection
from mailrunner.sending.recorder import Recorder, RunTally, Settled, Unrenderable, has_gone
from mailrunner.store import Delivery, Ledger, Run, SendPermit
from mailrunner.transports import Envelope
from mailrunner.transports.smtp.poller import Poller

BATCH = 10  # deliveries claimed at once for one connection
SHORT_WAIT = timedelta(minutes=1)  # what a run sleeps through; longer waits end it unless it is patient
_MOMENT = timedelta(milliseconds=50)
_LOOK_AGAIN = timedelta(minutes=5)  # a patient run looks whether a person has changed something
_MOST_OPENING = 32
_ENOUGH = 16  # answers that are worth a visit; with so many its own cost is little
_LONGEST_GATHERING = 0.005  # seconds

Step = Callable[[str], None]


class MessageWriter(Protocol):
    """Makes the message of a delivery; raises RowError for a row that cannot become one."""

    def message(self, delivery: Delivery, now: datetime) -> Envelope: ...

    def message_id(self, delivery: Delivery) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOptions:
    """What a person and the campaign's file want of this run.

    `limit` is the most messages to send, `patient` is `--wait`.
    """

    schedule: Schedule
    start: datetime | None
    limit: int | None = None
    patient: bool = False


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A rendered message on its way to a connection."""

    courier: Connection
    delivery: Delivery
    message: Envelope


class SendLoop:
    """One process's share of one campaign."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        own_run: Run,
        orders: LoopOptions,
        couriers: Sequence[Connection],
        clerk: Recorder,
        writer: MessageWriter,
        clock: Clock,
        on_step: Step,
    ) -> None:
        self._ledger, self._own_run, self._orders = ledger, own_run, orders
        self._couriers, self._clerk, self._writer = couriers, clerk, writer
        self._clock, self._on_step = clock, on_step
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(min(_MOST_OPENING, len(couriers)), thread_name_prefix="opening")
        self._stock: deque[Delivery] = deque()  # claimed and not begun
        self._watch: Poller[Connection] = Poller(every=SLICE)
        self._given: dict[Connection, None] = {}  # who was given messages that are not written yet
        self._visit_takes = 0.0  # seconds
        self._tickets = orders.limit  # messages that may still be sent
        self._hold: Wait | None = None  # what the last claim met
        self._alone = False  # nobody else was found who could let go of something
        self._result = Wait(WaitReason.DONE)
        self._failure: BaseException | None = None

    @property
    def tally(self) -> RunTally:
        return self._clerk.tally

    def stop(self) -> None:
        """Finish what is on the wire, record it, end.  Safe to call from a signal handler."""
        self._stop.set()

    def run(self, watch: Callable[[RunTally], None] = lambda _: None) -> Wait:
        """Send until nothing more can be sent now; say why.

        `watch` is called a few times a second in the calling thread.  Raises what could not be
        handled (LedgerError above all).
        """
        worker = threading.Thread(target=self._work, name="sending")
        worker.start()
        while worker.is_alive():
            nap()
            self._show_life(watch)
        if self._failure is not None:
            raise self._failure
        return self._result

    def _show_life(self, watch: Callable[[RunTally], None]) -> None:
        if self._failure is not None:
            return  # all that is left to do is to wait for the end
        try:
            self._ledger.heartbeat(self._own_run)
            with suppress(OSError):  # nobody looks any more (a closed terminal, a pipe's end): send on
                watch(self.tally)
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()

    def _work(self) -> None:
        try:
            while self._round():
                pass
        except BaseException as error:
            self._fail(error)
        finally:
            self._pool.shutdown()
            for courier in self._couriers:
                courier.transport.close()

    # -- One round

    def _round(self) -> bool:
        """Do what can be done now, then wait for more; False at the end."""
        now = self._clock.now()
        settled = self._collect(now)
        self._open(now)
        closed = self._closed(now)
        letters, unrenderable = self._write(now) if closed is None else ([], [])
        found = self._visit(settled, unrenderable, letters, self._wish(closed))
        if closed is not None:
            self._let_go()
            self._hold = closed
        return bool(settled or letters or unrenderable or found) or self._wait()

    def _collect(self, now: datetime) -> list[Settled]:
        """The answers there are; where they are few, those as well that come while a visit would last.

        A visit costs the same for one as for many, so to wait for others no longer than it takes can
        only double what it costs, and mostly halves it.  Where answers are long in coming it is nothing.
        """
        enough = min(_ENOUGH, sum(courier.is_busy for courier in self._couriers))
        settled = self._hear(now)
        until = time.monotonic() + self._visit_takes
        while 0 < len(settled) < enough and (left := until - time.monotonic()) > 0:
            self._watch.wait(left)
            settled += self._hear(now)
        for _ in settled:
            self._on_step("answered")
        return settled

    def _hear(self, now: datetime) -> list[Settled]:
        """Write and read where that is possible: on lines that were given something or may go on."""
        due, self._given = {**self._given, **dict.fromkeys(self._watch.ready())}, {}
        settled = []
        for courier in due:
            settled += courier.collect(now)
            self._watch.note(courier)
        return settled

    def _closed(self, now: datetime) -> Wait | None:
        """Why nothing more is begun: a signal, the campaign's own start and sending window."""
        if self._stop.is_set():
            return Wait(WaitReason.INTERRUPTED)
        start = self._orders.start
        if start is not None and now < start:
            return Wait(WaitReason.START, start)
        opens = self._orders.schedule.opens_at(now)
        return Wait(WaitReason.WINDOW, opens) if opens > now else None

    def _open(self, now: datetime) -> None:
        """Open as many connections as there is work for; hear of those that were being opened."""
        for courier in self._couriers:
            if not courier.is_opening:
                continue
            problem = courier.opened(now)
            self._watch.note(courier)
            if problem is not None:
                self._let_go()  # the next claim meets what is in the way
                if hold := self._clerk.obstructed(problem):
                    courier.give_up(hold)
        idle = [courier for courier in self._couriers if courier.may_open(now)] if self._stock else []
        if not idle:
            return
        work = len(self._stock) - sum(courier.room + courier.is_opening for courier in self._couriers)
        for courier in idle[: max(0, work)]:
            courier.open(self._pool)

    def _write(self, now: datetime) -> tuple[list[RenderedMessage], list[Unrenderable]]:
        """Render the next messages, one for each connection that has room before another gets two."""
        letters: list[RenderedMessage] = []
        unrenderable: list[Unrenderable] = []
        rooms = [(courier, courier.room) for courier in self._couriers]
        places = (
            courier
            for turn in range(max((room for _, room in rooms), default=0))
            for courier, room in rooms
            if room > turn
        )
        for courier in places:
            while self._stock:
                delivery = self._stock.popleft()
                try:
                    letters.append(RenderedMessage(courier, delivery, self._writer.message(delivery, now)))
                except RowError as error:
                    unrenderable.append((delivery, str(error)))
                else:
                    self._on_step("rendered")
                    break
        return letters, unrenderable

    def _wish(self, closed: Wait | None) -> int:
        """How many deliveries to claim."""
        working = sum(courier.hold is None for courier in self._couriers)
        if closed is not None or self._hold is not None or len(self._stock) > working:
            return 0
        most = BATCH * working
        return most if self._tickets is None else min(most, self._tickets)

    def _visit(
        self,
        settled: Sequence[Settled],
        unrenderable: Sequence[Unrenderable],
        letters: Sequence[RenderedMessage],
        wanted: int,
    ) -> bool:
        """Bring all of it to the ledger and act on its word; True if something was claimed."""
        if self._tickets == 0 and not wanted and self._hold is None:
            self._hold = Wait(WaitReason.LIMIT)
        if not (settled or unrenderable or letters or wanted):
            return False
        begun = time.monotonic()
        done = self._clerk.visit(
            settled=settled,
            unrenderable=unrenderable,
            starting=[letter.delivery for letter in letters],
            wanted=wanted,
            token=self._own_run.next_token() if wanted else 0,
        )
        self._visit_takes = min(time.monotonic() - begun, _LONGEST_GATHERING)
        for letter, go in zip(letters, done.permits, strict=True):
            self._on_step("sending")
            if go is SendPermit.GO:
                letter.courier.carry(letter.delivery, letter.message)
                self._given[letter.courier] = None
        for _ in settled:
            self._on_step("recorded")
        back = [outcome for _, outcome in settled if not has_gone(outcome)]
        self._spend(-len(back) - len(unrenderable) - sum(go is not SendPermit.GO for go in done.permits))
        if settled:
            self._hold = None  # it may have queued somebody again, or freed what was waited for
        return self._stocked(done.claimed)

    def _stocked(self, found: list[Delivery] | Wait | None) -> bool:
        if isinstance(found, Wait):
            self._hold = found
            return False
        if found:
            self._on_step("claimed")
            self._spend(len(found))
            self._stock.extend(found)
            self._alone = False
            self._clerk.wait_for(None)
        return found is not None

    def _spend(self, tickets: int) -> None:
        if self._tickets is not None:
            self._tickets -= tickets

    def _let_go(self) -> None:
        """Put back what was claimed and not begun."""
        held, self._stock = list(self._stock), deque()
        self._spend(-len(held))
        self._clerk.release(held)

    # -- Waiting

    def _wait(self) -> bool:
        """Wait until there may be something to do; False if there will be nothing."""
        if self._given:
            return True
        if any(courier.is_busy for courier in self._couriers):
            self._watch.wait(self._patience())
            self._forget_hold()
            return True
        if self._stop.is_set():
            return self._end(Wait(WaitReason.INTERRUPTED))
        working = [courier for courier in self._couriers if courier.hold is None]
        if not working:
            self._let_go()
            return self._end(*(courier.hold for courier in self._couriers if courier.hold))
        if self._stock:  # all that could carry it rest after a failure
            self._let_go()
            self._pass(min(courier.rests_until or self._clock.now() for courier in working))
            return True
        return self._hold is None or self._await(self._hold)

    def _patience(self) -> float:
        """Seconds to wait for the wire: a slice, so that a signal and a slot that comes free are noticed."""
        if any(courier.is_opening for courier in self._couriers):
            return SLICE / 10
        if self._hold is None or self._hold.until is None:
            return SLICE
        return min(SLICE, max(0.0, (self._hold.until - self._clock.now()).total_seconds()))

    def _forget_hold(self) -> None:
        """Claim again once what the last claim met may have passed."""
        if self._hold is not None and self._hold.until is not None and self._hold.until <= self._clock.now():
            self._hold = None

    def _await(self, hold: Wait) -> bool:
        """Wait for `hold` to pass if that is short, or the run patient; False if the run should end."""
        self._hold = None
        if hold.until is None:
            if hold.why is not WaitReason.OTHERS or self._alone:
                return self._end(hold)
            self._alone = True  # whoever held them may be gone
            self._clerk.take_over(self._own_run.no)
            return True
        if hold.until - self._clock.now() > SHORT_WAIT:
            for courier in self._couriers:
                courier.close()  # no connection stays open while nothing can be sent
            if not self._orders.patient:
                return self._end(hold)
        self._clerk.wait_for(hold)
        self._pass(hold.until)
        return True

    def _pass(self, until: datetime) -> None:
        """Let time pass; at least a moment, as the ledger's clock may be another machine's."""
        now = self._clock.now()
        self._clock.wait(self._stop, max(min(until, now + _LOOK_AGAIN), now + _MOMENT))

    def _end(self, *holds: Wait) -> bool:
        order = {why: rank for rank, why in enumerate(WaitReason)}
        self._result = min(holds, key=lambda hold: order[hold.why])
        return False
