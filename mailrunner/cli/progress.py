"""The progress of a run: a bar on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from mailrunner.cli.output import local
from mailrunner.clock import Clock
from mailrunner.model.delivery import Counts
from mailrunner.model.forecast import Forecast
from mailrunner.model.terminal_text import printable
from mailrunner.model.wait_reason import Wait, sentence_of
from mailrunner.sending.recorder import RunTally
from mailrunner.store import CampaignRecord

_EVERY = timedelta(seconds=10)
# The forecast reads what was sent so far: often while the server's speed is not known yet, later seldom.
_SOONEST, _LATEST = timedelta(seconds=2), timedelta(seconds=30)


class ForecastOf(Protocol):
    """Forecasts so many messages of a campaign."""

    def __call__(
        self, number: int, *, campaign_no: int | None = None, resume_at: datetime | None = None
    ) -> Forecast: ...


class ProgressDisplay:
    """Shows one run on stderr: sent, left, rate, quota left, and when it will be done."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Clock,
        quota_left: Callable[[], int | None],
        forecast: ForecastOf,
    ) -> None:
        self._console, self._clock, self._quota_left = console, clock, quota_left
        self._forecast = forecast
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun = self._spoken = self._asked = self._foretold = clock.now()
        self._campaign_no = self._to_send = 0
        self._waiting: Wait | None = None
        self._quota: int | None = None
        self._finish_at: datetime | None = None

    def start(self, campaign: CampaignRecord, counts: Counts, suppressed: int) -> None:
        """Say what begins, and put up the bar where there is a terminal."""
        self._campaign_no, self._to_send = campaign.no, counts.open - suppressed
        self._begun = self._spoken = self._clock.now()
        self._quota = self._quota_left()
        self._foretell(self._to_send, None, self._begun)
        self._console.print(
            f"{campaign.id}: {self._to_send:,} of {counts.total:,} to send, "
            f"done about {local(self._finish_at)}",
            markup=False,
        )
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("sending", total=counts.open, facts="")
            self._bar.start()

    def watch(self, tally: RunTally) -> None:
        """Show how far it is; called a few times a second."""
        now = self._clock.now()
        if now - self._asked > timedelta(seconds=2):
            self._asked, self._quota = now, self._quota_left()
        if now - self._foretold >= min(max((now - self._begun) / 4, _SOONEST), _LATEST):
            self._foretell(self._left(tally), tally.waiting, now)
        if self._bar is not None:
            done = sum(tally.states[state] for state in ("sent", "failed", "in_doubt", "suppressed"))
            words = _pause(tally.waiting, now).strip() if tally.waiting else "sending"
            self._bar.update(self._task, completed=done, description=words, facts=self._facts(tally, now))
            return
        self._speak(tally, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _speak(self, tally: RunTally, now: datetime) -> None:
        if tally.waiting is not None and tally.waiting != self._waiting:
            self._console.print(_pause(tally.waiting, now), markup=False)
        elif now - self._spoken >= _EVERY:
            left = f"{self._left(tally):,} left"
            self._console.print(f"  {self._facts(tally, now)}, {left}", markup=False)
        else:
            return
        self._spoken, self._waiting = now, tally.waiting

    def _facts(self, tally: RunTally, now: datetime) -> str:
        seconds = max((now - self._begun).total_seconds(), 0.001)
        quota = "" if self._quota is None else f", quota left {self._quota:,}"
        failed = f", {tally.states['failed']:,} failed" if tally.states["failed"] else ""
        rate = f"{tally.sent / seconds:.1f}/s"
        return f"{tally.sent:,} sent{failed}, {rate}{quota}, done about {local(self._finish_at)}"

    def _left(self, tally: RunTally) -> int:
        done = sum(tally.states[state] for state in ("sent", "failed", "in_doubt"))
        return max(0, self._to_send - done)

    def _foretell(self, number: int, waiting: Wait | None, now: datetime) -> None:
        until = waiting.until if waiting else None
        found = self._forecast(number, campaign_no=self._campaign_no, resume_at=until)
        self._foretold, self._finish_at = now, found.finish_at


def _pause(hold: Wait, now: datetime) -> str:
    seconds = (hold.until - now).total_seconds() if hold.until else 0.0
    wait = f"{max(1, round(seconds))} s" if seconds < 100 else f"until {local(hold.until)}"
    return printable(f"  waiting {wait}: {sentence_of(hold)}")
