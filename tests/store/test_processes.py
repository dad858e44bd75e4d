"""Several processes on one ledger: the limit holds, each message is sent once, killed runs are recovered."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text, update

from mailrunner.clock import SystemClock
from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts
from mailrunner.model.quota import Limit
from mailrunner.store import Delivery, Ledger, Run, SendPermit
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.schema import deliveries
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import (
    BUCHAREST,
    begin_sending,
    claim_or_wait,
    claim_terms,
    numbered_campaign,
    record,
)
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
RECIPIENTS, CAP, PACE = 60, 80, 25


@pytest.fixture
def shared(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger on the machine's own clock with two campaigns on one account."""
    with contextlib.closing(Ledger.open(folder=tmp_path, url=ledger_url, clock=SystemClock())) as opened:
        for campaign_id in ("one", "two"):
            numbered_campaign(opened, campaign_id, RECIPIENTS)
        yield opened


class Child:
    """One `tests.support.ledger_worker`."""

    def __init__(self, url: str, folder: Path, campaign_id: str, halt: int | None = None) -> None:
        limits = f"{CAP}/24h {PACE}/second"
        words = [url, str(folder), campaign_id, limits, *([] if halt is None else [str(halt)])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ledger_worker", *words],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: list[str] = []

    def read_until(self, wanted: str) -> str:
        """Read on to the line that begins with `wanted`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith(wanted):
                return line.strip()
        raise AssertionError(f"it ended before it said {wanted!r}: {self.process.communicate()[1]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def finish(self) -> None:
        out, err = self.process.communicate(input="\n", timeout=PATIENCE)
        self.lines += out.split("\n")
        assert self.process.returncode == 0, err

    @property
    def sent(self) -> list[int]:
        return [int(line.split()[1]) for line in self.lines if line.startswith("sent ")]


def test_processes_share_one_limit_and_killed_ones_are_recovered_at_once(
    shared: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    children = [Child(ledger_url, tmp_path, name, halt=3) for name in ("one", "two", "one", "two")]
    for child in children:  # each has one message in flight, others claimed, and waits
        child.read_until("halted")
    for child in children[:2]:
        child.kill()
    successor = Child(ledger_url, tmp_path, "one")
    assert successor.read_until("recovered") == "recovered 2"
    for child in (*children[2:], successor):
        child.finish()
    sent = [number for child in (*children, successor) for number in child.sent]
    assert len(sent) == len(set(sent)) == CAP - 2
    _assert_the_ledger_says_the_same(shared, sent)


def _assert_the_ledger_says_the_same(shared: Ledger, sent: Sequence[int]) -> None:
    with shared.database.read() as connection:
        rows = connection.execute(select(deliveries.c.id, deliveries.c.state, deliveries.c.last_attempt_at))
        found = {row.id: (row.state, row.last_attempt_at) for row in rows}
    by_state = [state for state, _ in found.values()]
    assert {number for number, (state, _) in found.items() if state == "sent"} == set(sent)
    assert by_state.count("in_doubt") == 2
    assert by_state.count("queued") == 2 * RECIPIENTS - CAP
    starts = sorted(moment for _, moment in found.values() if moment is not None)
    for earlier, later in zip(starts, starts[PACE:], strict=False):
        assert later - earlier >= timedelta(seconds=1)


def claim_campaign(ledger: Ledger, run: Run, recipients: int = 3) -> list[Delivery]:
    """Claim all deliveries of a new campaign."""
    at = claim_terms(numbered_campaign(ledger, "one", recipients), "9/24h")
    found = claim_or_wait(ledger, at, token=run.next_token(), most=recipients)
    assert isinstance(found, list)
    return found


def test_a_run_that_ends_early_leaves_no_delivery_in_flight(ledger: Ledger) -> None:
    run = Run.begin(ledger.database)
    in_flight, *_ = claim_campaign(ledger, run)
    campaign = ledger.campaigns.find("one")
    assert campaign is not None
    assert begin_sending(ledger, claim_terms(campaign, "9/24h"), in_flight) is SendPermit.GO
    run.end()
    ledger.deliveries.recover()
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=2, in_doubt=1)


def test_what_is_put_back_after_a_cancel_is_skipped(ledger: Ledger) -> None:
    run = Run.begin(ledger.database)
    first, *others = claim_campaign(ledger, run)
    campaign = ledger.campaigns.find("one")
    assert campaign is not None
    ledger.campaigns.cancel(campaign.no)
    assert begin_sending(ledger, claim_terms(campaign, "9/24h"), first) is SendPermit.HELD
    ledger.deliveries.release(others)
    run.end()
    assert ledger.deliveries.counts(campaign.no) == Counts(skipped=3)


def test_a_test_send_of_a_recovered_run_uses_one_slot(ledger: Ledger, clock: ManualClock) -> None:
    account, run = ledger.accounts.ensure("gmail/ana@gmail.com"), Run.begin(ledger.database)
    limits, token = [Limit.parse("9/24h")], run.next_token()
    assert (
        ledger.accounts.begin_test(account.no, token=token, limits=limits, reserve=0, zone=BUCHAREST) is None
    )
    clock.turn(timedelta(hours=1))  # the machine slept
    ledger.deliveries.recover()
    ledger.accounts.end_test(account.no, token=token, answered=True)
    run.end()
    (room,) = ledger.accounts.rooms("gmail/ana@gmail.com", limits=limits, reserve=0, zone=BUCHAREST)
    assert room.used == 1


def test_recovery_waits_for_a_transaction_that_uses_the_accounts_slots(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=clock) as ledger:
        dead = Run.begin(ledger.database)
        in_flight, *_ = claim_campaign(ledger, dead)
        campaign = ledger.campaigns.find("one")
        assert campaign is not None
        at = claim_terms(campaign, "9/24h")
        assert begin_sending(ledger, at, in_flight) is SendPermit.GO
        dead._lock.release()
        failures: list[BaseException] = []
        successor = threading.Thread(target=_recover, args=(postgresql_ledger, tmp_path, clock, failures))
        with ledger.database.write() as connection:
            ledger.database.lock_account(connection, campaign.account_no)
            log = UsageLog(connection, account_scope(campaign.account_no))
            log.add(clock.now())
            successor.start()
            _until_a_session_waits(ledger)
        successor.join()
        if failures:
            raise failures[0]
        (room,) = ledger.accounts.rooms(
            "gmail/ana@gmail.com", limits=list(at.limits), reserve=0, zone=BUCHAREST
        )
        assert room.used == 2


def test_a_message_that_starts_while_its_run_is_recovered_uses_its_slot(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=clock) as ledger:
        asleep = Run.begin(ledger.database)
        claimed = claim_campaign(ledger, asleep)
        campaign = ledger.campaigns.find("one")
        assert campaign is not None
        clock.turn(timedelta(hours=1))
        failures: list[BaseException] = []
        successor = threading.Thread(target=_recover, args=(postgresql_ledger, tmp_path, clock, failures))
        with ledger.database.write() as connection:  # as `begin_sending` does
            ledger.database.lock_account(connection, campaign.account_no)
            successor.start()
            _until_a_session_waits(ledger)
            connection.execute(
                update(deliveries).where(deliveries.c.id == claimed[0].id).values(state="sending")
            )
        successor.join()
        assert not failures
        assert ledger.deliveries.counts(campaign.no) == Counts(queued=2, in_doubt=1)
        (room,) = ledger.accounts.rooms(
            "gmail/ana@gmail.com", limits=[Limit.parse("9/24h")], reserve=0, zone=BUCHAREST
        )
        asleep.end()
        assert room.used == 1


def _recover(url: str, folder: Path, clock: ManualClock, failures: list[BaseException]) -> None:
    with Ledger.open(folder=folder, url=url, clock=clock) as ledger:
        try:
            ledger.deliveries.recover()
        except LedgerError as error:
            failures.append(error)


def _until_a_session_waits(ledger: Ledger) -> None:
    """Return when a session of this database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(100_000):
        with ledger.database.engine.connect() as connection:
            if connection.execute(waiting).scalar_one():
                return
    raise AssertionError("no session waited")


def test_no_step_of_a_run_reads_a_whole_table_on_sqlite(tmp_path: Path, clock: ManualClock) -> None:
    with Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/x.db", clock=clock) as ledger:
        seen = traced(ledger)
        run = Run.begin(ledger.database)
        claimed = claim_campaign(ledger, run)
        campaign = ledger.campaigns.find("one")
        assert campaign is not None
        at = claim_terms(campaign, "9/24h", "9/second", pace=["9/second"])
        assert begin_sending(ledger, at, claimed[0]) is SendPermit.GO
        assert record(ledger, at, claimed[0])
        run._lock.release()
        ledger.deliveries.recover()
        assert {"deliveries", "usage", "suppressions"} <= {name for one in seen for name in one.split()}
        assert whole_tables(ledger, seen) == []


def test_a_release_costs_the_same_however_many_are_queued(tmp_path: Path, clock: ManualClock) -> None:
    with Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/x.db", clock=clock) as ledger:
        run, costs = Run.begin(ledger.database), []
        for recipients in (100, 5_000):
            at = claim_terms(numbered_campaign(ledger, f"list-{recipients}", recipients), "9/24h")
            held = claim_or_wait(ledger, at, token=run.next_token(), most=3)
            assert isinstance(held, list)
            with counted_steps(ledger) as steps:
                assert ledger.deliveries.release(held) == 3
            costs.append(sum(steps))
        run.end()
        assert costs[1] < 2 * costs[0]


@contextlib.contextmanager
def counted_steps(ledger: Ledger) -> Iterator[list[int]]:
    """What SQLite does meanwhile, one entry for every ten steps of its machine."""
    steps: list[int] = []

    def listen(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(10), 10)

    event.listen(ledger.database.engine, "begin", listen)
    yield steps
    event.remove(ledger.database.engine, "begin", listen)
    with ledger.database.write() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(None, 0)


def traced(ledger: Ledger) -> list[str]:
    """All statements that SQLite executes from now on, with their values."""
    seen: list[str] = []

    def listen(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(seen.append)

    event.listen(ledger.database.engine, "begin", listen)
    return seen


def whole_tables(ledger: Ledger, seen: list[str]) -> list[str]:
    """The statements on deliveries or usage that read all of it."""
    found = []
    with ledger.database.engine.connect() as connection:
        for statement in dict.fromkeys(seen):
            if statement.split()[0] in ("SELECT", "UPDATE", "DELETE"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
                if any(re.match("SCAN (deliveries|usage|recipients|d|r)$", row[3]) for row in plan):
                    found.append(statement)
    return found
