"""This process's own run: a row, a lock that ends with the process, and a lease.

A run holds an operating-system lock for as long as its process lives (`run_lock`).  A process that can
take that lock knows that the run is dead, without guessing from process numbers, and recovers its claims
at once.  Where the lock cannot be taken the lease decides: it is renewed while the run lives and is
longer than the wait after a final dot, so that a run that is suspended for an hour loses its claims, but
one that waits for a slow server does not.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mailrunner.clock import rfc3339
from mailrunner.errors import LedgerError
from mailrunner.store.database import Database
from mailrunner.store.recovery import (
    HEARTBEAT,
    LEASE,
    RUN_WAS_RECOVERED,
    TOKEN_SHIFT,
    close_run,
    free_deliveries,
)
from mailrunner.store.run_lock import RunLock, run_lock
from mailrunner.store.schema import campaigns, runs

_TRY_AGAIN = timedelta(seconds=5)  # after a renewal that failed
_LOOK = timedelta(seconds=10)  # between two looks for dead runs: their claims are free in 90 seconds


@dataclass(frozen=True, slots=True)
class OpenRunInfo:
    """A run whose end is not recorded, for users: `campaign` is its id, "" while it begins."""

    campaign: str
    host: str
    pid: int
    started_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON shows it."""
        return {
            "campaign": self.campaign,
            "host": self.host,
            "pid": self.pid,
            "started_at": rfc3339(self.started_at),
        }


def open_run_infos(connection: Connection) -> list[OpenRunInfo]:
    """All runs whose end is not recorded, by campaign and host."""
    rows = connection.execute(
        select(campaigns.c.id, runs.c.host, runs.c.pid, runs.c.started_at)
        .select_from(runs.outerjoin(campaigns, campaigns.c.no == runs.c.campaign_no))
        .where(runs.c.ended_at.is_(None))
        .order_by(campaigns.c.id, runs.c.host, runs.c.no)
    )
    return [OpenRunInfo(row[0] or "", *row[1:]) for row in rows]


class Run:
    """This process's own run: its number, its lock, its next tokens."""

    def __init__(self, database: Database, *, outlasts: bool) -> None:
        self._database, self._outlasts = database, outlasts
        self._campaign_no = 0
        self._next_heartbeat: datetime | None = None
        self._next_look: datetime | None = None
        self._enter()

    @classmethod
    def begin(cls, database: Database, *, outlasts: bool = False) -> Run:
        """Record that a run begins and take its lock before another process can see it.

        `outlasts`: should another process take it for dead, it goes on under a new number.
        """
        return cls(database, outlasts=outlasts)

    def _enter(self) -> None:
        lock: RunLock | None = None
        try:
            with self._database.write() as connection:
                now = self._database.now(connection)
                row = {
                    "campaign_no": self._campaign_no,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "started_at": now,
                    "leased_until": now + LEASE,
                }
                no = connection.execute(insert(runs).values(row).returning(runs.c.no)).scalar_one()
                lock = run_lock(self._database, no)
                lock.acquire()
        except LedgerError:
            if lock is not None:
                lock.release()
            raise
        self.no, self._lock = no, lock
        # A token that no claim had before.  One call into C, so that no two threads get the same.
        self.next_token: Callable[[], int] = count((no << TOKEN_SHIFT) + 1).__next__

    def set_campaign(self, campaign_no: int) -> None:
        """Record which campaign it runs, for `status`."""
        self._campaign_no = campaign_no
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.no == self.no).values(campaign_no=campaign_no))

    def is_due(self, now: datetime) -> bool:
        """True, once a minute, when it is time to renew."""
        if self._next_heartbeat is not None and now < self._next_heartbeat:
            return False
        self._next_heartbeat = now + HEARTBEAT
        return True

    def looks_for_dead_runs(self, now: datetime) -> bool:
        """True, every ten seconds, when it is time to look for runs that have died."""
        if self._next_look is not None and now < self._next_look:
            return False
        self._next_look = now + _LOOK
        return True

    def renew_soon(self) -> None:
        """The ledger was away: look at once whether it still knows this run, and take its lock again."""
        self._next_heartbeat = None

    def renew_again(self, now: datetime) -> None:
        """A renewal failed: try again in some seconds, before others take this run for dead."""
        self._next_heartbeat = now + _TRY_AGAIN

    def renew(self) -> None:
        """Renew the lease; where another process has taken this run for dead, go on as another one.

        Raises LedgerError then for a run that does not outlast it.  It waits for others only briefly:
        whoever calls it has a terminal and signals to attend to.
        """
        with self._database.write(briefly=True) as connection:
            self._lock.keep()
            until = self._database.now(connection) + LEASE
            mine = (runs.c.no == self.no, runs.c.ended_at.is_(None))
            is_open = connection.execute(update(runs).where(*mine).values(leased_until=until)).rowcount
        if not is_open:
            self._begin_again()

    def _begin_again(self) -> None:
        """Take a new number: what was claimed under the old one stays lost, as its tokens say."""
        if not self._outlasts:
            raise LedgerError(*RUN_WAS_RECOVERED)
        lost = self._lock
        self._enter()
        lost.release()

    def end(self, *, briefly: bool = False) -> None:
        """Record the end, free the deliveries that it still holds, and release the lock."""
        try:
            with self._database.write(briefly=briefly) as connection:
                free_deliveries(self._database, connection, self.no)
                close_run(connection, self.no, self._database.now(connection))
        finally:
            self._lock.release()
