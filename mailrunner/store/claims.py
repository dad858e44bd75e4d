"""Claims inside a batch's transaction: begin the claimed deliveries, put them back, claim the next ones.

Every change matches id and token.  One that matches nothing was lost to another run, and nothing is
overwritten.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.quota import room, tightest
from mailrunner.model.suppression import governing
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store.quota_usage import about_the_clock
from mailrunner.store.raw_sql import from_micros, run, run_with_list, to_micros
from mailrunner.store.recovery import RUN_WAS_RECOVERED, TOKEN_SHIFT
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
from mailrunner.store.suppression_entries import entries_of

_NOTICED = timedelta(seconds=1)  # by then the heartbeat of a run that was taken for dead has been beaten
_SUPPRESSED_AT_ONCE = 500  # suppressed deliveries that one transaction passes over


_CONDITIONS = """
    SELECT c.phase, c.reason, c.content_digest, a.paused_until, a.pause_reason, a.stop_reason
    FROM campaigns c JOIN accounts a ON a.no = ? WHERE c.no = ?
"""
_DUE = """
    SELECT d.not_before, d.id, d.row, d.key, r.address, r.data, d.attempts, d.waited
    FROM deliveries d JOIN recipients r ON r.id = d.id
    WHERE d.campaign_no = ? AND d.state = 'queued' AND d.not_before <= ? AND (d.not_before, d.id) > (?, ?)
    ORDER BY d.not_before, d.id LIMIT ?
"""
_CLAIM = """
    UPDATE deliveries SET state = 'claimed', token = ?, account_no = ?
    WHERE state = 'queued' AND id IN (*)
"""
_BEGIN = """
    UPDATE deliveries
    SET state = 'sending', last_attempt_at = ?,
        attempts = attempts + CASE state WHEN 'claimed' THEN 1 ELSE 0 END
    WHERE token = ? AND state IN ('claimed', 'sending') AND id IN (*) RETURNING id
"""
_STILL_SENDING = "SELECT id FROM deliveries WHERE token = ? AND state = 'sending' AND id IN (*)"
_NOT_BEGUN = """
    UPDATE deliveries
    SET state = 'claimed', account_no = ?, attempts = attempts - 1,
        not_before = CASE state WHEN 'in_doubt' THEN ? ELSE not_before END
    WHERE token = ? AND state IN ('sending', 'in_doubt') AND id IN (*) RETURNING id
"""
_PUT_BACK = """
    UPDATE deliveries SET state = 'queued', token = NULL, account_no = NULL
    WHERE token = ? AND state = 'claimed' AND id IN (*) RETURNING id
"""
_FAIL = """
    UPDATE deliveries
    SET state = 'failed', reason = ?, finished_at = ?, not_before = ?, token = NULL, account_no = NULL
    WHERE token = ? AND state = 'claimed' AND id IN (*) RETURNING id
"""
_RUN_ENDED = "SELECT ended_at FROM runs WHERE no = ?"


def obstacle(at: RunTransaction) -> Wait | None:
    """The reason, recorded in the ledger since the run began, for which nothing may be sent; None without."""
    terms = at.terms
    conditions = run(at.connection, _CONDITIONS, (terms.account_no, terms.campaign_no)).fetchone()
    phase, reason, content_digest, paused_until, pause_reason, stop_reason = conditions
    if phase in _WAITS_OF_PHASES:
        return Wait(_WAITS_OF_PHASES[phase], None, reason)
    if content_digest != terms.content_digest:
        return Wait(WaitReason.DRIFT, None, "another process accepted changes to this campaign")
    if stop_reason:
        return Wait(WaitReason.CREDENTIALS, None, stop_reason)
    if paused_until is not None and paused_until > to_micros(at.now):
        return Wait(WaitReason.ACCOUNT_PAUSED, from_micros(paused_until), pause_reason)
    return None


_WAITS_OF_PHASES = {
    "paused": WaitReason.PAUSED,
    "cancelled": WaitReason.CANCELLED,
    "stopped": WaitReason.STOPPED,
}


# -- Deliveries that are claimed already


def begin_sending(at: RunTransaction, starting: Sequence[Delivery]) -> list[SendPermit]:
    """Make `sending` durable for each of `starting` that is still ours and not suppressed meanwhile.

    One that is `sending` under its token already was begun by a commit whose success the run did not hear
    of: it asks for each claim once, and hands nothing to a connection before it hears.
    """
    reasons = suppression_reasons(at.connection, at.terms, starting)
    tokens = {delivery.id: delivery.token for delivery in starting}
    permits = dict.fromkeys(mark_suppressed(at, reasons, tokens), SendPermit.SUPPRESSED)
    sendable = [delivery for delivery in starting if delivery.id not in reasons]
    begun = _change(at.connection, _BEGIN, sendable, to_micros(at.now))
    permits |= dict.fromkeys(begun, SendPermit.GO)
    return [permits.get(delivery.id, SendPermit.LOST) for delivery in starting]


def hold_back(at: RunTransaction, starting: Sequence[Delivery]) -> list[SendPermit]:
    """Queue again what was about to be sent, as something stands in its way now."""
    queued = put_back(at.connection, starting, at.now)
    return [SendPermit.HELD if delivery.id in queued else SendPermit.LOST for delivery in starting]


def check_again(at: RunTransaction, held: Sequence[Delivery], wait: Wait | None) -> list[SendPermit]:
    """Check deliveries that are `sending` and whose content has not begun, as if they were only claimed.

    Where one may not go, nothing of it was handed over: it is put back or suppressed, and costs no
    attempt.  That is evidence too, so one that another process took for in doubt is queued again.
    """
    reasons = suppression_reasons(at.connection, at.terms, held)
    may_go = set() if wait else _change(at.connection, _STILL_SENDING, held) - reasons.keys()
    back = [delivery for delivery in held if delivery.id not in may_go]
    ours = _change(at.connection, _NOT_BEGUN, back, at.terms.account_no, to_micros(at.now))
    tokens = {delivery.id: delivery.token for delivery in back if delivery.id in ours & reasons.keys()}
    suppressed = mark_suppressed(at, {number: reasons[number] for number in tokens}, tokens)
    rest = [delivery for delivery in back if delivery.id not in suppressed]
    permits = dict.fromkeys(may_go, SendPermit.GO) | dict.fromkeys(suppressed, SendPermit.SUPPRESSED)
    permits |= dict(zip([delivery.id for delivery in rest], hold_back(at, rest), strict=True))
    return [permits[delivery.id] for delivery in held]


def put_back(connection: Connection, claimed: Sequence[Delivery], now: datetime) -> set[int]:
    """Queue claimed deliveries again; their slots were never used.  Returns the ids that were still ours."""
    queued = _change(connection, _PUT_BACK, claimed)
    for campaign_no in {delivery.campaign_no for delivery in claimed}:
        reopen_after_requeue(connection, campaign_no, now)
    return queued


def fail_unrenderable(at: RunTransaction, unrenderable: Sequence[tuple[Delivery, str]]) -> list[bool]:
    """Fail claimed deliveries, each for its reason; False for one that was lost.  Their slots come back."""
    moment = to_micros(at.now)
    return [
        bool(_change(at.connection, _FAIL, [one], reason, moment, moment)) for one, reason in unrenderable
    ]


def _change(connection: Connection, statement: str, claimed: Sequence[Delivery], *values: Any) -> set[int]:
    """Change those of the claimed deliveries that are still ours; return their ids."""
    by_token: dict[int, list[int]] = defaultdict(list)
    for delivery in claimed:
        by_token[delivery.token].append(delivery.id)
    changed: set[int] = set()
    for token, ids in by_token.items():
        for row in run_with_list(connection, statement, (*values, token), ids):
            changed.add(row[0])
    return changed


# -- The next claim


def ended_elsewhere(at: RunTransaction, token: int) -> Wait | None:
    """A moment's wait where the run of this token was taken for dead: no other would free its claims.

    Its next heartbeat, which is due, notices it as well.
    """
    ended = run(at.connection, _RUN_ENDED, (token >> TOKEN_SHIFT,)).fetchone()
    if ended and ended[0] is not None:
        return Wait(WaitReason.OTHERS, at.now + _NOTICED, RUN_WAS_RECOVERED[0])
    return None


def claim(
    at: RunTransaction, token: int, wanted: int, *, after: QueuePosition
) -> tuple[list[Delivery] | Wait, QueuePosition]:
    """Claim up to `wanted` deliveries behind `after`, with their quota slots, for `token`.

    Returns them, or why there are none, and the position in the queue up to which they go.  An empty
    list means that all due recipients were suppressed: claim again.
    """
    left, next_slot_at = _room(at)
    if left is not None and left <= 0:
        used_up = Wait(WaitReason.QUOTA, next_slot_at, about_the_clock(at.usage, at.now))
        return _empty_queue(at) or used_up, after
    number = wanted if left is None else min(wanted, left)
    for most in (wanted, _SUPPRESSED_AT_ONCE):  # the first that are due may all be suppressed
        due = _due(at, token, most, after=after)
        if not due:
            return _empty_queue(at) or Wait(WaitReason.DONE), after
        taken, after = _take(at, due, number)
        if taken:
            break
    return taken, after


def _room(at: RunTransaction) -> tuple[int | None, datetime | None]:
    """How many may be claimed (None: no limit) and, if none may, when the first may."""
    terms, rooms = at.terms, []
    for log, limits, reserve in zip(at.usage, (terms.limits, terms.pace), (terms.reserve, 0), strict=False):
        if limits:
            log.date(at.now)
        for limit in limits:
            rooms.append(room(limit, log, reserve=reserve, zone=terms.zone, now=at.now))
    return tightest(rooms) if rooms else (None, None)


def _take(
    at: RunTransaction, due: Mapping[QueuePosition, Delivery], number: int
) -> tuple[list[Delivery], QueuePosition]:
    """Claim the first `number` of `due` that are not suppressed; also the position of the last one seen."""
    reasons = suppression_reasons(at.connection, at.terms, due.values())
    taken: list[Delivery] = []
    passed, seen = {}, QUEUE_START
    for position, delivery in due.items():
        seen = position
        if delivery.id in reasons:
            passed[delivery.id] = reasons[delivery.id]
        else:
            taken.append(delivery)
            if len(taken) == number:
                break
    mark_suppressed(at, passed)
    if taken:
        ids = [delivery.id for delivery in taken]
        run_with_list(at.connection, _CLAIM, (taken[0].token, at.terms.account_no), ids)
    return taken, seen


def _due(at: RunTransaction, token: int, most: int, *, after: QueuePosition) -> dict[QueuePosition, Delivery]:
    """The next `most` deliveries behind `after` that are due, the longest waiting first, with `token`.

    Where none is behind it, the queue is read from its start: one may have been queued again at an
    earlier position.  PostgreSQL keeps what another session's long transaction may still want to see, so
    that from the start every claim would pass all those that were claimed since that began.
    """
    rows = run(at.connection, _DUE, (at.terms.campaign_no, to_micros(at.now), *after, most)).fetchall()
    if not rows and after != QUEUE_START:
        return _due(at, token, most, after=QUEUE_START)
    return {
        (not_before, number): Delivery(
            id=number,
            token=token,
            row=row,
            key=key,
            address=address,
            values=tuple(json.loads(data)),
            attempts=attempts,
            waited=timedelta(microseconds=waited),
        )
        for not_before, number, row, key, address, data, attempts, waited in rows
    }


def _empty_queue(at: RunTransaction) -> Wait | None:
    """Why no delivery of the campaign is due; None where one is."""
    mine = deliveries.c.campaign_no == at.terms.campaign_no
    first = at.connection.execute(
        select(func.min(deliveries.c.not_before)).where(mine, deliveries.c.state == State.QUEUED)
    ).scalar()
    if first is not None:
        return Wait(WaitReason.RETRY, first) if first > at.now else None
    flying = select(deliveries.c.id).where(mine, deliveries.c.state.in_(IN_FLIGHT)).limit(1)
    return Wait(WaitReason.OTHERS) if at.connection.execute(flying).first() else Wait(WaitReason.DONE)


# -- Suppression


def suppression_reasons(
    connection: Connection, terms: ClaimTerms, candidates: Collection[Delivery]
) -> dict[int, str]:
    """Those of the candidates that are suppressed: their ids, each with the reason."""
    by_key = entries_of(connection, [delivery.key for delivery in candidates])
    found: dict[int, str] = {}
    for delivery in candidates if by_key else ():
        entries = by_key.get(delivery.key, ())
        entry = governing(entries, lists=terms.lists, transactional=terms.transactional)
        if entry is not None:
            found[delivery.id] = str(entry)
    return found


def mark_suppressed(
    at: RunTransaction, reasons: Mapping[int, str], tokens: Mapping[int, int] | None = None
) -> set[int]:
    """Record that deliveries (by id, with the reason) are suppressed; return the ids that were changed.

    They are claimed by `tokens` or, without any, queued.
    """
    changed = set()
    for number, reason in reasons.items():
        where = deliveries.c.token == tokens[number] if tokens else deliveries.c.state == State.QUEUED
        done = at.connection.execute(
            update(deliveries)
            .where(deliveries.c.id == number, where)
            .values(
                state=State.SUPPRESSED,
                reason=reason,
                finished_at=at.now,
                not_before=at.now,
                token=None,
                account_no=None,
            )
        )
        if done.rowcount:
            changed.add(number)
    return changed
