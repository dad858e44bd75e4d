"""Runs and their ends: which are open, and what becomes of a run's deliveries when it ends.

Its claims are queued again, its messages in flight are in doubt.  A run frees its own when it ends in
order; one that was killed is recovered by the next process that can take its lock.

A delivery's `token` is the run's number times 2**32 plus a count: it names one claim of one run for
ever, so a late answer to an old claim can be told from the present one (fencing).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, text, update

from mailrunner.model.delivery import State
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import UsageLog, account_scope, campaign_scope
from mailrunner.store.reopening import reopen_after_requeue
from mailrunner.store.run_lock import run_lock
from mailrunner.store.schema import TESTS, deliveries, runs

TOKEN_SHIFT = 32
LEASE = timedelta(minutes=20)  # twice the ten minutes that RFC 5321 §4.5.3.2.6 gives the final reply
HEARTBEAT = timedelta(minutes=1)  # between two renewals
_OVERDUE = HEARTBEAT + timedelta(seconds=10)
RUN_WAS_RECOVERED = (
    "this run lost its lock and was taken for dead by another process",
    "nothing is lost; run the command again",
)
# Literal words, so that SQLite sees that the small index of what is in flight will do.
_IN_FLIGHT = text("deliveries.state IN ('claimed', 'sending')")


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose end is not recorded."""

    no: int
    campaign_no: int
    leased_until: datetime

    @property
    def renewed_at(self) -> datetime:
        return self.leased_until - LEASE

    def is_overdue(self, now: datetime) -> bool:
        """True if a renewal of its lease has not come in time: it is dead, suspended or cut off."""
        return now - self.renewed_at > _OVERDUE


def tokens_of(run_no: int) -> tuple[int, int]:
    """The first and the last token that run `run_no` can have given."""
    return run_no << TOKEN_SHIFT, ((run_no + 1) << TOKEN_SHIFT) - 1


def open_runs(connection: Connection) -> list[OpenRun]:
    """All runs whose end is not recorded, this process's own included."""
    rows = connection.execute(
        select(runs.c.no, runs.c.campaign_no, runs.c.leased_until).where(runs.c.ended_at.is_(None))
    )
    return [OpenRun(*row) for row in rows]


def close_run(connection: Connection, run_no: int, now: datetime) -> None:
    """Record that run `run_no` has ended."""
    connection.execute(update(runs).where(runs.c.no == run_no).values(ended_at=now))


def recover_run(database: Database, run: OpenRun, *, briefly: bool = False) -> int:
    """Free the deliveries of `run` if its lock can be taken or its lease is over; the number now in doubt.

    `briefly` as in `Database.write`.
    """
    lock = run_lock(database, run.no)
    is_dead = lock.acquire()
    try:
        with database.write(briefly=briefly) as connection:
            now = database.now(connection)
            if not is_dead and now < run.leased_until:
                return 0
            if is_dead and _may_come_back(database, connection, run, now):
                return 0
            in_doubt = free_deliveries(database, connection, run.no)
            if is_dead:  # a suspended run still lives: only its claims are taken
                close_run(connection, run.no, now)
            return in_doubt
    finally:
        if is_dead:
            lock.release()


def _may_come_back(database: Database, connection: Connection, run: OpenRun, now: datetime) -> bool:
    """True for a run whose lock ended with the server, and which has had no time to take it again."""
    restarted = database.restarted_at(connection)
    return restarted is not None and run.renewed_at < restarted and now - restarted <= _OVERDUE


def free_deliveries(database: Database, connection: Connection, run_no: int) -> int:
    """Queue the claims of a run again and leave in doubt what it was sending; how many are in doubt."""
    mine = (deliveries.c.token.between(*tokens_of(run_no)), _IN_FLIGHT)
    used = connection.execute(select(deliveries.c.account_no).where(*mine).distinct()).scalars().all()
    for account_no in sorted(used):
        database.lock_account(connection, account_no)
    # Only now, as a run whose lease is over may have begun to send in between.
    held = connection.execute(
        select(deliveries.c.state, deliveries.c.account_no, deliveries.c.campaign_no).where(*mine)
    ).all()
    now = database.now(connection)
    in_doubt = _leave_in_doubt(connection, run_no, now)
    connection.execute(
        update(deliveries).where(*mine).values(state=State.QUEUED, token=None, account_no=None)
    )
    for campaign_no in {row.campaign_no for row in held}:
        reopen_after_requeue(connection, campaign_no, now)
    slots: dict[str, int] = defaultdict(int)
    for row in held:
        if row.state == State.SENDING:
            slots[account_scope(row.account_no)] += 1
            slots[campaign_scope(row.campaign_no)] += 1
    for scope, number in slots.items():
        UsageLog(connection, scope).add(now, number)
    return in_doubt


def _leave_in_doubt(connection: Connection, run_no: int, now: datetime) -> int:
    """The server may have accepted what was being sent; a test send leaves nothing but its used slot."""
    sending = (
        deliveries.c.token.between(*tokens_of(run_no)),
        _IN_FLIGHT,
        deliveries.c.state == State.SENDING,
    )
    connection.execute(delete(deliveries).where(*sending, deliveries.c.campaign_no == TESTS))
    reason = "the run ended before the server's answer was recorded"
    return connection.execute(
        update(deliveries)
        .where(*sending)
        .values(state=State.IN_DOUBT, reason=reason, account_no=None, not_before=now)
    ).rowcount
