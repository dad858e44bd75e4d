"""A model of the ledger: deliveries, processes, accounts and their windows, kept in the plainest way.

Slots are lists of instants, and a window is counted one instant at a time: nothing is shared with
`mailrunner.model.quota` or with the ledger's running totals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import event

from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.wait_reason import WaitReason
from mailrunner.store import CampaignRecord, Delivery, Ledger, Run
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import BUCHAREST, SENT

LONG = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "72h": timedelta(hours=72)}
SHORT = {"1s": timedelta(seconds=1), "1m": timedelta(minutes=1), "30m": timedelta(minutes=30)}
ARRIVED = timedelta(seconds=10)  # after its start, where a short window is concerned
OF_A_DAY = ("24h", "72h", "day", "month")  # where the reserve applies


@dataclass(frozen=True, slots=True)
class Cap:
    """So many in one window, as the model understands it."""

    number: int
    window: str
    reserve: int = 0

    @property
    def usable(self) -> int:
        return self.number - (self.reserve if self.window in OF_A_DAY else 0)

    def is_on_its_way(self, started: datetime | None, now: datetime) -> bool:
        """Whether a message started then, without an answer, still holds its slot."""
        return self.window not in SHORT or started is None or started > now - SHORT[self.window] - ARRIVED

    def holds(self, stamp: datetime, now: datetime) -> bool:
        """Whether a slot stamped `stamp` is still in the window that ends `now`."""
        if self.window in ("day", "month"):
            there, here = stamp.astimezone(BUCHAREST), now.astimezone(BUCHAREST)
            digits = 3 if self.window == "day" else 2
            return there.timetuple()[:digits] >= here.timetuple()[:digits]
        return stamp > now - (LONG | SHORT)[self.window]

    def __str__(self) -> str:
        return f"{self.number}/{self.window}"


Stamps = list[datetime | None]  # None: not dated


@dataclass(slots=True)
class UsageModel:
    """The instants of one account's or campaign's answers, on the ledger's clock."""

    answers: Stamps = field(default_factory=list)
    ceilings: dict[str, int] = field(default_factory=dict)  # what a window may hold now, by window

    def count(self, cap: Cap, now: datetime) -> int:
        return sum(stamp is None or cap.holds(stamp, now) for stamp in self.answers)

    def date(self, now: datetime) -> None:
        """Slots without a date get one as soon as the clock shows no less than any date."""
        _date(self.answers, now)

    @property
    def has_undated(self) -> bool:
        return None in self.answers

    def answer(self, now: datetime) -> None:
        _use(self.answers, now)


def _is_behind(stamps: Stamps, now: datetime) -> bool:
    return any(stamp is not None and stamp > now for stamp in stamps)


def _date(stamps: Stamps, now: datetime) -> None:
    if not _is_behind(stamps, now):
        stamps[:] = [now if stamp is None else stamp for stamp in stamps]


def _use(stamps: Stamps, now: datetime) -> None:
    """Use a slot; while the clock shows less than some stamp, it is not known when that is."""
    _date(stamps, now)
    stamps.append(None if _is_behind(stamps, now) else now)


@dataclass(slots=True)
class DeliveryModel:
    """One delivery as it should be, and how many copies servers may have accepted."""

    campaign: int
    state: State = State.QUEUED
    token: int | None = None
    not_before: datetime | None = None
    started: datetime | None = None
    perhaps_accepted: int = 0
    resent: int = 0


@dataclass(slots=True)
class HeldClaim:
    """A claim as its process remembers it; it may be lost meanwhile."""

    run: int
    campaign: int
    delivery: Delivery
    started: bool = False


@dataclass(slots=True)
class ProcessModel:
    """A run: alive or dead, with its lease."""

    run: Run
    leased_until: datetime
    dead: bool = False
    test: tuple[int, int] | None = None  # account, token of a test send in flight
    test_lost: bool = False
    test_started: datetime | None = None


@dataclass(slots=True)
class AccountModel:
    """An account: its limits, its pause, its usage."""

    no: int
    identity: str
    caps: list[Cap]
    reserve: int
    paused_until: datetime | None = None
    usage: UsageModel = field(default_factory=UsageModel)
    usage_deleted: bool = False


@dataclass(slots=True)
class CampaignModel:
    """A campaign: its account, its own pace, its usage."""

    record: CampaignRecord
    account: int  # its place among the accounts
    pace: list[Cap]
    paused: bool = False
    usage: UsageModel = field(default_factory=UsageModel)


def decision_of(kind: str, now: datetime) -> Decision:
    """The decision that a run records for one kind of answer."""
    if kind == "sent":
        return SENT
    if kind == "refused":
        return Decision(
            outcome=Outcome(OutcomeKind.REFUSED, Scope.RECIPIENT, "no such user"), state=State.FAILED
        )
    if kind == "doubt":
        return Decision(outcome=Outcome(OutcomeKind.IN_DOUBT, Scope.RECIPIENT, "cut"), state=State.IN_DOUBT)
    if kind == "deferred":
        later = Outcome(OutcomeKind.DEFERRED, Scope.RECIPIENT, "greylisted")
        return Decision(outcome=later, state=State.QUEUED, not_before=now + timedelta(minutes=5))
    if kind == "quota":
        spent = Outcome(OutcomeKind.DEFERRED, Scope.ACCOUNT, "limit exceeded", quota=True)
        until = now + timedelta(hours=1)
        return Decision(outcome=spent, state=State.QUEUED, attempted=False, pause_account_until=until)
    lost = Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, "connection lost", offered=False)
    again = now + timedelta(seconds=5)
    return Decision(outcome=lost, state=State.QUEUED, attempted=False, answered=False, not_before=again)


KINDS = ["sent", "sent", "sent", "refused", "doubt", "deferred", "quota", "lost"]


@st.composite
def caps_of_an_account(draw: st.DrawFn) -> tuple[list[Cap], int]:
    reserve = draw(st.integers(0, 2))
    windows = draw(
        st.lists(
            st.sampled_from(["24h", "24h", "day", "1h", "72h", "month", "1s", "1m", "30m"]),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    return [Cap(reserve + draw(st.integers(1, 7)), window, reserve) for window in windows], reserve


class Model:
    """All of it, and the arithmetic."""

    clock: ManualClock
    models: dict[int, DeliveryModel]
    processes: list[ProcessModel]
    accounts: list[AccountModel]
    campaigns: list[CampaignModel]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def living(self) -> list[ProcessModel]:
        return [process for process in self.processes if not process.dead]

    def held(self, account: AccountModel, cap: Cap, now: datetime | None = None) -> int:
        """Claimed slots and those of messages in flight, test sends too."""
        deliveries = sum(
            self.holds(p, cap, now) and self.accounts[self.campaigns[p.campaign].account] is account
            for p in self.models.values()
        )
        tests = sum(
            p.test is not None
            and not p.test_lost
            and self.accounts[p.test[0]] is account
            and cap.is_on_its_way(p.test_started, now or self.now)
            for p in self.processes
        )
        return deliveries + tests

    def holds(self, model: DeliveryModel, cap: Cap, now: datetime | None = None) -> bool:
        """Whether a delivery holds a slot of `cap` without an answer."""
        sending = model.state is State.SENDING and cap.is_on_its_way(model.started, now or self.now)
        return model.state is State.CLAIMED or sending

    def held_of(self, campaign: int, cap: Cap, now: datetime | None = None) -> int:
        return sum(self.holds(p, cap, now) and p.campaign == campaign for p in self.models.values())

    def room(
        self, account: AccountModel, mailing: CampaignModel | None = None, at: datetime | None = None
    ) -> int:
        now = at or self.now
        rooms = [
            cap.usable - account.usage.count(cap, now) - self.held(account, cap, now) for cap in account.caps
        ]
        if mailing is not None:
            place = self.campaigns.index(mailing)
            rooms += [
                cap.number - mailing.usage.count(cap, now) - self.held_of(place, cap, now)
                for cap in mailing.pace
            ]
        return min(rooms)

    def windows(self) -> Iterator[tuple[UsageModel, Cap, int]]:
        """Every window of every usage, with what is used and held in it."""
        for account in self.accounts:
            for cap in account.caps:
                yield account.usage, cap, account.usage.count(cap, self.now) + self.held(account, cap)
        for place, mailing in enumerate(self.campaigns):
            for cap in mailing.pace:
                yield mailing.usage, cap, mailing.usage.count(cap, self.now) + self.held_of(place, cap)

    def lift_ceilings(self) -> None:
        """After a limit was lowered or the clock set back, windows may hold more; never more still."""
        for usage, cap, inside in self.windows():
            usage.ceilings[cap.window] = max(cap.usable, inside)

    def expected(
        self, account: AccountModel, mailing: CampaignModel, campaign: int, most: int
    ) -> WaitReason | int:
        """How many a claim must get, or why none."""
        if mailing.paused:
            return WaitReason.PAUSED
        if account.paused_until is not None and account.paused_until > self.now:
            return WaitReason.ACCOUNT_PAUSED
        account.usage.date(self.now)
        if mailing.pace:
            mailing.usage.date(self.now)
        mine = [model for model in self.models.values() if model.campaign == campaign]
        queued = [model for model in mine if model.state is State.QUEUED]
        due = sum(map(self.is_due, queued))
        room = self.room(account, mailing)
        if due:
            return min(most, due, room) if room > 0 else WaitReason.QUOTA
        if queued:
            return WaitReason.RETRY
        flying = any(model.state in (State.CLAIMED, State.SENDING) for model in mine)
        return WaitReason.OTHERS if flying else WaitReason.DONE

    def is_due(self, model: DeliveryModel) -> bool:
        return model.not_before is None or model.not_before <= self.now

    def is_ours(self, claim: HeldClaim, *states: State) -> bool:
        model = self.models[claim.delivery.id]
        return model.token == claim.delivery.token and model.state in states

    @staticmethod
    def requeue(model: DeliveryModel) -> None:
        model.state, model.token = State.QUEUED, None

    def recover_process(self, process: ProcessModel) -> int:
        """Recover what a process held; how many are in doubt."""
        in_doubt = 0
        for model in self.models.values():
            if model.token is None or model.token >> 32 != process.run.no:
                continue
            if model.state is State.CLAIMED:
                self.requeue(model)
            elif model.state is State.SENDING:
                model.state = State.IN_DOUBT
                mailing = self.campaigns[model.campaign]
                for usage in (self.accounts[mailing.account].usage, mailing.usage):
                    usage.answer(self.now)
                in_doubt += 1
        if process.test is not None and not process.test_lost:
            self.accounts[process.test[0]].usage.answer(self.now)
            process.test_lost = True
        self.lift_ceilings()  # slots that a short window had given up count as used now
        return in_doubt


@contextlib.contextmanager
def opened(url: str, folder: Path, clock: ManualClock) -> Iterator[Ledger]:
    """A ledger that does not wait for the disk: power loss is not what is tried here."""
    with Ledger.open(folder=folder, url=url, clock=clock) as ledger:
        ledger.database.engine.dispose()
        event.listen(ledger.database.engine, "connect", _in_haste)
        yield ledger


def _in_haste(connection: Any, _record: Any) -> None:
    is_sqlite = type(connection).__module__.startswith("sqlite3")
    connection.execute("PRAGMA synchronous=OFF" if is_sqlite else "SET synchronous_commit=off")
    connection.commit()
