"""One transaction for all connections of a run: what was answered, what begins, what is claimed.

To be sure of one row costs a disk as much as to be sure of a hundred, so a runner brings everything
that has come up since its last visit:

    answers       what came of messages; first, since an answer may pause, stop or suppress
    unrenderable  claimed rows that cannot become messages
    starting      the next messages: suppression, pause and cancel are asked once more, then `sending`
                  is made durable; nothing of them is on the wire before
    wanted        how many deliveries to claim, with their quota slots

Every change matches id and token: one that matches nothing was lost to another run, and nothing is
overwritten.  It is all one commit, so there is no state in which half of it is true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, update

from mailrunner.model.circuit_breaker import AnswerMark, remember, stop_reason
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.quota import Series
from mailrunner.model.suppression import SuppressionReason
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import raw_sql
from mailrunner.store.accounts import pause_account, stop_account
from mailrunner.store.campaigns import stop_campaign
from mailrunner.store.claims import (
    FRONT,
    LOOK_FURTHER,
    ClaimTerms,
    Delivery,
    Place,
    due_deliveries,
    logs_of,
    mark_suppressed,
    obstacle,
    room_left,
    suppressed_keys,
    take,
    waiting,
)
from mailrunner.store.requeue import after_requeue
from mailrunner.store.runs import check_open
from mailrunner.store.schema import deliveries, to_micros
from mailrunner.store.suppressions import suppress


class SendPermit(StrEnum):
    """The ledger's last word before a message goes on the wire."""

    GO = "go"
    LOST = "lost"  # the claim is no longer ours
    SUPPRESSED = "suppressed"
    HELD = "held"  # paused, cancelled or stopped meanwhile; the delivery is queued again


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one message."""

    delivery: Delivery
    settlement: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a run brings to the ledger at once; `token` is that of the claim, if any are `wanted`."""

    answers: Sequence[Answer] = ()
    unrenderable: Sequence[tuple[Delivery, str]] = ()
    starting: Sequence[Delivery] = ()
    wanted: int = 0
    token: int = 0


@dataclass(slots=True)
class BatchResult:
    """What the ledger says to a batch, in its order.

    `recorded` and `failed` are False for a claim that was lost.  `found` is None where nothing was
    wanted, and may be empty: those who were looked at had said no, ask again.  `stopped` is why the
    campaign was stopped by these answers, or "".  `reached` is where the next claim need not look
    before (see `turn`).
    """

    recorded: list[bool] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    goes: list[SendPermit] = field(default_factory=list)
    found: list[Delivery] | Wait | None = None
    stopped: str = ""
    reached: Place = FRONT


def commit_batch(
    connection: Connection, terms: ClaimTerms, batch: Batch, now: datetime, reached: Place = FRONT
) -> BatchResult:
    """Do all of `batch` inside the caller's transaction, which holds the account.

    `reached` is how far the claims before this one went in the order of turns.
    """
    done = BatchResult(reached=reached)
    if batch.answers:
        done.recorded, done.stopped = _record(connection, terms, batch.answers, now)
    if batch.unrenderable:
        done.failed = _fail(connection, batch.unrenderable, now)
        marks = [AnswerMark.FAILED] * sum(done.failed)
        done.stopped = done.stopped or _judge(connection, terms, [("", mark) for mark in marks])
    if batch.starting or batch.wanted:
        hold = obstacle(connection, terms, now)
        done.goes = _begin(connection, terms, batch.starting, now, hold)
        if batch.wanted:
            check_open(connection, batch.token)
            done.found = hold or _claim(connection, terms, batch, now, done)
    return done


# -- Answers


def _record(
    connection: Connection, terms: ClaimTerms, answers: Sequence[Answer], now: datetime
) -> tuple[list[bool], str]:
    """Record what came of messages.

    A definite answer is evidence: it also moves `in_doubt` on, if it belongs to the same try.
    """
    standing = _standing(connection, [answer.delivery for answer in answers])
    was = [standing.get((a.delivery.id, a.delivery.token)) for a in answers]
    recorded = [state in (State.SENDING, State.IN_DOUBT) for state in was]
    ours = [answer for answer, true in zip(answers, recorded, strict=True) if true]
    _write_sent(connection, [a for a in ours if a.settlement.state is State.SENT], now)
    for answer in ours:
        if answer.settlement.state is not State.SENT:
            mine = (deliveries.c.id == answer.delivery.id, deliveries.c.token == answer.delivery.token)
            connection.execute(update(deliveries).where(*mine).values(_settled(answer.settlement, now)))
    slots = sum(
        state == State.SENDING and answer.settlement.answered
        for state, answer in zip(was, answers, strict=True)
    )
    if slots:
        for log in logs_of(connection, terms):
            log.add(Series.ANSWERS, now, slots)
    _beyond_the_rows(connection, terms, ours, now)
    verdicts = [
        (a.settlement.outcome.reason if a.settlement.stop_campaign else "", a.settlement.mark) for a in ours
    ]
    return recorded, _judge(connection, terms, verdicts)


def _standing(connection: Connection, asked: Sequence[Delivery]) -> dict[tuple[int, int], str]:
    """Where claims stand, by id and token."""
    found = raw_sql.rows(connection, _ASKED, among=[delivery.id for delivery in asked])
    return {(number, token): state for number, token, state in found}


_ASKED = "SELECT id, token, state FROM deliveries WHERE id IN (*)"
_RECENT = "SELECT recent FROM campaigns WHERE no = ? FOR UPDATE"
_REMEMBER = "UPDATE campaigns SET recent = ? WHERE no = ?"
_SENT = """
    UPDATE deliveries
    SET state = 'sent', reason = ?, code = ?, enhanced_code = ?, reply = ?, provider_id = ?,
        finished_at = ?, token = NULL, account_no = NULL
    WHERE id = ? AND token = ?
"""
_BEGUN = """
    UPDATE deliveries SET state = 'sending', attempts = attempts + 1, last_attempt_at = ?
    WHERE token = ? AND state = 'claimed' AND id IN (*) RETURNING id
"""
_BACK = """
    UPDATE deliveries SET state = 'queued', token = NULL, account_no = NULL
    WHERE token = ? AND state = 'claimed' AND id IN (*) RETURNING id
"""
_FAILED = """
    UPDATE deliveries SET state = 'failed', reason = ?, finished_at = ?, token = NULL, account_no = NULL
    WHERE token = ? AND state = 'claimed' AND id IN (*) RETURNING id
"""


def _write_sent(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """By far the most frequent answer, many in one statement."""
    moment = to_micros(now)
    rows = [
        (a.settlement.reason, *_reply(a.settlement.outcome).values(), moment, a.delivery.id, a.delivery.token)
        for a in answers
    ]
    raw_sql.change_each(connection, _SENT, rows)


def _settled(settlement: Decision, now: datetime) -> dict[str, Any]:
    """The columns of a delivery after its answer."""
    values: dict[str, Any] = {
        "state": settlement.state,
        "reason": settlement.reason,
        **_reply(settlement.outcome),
    }
    if settlement.state is State.QUEUED:
        values |= {
            "token": None,
            "account_no": None,
            "waited": deliveries.c.waited + _micros(settlement.waited),
        }
        if settlement.not_before is not None:
            values["not_before"] = settlement.not_before
        if not settlement.attempted:
            values["attempts"] = deliveries.c.attempts - 1
    elif settlement.state is State.IN_DOUBT:
        values["account_no"] = None  # the token stays: a late answer is still this try's
    else:
        values |= {"token": None, "account_no": None, "finished_at": now}
    return values


def _reply(outcome: Outcome) -> dict[str, Any]:
    reply = outcome.reply
    return {
        "code": reply.code if reply else None,
        "enhanced_code": reply.enhanced if reply else "",
        "reply": reply.text if reply else "",
        "provider_id": outcome.provider_id,
    }


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _beyond_the_rows(
    connection: Connection, terms: ClaimTerms, answers: Sequence[Answer], now: datetime
) -> None:
    """Pause or stop the account, suppress addresses: with the answers that say so, or not at all."""
    for delivery, settlement in ((answer.delivery, answer.settlement) for answer in answers):
        reason = settlement.outcome.reason
        if settlement.suppress:
            source = f"refused by the server (delivery {delivery.id})"
            suppress(connection, [delivery.key], reason=SuppressionReason.BOUNCE, source=source, now=now)
        if settlement.pause_account_until is not None:
            pause_account(connection, terms.account_no, until=settlement.pause_account_until, reason=reason)
        if settlement.stop_credentials:
            stop_account(connection, terms.account_no, reason=reason, digest=terms.setup_digest)
    if any(answer.settlement.state is State.QUEUED for answer in answers):
        after_requeue(connection, terms.campaign_no, now)


def _judge(
    connection: Connection, terms: ClaimTerms, verdicts: Iterable[tuple[str, AnswerMark | None]]
) -> str:
    """Add marks to the campaign's recent answers, and stop it where one of them is the last straw.

    `verdicts` are pairs of an answer that refuses the sender or the content at once ("" if it does not)
    and of its mark.  Returns why it was stopped, or "".
    """
    stop = ""
    before: str = raw_sql.row(connection, _RECENT, (terms.campaign_no,))[0]
    recent = before
    for refused, mark in verdicts:
        recent = remember(recent, mark) if mark else recent
        stop = stop or refused or stop_reason(recent, terms.stop_if_failing)
    if recent != before:
        raw_sql.change(connection, _REMEMBER, (recent, terms.campaign_no))
    if stop:
        stop_campaign(connection, terms.campaign_no, reason=stop, digest=terms.content_digest)
    return stop


# -- Rows that cannot become messages


def _fail(connection: Connection, rows: Sequence[tuple[Delivery, str]], now: datetime) -> list[bool]:
    """Their slots come back."""
    return [bool(_change(connection, _FAILED, [one], reason, to_micros(now))) for one, reason in rows]


# -- The next messages


def _begin(
    connection: Connection, terms: ClaimTerms, starting: Sequence[Delivery], now: datetime, hold: Wait | None
) -> list[SendPermit]:
    if hold:
        back = put_back(connection, starting, now)
        return [SendPermit.HELD if delivery.id in back else SendPermit.LOST for delivery in starting]
    out = suppressed_keys(connection, terms, [(delivery.id, delivery.key) for delivery in starting])
    tokens = {delivery.id: delivery.token for delivery in starting}
    suppressed = mark_suppressed(connection, out, now, tokens)
    going = [delivery for delivery in starting if delivery.id not in out]
    begun = _change(connection, _BEGUN, going, to_micros(now))
    for log in logs_of(connection, terms) if begun else ():
        log.add(Series.STARTS, now, len(begun))
    words = dict.fromkeys(begun, SendPermit.GO) | dict.fromkeys(suppressed, SendPermit.SUPPRESSED)
    return [words.get(delivery.id, SendPermit.LOST) for delivery in starting]


def put_back(connection: Connection, held: Sequence[Delivery], now: datetime) -> set[int]:
    """Queue claimed deliveries again; their slots were never used.  Returns the ids that were still ours."""
    back = _change(connection, _BACK, held)
    for campaign_no in {delivery.campaign_no for delivery in held}:
        after_requeue(connection, campaign_no, now)
    return back


def _change(connection: Connection, statement: str, held: Sequence[Delivery], *values: Any) -> set[int]:
    """Change those of the claimed deliveries that are still ours; return their ids."""
    by_token: dict[int, list[int]] = defaultdict(list)
    for delivery in held:
        by_token[delivery.token].append(delivery.id)
    changed: set[int] = set()
    for token, ids in by_token.items():
        changed.update(number for (number,) in raw_sql.rows(connection, statement, (*values, token), ids))
    return changed


# -- The next claim


def _claim(
    connection: Connection, terms: ClaimTerms, batch: Batch, now: datetime, done: BatchResult
) -> list[Delivery] | Wait:
    left, next_slot_at = room_left(connection, terms, now)
    if left is not None and left <= 0:
        return waiting(connection, terms, now) or Wait(WaitReason.QUOTA, next_slot_at)
    number = batch.wanted if left is None else min(batch.wanted, left)
    for look in (max(number, batch.wanted), LOOK_FURTHER):  # those whose turn it was may all have said no
        found = due_deliveries(connection, terms, batch.token, now, most=look, after=done.reached)
        if not found:
            return waiting(connection, terms, now) or Wait(WaitReason.DONE)
        taken, done.reached = take(connection, terms, found, number, now)
        if taken:
            break
    return taken
