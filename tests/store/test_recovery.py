"""What is recorded of a run that is dead, of one that is suspended, and of one that lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from mailrunner.clock import SystemClock
from mailrunner.errors import LedgerError
from mailrunner.store import Ledger, Run, recovery
from mailrunner.store.recovery import LEASE
from mailrunner.store.schema import runs
from tests.support.clocks import ManualClock
from tests.support.postgresql_faults import refuse_connections


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


SECONDS = timedelta(seconds=1)


def looks(ledger: Ledger, clock: ManualClock, own: Run, *, seconds: int) -> None:
    """A run's life for so many seconds: it beats and looks about, as it does in the loop."""
    for _ in range(seconds // 10):
        clock.turn(10 * SECONDS)
        ledger.heartbeat(own)


def test_a_run_that_goes_on_frees_a_dead_one_within_ninety_seconds(
    ledger: Ledger, clock: ManualClock
) -> None:
    own, dead = Run.begin(ledger.database), Run.begin(ledger.database)
    ledger.heartbeat(own)
    looks(ledger, clock, own, seconds=50)
    dead.renew()
    died_at = clock.now()
    dead._lock.release()  # what the operating system does for a killed process
    looks(ledger, clock, own, seconds=70)
    assert end_of(ledger, dead) is None  # its renewal may only be late
    looks(ledger, clock, own, seconds=20)
    ended = end_of(ledger, dead)
    assert ended is not None and ended - died_at <= 90 * SECONDS
    own.end()


def test_a_run_that_renews_its_lease_is_left_alone_whatever_became_of_its_lock(
    ledger: Ledger, clock: ManualClock
) -> None:
    own, alive = Run.begin(ledger.database), Run.begin(ledger.database)
    for _ in range(4):
        alive._lock.release()
        looks(ledger, clock, own, seconds=70)
        assert end_of(ledger, alive) is None
        alive.renew()
    own.end()
    alive.end()


def test_dead_runs_are_freed_a_few_at_a_look_and_suspended_ones_keep_none_waiting(
    ledger: Ledger, clock: ManualClock
) -> None:
    own = Run.begin(ledger.database)
    suspended = [Run.begin(ledger.database) for _ in range(5)]
    dead = [Run.begin(ledger.database) for _ in range(6)]
    for run in dead:
        run._lock.release()  # what the operating system does for a killed process
    clock.turn(2 * recovery.HEARTBEAT)
    ledger.deliveries.recover_overdue(own_run=own.no)
    freed = []
    for _ in range(3):
        ledger.deliveries.recover_overdue(own_run=own.no)
        freed.append(sum(end_of(ledger, run) is not None for run in dead))
    assert freed == [0, 3, 6]  # 4 of the 5 suspended ones, the fifth and 3 dead ones, the others
    assert [end_of(ledger, run) for run in suspended] == [None] * 5
    for run in (*suspended, own):
        run.end()


def test_a_run_that_was_overdue_at_one_look_alone_lives(ledger: Ledger, clock: ManualClock) -> None:
    own, late = Run.begin(ledger.database), Run.begin(ledger.database)
    late._lock.release()
    clock.turn(timedelta(minutes=10))  # both could not reach the ledger
    ledger.heartbeat(own)
    late.renew()
    looks(ledger, clock, own, seconds=20)
    assert end_of(ledger, late) is None
    own.end()
    late.end()


def test_a_heartbeat_that_failed_is_tried_again_in_seconds(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=clock) as ledger:
        own = Run.begin(ledger.database)
        allow = refuse_connections(postgresql_ledger)
        with pytest.raises(LedgerError):
            ledger.heartbeat(own)
        allow()
        assert not ledger.heartbeat(own)
        clock.turn(5 * SECONDS)
        assert ledger.heartbeat(own)
        own.end()


@pytest.fixture
def shared(postgresql_ledger: str, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose own clock counts, as on another machine."""
    with closing(Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=SystemClock())) as opened:
        yield opened


@pytest.mark.parametrize(("renewed", "lives"), [(-SECONDS, True), (SECONDS, False)])
def test_a_lock_that_ended_with_the_server_is_no_evidence_of_death(
    shared: Ledger, monkeypatch: pytest.MonkeyPatch, renewed: timedelta, lives: bool
) -> None:
    monkeypatch.setattr(recovery, "_OVERDUE", timedelta(days=1))  # the server was started just now
    run = Run.begin(shared.database)
    with shared.database.write() as connection:
        started: datetime = connection.execute(text("SELECT pg_postmaster_start_time()")).scalar_one()
        until = started.astimezone(UTC) + renewed + LEASE
        connection.execute(update(runs).where(runs.c.no == run.no).values(leased_until=until))
    run._lock.release()
    shared.deliveries.recover()
    assert (end_of(shared, run) is None) == lives
