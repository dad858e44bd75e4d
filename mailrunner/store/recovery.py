"""What becomes of a run's deliveries when it ends: its claims are queued again, its wire is in doubt.

A run frees what is left of its own when it ends in order; one that was killed is freed by whoever
can take its lock.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, delete, select, text, update

from mailrunner.model.delivery import State
from mailrunner.model.quota import Series
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import UsageLog, account_scope, campaign_scope
from mailrunner.store.requeue import after_requeue
from mailrunner.store.runs import OpenRun, Run, close_run, run_lock, tokens_of
from mailrunner.store.schema import TESTS, deliveries

# Said literally, so that SQLite sees that the small index of what is in flight will do.
_IN_FLIGHT = text("deliveries.state IN ('claimed', 'sending')")


def end_run(database: Database, run: Run) -> None:
    """Record that `run` ends, free what it still holds, and let its lock go."""
    try:
        with database.write() as connection:
            _free(database, connection, run.no)
            close_run(connection, run.no, database.now(connection))
    finally:
        run.unlock()


def end_if_gone(database: Database, run: OpenRun) -> int:
    """Free what `run` held if its lock can be taken or its lease is over; say how many became in doubt."""
    lock = run_lock(database, run.no)
    gone = lock.acquire()
    try:
        with database.write() as connection:
            now = database.now(connection)
            if not gone and now < run.leased_until:
                return 0
            doubtful = _free(database, connection, run.no)
            if gone:  # a suspended run still lives: only its claims are taken
                close_run(connection, run.no, now)
            return doubtful
    finally:
        if gone:
            lock.release()


def _free(database: Database, connection: Connection, run_no: int) -> int:
    mine = (deliveries.c.token.between(*tokens_of(run_no)), _IN_FLIGHT)
    used = connection.execute(select(deliveries.c.account_no).where(*mine).distinct()).scalars().all()
    for account_no in sorted(used):
        database.hold_account(connection, account_no)
    # Only now, as a run whose lease is over may have begun to send in between.
    held = connection.execute(
        select(deliveries.c.state, deliveries.c.account_no, deliveries.c.campaign_no).where(*mine)
    ).all()
    doubtful = _leave_in_doubt(connection, run_no)
    now = database.now(connection)
    connection.execute(
        update(deliveries).where(*mine).values(state=State.QUEUED, token=None, account_no=None)
    )
    for campaign_no in {row.campaign_no for row in held}:
        after_requeue(connection, campaign_no, now)
    slots: dict[str, int] = defaultdict(int)
    for row in held:
        if row.state == State.SENDING:
            slots[account_scope(row.account_no)] += 1
            slots[campaign_scope(row.campaign_no)] += 1
    for scope, number in slots.items():
        UsageLog(connection, scope).add(Series.ANSWERS, now, number)
    return doubtful


def _leave_in_doubt(connection: Connection, run_no: int) -> int:
    """What was on the wire may have been taken; a test message leaves nothing but its used slot."""
    wire = (deliveries.c.token.between(*tokens_of(run_no)), _IN_FLIGHT, deliveries.c.state == State.SENDING)
    connection.execute(delete(deliveries).where(*wire, deliveries.c.campaign_no == TESTS))
    reason = "the run ended before the server's answer was recorded"
    return connection.execute(
        update(deliveries).where(*wire).values(state=State.IN_DOUBT, reason=reason, account_no=None)
    ).rowcount
