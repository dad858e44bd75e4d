"""Whose turn it is, and whether anyone's is: the questions of a claim, asked inside its transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, update

from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.quota import Limit, room, tightest
from mailrunner.model.suppression import governing
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import raw_sql
from mailrunner.store.quota_usage import UsageLog, account_scope, campaign_scope
from mailrunner.store.schema import CAMPAIGN_SHIFT, deliveries, from_micros, to_micros
from mailrunner.store.suppressions import entries_of

LOOK_FURTHER = 500  # people who said no, passed over in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTerms:
    """What a claim must respect; fixed for a run.

    `limits` are the account's, `pace` the campaign's own; `reserve` and `zone` the account's.
    `content_digest` is of what this run renders: where another process
    accepted other content, nothing is claimed.  `stop_if_failing` is a share (0 to 1) of the last
    answers or None, `setup_digest` stands for the credentials where they are refused.
    """

    campaign_no: int
    account_no: int
    lists: Collection[str]
    transactional: bool
    limits: Sequence[Limit]
    pace: Sequence[Limit]
    reserve: int
    zone: ZoneInfo
    content_digest: str
    stop_if_failing: float | None = None
    setup_digest: str = ""


Place = tuple[int, int]  # in the order of turns: the instant before which it is not sent, and the id
FRONT: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed delivery with its row's data."""

    id: int
    token: int
    row: int
    key: str
    address: str
    values: tuple[str, ...]
    attempts: int
    waited: timedelta

    @property
    def campaign_no(self) -> int:
        return self.id >> CAMPAIGN_SHIFT


_STANDING = """
    SELECT c.phase, c.reason, c.content_digest, a.paused_until, a.pause_reason, a.stop_reason
    FROM campaigns c JOIN accounts a ON a.no = ? WHERE c.no = ?
"""
_NEXT = """
    SELECT d.not_before, d.id, d.row, d.key, r.address, r.data, d.attempts, d.waited
    FROM deliveries d JOIN recipients r ON r.id = d.id
    WHERE d.campaign_no = ? AND d.state = 'queued' AND d.not_before <= ? AND (d.not_before, d.id) > (?, ?)
    ORDER BY d.not_before, d.id LIMIT ?
"""
_TAKE = """
    UPDATE deliveries SET state = 'claimed', token = ?, account_no = ?
    WHERE state = 'queued' AND id IN (*)
"""


def obstacle(connection: Connection, terms: ClaimTerms, now: datetime) -> Wait | None:
    """What a person or an answer has put in the way since the run began."""
    standing = raw_sql.row(connection, _STANDING, (terms.account_no, terms.campaign_no))
    phase, reason, content_digest, paused_until, pause_reason, stop_reason = standing
    if phase in _PHASE_HOLDS:
        return Wait(_PHASE_HOLDS[phase], None, reason)
    if content_digest != terms.content_digest:
        return Wait(WaitReason.DRIFT, None, "another process accepted changes to this campaign")
    if stop_reason:
        return Wait(WaitReason.CREDENTIALS, None, stop_reason)
    if paused_until is not None and paused_until > to_micros(now):
        return Wait(WaitReason.ACCOUNT_PAUSED, from_micros(paused_until), pause_reason)
    return None


_PHASE_HOLDS = {"paused": WaitReason.PAUSED, "cancelled": WaitReason.CANCELLED, "stopped": WaitReason.STOPPED}


def logs_of(connection: Connection, terms: ClaimTerms) -> list[UsageLog]:
    logs = [UsageLog(connection, account_scope(terms.account_no))]
    if terms.pace:
        logs.append(UsageLog(connection, campaign_scope(terms.campaign_no)))
    return logs


def room_left(connection: Connection, terms: ClaimTerms, now: datetime) -> tuple[int | None, datetime | None]:
    """How many may be claimed (None: no limit), and when the first may where that is nobody."""
    rooms = []
    for log, limits, reserve in zip(
        logs_of(connection, terms), (terms.limits, terms.pace), (terms.reserve, 0), strict=False
    ):
        if limits:
            log.mend(now)
        rooms += [room(limit, log, reserve=reserve, zone=terms.zone, now=now) for limit in limits]
    return tightest(rooms)


def take(
    connection: Connection, terms: ClaimTerms, found: Mapping[Place, Delivery], number: int, now: datetime
) -> tuple[list[Delivery], Place]:
    """Claim the first `number` of those whose turn it is; also say how far in the order that went.

    Those who said no are passed over.
    """
    out = suppressed_keys(connection, terms, [(one.id, one.key) for one in found.values()])
    taken: list[Delivery] = []
    passed, reached = {}, FRONT
    for place, delivery in found.items():
        reached = place
        if delivery.id in out:
            passed[delivery.id] = out[delivery.id]
        else:
            taken.append(delivery)
            if len(taken) == number:
                break
    mark_suppressed(connection, passed, now)
    if taken:
        ids = [delivery.id for delivery in taken]
        raw_sql.change(connection, _TAKE, (taken[0].token, terms.account_no), ids)
    return taken, reached


def due_deliveries(
    connection: Connection, terms: ClaimTerms, token: int, now: datetime, *, most: int, after: Place
) -> dict[Place, Delivery]:
    """The next `most` behind `after` whose turn it is, the longest waiting first, as `token` will have them.

    Where nobody is behind it, all are looked at: somebody may have come back to an earlier place.
    PostgreSQL keeps what a long transaction of somebody else may still want to see, so that from the
    front every claim would pass all those that were claimed since that began.
    """
    found = raw_sql.rows(connection, _NEXT, (terms.campaign_no, to_micros(now), *after, most))
    if not found and after != FRONT:
        return due_deliveries(connection, terms, token, now, most=most, after=FRONT)
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
        for not_before, number, row, key, address, data, attempts, waited in found
    }


def waiting(connection: Connection, terms: ClaimTerms, now: datetime) -> Wait | None:
    """Why nobody's turn has come; None where somebody's has."""
    mine = deliveries.c.campaign_no == terms.campaign_no
    first = connection.execute(
        select(func.min(deliveries.c.not_before)).where(mine, deliveries.c.state == State.QUEUED)
    ).scalar()
    if first is not None:
        return Wait(WaitReason.RETRY, first) if first > now else None
    flying = select(deliveries.c.id).where(mine, deliveries.c.state.in_(IN_FLIGHT)).limit(1)
    return Wait(WaitReason.OTHERS) if connection.execute(flying).first() else Wait(WaitReason.DONE)


def suppressed_keys(
    connection: Connection, terms: ClaimTerms, candidates: Sequence[tuple[int, str]]
) -> dict[int, str]:
    """Those of the candidates (id, key) who said no, with the reason."""
    by_key = entries_of(connection, [key for _, key in candidates])
    found: dict[int, str] = {}
    for number, key in candidates if by_key else ():
        entry = governing(by_key.get(key, ()), lists=terms.lists, transactional=terms.transactional)
        if entry is not None:
            found[number] = str(entry)
    return found


def mark_suppressed(
    connection: Connection, out: Mapping[int, str], now: datetime, tokens: Mapping[int, int] | None = None
) -> set[int]:
    """Record that deliveries (by id, with the reason) are not sent; return the ids that were changed.

    They are claimed by `tokens`, or, without any, queued.
    """
    changed = set()
    for number, reason in out.items():
        where = deliveries.c.token == tokens[number] if tokens else deliveries.c.state == State.QUEUED
        done = connection.execute(
            update(deliveries)
            .where(deliveries.c.id == number, where)
            .values(state=State.SUPPRESSED, reason=reason, finished_at=now, token=None, account_no=None)
        )
        if done.rowcount:
            changed.add(number)
    return changed
