"""One share of a campaign: a run of it on this machine, and what comes after it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakSet

from mailrunner.clock import Clock
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of
from mailrunner.sending.loop import SendLoop
from mailrunner.sending.recorder import RunTally
from mailrunner.sending.run import Callbacks

AGAIN = timedelta(seconds=30)

_AT_ITS_TIME = (
    WaitReason.QUOTA,
    WaitReason.WINDOW,
    WaitReason.START,
    WaitReason.RETRY,
    WaitReason.ACCOUNT_PAUSED,
    WaitReason.SERVER,
)
_SOON = (WaitReason.OTHERS, WaitReason.DRIFT)  # the new content's files are on their way
_AT_ONCE = (WaitReason.INTERRUPTED, WaitReason.LIMIT)  # the term is over: another campaign had its turn
_FOR_A_USER = (WaitReason.STOPPED, WaitReason.CREDENTIALS, WaitReason.SETUP)


@dataclass(frozen=True, slots=True)
class NextShare:
    """The successor of a share: another one, `at` a time at the earliest, a failure to show, or neither."""

    at: datetime | None = None
    failure: str = ""


def next_share(wait: Wait, now: datetime) -> NextShare:
    """What comes after a run that ended with `wait` at `now`."""
    if wait.reason in _FOR_A_USER:
        return NextShare(failure=sentence_of(wait))
    if wait.reason in _AT_ONCE:
        return NextShare(now)
    if wait.reason in _SOON or (wait.reason in _AT_ITS_TIME and wait.until is None):
        return NextShare(now + AGAIN)
    if wait.reason in _AT_ITS_TIME:
        return NextShare(wait.until)
    return NextShare()  # done, cancelled, or paused: `unpause` lets it wait for a worker again


class RunningShares:
    """The shares that run in this process, to be ended together; safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loops: WeakSet[SendLoop] = WeakSet()
        self._ending = False

    def begin(self) -> None:
        """From now on shares may run, until `end`."""
        with self._guard:
            self._ending = False

    def end(self) -> None:
        """Bring all to an end in order: what is in flight is recorded."""
        with self._guard:
            self._ending = True
            for loop in self._loops:
                loop.stop()

    def callbacks(self, clock: Clock, term: timedelta) -> Callbacks:
        """What a run needs to be one of them, and to end when `term` is over by its ledger's `clock`."""
        until, own = clock.now() + term, []

        def started(loop: SendLoop, *_: object) -> None:
            own.append(loop)
            with self._guard:
                self._loops.add(loop)
                if self._ending:
                    loop.stop()

        def watch(_: RunTally) -> None:
            if clock.now() >= until:
                own[0].stop()

        return Callbacks(started=started, watch=watch)
