"""Brings to the ledger what has come up, and keeps count and log of what the ledger says to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision, RetryPolicy, decide
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import Answer, Batch, BatchResult, ClaimTerms, Delivery, Ledger, SendPermit

_RECORD_SECONDS = 60
Settled = tuple[Delivery, Outcome]
Unrenderable = tuple[Delivery, str]


@dataclass(slots=True)
class RunTally:
    """What this run has done so far, for the progress line and the summary."""

    states: Counter[str] = field(default_factory=Counter)
    waiting: Wait | None = None

    @property
    def sent(self) -> int:
        return self.states["sent"]


class Recorder:
    """One run's dealings with the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        terms: ClaimTerms,
        campaign_id: str,
        patience: RetryPolicy,
        message_id: Callable[[Delivery], str],
        clock: Clock,
        random: Random,
        log: EventLog,
    ) -> None:
        self._ledger, self._terms, self._campaign_id = ledger, terms, campaign_id
        self._patience, self._message_id = patience, message_id
        self._clock, self._random, self._log = clock, random, log
        self.tally = RunTally()

    def visit(
        self,
        *,
        settled: Sequence[Settled] = (),
        unrenderable: Sequence[Unrenderable] = (),
        starting: Sequence[Delivery] = (),
        wanted: int = 0,
        token: int = 0,
    ) -> BatchResult:
        """One transaction at the ledger (see `store.batch`)."""
        now = self._clock.now()
        answers = [Answer(delivery, self._settle(delivery, outcome, now)) for delivery, outcome in settled]
        batch = Batch(
            answers=answers, unrenderable=unrenderable, starting=starting, wanted=wanted, token=token
        )
        done = self._commit(batch)
        for answer, recorded in zip(answers, done.recorded, strict=True):
            self._note_answer(answer.delivery, answer.decision, recorded=recorded)
        for (delivery, reason), failed in zip(unrenderable, done.failed, strict=True):
            self._note_unrenderable(delivery, reason, failed=failed)
        for delivery, go in zip(starting, done.permits, strict=True):
            self._note_start(delivery, go)
        if done.stop_reason:
            self._log.stopped(self._campaign_id, done.stop_reason)
        return done

    def obstructed(self, problem: Outcome) -> Wait | None:
        """No connection can be had: record what stands in the way of the account, so that every claim
        meets it; a hold where it is the set-up that is wrong.
        """
        self._log.no_connection(problem)
        account = self._terms.account_no
        if problem.scope is Scope.ACCOUNT:
            default = self._patience.quota_pause if problem.quota else self._patience.throttle_pause
            until = self._clock.now() + (problem.retry_after or default)
            self._ledger.accounts.pause(account, until=until, reason=problem.reason)
        elif problem.scope is Scope.CREDENTIALS:
            self._ledger.accounts.stop(account, reason=problem.reason, digest=self._terms.setup_digest)
        elif problem.scope is not Scope.CONNECTION:
            return Wait(WaitReason.SETUP, None, problem.reason)
        return None

    def release(self, held: Sequence[Delivery]) -> None:
        """Put claimed deliveries back; their slots were never used."""
        if held:
            self._ledger.deliveries.release(held)

    def take_over(self, own_run: int) -> None:
        """Free what runs that are gone have held."""
        self._ledger.deliveries.recover(own_run=own_run)

    def wait_for(self, hold: Wait | None) -> None:
        """Show, and log once, what is waited for."""
        if hold is not None and self.tally.waiting != hold:
            self._log.waiting(self._campaign_id, hold.why, hold.until)
        self.tally.waiting = hold

    def _settle(self, delivery: Delivery, outcome: Outcome, now: datetime) -> Decision:
        return decide(
            outcome,
            attempts=delivery.attempts + 1,
            waited=delivery.waited,
            patience=self._patience,
            now=now,
            random=self._random,
        )

    def _commit(self, batch: Batch) -> BatchResult:
        try:
            return self._ledger.batches.commit(self._terms, batch)
        except LedgerError as error:
            if not (batch.answers and error.passing):
                raise
        # The server has answered: a ledger that is locked or full for a moment must not turn an
        # answer into a doubt.
        return Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, LedgerError) and error.passing),
            stop=stop_after_delay(_RECORD_SECONDS),
            wait=wait_exponential(max=5),
            reraise=True,
        )(self._ledger.batches.commit, self._terms, batch)

    def _note_answer(self, delivery: Delivery, settlement: Decision, *, recorded: bool) -> None:
        if not recorded:
            self._log.claim_lost(self._campaign_id, delivery.address)
            return
        self.tally.states[settlement.state] += 1
        if self._log.is_kept:
            self._log.answered(
                self._campaign_id,
                delivery.address,
                self._message_id(delivery),
                settlement.state,
                settlement.outcome,
            )

    def _note_unrenderable(self, delivery: Delivery, reason: str, *, failed: bool) -> None:
        if failed:
            self.tally.states[State.FAILED] += 1
            self._log.unrenderable(self._campaign_id, delivery.address, reason)
        else:
            self._log.claim_lost(self._campaign_id, delivery.address)

    def _note_start(self, delivery: Delivery, go: SendPermit) -> None:
        if go is SendPermit.SUPPRESSED:
            self.tally.states[State.SUPPRESSED] += 1
            self._log.suppressed(self._campaign_id, delivery.address)
        elif go is SendPermit.LOST:
            self._log.claim_lost(self._campaign_id, delivery.address)


def has_gone(outcome: Outcome) -> bool:
    """Whether a message may have been taken, which `--limit` counts."""
    return outcome.kind in (OutcomeKind.SENT, OutcomeKind.IN_DOUBT)
