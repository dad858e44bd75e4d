"""Caps under clocks that are wrong: set back, right again, different in each process.

What was accepted is kept by *true* time, which no process of the ledger knows, and counted one by one.
A clock that shows no less than everything in the ledger is believed, as nothing tells that it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import ClaimTerms, Ledger, SendPermit
from tests.support.clocks import START, ManualClock
from tests.support.ledger_builder import (
    BUCHAREST,
    begin_sending,
    claim_or_wait,
    claim_terms,
    numbered_campaign,
    record,
)
from tests.support.quota_model import opened

HOUR = timedelta(hours=1)
CAP, PERIOD = 5, timedelta(hours=24)


class Sender:
    """A ledger's campaign, and the true instants at which its messages were accepted."""

    def __init__(self, ledger: Ledger, clock: ManualClock, *limits: str) -> None:
        name = uuid4().hex[:8]
        self._ledger, self._clock, self._token = ledger, clock, 0
        self.identity = f"smtp/{name}"
        campaign = numbered_campaign(ledger, name, 60, identity=self.identity)
        self.terms: ClaimTerms = claim_terms(campaign, *(limits or (f"{CAP}/24h",)))
        self.true, self.accepted, self.shown = START, [], []

    accepted: list[datetime]
    shown: list[datetime]  # what the clock showed at each of them

    def send(self, most: int, *, off: timedelta = timedelta(0), late: timedelta = timedelta(0)) -> int:
        """Send up to `most` by a process whose clock is `off`; how many were accepted, `late`."""
        self._set(off)
        self._token += 1
        found = claim_or_wait(self._ledger, self.terms, token=self._token, most=most)
        claimed = found if isinstance(found, list) else []
        for delivery in claimed:
            assert begin_sending(self._ledger, self.terms, delivery) is SendPermit.GO
        self.true += late
        self._set(off)
        for delivery in claimed:
            assert record(self._ledger, self.terms, delivery)
            self.accepted.append(self.true)
            self.shown.append(self._clock.now())
        return len(claimed)

    def wait(self, *, off: timedelta = timedelta(0)) -> Wait:
        """What the next claim meets."""
        self._set(off)
        found = claim_or_wait(self._ledger, self.terms, token=99, most=1)
        assert isinstance(found, Wait)
        return found

    def is_behind(self, off: timedelta) -> bool:
        return any(shown > self.true + off for shown in self.shown)

    def in_window(self) -> int:
        return sum(moment > self.true - PERIOD for moment in self.accepted)

    def _set(self, off: timedelta) -> None:
        self._clock.turn(self.true + off - self._clock.now())


@pytest.fixture
def sender(ledger: Ledger, clock: ManualClock) -> Sender:
    return Sender(ledger, clock)


def test_a_clock_that_was_behind_for_a_while_does_not_pass_the_cap(sender: Sender) -> None:
    assert sender.send(9) == 5
    sender.true += timedelta(seconds=20)
    assert sender.send(9, off=-48 * HOUR) == 0
    sender.true += timedelta(seconds=20)
    assert sender.send(9) == 0
    sender.true = START + PERIOD
    assert sender.send(9) == 5


def test_what_is_sent_while_the_clock_is_behind_stays_in_the_window_when_it_is_right_again(
    sender: Sender,
) -> None:
    assert sender.send(3) == 3
    sender.true += 23 * HOUR
    assert sender.send(9, off=-48 * HOUR) == 2
    sender.true += HOUR
    assert sender.send(9) == 3  # those of the beginning have left, those of an hour ago have not
    sender.true += 23 * HOUR
    assert sender.send(9) == 0


def test_a_clock_that_was_ahead_holds_back_until_its_time_has_come(sender: Sender) -> None:
    assert sender.send(9, off=48 * HOUR) == 5
    assert sender.send(9) == 0
    said = (
        "some of it was used at 2026-11-22 08:00 UTC, which the clock has not reached; "
        "look whether the clock is right"
    )
    assert sender.wait() == Wait(WaitReason.QUOTA, START + 48 * HOUR + PERIOD, said)
    sender.true = START + 48 * HOUR + PERIOD
    assert sender.send(9) == 5


def test_what_is_left_is_shown_alike_before_and_after_a_clock_is_set_back(
    ledger: Ledger, clock: ManualClock
) -> None:
    sender = Sender(ledger, clock, "5/24h", "9/day", "4/1m")
    sender.send(3)
    assert used(ledger, sender) == [3, 3, 3]
    clock.turn(-HOUR)
    assert used(ledger, sender) == [3, 3, 3]
    sender.send(1, off=-HOUR)
    assert used(ledger, sender) == [4, 4, 4]


def test_the_forecast_knows_what_was_sent_while_the_clock_was_behind(
    ledger: Ledger, clock: ManualClock
) -> None:
    sender = Sender(ledger, clock)
    sender.send(2)
    sender.send(1, off=-HOUR)
    history = ledger.accounts.history(sender.identity, longest=PERIOD)
    assert history == [(START, 2), (START, 1)]


def test_a_clock_that_is_far_ahead_for_once_deletes_nothing_that_counts(
    ledger: Ledger, clock: ManualClock
) -> None:
    sender = Sender(ledger, clock)
    sender.send(1)
    sender.true += 25 * HOUR
    sender.send(2)
    clock.turn(timedelta(days=400))
    ledger.accounts.delete_old_usage(sender.terms.account_no)
    clock.turn(timedelta(days=-400))
    assert used(ledger, sender) == [2]


def used(ledger: Ledger, sender: Sender) -> list[int]:
    rooms = ledger.accounts.rooms(
        sender.identity,
        limits=list(sender.terms.limits),
        reserve=0,
        zone=BUCHAREST,
    )
    return [room.used for room in rooms]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([timedelta(0), timedelta(seconds=20), HOUR, 5 * HOUR, 12 * HOUR, 23 * HOUR, PERIOD]),
        st.sampled_from([0, 0, -1, -30, -3_600, -20 * 3_600, -48 * 3_600, -90 * 24 * 3_600]),  # seconds
        st.integers(1, 6),
        st.sampled_from([timedelta(0), timedelta(seconds=3), timedelta(minutes=9)]),
    ),
    min_size=2,
    max_size=14,
)
BUDGET = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clocks")


@BUDGET
@given(steps=STEPS)
def test_no_window_of_true_time_holds_more_whatever_clocks_are_behind(
    shared: Path, steps: Sequence[tuple[timedelta, int, int, timedelta]]
) -> None:
    """Each step is some process's: with the right clock, or with one that is behind what is recorded."""
    clock = ManualClock()
    with opened(f"sqlite:///{shared}/ledger.db", shared, clock) as ledger:
        sender = Sender(ledger, clock)
        for passed, off, most, late in steps:
            sender.true += passed
            behind = timedelta(seconds=off)
            if off and not sender.is_behind(behind + late):
                continue
            sender.send(most, off=behind, late=late)
            assert sender.in_window() <= CAP


@BUDGET
@given(steps=STEPS, ahead=st.lists(st.booleans(), min_size=14, max_size=14))
def test_no_process_passes_the_cap_by_its_own_clock_whatever_others_show(
    shared: Path, steps: Sequence[tuple[timedelta, int, int, timedelta]], ahead: list[bool]
) -> None:
    """Forwards, backwards, both: what was stamped in a process's window, or after it, counts for it."""
    clock = ManualClock()
    with opened(f"sqlite:///{shared}/ledger.db", shared, clock) as ledger:
        sender = Sender(ledger, clock)
        for (passed, off, most, late), forwards in zip(steps, ahead, strict=False):
            sender.true += passed
            if sender.send(most, off=timedelta(seconds=-off if forwards else off), late=late):
                assert sum(shown > clock.now() - PERIOD for shown in sender.shown) <= CAP
