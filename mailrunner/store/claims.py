"""Whose turn it is, and whether anyone's is: the questions of a claim, asked inside its transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select, update

from mailrunner.delivery import IN_FLIGHT, State
from mailrunner.hold import Hold, Why
from mailrunner.quota import Limit, room, tightest
from mailrunner.store.schema import CAMPAIGN_SHIFT, accounts, campaigns, deliveries, recipients
from mailrunner.store.suppressions import entries_of
from mailrunner.store.usage import UsageLog, account_scope, campaign_scope
from mailrunner.suppression import governing

LOOK_FURTHER = 500  # people who said no, passed over in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
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


# Statements of every exchange are prepared once: to put one together costs more than to run it.
_STANDING = (
    select(
        campaigns.c.phase,
        campaigns.c.reason,
        campaigns.c.content_digest,
        accounts.c.paused_until,
        accounts.c.pause_reason,
        accounts.c.stop_reason,
    )
    .join(accounts, accounts.c.no == bindparam("account"))
    .where(campaigns.c.no == bindparam("campaign"))
)
_NEXT = (
    select(
        deliveries.c.id,
        deliveries.c.row,
        deliveries.c.key,
        deliveries.c.attempts,
        deliveries.c.waited,
        recipients.c.address,
        recipients.c.data,
    )
    .join(recipients, recipients.c.id == deliveries.c.id)
    .where(
        deliveries.c.campaign_no == bindparam("campaign"),
        deliveries.c.state == State.QUEUED,
        deliveries.c.not_before <= bindparam("now"),
    )
    .order_by(deliveries.c.not_before, deliveries.c.id)
    .limit(bindparam("most"))
)
_TAKE = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.state == State.QUEUED)
    .values(state=State.CLAIMED, token=bindparam("its_token"), account_no=bindparam("its_account"))
)


def obstacle(connection: Connection, terms: Terms, now: datetime) -> Hold | None:
    """What a person or an answer has put in the way since the run began."""
    row = connection.execute(_STANDING, {"campaign": terms.campaign_no, "account": terms.account_no}).one()
    if row.phase in _PHASE_HOLDS:
        return Hold(_PHASE_HOLDS[row.phase], None, row.reason)
    if row.content_digest != terms.content_digest:
        return Hold(Why.DRIFT, None, "another process accepted changes to this campaign")
    if row.stop_reason:
        return Hold(Why.CREDENTIALS, None, row.stop_reason)
    if row.paused_until is not None and row.paused_until > now:
        return Hold(Why.ACCOUNT_PAUSED, row.paused_until, row.pause_reason)
    return None


_PHASE_HOLDS = {"paused": Why.PAUSED, "cancelled": Why.CANCELLED, "stopped": Why.STOPPED}


def logs_of(connection: Connection, terms: Terms) -> list[UsageLog]:
    logs = [UsageLog(connection, account_scope(terms.account_no))]
    if terms.pace:
        logs.append(UsageLog(connection, campaign_scope(terms.campaign_no)))
    return logs


def room_left(connection: Connection, terms: Terms, now: datetime) -> tuple[int | None, datetime | None]:
    rooms = []
    for log, limits, reserve in zip(
        logs_of(connection, terms), (terms.limits, terms.pace), (terms.reserve, 0), strict=False
    ):
        log.mend(now)
        rooms += [room(limit, log, reserve=reserve, zone=terms.zone, now=now) for limit in limits]
    return tightest(rooms)


def take(  # noqa: PLR0917 - the inside of one transaction
    connection: Connection, terms: Terms, token: int, rows: Sequence[Any], number: int, now: datetime
) -> list[Delivery] | Hold:
    """Claim the first `number` of those whose turn it is, passing over those who said no."""
    if not rows:
        return waiting(connection, terms, now) or Hold(Why.DONE)
    out = said_no(connection, terms, [(row.id, row.key) for row in rows])
    taken = [row for row in rows if row.id not in out][:number]
    passed = rows if len(taken) < number else rows[: rows.index(taken[-1])]
    mark_suppressed(connection, {row.id: out[row.id] for row in passed if row.id in out}, now)
    ids = [row.id for row in taken]
    if ids:
        connection.execute(_TAKE, {"ids": ids, "its_token": token, "its_account": terms.account_no})
    return [_delivery(row, token) for row in taken]


def turn(connection: Connection, terms: Terms, now: datetime, most: int) -> Sequence[Any]:
    """The next `most` whose turn it is, the longest waiting first."""
    return connection.execute(_NEXT, {"campaign": terms.campaign_no, "now": now, "most": most}).all()


def _delivery(row: Any, token: int) -> Delivery:
    waited = timedelta(microseconds=row.waited)
    values = tuple(json.loads(row.data))
    return Delivery(row.id, token, row.row, row.key, row.address, values, row.attempts, waited)


def waiting(connection: Connection, terms: Terms, now: datetime) -> Hold | None:
    """Why nobody's turn has come; None where somebody's has."""
    mine = deliveries.c.campaign_no == terms.campaign_no
    first = connection.execute(
        select(func.min(deliveries.c.not_before)).where(mine, deliveries.c.state == State.QUEUED)
    ).scalar()
    if first is not None:
        return Hold(Why.RETRY, first) if first > now else None
    flying = select(deliveries.c.id).where(mine, deliveries.c.state.in_(IN_FLIGHT)).limit(1)
    return Hold(Why.OTHERS) if connection.execute(flying).first() else Hold(Why.DONE)


def said_no(connection: Connection, terms: Terms, candidates: Sequence[tuple[int, str]]) -> dict[int, str]:
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
