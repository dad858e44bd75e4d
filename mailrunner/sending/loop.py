"""Claim, render, send, record: the loop that sends a campaign.

One thread drives all connections, so nothing is shared and nothing needs a lock.  Each round commits,
in one transaction of the ledger, what has come up since the last one (see `store.batch`).  The ledger
alone decides which messages may be sent now; a second process is simply more of the same.  The order
of steps is what keeps the promises of `docs/states.md`:

    collect    results of messages that the server has answered
    render     the bytes of the next messages, as many as the connections have room for
    commit     results recorded, `sending` durable for the next messages, more deliveries claimed
    submit     those messages to their connections; no transaction is open while the network is used
    wait       for the network, or for a time, or end
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailrunner.clock import SLICE, Clock, nap
from mailrunner.errors import LedgerError, RowError
from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.outcome_policy import SendLimit
from mailrunner.model.schedule import Schedule
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.connection import Connection, Result
from mailrunner.sending.connection_opener import ConnectionOpener
from mailrunner.sending.early_end import rest_of
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.recorder import LedgerVisits, Recorder, RunTally, Unrenderable
from mailrunner.store import Delivery, Ledger, Run, SendPermit
from mailrunner.transports import Envelope
from mailrunner.transports.smtp.poller import Poller

BATCH = 10  # deliveries claimed at once for one connection
SHORT_WAIT = timedelta(minutes=1)  # waited for within the run; longer waits end it unless it is patient
OTHERS_AGAIN = timedelta(seconds=2)  # how often a run looks at what other processes hold or do
_MOMENT = timedelta(milliseconds=50)
_LOOK_AGAIN = timedelta(minutes=5)  # a patient run looks whether a user has changed something
_CLOSING_SECONDS = {False: 3.0, True: 0.5}  # for QUIT and its reply; by whether a user waits for the end
_ENOUGH = 16  # results that are worth a commit; with so many its own cost is little
_LONGEST_GATHERING = 0.005  # seconds

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOptions:
    """The options of this run, from the user and the campaign's file.

    `limit` is that of `SendLimit` (None: no limit), `patient` is `--wait`.
    """

    schedule: Schedule
    start: datetime | None
    limit: int | None = None
    patient: bool = False


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message that is ready for a connection, once its `sending` is durable."""

    connection: Connection
    delivery: Delivery
    message: Envelope


class SendLoop:
    """One process's share of one campaign.

    `on_step` is called with "claimed", "rendered", "sending", "answered" or "recorded" as often as
    that happens; it is for tests.  `on_heartbeat` is called once a minute.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        visits: LedgerVisits,
        own_run: Run,
        options: LoopOptions,
        connections: Sequence[Connection],
        recorder: Recorder,
        factory: MessageFactory,
        clock: Clock,
        on_heartbeat: Callable[[], None] = lambda: None,
        on_step: Step | None = None,
    ) -> None:
        self._ledger, self._visits, self._own_run, self._options = ledger, visits, own_run, options
        self._connections, self._recorder, self._factory = connections, recorder, factory
        self._clock, self._on_heartbeat, self._on_step = clock, on_heartbeat, on_step
        self._stop = visits.stop
        self._opener = ConnectionOpener(connections)
        self._poller: Poller[Connection] = Poller(every=SLICE)
        self._opening_hours: tuple[datetime, datetime] | None = None  # of the schedule, the present or next
        self._claimed: deque[Delivery] = deque()  # and not begun
        self._unrecorded: list[Result] = []
        self._submitted: dict[Connection, None] = {}  # those with messages that are not written yet
        self._commit_takes = 0.0  # seconds
        self._limit = SendLimit(options.limit)
        self._wait: Wait | None = None  # what the last claim met; whatever changes the ledger forgets it
        self._alone = False  # no other run was found that held something
        self._result = Wait(WaitReason.DONE)
        self._failure: BaseException | None = None

    @property
    def tally(self) -> RunTally:
        """The run's counts so far."""
        return self._recorder.tally

    def stop(self) -> None:
        """Wait for the messages in flight, record them, end.  Safe to call from a signal handler."""
        self._stop.set()

    def run(self, watch: Callable[[RunTally], None]) -> Wait:
        """Send until nothing more can be sent now; return why.

        `watch` is called a few times a second in the calling thread.  Raises what could not be
        handled (LedgerError above all).
        """
        worker = threading.Thread(target=self._work, name="sending")
        worker.start()
        while worker.is_alive():
            nap()
            if self._stop.is_set():
                self._visits.end_waiting()
            self._show_life(watch)
        if self._failure is not None:
            raise self._failure
        return self._result

    def _show_life(self, watch: Callable[[RunTally], None]) -> None:
        if self._failure is not None:
            return  # all that is left to do is to wait for the end
        try:
            if self._ledger.heartbeat(self._own_run):
                self._on_heartbeat()
            with suppress(OSError):  # the terminal is closed, the pipe has ended: send on
                watch(self.tally)
        except LedgerError as error:
            if not error.passing:  # else what has to be recorded meets it, and waits
                self._fail(error)
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
            self._end_early(error)
        finally:
            self._opener.close_all(_CLOSING_SECONDS[self._stop.is_set()])

    def _end_early(self, error: BaseException) -> None:
        """Record all that is known, though the loop ended before its time."""
        asked, passing = self._stop.is_set(), isinstance(error, LedgerError) and error.passing
        if asked and passing:
            self._result = Wait(WaitReason.INTERRUPTED)
        else:
            self._fail(error)
        if passing or not isinstance(error, LedgerError):
            hear = self._hear_rest if asked else None
            try:
                rest = rest_of(self._connections, hear, self._clock.now())
                self._recorder.commit(results=[*self._unrecorded, *rest])
                self._release()
            except BaseException as another:
                self._fail(another)

    def _hear_rest(self) -> list[Result]:
        self._poller.wait(SLICE)
        return self._hear(self._clock.now())

    # -- One round

    def _round(self) -> bool:
        """Do what can be done now, then wait for more; False at the end."""
        now = self._clock.now()
        self._open(now)  # it may visit the ledger, so it comes before there are results
        results = self._unrecorded = self._collect(now)
        closed = self._closed(now)
        rendered, unrenderable = self._render(now) if closed is None else ([], [])
        claimed = self._commit(results, unrenderable, rendered, self._wanted(closed))
        if closed is not None:
            self._release()
            self._wait = closed
        return bool(results or rendered or unrenderable or claimed) or self._idle()

    def _collect(self, now: datetime) -> list[Result]:
        """The results there are; where they are few, those as well that come while a commit would last.

        A commit costs the same for one as for many, so to wait for others no longer than it takes can
        only double what it costs, and mostly halves it.  Where answers are long in coming it is nothing.
        """
        enough = min(_ENOUGH, len(self._in_flight()) + len(self._opener.opening))
        results = self._hear(now)
        until = time.monotonic() + self._commit_takes
        while 0 < len(results) < enough and (left := until - time.monotonic()) > 0:
            self._poller.wait(left)
            results += self._hear(now)
        if self._on_step:
            for _ in results:
                self._on_step("answered")
        return results

    def _hear(self, now: datetime) -> list[Result]:
        """Write and read on the connections that were given something or may go on."""
        due, self._submitted = {**self._submitted, **dict.fromkeys(self._poller.ready())}, {}
        results = []
        for connection in due:
            results += connection.results(now)
            self._poller.note(connection)
        if any(outcome.scope is Scope.CONNECTION for _, outcome in results):
            self._opener.note_loss()
        return results

    def _in_flight(self) -> list[Connection]:
        """The connections from which results are still to come."""
        return [connection for connection in self._connections if connection.in_flight]

    def _closed(self, now: datetime) -> Wait | None:
        """Why no further message is begun: a signal, the campaign's own start and sending window."""
        if self._stop.is_set():
            return Wait(WaitReason.INTERRUPTED)
        start = self._options.start
        if start is not None and now < start:
            return Wait(WaitReason.START, start)
        if self._opening_hours is None or not self._opening_hours[0] <= now < self._opening_hours[1]:
            self._opening_hours = self._options.schedule.opening(now)
        opens = self._opening_hours[0]
        return Wait(WaitReason.WINDOW, opens) if opens > now else None

    def _open(self, now: datetime) -> None:
        """Open as many connections as there is work for; take note of those that were being opened."""
        for connection, problem in self._opener.finished(now) if self._opener.opening else ():
            self._poller.note(connection)
            if problem is not None:
                self._release()  # the next claim meets what is in the way
                self._note_obstacle(problem)
        work = len(self._claimed) - len(self._opener.opening) - sum(each.room for each in self._connections)
        idle = [each for each in self._connections if not each.in_flight and each.may_open(now)]
        for connection in self._opener.open(idle, work, now) if idle and self._claimed else ():
            self._poller.note(connection)  # its old socket, if there is one, is the other thread's now

    def _note_obstacle(self, problem: Outcome) -> None:
        """Record why no connection can be had."""
        if wait := self._recorder.record_obstacle(problem):
            self._opener.give_up(wait)
        self._wait = None

    def _render(self, now: datetime) -> tuple[list[RenderedMessage], list[Unrenderable]]:
        """Render the next messages, one for each connection that has room before another gets two."""
        rendered: list[RenderedMessage] = []
        unrenderable: list[Unrenderable] = []
        if not self._claimed:
            return rendered, unrenderable
        places = deque([(each, room) for each in self._connections if (room := each.room)])
        while places and self._claimed:
            connection, room = places.popleft()
            delivery = self._claimed.popleft()
            try:
                message = self._factory.message(delivery, now)
            except RowError as error:
                unrenderable.append((delivery, str(error)))
                places.appendleft((connection, room))
                continue
            rendered.append(RenderedMessage(connection, delivery, message))
            if room > 1:
                places.append((connection, room - 1))
            if self._on_step:
                self._on_step("rendered")
        return rendered, unrenderable

    def _wanted(self, closed: Wait | None) -> int:
        """The number of deliveries to claim."""
        if closed is not None or self._wait is not None or len(self._claimed) > len(self._connections):
            return 0
        most = BATCH * len([each for each in self._connections if each.wait is None])
        return self._limit.most(most)

    def _commit(
        self,
        results: Sequence[Result],
        unrenderable: Sequence[Unrenderable],
        rendered: Sequence[RenderedMessage],
        wanted: int,
    ) -> bool:
        """Commit all of it, and do as the ledger says; True if something was claimed."""
        held = [each for each in self._connections if each.held]
        if not (results or unrenderable or rendered or held or wanted):
            return False
        begun = time.monotonic()
        done = self._recorder.commit(
            results=results,
            unrenderable=unrenderable,
            starting=[each.delivery for each in rendered],
            held=[each.held for each in held if each.held],
            wanted=wanted,
            token=self._own_run.next_token() if wanted else 0,
        )
        self._unrecorded = []
        self._commit_takes = min(time.monotonic() - begun, _LONGEST_GATHERING)
        unspent = self._submit(rendered, done.permits) + self._go_on(held, done.held) + len(unrenderable)
        self._limit.give_back(unspent)
        for _, outcome in results:
            self._limit.note(outcome)
            if self._on_step:
                self._on_step("recorded")
        if results or unspent:
            self._wait = None  # a delivery may be queued again by it, or what was waited for be free
        if done.stop_reason:
            self._wait = Wait(WaitReason.STOPPED, None, done.stop_reason)
        return self._take(done.claimed)

    def _go_on(self, held: Sequence[Connection], permits: Sequence[SendPermit]) -> int:
        """Let the messages begin that were held back and may go; return how many may not."""
        withdrawn = 0
        for connection, permit in zip(held, permits, strict=True):
            if permit is SendPermit.GO:
                connection.permit()
            else:
                connection.withdraw()
                withdrawn += 1
            self._submitted[connection] = None
        return withdrawn

    def _submit(self, rendered: Sequence[RenderedMessage], permits: Sequence[SendPermit]) -> int:
        """Submit the messages that may go; return how many may not."""
        held = 0
        for each, permit in zip(rendered, permits, strict=True):
            if self._on_step:
                self._on_step("sending")
            if permit is SendPermit.GO:
                each.connection.submit(each.delivery, each.message)
                self._submitted[each.connection] = None
            else:
                held += 1
        return held

    def _take(self, found: list[Delivery] | Wait | None) -> bool:
        """Take what was claimed, or note what the claim met; True if it was a claim that may be repeated."""
        if isinstance(found, Wait):
            self._wait = found
            return False
        if found:
            if self._on_step:
                self._on_step("claimed")
            self._limit.take(len(found))
            self._claimed.extend(found)
            self._alone = False
            self._recorder.show_wait(None)
        return found is not None

    def _release(self) -> None:
        """Put back what was claimed and not begun."""
        held = list(self._claimed)
        if held:
            self._recorder.release(held)
            self._limit.give_back(len(held))
            self._claimed.clear()
            self._wait = None

    # -- Waiting

    def _idle(self) -> bool:
        """Wait until there may be something to do; False if there will be nothing."""
        if self._submitted:
            return True
        if self._in_flight() or (self._opener.opening and not self._stop.is_set()):
            self._wait_for_network()
            return True
        if self._stop.is_set():
            return self._end(Wait(WaitReason.INTERRUPTED))
        working = [each for each in self._connections if each.wait is None]
        if not working:
            self._release()
            return self._end(*(each.wait for each in self._connections if each.wait))
        if self._claimed:  # all that could carry it back off after a failure
            self._release()
            self._pass(self._opener.next_try(self._clock.now()))
            return True
        if self._wait is None and self._limit.is_reached:
            self._wait = Wait(WaitReason.LIMIT)
        return self._wait is None or self._await(self._wait)

    def _wait_for_network(self) -> None:
        """Wait a slice of time, so that a signal and a slot that comes free are noticed.

        Afterwards what the last claim met is forgotten if it may have passed.
        """
        seconds = SLICE / 10 if self._opener.opening else SLICE
        until = self._wait.until if self._wait else None
        if until is None:
            self._poller.wait(seconds)
            return
        self._poller.wait(min(seconds, max(0.0, (until - self._clock.now()).total_seconds())))
        if until <= self._clock.now():
            self._wait = None

    def _await(self, wait: Wait) -> bool:
        """Let `wait` pass if it is short, or the run patient; False if the run should end."""
        self._wait = None
        if wait.until is None:
            return self._await_others(wait) if wait.reason is WaitReason.OTHERS else self._end(wait)
        if wait.until - self._clock.now() > SHORT_WAIT:
            for connection in self._connections:
                connection.close()  # none stays open while nothing can be sent
            if not self._options.patient:
                return self._end(wait)
        self._recorder.show_wait(wait)
        self._pass(wait.until)
        return True

    def _await_others(self, wait: Wait) -> bool:
        """Free what dead runs hold; let the living ones go on, if this one is patient."""
        if not self._alone:
            self._alone = True
            self._recorder.recover(self._own_run.no)
            return True
        if not self._options.patient:
            return self._end(wait)
        self._recorder.show_wait(wait)
        self._pass(self._clock.now() + OTHERS_AGAIN)
        self._alone = False  # they may have died meanwhile
        return True

    def _pass(self, until: datetime) -> None:
        """Let time pass; at least a moment, as the ledger's clock may be another machine's."""
        now = self._clock.now()
        self._clock.wait(self._stop, max(min(until, now + _LOOK_AGAIN), now + _MOMENT))

    def _end(self, *waits: Wait) -> bool:
        order = {reason: rank for rank, reason in enumerate(WaitReason)}
        self._result = min(waits, key=lambda wait: order[wait.reason])
        return False
