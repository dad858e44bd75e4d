"""A ledger that is locked, restarts or cannot be reached for a while: no end, and no doubt."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from mailrunner.clock import SystemClock
from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.loop import SendLoop
from mailrunner.sending.run import Callbacks, RunResult
from mailrunner.store import Ledger, Run, opening
from mailrunner.store.schema import runs
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.commands import answered
from tests.support.postgresql_faults import refuse_connections
from tests.support.smtp_script import Answer
from tests.support.smtp_server import Rule, SmtpServer, cut, reply

STEPS = ["claimed", "rendered", "sending", "answered", "recorded"]


class RepairClock(ManualClock):
    """Calls `repair` in the nth wait after `broken` was called."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0
        self._repair: Callable[[], None] | None = None

    def broken(self, repair: Callable[[], None], *, waits: int) -> None:
        self._repair, self._left = repair, waits

    def wait(self, wake: Event, until: datetime) -> bool:
        repair = self._repair
        if repair is not None:
            self._left -= 1
            if self._left == 0:
                self._repair = None
                repair()
        return super().wait(wake, until)


@dataclass
class Mailing(CampaignInProcess):
    """A campaign whose ledger is taken away at a step, and is back after so many waits."""

    url: str = ""
    clock: RepairClock = field(default_factory=RepairClock)

    def ledger(self) -> Ledger:
        url = self.url or f"sqlite:///{self.folder}/data/mailrunner.db"
        return Ledger.open(folder=self.folder, url=url, clock=self.clock)

    def taken_away(self, step: str, nth: int, *, waits: int = 3, **options: Any) -> RunResult:
        seen: list[str] = []

        def on_step(name: str) -> None:
            seen.append(name)
            if name == step and seen.count(step) == nth:
                self.clock.broken(self.take_away(), waits=waits)

        return self.run(callbacks=Callbacks(on_step=on_step), **options)

    def take_away(self) -> Callable[[], None]:
        """Take the ledger away; return what brings it back."""
        if self.url:
            return refuse_connections(self.url)
        holder = sqlite3.connect(
            self.folder / "data/mailrunner.db", isolation_level=None, check_same_thread=False
        )
        holder.execute("BEGIN IMMEDIATE")
        return holder.close


class CutOff(Mailing):
    """Its ledger is back for another process first, which takes the run for dead."""

    def take_away(self) -> Callable[[], None]:
        allow = super().take_away()

        def back() -> None:
            allow()
            with self.ledger() as other:
                other.deliveries.recover()

        return back


@pytest.fixture(params=["sqlite", "postgresql"])
def mailing(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mailing]:
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 0.01)
    url = request.getfixturevalue("postgresql_ledger") if request.param == "postgresql" else ""
    with SmtpServer() as server:
        yield Mailing(tmp_path, server, url=url)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 4])
def test_a_ledger_that_is_away_for_a_moment_is_no_end_and_no_doubt(
    mailing: Mailing, step: str, nth: int
) -> None:
    if step == "claimed":
        nth = 1  # one claim is enough for all
    mailing.log_json = mailing.folder / "log.jsonl"
    result = mailing.write(csv=people(12), connections=2).taken_away(step, nth)
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=12))
    assert set(mailing.copies().values()) == {1}
    events = [json.loads(line)["event"] for line in mailing.log_json.read_text().splitlines()]
    assert "ledger_away" in events


@pytest.mark.parametrize("place", ["opened", "loading", "confirm", "started"])
def test_a_ledger_that_is_away_before_the_first_message_is_no_end(
    mailing: Mailing, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> bool:
        if not mailing.clock.waits:  # the list is read a second time
            mailing.clock.broken(mailing.take_away(), waits=3)
        return True

    known, on_the_way = mailing.ledger, {}
    if place == "opened":
        monkeypatch.setattr(mailing, "ledger", lambda: (known(), taken())[0])
    else:
        on_the_way[place] = taken
    result = mailing.write(csv=people(6)).run(callbacks=Callbacks(**on_the_way))  # type: ignore[arg-type]
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=6))
    assert set(mailing.copies().values()) == {1}
    assert len(mailing.clock.waits) >= 3


def test_answers_on_their_way_are_recorded_though_a_connection_fails_while_the_ledger_is_away(
    mailing: Mailing,
) -> None:
    mailing.server.rules = (Rule("connect", reply(421, "4.3.2 later"), nth=2), Rule("rset", cut()))
    result = mailing.write(csv=people(8), connections=2).taken_away("sending", 1)
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=8))
    assert set(mailing.copies().values()) == {1}


def test_a_ledger_that_is_away_for_more_than_a_minute_ends_the_run(mailing: Mailing) -> None:
    with pytest.raises(LedgerError) as found:
        mailing.write(csv=people(4)).taken_away("answered", 1, waits=1_000)
    assert found.value.passing
    assert sum(mailing.clock.waits, timedelta(0)) >= timedelta(minutes=1)


def test_a_patient_run_waits_for_the_ledger_as_long_as_it_takes(mailing: Mailing) -> None:
    result = mailing.write(csv=people(4)).taken_away("answered", 1, waits=200, wait=True)
    assert sum(mailing.clock.waits, timedelta(0)) > timedelta(minutes=15)
    assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=4))


def test_a_run_that_is_asked_to_end_does_not_wait_for_the_ledger_without_answers(mailing: Mailing) -> None:
    loops: list[SendLoop] = []
    clock = mailing.clock

    def on_step(step: str) -> None:
        if step == "claimed":  # nothing is on the wire
            clock.broken(lambda: None, waits=1_000)
            brought_back.append(mailing.take_away())
            loops[0].stop()

    brought_back: list[Callable[[], None]] = []
    callbacks = Callbacks(on_step=on_step, started=lambda loop, *_: loops.append(loop))
    with pytest.raises(LedgerError):
        mailing.write(csv=people(4)).run(callbacks=callbacks)
    assert not clock.waits and not mailing.server.accepted
    brought_back[0]()
    assert mailing.run().counts == Counts(sent=4)


@contextmanager
def open_run(url: str, folder: Path, clock: ManualClock) -> Iterator[tuple[Ledger, Run]]:
    with Ledger.open(folder=folder, url=url, clock=clock) as ledger:
        run = Run.begin(ledger.database)
        ledger.heartbeat(run)
        yield ledger, run
        run.end()


def test_the_lock_of_a_run_is_taken_again_after_a_restart(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with open_run(postgresql_ledger, tmp_path, clock) as (ledger, run):
        refuse_connections(postgresql_ledger)()
        clock.turn(timedelta(minutes=1))
        ledger.heartbeat(run)
        with Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=clock) as other:
            other.deliveries.recover()
            with other.database.read() as connection:
                assert connection.execute(select(runs.c.ended_at)).scalar_one() is None


def test_a_run_that_another_took_for_dead_after_a_restart_ends_in_order(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with open_run(postgresql_ledger, tmp_path, clock) as (ledger, run):
        refuse_connections(postgresql_ledger)()
        with Ledger.open(folder=tmp_path, url=postgresql_ledger, clock=clock) as other:
            other.deliveries.recover()
        clock.turn(timedelta(minutes=1))
        with pytest.raises(LedgerError, match="taken for dead"):
            ledger.heartbeat(run)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("options", [{"wait": True}, {"outlasts": True}])
def test_a_patient_run_that_another_took_for_dead_goes_on_under_a_new_number(
    postgresql_ledger: str, tmp_path: Path, step: str, options: dict[str, bool]
) -> None:
    """Its machine was cut off, and the others freed what it held: no end, and nothing in doubt at last."""
    with SmtpServer() as server:
        mailing = CutOff(tmp_path, server, url=postgresql_ledger)
        result = mailing.write(csv=people(12), connections=2).taken_away(step, 1, **options)
        assert (result.wait.reason, result.counts) == (WaitReason.DONE, Counts(sent=12))
        assert set(mailing.copies().values()) == {1}
        with mailing.ledger() as ledger, ledger.database.read() as connection:
            ended = connection.execute(select(runs.c.campaign_no, runs.c.ended_at).order_by(runs.c.no)).all()
        assert len(ended) == 2 and all(row.ended_at for row in ended)
        assert ended[0].campaign_no == ended[1].campaign_no


def test_answers_are_recorded_before_a_run_ends_that_another_took_for_dead(
    postgresql_ledger: str, tmp_path: Path
) -> None:
    with SmtpServer() as server:
        mailing = CutOff(tmp_path, server, url=postgresql_ledger)
        with pytest.raises(LedgerError, match="taken for dead"):
            mailing.write(csv=people(12), connections=2).taken_away("answered", 1)
        with mailing.ledger() as ledger:
            (record,) = ledger.campaigns.all()
            counts = ledger.deliveries.counts(record.no)
        assert (counts.in_doubt, counts.sent) == (0, len(server.accepted))


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_run_that_is_asked_to_end_while_the_ledger_is_away_leaves_nothing_in_doubt(
    mailing: Mailing, nth: int
) -> None:
    loops: list[SendLoop] = []
    seen: list[str] = []

    def on_step(step: str) -> None:
        seen.append(step)
        if step == "sending" and seen.count(step) == nth:
            mailing.clock.broken(mailing.take_away(), waits=3)
            loops[0].stop()

    callbacks = Callbacks(on_step=on_step, started=lambda loop, *_: loops.append(loop))
    result = mailing.write(csv=people(8), connections=2).run(callbacks=callbacks)
    sent = len(mailing.server.accepted)
    assert result.counts == Counts(sent=sent, queued=8 - sent)
    assert result.wait.reason is WaitReason.INTERRUPTED


def test_a_run_that_is_asked_to_end_and_cannot_record_its_answers_ends_with_the_ledgers_error(
    mailing: Mailing,
) -> None:
    """And not as one that was interrupted in order, though the ledger is back when the connection closes."""
    loops: list[SendLoop] = []
    brought_back: list[Callable[[], None]] = []

    def bring_back(_: object = None) -> Answer | None:
        while brought_back:
            brought_back.pop()()
        return None

    mailing.server.rules = (Rule("quit", bring_back),)

    def on_step(step: str) -> None:
        if step == "answered":
            mailing.clock.broken(lambda: None, waits=1_000)
            brought_back.append(mailing.take_away())
            loops[0].stop()

    callbacks = Callbacks(on_step=on_step, started=lambda loop, *_: loops.append(loop))
    with pytest.raises(LedgerError) as found:
        mailing.write(csv=people(1)).run(callbacks=callbacks)
    assert found.value.passing and len(mailing.server.accepted) == 1
    bring_back()
    assert mailing.run().counts == Counts(in_doubt=1)


@contextmanager
def held(url: str, folder: Path) -> Iterator[None]:
    """Another process holds what a heartbeat writes: the file, or the row of the run."""
    engine = create_engine(url or f"sqlite:///{folder}/data/mailrunner.db")
    with engine.connect() as connection:
        if url:
            connection.execute(select(runs.c.no).with_for_update())
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
    engine.dispose()


def without_bound(url: str) -> str:
    """The URL of a ledger whose sessions wait for locks without end, unless a transaction says otherwise."""
    return url and make_url(url).update_query_dict({"options": "-c lock_timeout=0"}).render_as_string(False)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_heartbeat_and_an_asked_for_end_wait_for_others_a_second_at_most(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The terminal's thread beats the heart: it must see Ctrl-C.  Without a bound, this test hangs."""
    url = request.getfixturevalue("postgresql_ledger") if kind == "postgresql" else ""
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 3600)
    place = without_bound(url) or f"sqlite:///{tmp_path}/data/mailrunner.db"
    with open_run(place, tmp_path, clock) as (ledger, run):
        with held(url, tmp_path):
            clock.turn(timedelta(minutes=1))
            for call in (lambda: ledger.heartbeat(run), lambda: run.end(briefly=True)):
                with pytest.raises(LedgerError) as found:
                    call()
                assert found.value.passing
            assert ledger.heartbeat(run) is False
        clock.turn(timedelta(seconds=5))
        assert ledger.heartbeat(run) is True


def test_the_user_is_told_once_that_the_ledger_is_away_and_that_it_is_back(mailing: Mailing) -> None:
    said: list[str] = []
    seen: list[str] = []

    def on_step(step: str) -> None:
        seen.append(step)
        if step == "answered" and seen.count(step) == 1:
            mailing.clock.broken(mailing.take_away(), waits=3)

    mailing.write(csv=people(4)).run(callbacks=Callbacks(on_step=on_step, ledger_away=said.append))
    assert len(said) == 2 and "the ledger" in said[0] and said[1] == ""


def test_a_ledger_that_is_starting_up_when_a_run_begins_is_waited_for(
    postgresql_ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is back in the second wait."""
    with SmtpServer() as server:
        mailing = Mailing(tmp_path, server, url=postgresql_ledger)
        mailing.write(csv=people(3), project=f'database = "{postgresql_ledger}"')
        mailing.ledger().close()
        mailing.clock.broken(refuse_connections(postgresql_ledger), waits=2)
        monkeypatch.setattr(SystemClock, "wait", lambda _, wake, until: mailing.clock.wait(wake, until))
        code, found = answered(tmp_path, "run", "spring")
    assert (code, found["counts"]["sent"], len(server.accepted)) == (0, 3, 3)
