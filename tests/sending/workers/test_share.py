"""What comes after a share, and shares that end with their term or their process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.sending.recorder import RunTally
from mailrunner.sending.workers.share import AGAIN, NextShare, RunningShares, next_share
from tests.support.clocks import START, ManualClock

LATER = START + timedelta(hours=7)


@pytest.mark.parametrize(
    ("reason", "until", "after"),
    [
        (WaitReason.DONE, None, NextShare()),
        (WaitReason.CANCELLED, None, NextShare()),
        (WaitReason.PAUSED, None, NextShare()),
        (WaitReason.QUOTA, LATER, NextShare(LATER)),
        (WaitReason.QUOTA, None, NextShare(START + AGAIN)),
        (WaitReason.WINDOW, LATER, NextShare(LATER)),
        (WaitReason.START, LATER, NextShare(LATER)),
        (WaitReason.RETRY, LATER, NextShare(LATER)),
        (WaitReason.ACCOUNT_PAUSED, LATER, NextShare(LATER)),
        (WaitReason.SERVER, LATER, NextShare(LATER)),
        (WaitReason.SERVER, None, NextShare(START + AGAIN)),
        (WaitReason.OTHERS, None, NextShare(START + AGAIN)),
        (WaitReason.DRIFT, None, NextShare(START + AGAIN)),
        (WaitReason.INTERRUPTED, None, NextShare(START)),
        (WaitReason.LIMIT, None, NextShare(START)),
        (WaitReason.STOPPED, None, NextShare(failure="stopped: why")),
        (WaitReason.CREDENTIALS, None, NextShare(failure="the account's credentials were refused: why")),
        (WaitReason.SETUP, None, NextShare(failure="the server cannot be used as mailrunner.toml says: why")),
    ],
)
def test_what_a_run_waited_for_decides_what_comes_next(
    reason: WaitReason, until: None, after: NextShare
) -> None:
    assert next_share(Wait(reason, until, "why"), START) == after


def test_every_reason_is_one_of_these() -> None:
    table = test_what_a_run_waited_for_decides_what_comes_next.pytestmark[0]  # type: ignore[attr-defined]
    assert {row[0] for row in table.args[1]} == set(WaitReason)


class Loop:
    """What a send loop is for its share: something that is asked to stop."""

    def __init__(self) -> None:
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


def test_a_share_ends_when_its_term_is_over(clock: ManualClock) -> None:
    loop, term = Loop(), timedelta(minutes=5)
    callbacks = RunningShares().callbacks(clock, term)
    callbacks.started(loop, None, None, 0)  # type: ignore[arg-type]
    clock.turn(term - timedelta(seconds=1))
    callbacks.watch(RunTally())
    assert not loop.stopped
    clock.turn(timedelta(seconds=1))
    callbacks.watch(RunTally())
    assert loop.stopped


def test_shares_end_with_their_process_also_those_that_begin_meanwhile(clock: ManualClock) -> None:
    running, first, second, third = RunningShares(), Loop(), Loop(), Loop()
    for loop in (first, second):
        if loop is second:
            running.end()
        running.callbacks(clock, timedelta(hours=1)).started(loop, None, None, 0)  # type: ignore[arg-type]
        assert loop.stopped == (loop is second)
    assert first.stopped
    running.begin()
    running.callbacks(clock, timedelta(hours=1)).started(third, None, None, 0)  # type: ignore[arg-type]
    assert not third.stopped
