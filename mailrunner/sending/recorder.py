"""Commits a run's pending changes in one transaction, then updates its counts and the event log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from mailrunner.clock import Clock
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.outcome_policy import Decision, RetryPolicy, decide
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.connection import Result
from mailrunner.sending.ledger_visits import LedgerVisits
from mailrunner.store import Answer, Batch, BatchResult, ClaimTerms, Delivery, Ledger, SendPermit

Unrenderable = tuple[Delivery, str]
"""A claimed delivery whose row cannot become a message, and why."""


@dataclass(slots=True)
class RunTally:
    """What this run has done so far, for the progress line and the summary."""

    states: Counter[str] = field(default_factory=Counter)
    waiting: Wait | None = None

    @property
    def sent(self) -> int:
        return self.states["sent"]


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
