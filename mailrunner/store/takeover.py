"""Taking over what a run that is gone has left: its claims are queued again, its wire is in doubt."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, select, update

from mailrunner.delivery import State
from mailrunner.quota import Series
from mailrunner.store.database import Database
from mailrunner.store.runs import OpenRun, close_run, run_lock, tokens_of
from mailrunner.store.schema import deliveries
from mailrunner.store.usage import UsageLog, account_scope, campaign_scope


def end_if_gone(database: Database, run: OpenRun) -> int:
    """Free what `run` held if its lock can be taken or its lease is over; say how many became in doubt."""
    lock = run_lock(database, run.no)
    gone = lock.acquire()
    try:
        with database.write() as connection:
            now = database.now(connection)
            if not gone and now < run.leased_until:
                return 0
            doubtful = _free(connection, run.no, now)
            if gone:  # a suspended run still lives: only its claims are taken
                close_run(connection, run.no, now)
            return doubtful
    finally:
        if gone:
            lock.release()


def _free(connection: Connection, run_no: int, now: datetime) -> int:
    """Free what run `run_no` held: claims are queued again, what was on the wire is in doubt."""
    first, last = tokens_of(run_no)
    mine = deliveries.c.token.between(first, last)
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.state == State.CLAIMED)
        .values(state=State.QUEUED, token=None, account_no=None)
    )
    wire = connection.execute(
        select(deliveries.c.id, deliveries.c.account_no, deliveries.c.campaign_no).where(
            mine, deliveries.c.state == State.SENDING
        )
    ).all()
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.state == State.SENDING)
        .values(
            state=State.IN_DOUBT,
            reason="the run ended before the server's answer was recorded",
            account_no=None,
        )
    )
    slots: dict[str, int] = defaultdict(int)
    for row in wire:
        slots[account_scope(row.account_no)] += 1
        slots[campaign_scope(row.campaign_no)] += 1
    for scope, number in slots.items():
        UsageLog(connection, scope).add(Series.ANSWERS, now, number)
    return len(wire)
