"""Visits of a run to its ledger, repeated while the ledger is locked, full, restarting or out of reach.

A server has answered, or a message is on its way: a ledger that is away for a moment must not turn that
into a doubt, nor end a run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError
from mailrunner.event_log import EventLog
from mailrunner.store import Ledger, Run

_LONGEST = timedelta(minutes=1)
_LONGEST_PAUSE = 5  # seconds

T = TypeVar("T")


class LedgerVisits:
    """One run's visits; `stop` is set when the run is asked to end.

    A visit is repeated for a minute, counted over all visits since the last that succeeded; where the run
    is `patient` (`--wait`) for as long as it takes, and for a minute after it was asked to end.  One that
    brings no answers is not repeated then.
    """

    def __init__(self, ledger: Ledger, *, log: EventLog, campaign_id: str, patient: bool) -> None:
        self.stop = threading.Event()
        self.own_run: Run | None = None  # its lock at the ledger may be lost meanwhile
        self._ledger, self._log, self._campaign_id, self._patient = ledger, log, campaign_id, patient
        self._away_since: datetime | None = None
        self._may_end = False  # while a visit that brings no answers waits

    def repeat(self, visit: Callable[[], T], *, answers: bool = False) -> T:
        """Return what `visit` returns; `answers`: it brings what servers have said.

        Raises LedgerError, that of the last try, for a fault that does not pass, or not in time.
        """
        self._may_end = not answers
        try:
            found = Retrying(
                retry=retry_if_exception(lambda error: isinstance(error, LedgerError) and error.passing),
                stop=lambda _: self._is_over(answers),
                wait=wait_exponential(max=_LONGEST_PAUSE),
                sleep=lambda seconds: self._pause(seconds, answers),
                before_sleep=self._note,
                reraise=True,
            )(visit)
        finally:
            self._may_end = False
        if self._away_since is not None:
            self._away_since = None
            if self.own_run is not None:
                self.own_run.renew_soon()
        return found

    def end_waiting(self) -> None:
        """End a visit that waits for another process at the ledger, unless it brings answers.

        Called by another thread, and again and again, once the run was asked to end.
        """
        if self._may_end:
            self._ledger.database.interrupt()

    def _is_over(self, answers: bool) -> bool:
        now, ending = self._clock.now(), self.stop.is_set()
        if self._away_since is None or (self._patient and not ending):
            self._away_since = now
        return (ending and not answers) or now - self._away_since >= _LONGEST

    def _pause(self, seconds: float, answers: bool) -> None:
        wake = threading.Event() if answers else self.stop
        self._clock.wait(wake, self._clock.now() + timedelta(seconds=seconds))

    def _note(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            self._log.ledger_away(self._campaign_id, str(state.outcome.exception()))

    @property
    def _clock(self) -> Clock:
        return self._ledger.clock
