"""Claiming, sending, recording: the statements that keep the promises of `docs/states.md`.

Every change of a claimed delivery matches its id *and* its token, and says so when it matched
nothing: the claim was lost, and nothing is overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, exists, func, select, update

from mailrunner.breaker import Mark, remember
from mailrunner.delivery import IN_FLIGHT, Counts, State
from mailrunner.hold import Hold, Why
from mailrunner.outcome import Outcome
from mailrunner.quota import Limit, Series, room, tightest
from mailrunner.settlement import Settlement
from mailrunner.store.accounts import pause_account
from mailrunner.store.cancelling import skip_in_cancelled
from mailrunner.store.database import Database
from mailrunner.store.runs import is_alive, open_runs
from mailrunner.store.schema import (
    CAMPAIGN_SHIFT,
    accounts,
    campaigns,
    deliveries,
    recipients,
    suppressions,
)
from mailrunner.store.suppressions import entries_of, suppress
from mailrunner.store.takeover import end_if_gone
from mailrunner.store.usage import UsageLog, account_scope, campaign_scope
from mailrunner.suppression import Reason, governing

_LOOK_FURTHER = 500  # people who said no, passed over in one transaction
_TURN = (deliveries.c.not_before, deliveries.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a claim must respect; fixed for a run.

    `limits` are the account's, `pace` the campaign's own; `reserve` and `zone` the account's.
    `content_digest` is of what this run renders: where another process
    accepted other content, nothing is claimed.
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


class Go(StrEnum):
    """The ledger's last word before a message goes on the wire."""

    GO = "go"
    LOST = "lost"  # the claim is no longer ours
    SUPPRESSED = "suppressed"
    HELD = "held"  # paused, cancelled or stopped meanwhile; the delivery is queued again


class Deliveries:
    """The deliveries of all campaigns in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, terms: Terms, *, token: int, most: int) -> list[Delivery] | Hold:
        """Reserve up to `most` deliveries and their quota slots, or say why there are none."""
        found = self._claim(terms, token, most, look=most)
        while not isinstance(found, Hold) and not found:  # those whose turn it was had all said no
            found = self._claim(terms, token, most, look=_LOOK_FURTHER)
        return found

    def _claim(self, terms: Terms, token: int, most: int, *, look: int) -> list[Delivery] | Hold:
        """One short transaction, which looks at the next `look` people."""
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            now = self._database.now(connection)
            if hold := _obstacle(connection, terms, now):
                return hold
            left, next_slot_at = _room(connection, terms, now)
            if left is not None and left <= 0:
                return _waiting(connection, terms, now) or Hold(Why.QUOTA, next_slot_at)
            number = most if left is None else min(most, left)
            rows = connection.execute(_turn(terms, now).limit(max(number, look))).all()
            return _take(connection, terms, token, rows, number, now)

    def begin_sending(self, delivery: Delivery, terms: Terms) -> Go:
        """Make `sending` durable; from here on the server may accept the message."""
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            now = self._database.now(connection)
            if _obstacle(connection, terms, now):
                return Go.HELD if _put_back(connection, [delivery], now) else Go.LOST
            if _suppress_claimed(connection, terms, [(delivery.id, delivery.key)], delivery.token, now):
                return Go.SUPPRESSED
            changed = connection.execute(
                _claimed(delivery).values(
                    state=State.SENDING, attempts=deliveries.c.attempts + 1, last_attempt_at=now
                )
            )
            if changed.rowcount == 0:
                return Go.LOST
            for log in _logs(connection, terms):
                log.add(Series.STARTS, now)
            return Go.GO

    def record(self, delivery: Delivery, terms: Terms, settlement: Settlement) -> str | None:
        """Record what came of it; None if the claim was lost and nothing was recorded.

        Returns the campaign's recent answers (see `breaker`).

        A definite answer is evidence: it also moves `in_doubt` on, if it belongs to the same try.
        """
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            now = self._database.now(connection)
            was = connection.execute(
                select(deliveries.c.state).where(
                    deliveries.c.id == delivery.id, deliveries.c.token == delivery.token
                )
            ).scalar()
            if was not in (State.SENDING, State.IN_DOUBT):
                return None
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery.id, deliveries.c.token == delivery.token)
                .values(_settled(settlement, now))
            )
            if was == State.SENDING and settlement.answered:
                for log in _logs(connection, terms):
                    log.add(Series.ANSWERS, now)
            _beyond_the_row(connection, delivery, terms, settlement, now)
            return _note_answer(connection, terms.campaign_no, settlement.mark)

    def fail_unrenderable(self, delivery: Delivery, reason: str) -> str | None:
        """Record that a claimed row cannot become a message; its slot comes back.  Returns as `record`."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            changed = connection.execute(
                _claimed(delivery).values(
                    state=State.FAILED, reason=reason, finished_at=now, token=None, account_no=None
                )
            )
            if changed.rowcount == 0:
                return None
            return _note_answer(connection, delivery.id >> CAMPAIGN_SHIFT, Mark.FAILED)

    def release(self, claimed: Iterable[Delivery]) -> int:
        """Put claimed deliveries back; their slots were never used.  Says how many were still ours."""
        with self._database.write() as connection:
            return _put_back(connection, claimed, self._database.now(connection))

    def take_over(self, *, own_run: int | None = None) -> int:
        """End the runs that are gone and free what they held; say how many became in doubt."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.no != own_run]
        return sum(end_if_gone(self._database, run) for run in found)

    def suppressed_ahead(self, campaign_no: int, lists: Collection[str], *, transactional: bool) -> int:
        """How many of those queued are on the suppression table now, for the plan."""
        number = 0
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_LOOK_FURTHER).execute(
                select(deliveries.c.key)
                .where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.state == State.QUEUED,
                    exists().where(suppressions.c.key == deliveries.c.key),
                )
                .distinct()
            )
            for part in rows.scalars().partitions():
                entries = entries_of(connection, list(part))
                number += sum(
                    governing(found, lists=lists, transactional=transactional) is not None
                    for found in entries.values()
                )
        return number

    def is_being_run(self, campaign_no: int) -> bool:
        """Whether a run of this campaign lives: its lock is held, or its lease not over."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.campaign_no == campaign_no]
        return any(is_alive(self._database, run.no) for run in found)

    def resend_doubtful(self, campaign_no: int) -> int:
        """Queue again what is in doubt, as `on_in_doubt = "resend"` says; with the same Message-IDs."""
        with self._database.write() as connection:
            return connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.state == State.IN_DOUBT,
                    exists().where(recipients.c.id == deliveries.c.id),  # not those whose rows were purged
                )
                .values(state=State.QUEUED, token=None, reason="")
            ).rowcount

    def counts(self, campaign_no: int) -> Counts:
        """How many deliveries of a campaign stand where."""
        with self._database.read() as connection:
            return counts(connection, campaign_no)

    def states_of(self, campaign_no: int, keys: Sequence[str]) -> dict[str, str]:
        """Where the deliveries of these keys stand; keys that are not in the campaign are left out."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(deliveries.c.key, deliveries.c.state).where(
                    deliveries.c.campaign_no == campaign_no, deliveries.c.key.in_(keys)
                )
            )
            return {row.key: row.state for row in rows}


def counts(connection: Connection, campaign_no: int) -> Counts:
    """The numbers by state, read from the index that also gives the turns."""
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.campaign_no == campaign_no)
        .group_by(deliveries.c.state)
    )
    return Counts.of({row[0]: row[1] for row in rows})


def _obstacle(connection: Connection, terms: Terms, now: datetime) -> Hold | None:
    """What a person or an answer has put in the way since the run began."""
    row = connection.execute(
        select(
            campaigns.c.phase,
            campaigns.c.reason,
            campaigns.c.content_digest,
            accounts.c.paused_until,
            accounts.c.pause_reason,
            accounts.c.stop_reason,
        )
        .join(accounts, accounts.c.no == terms.account_no)
        .where(campaigns.c.no == terms.campaign_no)
    ).one()
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


def _logs(connection: Connection, terms: Terms) -> list[UsageLog]:
    logs = [UsageLog(connection, account_scope(terms.account_no))]
    if terms.pace:
        logs.append(UsageLog(connection, campaign_scope(terms.campaign_no)))
    return logs


def _room(connection: Connection, terms: Terms, now: datetime) -> tuple[int | None, datetime | None]:
    rooms = []
    for log, limits, reserve in zip(
        _logs(connection, terms), (terms.limits, terms.pace), (terms.reserve, 0), strict=False
    ):
        log.mend(now)
        rooms += [room(limit, log, reserve=reserve, zone=terms.zone, now=now) for limit in limits]
    return tightest(rooms)


def _take(  # noqa: PLR0917 - the inside of one transaction
    connection: Connection, terms: Terms, token: int, rows: Sequence[Any], number: int, now: datetime
) -> list[Delivery] | Hold:
    """Claim the first `number` of those whose turn it is, passing over those who said no."""
    if not rows:
        return _waiting(connection, terms, now) or Hold(Why.DONE)
    out = _suppressed(connection, terms, [(row.id, row.key) for row in rows])
    taken = [row for row in rows if row.id not in out][:number]
    passed = rows if len(taken) < number else rows[: rows.index(taken[-1])]
    _mark_suppressed(connection, {row.id: out[row.id] for row in passed if row.id in out}, now, token=None)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in taken]), deliveries.c.state == State.QUEUED)
        .values(state=State.CLAIMED, token=token, account_no=terms.account_no)
    )
    return [_delivery(row, token) for row in taken]


def _turn(terms: Terms, now: datetime) -> Select[Any]:
    return (
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
            deliveries.c.campaign_no == terms.campaign_no,
            deliveries.c.state == State.QUEUED,
            deliveries.c.not_before <= now,
        )
        .order_by(*_TURN)
    )


def _delivery(row: Any, token: int) -> Delivery:
    waited = timedelta(microseconds=row.waited)
    values = tuple(json.loads(row.data))
    return Delivery(row.id, token, row.row, row.key, row.address, values, row.attempts, waited)


def _waiting(connection: Connection, terms: Terms, now: datetime) -> Hold | None:
    """Why nobody's turn has come; None where somebody's has."""
    mine = deliveries.c.campaign_no == terms.campaign_no
    first = connection.execute(
        select(func.min(deliveries.c.not_before)).where(mine, deliveries.c.state == State.QUEUED)
    ).scalar()
    if first is not None:
        return Hold(Why.RETRY, first) if first > now else None
    flying = select(deliveries.c.id).where(mine, deliveries.c.state.in_(IN_FLIGHT)).limit(1)
    return Hold(Why.OTHERS) if connection.execute(flying).first() else Hold(Why.DONE)


def _claimed(delivery: Delivery):  # type: ignore[no-untyped-def]
    return update(deliveries).where(
        deliveries.c.id == delivery.id,
        deliveries.c.token == delivery.token,
        deliveries.c.state == State.CLAIMED,
    )


def _put_back(connection: Connection, claimed: Iterable[Delivery], now: datetime) -> int:
    freed, touched = 0, set()
    for delivery in claimed:
        back = _claimed(delivery).values(state=State.QUEUED, token=None, account_no=None)
        freed += connection.execute(back).rowcount
        touched.add(delivery.id >> CAMPAIGN_SHIFT)
    for campaign_no in touched:
        skip_in_cancelled(connection, campaign_no, now)
    return freed


def _suppressed(
    connection: Connection, terms: Terms, candidates: Sequence[tuple[int, str]]
) -> dict[int, str]:
    """Those of the candidates (id, key) who said no, with the reason."""
    by_key = entries_of(connection, [key for _, key in candidates])
    found = {}
    for number, key in candidates:
        entry = governing(by_key.get(key, ()), lists=terms.lists, transactional=terms.transactional)
        if entry is not None:
            found[number] = str(entry)
    return found


def _mark_suppressed(connection: Connection, out: dict[int, str], now: datetime, token: int | None) -> int:
    changed = 0
    for number, reason in out.items():
        where = deliveries.c.token == token if token else deliveries.c.state == State.QUEUED
        changed += connection.execute(
            update(deliveries)
            .where(deliveries.c.id == number, where)
            .values(state=State.SUPPRESSED, reason=reason, finished_at=now, token=None, account_no=None)
        ).rowcount
    return changed


def _suppress_claimed(
    connection: Connection, terms: Terms, candidates: Sequence[tuple[int, str]], token: int, now: datetime
) -> bool:
    return bool(_mark_suppressed(connection, _suppressed(connection, terms, candidates), now, token))


def _settled(settlement: Settlement, now: datetime) -> dict[str, Any]:
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


def _beyond_the_row(
    connection: Connection, delivery: Delivery, terms: Terms, settlement: Settlement, now: datetime
) -> None:
    """Pause the account, stop it or the campaign, suppress the address: in the same transaction."""
    if settlement.suppress:
        suppress(connection, [delivery.key], reason=Reason.BOUNCE, source=_source(delivery), now=now)
    if settlement.pause_account_until is not None:
        pause_account(
            connection,
            terms.account_no,
            until=settlement.pause_account_until,
            reason=settlement.outcome.reason,
        )
    if settlement.state is State.QUEUED:
        _reopen(connection, terms.campaign_no, now)


def _reopen(connection: Connection, campaign_no: int, now: datetime) -> None:
    """Someone is queued again: a campaign that was finished goes on, in a cancelled one they are skipped."""
    finished = (campaigns.c.no == campaign_no, campaigns.c.phase == "finished")
    connection.execute(update(campaigns).where(*finished).values(phase="begun", finished_at=None))
    skip_in_cancelled(connection, campaign_no, now)


def _source(delivery: Delivery) -> str:
    return f"refused by the server (delivery {delivery.id})"


def _note_answer(connection: Connection, campaign_no: int, mark: Mark | None) -> str:
    """Add a mark to the campaign's recent answers and return them."""
    mine = campaigns.c.no == campaign_no
    recent: str = connection.execute(select(campaigns.c.recent).where(mine).with_for_update()).scalar_one()
    if mark is None:
        return recent
    recent = remember(recent, mark)
    connection.execute(update(campaigns).where(mine).values(recent=recent))
    return recent
