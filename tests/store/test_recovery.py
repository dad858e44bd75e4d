"""What is recorded of a run that is dead, of one that is suspended, and of one that lives."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from mailrunner.store import Ledger, Run
from mailrunner.store.schema import runs
from tests.support.clocks import ManualClock


def end_of(ledger: Ledger, run: Run) -> datetime | None:
    with ledger.database.read() as connection:
        ended: datetime | None = connection.execute(
            select(runs.c.ended_at).where(runs.c.no == run.no)
        ).scalar_one()
    return ended


def test_a_dead_run_is_closed_when_it_is_recovered_and_only_then(ledger: Ledger, clock: ManualClock) -> None:
    dead, alive = Run.begin(ledger.database), Run.begin(ledger.database)
    clock.turn(timedelta(minutes=3))
    ledger.deliveries.recover()
    assert (end_of(ledger, dead), end_of(ledger, alive)) == (None, None)
    dead._lock.release()  # what the operating system does for a killed process
    ledger.deliveries.recover()
    recovered_at = clock.now()
    assert (end_of(ledger, dead), end_of(ledger, alive)) == (recovered_at, None)
    clock.turn(timedelta(minutes=3))
    ledger.deliveries.recover()
    assert end_of(ledger, dead) == recovered_at  # it is looked at no more
    alive.end()
    assert end_of(ledger, alive) == clock.now()


def test_a_suspended_run_stays_open_although_its_lease_is_over(ledger: Ledger, clock: ManualClock) -> None:
    suspended = Run.begin(ledger.database)
    clock.turn(timedelta(hours=1))
    ledger.deliveries.recover()
    assert end_of(ledger, suspended) is None
    suspended.end()


def test_a_run_does_not_take_itself_for_dead(ledger: Ledger) -> None:
    own = Run.begin(ledger.database)
    ledger.deliveries.recover(own_run=own.no)
    assert end_of(ledger, own) is None
    own.end()
