"""Take one claimed delivery to the server and record what came of it.

A courier has one connection and is used by one thread.  `on_step` is called with the name of each
step that was just done; it is inert unless a test hands one in.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from mailrunner.breaker import is_content_refused, is_failing
from mailrunner.clock import Clock
from mailrunner.delivery import State
from mailrunner.errors import LedgerError, RowError
from mailrunner.hold import Hold, Why
from mailrunner.log import EventLog
from mailrunner.outcome import Kind, Outcome, Scope
from mailrunner.retry import reconnect_delay
from mailrunner.settlement import Patience, Settlement, settle
from mailrunner.store import Delivery, Go, Ledger, Terms
from mailrunner.transports import Envelope, Transport

Step = Callable[[str], None]
_FAILURES_IN_A_ROW = 5
_SERVER_REST = timedelta(minutes=15)
_RECORD_SECONDS = 60


class Writer(Protocol):
    """Makes the message of a delivery; raises RowError for a row that cannot become one."""

    def message(self, delivery: Delivery, now: datetime) -> Envelope: ...

    def message_id(self, delivery: Delivery) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a courier reacts.

    `stop_if_failing` is a share (0 to 1) or None, `setup_digest` stands for the credentials in a
    sticky stop, `patient` is `--wait`: a server that is away is waited for.
    """

    campaign_id: str
    patience: Patience
    stop_if_failing: float | None
    setup_digest: str
    patient: bool = False


class Courier:
    """One worker's hands."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        terms: Terms,
        transport: Transport,
        writer: Writer,
        rules: Rules,
        clock: Clock,
        random: Random,
        log: EventLog,
        on_step: Step,
    ) -> None:
        self._ledger, self._terms, self._transport, self._writer = ledger, terms, transport, writer
        self._rules, self._clock, self._random = rules, clock, random
        self._log, self._on_step = log, on_step
        self._failures = 0  # connections that failed in a row
        self._trouble = ""  # what the last of them said
        self.is_ready = False

    def reach(self, stop: threading.Event) -> Hold | None:
        """Open the connection unless it is open; a hold if this worker should end.

        If it cannot be opened now, `is_ready` stays False: a little time has passed, or what stands in
        the way of the account is recorded for everyone, and the worker should claim anew.
        """
        if self._failures and (hold := self._rest_a_little(stop)):
            return hold
        problem = self._transport.open()
        self.is_ready = problem is None
        if problem is None:
            return None
        self._log.no_connection(problem)
        if problem.scope is not Scope.CONNECTION:
            return self._obstructed(problem)
        self._lost(problem)
        return None

    def deliver(self, delivery: Delivery, states: Counter[str]) -> bool:
        """Render, mark, send, record; True if a message may have gone.  Counts where it stands now."""
        try:
            message = self._writer.message(delivery, self._clock.now())
        except RowError as error:
            self._fail_row(delivery, str(error), states)
            return False
        self._on_step("rendered")
        go = self._ledger.deliveries.begin_sending(delivery, self._terms)
        self._on_step("sending")
        if go is not Go.GO:
            self._not_gone(delivery, go, states)
            return False
        outcome = self._transport.send(message)
        self._on_step("answered")
        if outcome.scope is Scope.CONNECTION:
            self._lost(outcome)
        else:
            self._failures = 0
        settlement = self._settle(delivery, outcome)
        self._record(delivery, settlement, states)
        self._on_step("recorded")
        return outcome.kind in (Kind.SENT, Kind.IN_DOUBT)

    def rest(self) -> None:
        """Close the connection; the next `reach` opens another."""
        self.is_ready = False
        self._transport.close()

    def _obstructed(self, problem: Outcome) -> Hold | None:
        """The account cannot be used now: record why, so that every claim meets it."""
        account, patience = self._terms.account_no, self._rules.patience
        if problem.scope is Scope.ACCOUNT:
            default = patience.quota_pause if problem.quota else patience.throttle_pause
            until = self._clock.now() + (problem.retry_after or default)
            self._ledger.accounts.pause(account, until=until, reason=problem.reason)
        elif problem.scope is Scope.CREDENTIALS:
            self._ledger.accounts.stop(account, reason=problem.reason, digest=self._rules.setup_digest)
        else:
            return Hold(Why.SETUP, None, problem.reason)
        return None

    def _lost(self, problem: Outcome) -> None:
        self._failures, self._trouble = self._failures + 1, problem.reason

    def _rest_a_little(self, stop: threading.Event) -> Hold | None:
        """Wait before the next connection, longer each time; a hold where that was tried enough."""
        now = self._clock.now()
        if self._failures >= _FAILURES_IN_A_ROW and not self._rules.patient:
            return Hold(Why.SERVER, now + _SERVER_REST, self._trouble)
        self._clock.wait(stop, now + reconnect_delay(self._failures, self._random))
        return None

    def _settle(self, delivery: Delivery, outcome: Outcome) -> Settlement:
        return settle(
            outcome,
            attempts=delivery.attempts + 1,
            waited=delivery.waited,
            patience=self._rules.patience,
            now=self._clock.now(),
            random=self._random,
        )

    def _record(self, delivery: Delivery, settlement: Settlement, states: Counter[str]) -> None:
        recent = None
        # The server has answered: a ledger that is locked or full for a moment must not turn an
        # answer into a doubt.
        for attempt in Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, LedgerError) and error.passing),
            stop=stop_after_delay(_RECORD_SECONDS),
            wait=wait_exponential(max=5),
            reraise=True,
        ):
            with attempt:
                recent = self._ledger.deliveries.record(delivery, self._terms, settlement)
        if recent is None:
            self._log.claim_lost(self._rules.campaign_id, delivery.address)
            return
        states[settlement.state] += 1
        self._log.answered(
            self._rules.campaign_id,
            delivery.address,
            self._writer.message_id(delivery),
            settlement.state,
            settlement.outcome,
        )
        if settlement.stop_credentials:
            self._ledger.accounts.stop(
                self._terms.account_no, reason=settlement.outcome.reason, digest=self._rules.setup_digest
            )
        self._judge(recent, settlement.outcome.reason if settlement.stop_campaign else "")

    def _judge(self, recent: str, refused: str) -> None:
        """Stop the campaign if its sender or content is refused, or too many of its answers are bad."""
        share = self._rules.stop_if_failing
        if refused:
            reason = refused
        elif is_content_refused(recent):
            reason = "3 of the last 20 messages were refused for their content"
        elif share is not None and is_failing(recent, share):
            reason = f"{share:.0%} or more of the last {len(recent)} messages failed"
        else:
            return
        self._ledger.campaigns.stop(self._terms.campaign_no, reason=reason, digest=self._terms.content_digest)
        self._log.stopped(self._rules.campaign_id, reason)

    def _fail_row(self, delivery: Delivery, reason: str, states: Counter[str]) -> None:
        recent = self._ledger.deliveries.fail_unrenderable(delivery, reason)
        if recent is None:
            self._log.claim_lost(self._rules.campaign_id, delivery.address)
            return
        states[State.FAILED] += 1
        self._log.unrenderable(self._rules.campaign_id, delivery.address, reason)
        self._judge(recent, "")

    def _not_gone(self, delivery: Delivery, go: Go, states: Counter[str]) -> None:
        if go is Go.SUPPRESSED:
            states[State.SUPPRESSED] += 1
            self._log.suppressed(self._rules.campaign_id, delivery.address)
        elif go is Go.LOST:
            self._log.claim_lost(self._rules.campaign_id, delivery.address)
