"""Commits a run's pending changes in one transaction, then updates its counts and the event log.

A visit to the ledger is repeated while that is locked, full, restarting or out of reach: a server has
answered, or a message is on its way, and neither must become a doubt for a moment's absence.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.outcome_policy import Decision, RetryPolicy, decide
from mailrunner.model.quota import Limit
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.connection import Result
from mailrunner.store import Answer, Batch, BatchResult, ClaimTerms, Delivery, Ledger, Run, SendPermit

_LONGEST = timedelta(minutes=1)
_LONGEST_PAUSE = 5  # seconds

T = TypeVar("T")
Unrenderable = tuple[Delivery, str]
"""A claimed delivery whose row cannot become a message, and why."""


@dataclass(slots=True)
class RunTally:
    """The counts of this run so far, for the progress line and the summary.

    `quota_answers` counts those by which the provider said that the account's quota is used up.
    """

    states: Counter[str] = field(default_factory=Counter)
    waiting: Wait | None = None
    quota_answers: int = 0

    @property
    def sent(self) -> int:
        return self.states["sent"]


class RepeatedVisits:
    """Visits to a ledger that may be away; `stop` is set when the run is asked to end.

    A visit is repeated for a minute, counted over all visits since the last that succeeded; where the run
    is `patient` (`--wait`) for as long as it takes, and for a minute after it was asked to end.  One that
    brings no answers is not repeated then.  `say` gets what is wrong, once, and "" when it is over.
    """

    def __init__(self, clock: Clock, *, patient: bool, say: Callable[[str], None]) -> None:
        self.stop = threading.Event()
        self._clock, self._patient, self._say = clock, patient, say
        self._away_since: datetime | None = None
        self._may_end = False  # while a visit that brings no answers waits

    def repeat(self, visit: Callable[[], T], *, answers: bool = False) -> T:
        """Return what `visit` returns; `answers`: it brings what servers have said.

        Raises LedgerError, that of the last try, for a fault that does not pass, or not in time.
        """
        self._may_end = not answers
        try:
            found = Retrying(
                retry=retry_if_exception(lambda error: isinstance(error, LedgerError) and error.passing),
                stop=lambda _: self._is_over(answers),
                wait=wait_exponential(max=_LONGEST_PAUSE),
                sleep=lambda seconds: self._pause(seconds, answers),
                before_sleep=self._note,
                reraise=True,
            )(visit)
        finally:
            self._may_end = False
        if self._away_since is not None:
            self._away_since = None
            self._back()
        return found

    def _is_over(self, answers: bool) -> bool:
        now, ending = self._clock.now(), self.stop.is_set()
        if self._away_since is None or (self._patient and not ending):
            self._away_since = now
        return (ending and not answers) or now - self._away_since >= _LONGEST

    def _pause(self, seconds: float, answers: bool) -> None:
        wake = threading.Event() if answers else self.stop
        self._clock.wait(wake, self._clock.now() + timedelta(seconds=seconds))

    def _note(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            self._away(str(state.outcome.exception()))

    def _away(self, fault: str) -> None:
        self._say(fault)

    def _back(self) -> None:
        self._say("")


class LedgerVisits(RepeatedVisits):
    """One run's visits, which the event log tells of as well."""

    def __init__(
        self, ledger: Ledger, *, log: EventLog, campaign_id: str, patient: bool, say: Callable[[str], None]
    ) -> None:
        super().__init__(ledger.clock, patient=patient, say=say)
        self.own_run: Run | None = None  # its lock at the ledger may be lost meanwhile
        self._ledger, self._log, self._campaign_id = ledger, log, campaign_id

    def end_waiting(self) -> None:
        """End a visit that waits for another process at the ledger, unless it brings answers.

        Called by another thread, and again and again, once the run was asked to end.
        """
        if self._may_end:
            self._ledger.database.interrupt()

    def _away(self, fault: str) -> None:
        self._log.ledger_away(self._campaign_id, fault)
        super()._away(fault)

    def _back(self) -> None:
        if self.own_run is not None:
            self.own_run.renew_soon()
        super()._back()


class Recorder:
    """One run's writes to the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        visits: LedgerVisits,
        terms: ClaimTerms,
        campaign_id: str,
        policy: RetryPolicy,
        message_id: Callable[[Delivery], str],
        clock: Clock,
        random: Random,
        log: EventLog,
    ) -> None:
        self._ledger, self._visits = ledger, visits
        self._terms, self._campaign_id = terms, campaign_id
        self._policy, self._message_id = policy, message_id
        self._clock, self._random, self._log = clock, random, log
        self.tally = RunTally()

    def use_limits(self, limits: tuple[Limit, ...]) -> None:
        """Claim within these limits of the account from now on: another machine said stricter ones."""
        self._terms = replace(self._terms, limits=limits)

    def commit(
        self,
        *,
        results: Sequence[Result] = (),
        unrenderable: Sequence[Unrenderable] = (),
        starting: Sequence[Delivery] = (),
        held: Sequence[Delivery] = (),
        wanted: int = 0,
        token: int = 0,
    ) -> BatchResult:
        """Record results and failures, make `sending` durable, claim: in one transaction (`store.batch`)."""
        answers = self._decisions(results)
        batch = Batch(
            answers=answers,
            unrenderable=unrenderable,
            starting=starting,
            held=held,
            wanted=wanted,
            token=token,
        )
        done = self._visits.repeat(
            lambda: self._ledger.batches.commit(self._terms, batch), answers=bool(answers)
        )
        for answer, recorded in zip(answers, done.recorded, strict=True):
            self._note_answer(answer.delivery, recorded)
        for (delivery, reason), failed in zip(unrenderable, done.failed, strict=True):
            self._note_unrenderable(delivery, reason, failed=failed)
        for delivery, permit in zip((*starting, *held), (*done.permits, *done.held), strict=True):
            if permit is not SendPermit.GO:
                self._note_held(delivery, permit)
        if done.stop_reason:
            self._log.stopped(self._campaign_id, done.stop_reason)
        return done

    def _decisions(self, results: Sequence[Result]) -> list[Answer]:
        now = self._clock.now()
        answers = []
        for delivery, outcome in results:
            decision = decide(
                outcome,
                attempts=delivery.attempts + 1,
                waited=delivery.waited,
                policy=self._policy,
                now=now,
                random=self._random,
            )
            answers.append(Answer(delivery, decision))
        return answers

    def record_obstacle(self, problem: Outcome) -> Wait | None:
        """Record why no connection can be had, so that every claim meets it.

        Returns a wait where it is the set-up that is wrong, which no later claim can change.
        """
        self._log.no_connection(problem)
        accounts, account = self._ledger.accounts, self._terms.account_no
        if problem.scope is Scope.ACCOUNT:
            default = self._policy.quota_pause if problem.quota else self._policy.throttle_pause
            until = self._clock.now() + (problem.retry_after or default)
            self._visits.repeat(lambda: accounts.pause(account, until=until, reason=problem.reason))
        elif problem.scope is Scope.CREDENTIALS:
            digest = self._terms.setup_digest
            self._visits.repeat(lambda: accounts.stop(account, reason=problem.reason, digest=digest))
        elif problem.scope is not Scope.CONNECTION:
            return Wait(WaitReason.SETUP, None, problem.reason)
        return None

    def release(self, held: Sequence[Delivery]) -> None:
        """Put claimed deliveries back; their slots were never used."""
        if held:
            self._visits.repeat(lambda: self._ledger.deliveries.release(held))

    def recover(self, own_run: int) -> None:
        """Free what runs that have ended still held."""
        self._visits.repeat(lambda: self._ledger.deliveries.recover(own_run=own_run))

    def show_wait(self, wait: Wait | None) -> None:
        """Show, and log once, what is waited for."""
        if wait is not None and self.tally.waiting != wait:
            self._log.waiting(self._campaign_id, wait.reason, wait.until)
        self.tally.waiting = wait

    def _note_answer(self, delivery: Delivery, decision: Decision | None) -> None:
        if decision is None:
            self._log.claim_lost(self._campaign_id, delivery.address)
            return
        self.tally.states[decision.state] += 1
        self.tally.quota_answers += decision.outcome.quota
        if self._log.is_kept:
            self._log.answered(
                self._campaign_id,
                delivery.address,
                self._message_id(delivery),
                decision.state,
                decision.outcome,
            )

    def _note_unrenderable(self, delivery: Delivery, reason: str, *, failed: bool) -> None:
        if failed:
            self.tally.states[State.FAILED] += 1
            self._log.unrenderable(self._campaign_id, delivery.address, reason)
        else:
            self._log.claim_lost(self._campaign_id, delivery.address)

    def _note_held(self, delivery: Delivery, permit: SendPermit) -> None:
        if permit is SendPermit.SUPPRESSED:
            self.tally.states[State.SUPPRESSED] += 1
            self._log.suppressed(self._campaign_id, delivery.address)
        elif permit is SendPermit.LOST:
            self._log.claim_lost(self._campaign_id, delivery.address)
