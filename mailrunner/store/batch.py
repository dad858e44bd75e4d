"""One transaction for all connections of a run: answers recorded, messages begun, deliveries claimed.

To make one row durable costs a disk as much as a hundred, so a run brings everything that has come up
since its last commit:

    answers       the outcomes of messages; first, since an answer may pause, stop or suppress
    unrenderable  claimed rows that cannot become messages
    starting      the next messages: suppression, pause and cancel are checked once more, then `sending`
                  is made durable; nothing of them is handed to a connection before
    held          messages handed to a connection whose content has not begun for a moment: checked again
    wanted        how many deliveries to claim, with their quota slots

It is one commit, so there is no state in which half of it is true.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import FileIO
from itertools import chain
from typing import Any

from sqlalchemy import Connection, update

from mailrunner.model.circuit_breaker import AnswerMark, remember, stop_reason
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome
from mailrunner.model.outcome_policy import Decision, unless_our_fault
from mailrunner.model.suppression import SuppressionReason
from mailrunner.model.wait_reason import Wait
from mailrunner.store.accounts import pause_account, stop_account
from mailrunner.store.campaigns import stop_campaign
from mailrunner.store.claims import (
    begin_sending,
    check_again,
    claim,
    ended_elsewhere,
    fail_unrenderable,
    hold_back,
    obstacle,
)
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import UsageLog, account_scope, campaign_scope
from mailrunner.store.raw_sql import run, run_many, run_with_list, to_micros
from mailrunner.store.reopening import reopen_after_requeue
from mailrunner.store.run_transaction import (
    QUEUE_START,
    ClaimTerms,
    Delivery,
    QueuePosition,
    RunTransaction,
    SendPermit,
)
from mailrunner.store.schema import deliveries
from mailrunner.store.suppression_entries import suppress


@dataclass(frozen=True, slots=True)
class Answer:
    """One delivery and what its answer does."""

    delivery: Delivery
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that a run commits at once; `token` is that of the claim, if any are `wanted`."""

    answers: Sequence[Answer] = ()
    unrenderable: Sequence[tuple[Delivery, str]] = ()
    starting: Sequence[Delivery] = ()
    held: Sequence[Delivery] = ()
    wanted: int = 0
    token: int = 0


@dataclass(slots=True)
class BatchResult:
    """The results of a batch, in its order.

    `recorded` are the decisions as they were recorded, None for a claim that was lost; `failed` is False
    for one.  `claimed` is None where nothing was wanted; an empty list means that all due recipients were
    suppressed: claim again.  `stop_reason` is why the campaign was stopped by these answers, or "".
    """

    recorded: list[Decision | None] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    permits: list[SendPermit] = field(default_factory=list)
    held: list[SendPermit] = field(default_factory=list)
    claimed: list[Delivery] | Wait | None = None
    stop_reason: str = ""


class Batches:
    """Commits the batches of this process's runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # How far claims have come in each campaign's queue; lost with the process, it costs one look.
        self._positions: dict[int, QueuePosition] = {}
        self.journal: FileIO | None = None  # of this machine: what it begins to send

    def commit(self, terms: ClaimTerms, batch: Batch) -> BatchResult:
        """Record, begin and claim what `batch` asks for, in one transaction.

        Raises LedgerError, with nothing changed, if it cannot be made durable.
        """
        with self._database.write() as connection:
            self._database.lock_account(connection, terms.account_no)
            usage, now = _usage_logs(connection, terms), self._database.now(connection)
            at, result = RunTransaction(connection, terms, usage, now), BatchResult()
            if batch.answers:
                result.recorded, result.stop_reason = _record(at, batch.answers)
            if batch.unrenderable:
                result.failed, stop = _fail(at, batch.unrenderable)
                result.stop_reason = result.stop_reason or stop
            position = self._positions.get(terms.campaign_no, QUEUE_START)
            if batch.starting or batch.held or batch.wanted:
                position = _begin_and_claim(at, batch, position, result)
            now_micros = to_micros(now)
        self._positions[terms.campaign_no] = position  # only now: it is durable
        if self.journal is not None and result.permits:
            begun = zip(batch.starting, result.permits, strict=True)
            going = (one.id for one, permit in begun if permit is SendPermit.GO)
            entries = array("q", chain.from_iterable((no, now_micros, terms.account_no) for no in going))
            with contextlib.suppress(OSError):  # a run is as safe as its ledger without it
                self.journal.write(entries)
        return result


def _begin_and_claim(
    at: RunTransaction, batch: Batch, position: QueuePosition, result: BatchResult
) -> QueuePosition:
    """Fill `result` with permits and claims; return the position in the queue after them."""
    wait = obstacle(at)
    if batch.held:
        result.held = check_again(at, batch.held, wait)
    if batch.starting:
        result.permits = hold_back(at, batch.starting) if wait else begin_sending(at, batch.starting)
    if batch.wanted and (wait := wait or ended_elsewhere(at, batch.token)):
        result.claimed = wait
    elif batch.wanted:
        result.claimed, position = claim(at, batch.token, batch.wanted, after=position)
    return position


def _usage_logs(connection: Connection, terms: ClaimTerms) -> list[UsageLog]:
    logs = [UsageLog(connection, account_scope(terms.account_no))]
    if terms.pace:
        logs.append(UsageLog(connection, campaign_scope(terms.campaign_no)))
    return logs


# -- Answers

_STATES = "SELECT id, token, state FROM deliveries WHERE id IN (*)"
_SENT = """
    UPDATE deliveries
    SET state = 'sent', reason = ?, code = ?, enhanced_code = ?, reply = ?, provider_id = ?,
        finished_at = ?, not_before = ?, token = NULL, account_no = NULL
    WHERE id = ? AND token = ?
"""
_RECENT = "SELECT recent FROM campaigns WHERE no = ?"
_RECENT_LOCKED = f"{_RECENT} FOR UPDATE"
_REMEMBER = "UPDATE campaigns SET recent = ? WHERE no = ?"
_ANSWERABLE = (State.SENDING, State.IN_DOUBT)


def _record(at: RunTransaction, answers: Sequence[Answer]) -> tuple[list[Decision | None], str]:
    """Record answers; what was recorded of each, and why the campaign was stopped ("": it was not).

    A definite answer is evidence: it also moves `in_doubt` on, if it belongs to the same attempt.
    """
    states = _states(at.connection, answers)
    ours = [answer for answer, state in zip(answers, states, strict=True) if state in _ANSWERABLE]
    ours = _confirmed(at, ours)
    _write_sent(at, ours)
    others = [answer for answer in ours if answer.decision.state is not State.SENT]
    for answer in others:
        mine = (deliveries.c.id == answer.delivery.id, deliveries.c.token == answer.delivery.token)
        at.connection.execute(update(deliveries).where(*mine).values(_columns(answer.decision, at.now)))
    slots, pauses = 0, False
    for state, answer in zip(states, answers, strict=True):
        slots += state == State.SENDING and answer.decision.answered
        pauses = pauses or answer.decision.pause_account_until is not None
    for log in at.usage:
        log.add(at.now, slots)
    if others or pauses:  # an acceptance may have been the last that the account's quota allowed
        _apply_side_effects(at, ours)
    decisions = {answer.delivery: answer.decision for answer in ours}
    marks = [(d.outcome.reason if d.stop_campaign else "", d.mark) for d in decisions.values()]
    return [decisions.get(answer.delivery) for answer in answers], _add_marks(at, marks)


def _confirmed(at: RunTransaction, answers: Sequence[Answer]) -> list[Answer]:
    """Answers, acceptances first, without suppressions and failures that may be our own fault.

    Only runs of this account, which is locked, add acceptances: the campaign's row need not be.
    """
    in_order = sorted(answers, key=lambda answer: answer.decision.state is not State.SENT)
    if not any(each.decision.suppress or each.decision.outcome.too_big for each in in_order):
        return in_order
    recent: str = run(at.connection, _RECENT, (at.terms.campaign_no,)).fetchone()[0]
    confirmed = []
    for answer in in_order:
        tries = answer.delivery.attempts + 1
        decision = unless_our_fault(answer.decision, recent, attempts=tries, now=at.now)
        recent = remember(recent, decision.mark or "")
        confirmed.append(replace(answer, decision=decision))
    return confirmed


def _states(connection: Connection, answers: Sequence[Answer]) -> list[str | None]:
    """The states of the attempts that were answered; None for one whose claim was lost."""
    found = {}
    ids = [answer.delivery.id for answer in answers]
    for number, token, state in run_with_list(connection, _STATES, (), ids):
        found[number, token] = state
    return [found.get((answer.delivery.id, answer.delivery.token)) for answer in answers]


def _write_sent(at: RunTransaction, answers: Sequence[Answer]) -> None:
    """Record the most frequent answer, many in one statement."""
    moment, rows = to_micros(at.now), []
    for answer in answers:
        delivery, decision = answer.delivery, answer.decision
        if decision.state is State.SENT:
            reply = _reply_columns(decision.outcome).values()
            rows.append((decision.reason, *reply, moment, moment, delivery.id, delivery.token))
    run_many(at.connection, _SENT, rows)


def _columns(decision: Decision, now: datetime) -> dict[str, Any]:
    """The columns of a delivery after an answer that is not an acceptance."""
    values: dict[str, Any] = {
        "state": decision.state,
        "reason": decision.reason,
        **_reply_columns(decision.outcome),
    }
    if decision.state is State.QUEUED:
        waited = decision.waited // timedelta(microseconds=1)
        values |= {"token": None, "account_no": None, "waited": deliveries.c.waited + waited}
        if decision.not_before is not None:
            values["not_before"] = decision.not_before
        if not decision.attempted:
            values["attempts"] = deliveries.c.attempts - 1
    elif decision.state is State.IN_DOUBT:
        # The token stays: a late answer still belongs to this attempt.
        values |= {"account_no": None, "not_before": now}
    else:
        values |= {"token": None, "account_no": None, "finished_at": now, "not_before": now}
    return values


def _reply_columns(outcome: Outcome) -> dict[str, Any]:
    reply = outcome.reply
    return {
        "code": reply.code if reply else None,
        "enhanced_code": reply.enhanced if reply else "",
        "reply": reply.text if reply else "",
        "provider_id": outcome.provider_id,
    }


def _apply_side_effects(at: RunTransaction, answers: Sequence[Answer]) -> None:
    """Pause or stop the account, suppress addresses: with the answers that say so, or not at all."""
    connection, terms = at.connection, at.terms
    for answer in answers:
        delivery, decision = answer.delivery, answer.decision
        reason = decision.outcome.reason
        if decision.suppress:
            source = f"refused by the server (delivery {delivery.id})"
            suppress(connection, [delivery.key], reason=SuppressionReason.BOUNCE, source=source, now=at.now)
        if decision.pause_account_until is not None:
            pause_account(connection, terms.account_no, until=decision.pause_account_until, reason=reason)
        if decision.stop_credentials:
            stop_account(connection, terms.account_no, reason=reason, digest=terms.setup_digest)
    if any(answer.decision.state is State.QUEUED for answer in answers):
        reopen_after_requeue(connection, terms.campaign_no, at.now)


def _add_marks(at: RunTransaction, marks: Sequence[tuple[str, AnswerMark | None]]) -> str:
    """Add marks to the campaign's recent answers, and stop it where the circuit breaker says so.

    `marks` are pairs of the reason of an answer that refuses the sender or the content at once ("" if it
    does not) and of its mark.  Returns why the campaign was stopped, or "".
    """
    terms, stop = at.terms, ""
    before: str = run(at.connection, _RECENT_LOCKED, (terms.campaign_no,)).fetchone()[0]
    recent = before
    for refused, mark in marks:
        recent = remember(recent, mark) if mark else recent
        stop = stop or refused or stop_reason(recent, terms.stop_if_failing)
    if recent != before:
        run(at.connection, _REMEMBER, (recent, terms.campaign_no))
    if stop:
        stop_campaign(at.connection, terms.campaign_no, reason=stop, digest=terms.content_digest)
    return stop


# -- Rows that cannot become messages


def _fail(at: RunTransaction, unrenderable: Sequence[tuple[Delivery, str]]) -> tuple[list[bool], str]:
    failed = fail_unrenderable(at, unrenderable)
    return failed, _add_marks(at, [("", AnswerMark.FAILED)] * sum(failed))
