"""Claiming, sending, recording: the statements that keep the promises of `docs/states.md`.

Every change of a claimed delivery matches its id *and* its token, and says so when it matched
nothing: the claim was lost, and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, exists, func, select, update

from mailrunner.breaker import Mark, remember
from mailrunner.delivery import Counts, State
from mailrunner.hold import Hold, Why
from mailrunner.outcome import Outcome
from mailrunner.quota import Series
from mailrunner.settlement import Settlement
from mailrunner.store.accounts import pause_account
from mailrunner.store.claims import (
    LOOK_FURTHER,
    Delivery,
    Terms,
    logs_of,
    mark_suppressed,
    obstacle,
    room_left,
    said_no,
    take,
    turn,
    waiting,
)
from mailrunner.store.database import Database
from mailrunner.store.queueing import after_queueing
from mailrunner.store.runs import check_open, is_alive, open_runs
from mailrunner.store.schema import (
    CAMPAIGN_SHIFT,
    campaigns,
    deliveries,
    recipients,
    suppressions,
)
from mailrunner.store.suppressions import entries_of, suppress
from mailrunner.store.takeover import end_if_gone
from mailrunner.suppression import Reason, governing


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
            found = self._claim(terms, token, most, look=LOOK_FURTHER)
        return found

    def _claim(self, terms: Terms, token: int, most: int, *, look: int) -> list[Delivery] | Hold:
        """One short transaction, which looks at the next `look` people."""
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            now = self._database.now(connection)
            check_open(connection, token)
            if hold := obstacle(connection, terms, now):
                return hold
            left, next_slot_at = room_left(connection, terms, now)
            if left is not None and left <= 0:
                return waiting(connection, terms, now) or Hold(Why.QUOTA, next_slot_at)
            number = most if left is None else min(most, left)
            rows = connection.execute(turn(terms, now).limit(max(number, look))).all()
            return take(connection, terms, token, rows, number, now)

    def begin_sending(self, delivery: Delivery, terms: Terms) -> Go:
        """Make `sending` durable; from here on the server may accept the message."""
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            now = self._database.now(connection)
            if obstacle(connection, terms, now):
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
            for log in logs_of(connection, terms):
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
                for log in logs_of(connection, terms):
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
            rows = connection.execution_options(yield_per=LOOK_FURTHER).execute(
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
            queued = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.state == State.IN_DOUBT,
                    exists().where(recipients.c.id == deliveries.c.id),  # not those whose rows were purged
                )
                .values(state=State.QUEUED, token=None, reason="")
            ).rowcount
            after_queueing(connection, campaign_no, self._database.now(connection))
            return queued

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
        after_queueing(connection, campaign_no, now)
    return freed


def _suppress_claimed(
    connection: Connection, terms: Terms, candidates: Sequence[tuple[int, str]], token: int, now: datetime
) -> bool:
    return bool(mark_suppressed(connection, said_no(connection, terms, candidates), now, token))


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
        after_queueing(connection, terms.campaign_no, now)


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
