"""The progress of a run: a bar on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mailrunner.cli.output import local
from mailrunner.clock import Clock
from mailrunner.model.delivery import Counts
from mailrunner.model.forecast import Forecast
from mailrunner.model.terminal_text import printable
from mailrunner.model.wait_reason import Wait, sentence_of
from mailrunner.sending.recorder import RunTally

_EVERY = timedelta(seconds=10)


class ProgressDisplay:
    """Shows one run on stderr: sent, left, rate, quota left, time left."""

    def __init__(self, console: Console, *, clock: Clock, quota_left: Callable[[], int | None]) -> None:
        self._console, self._clock, self._quota_left = console, clock, quota_left
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun = self._spoken = self._asked = clock.now()
        self._left = 0
        self._waiting: Wait | None = None
        self._quota: int | None = None

    def start(self, campaign_id: str, counts: Counts, suppressed: int, forecast: Forecast) -> None:
        """Say what begins, and put up the bar where there is a terminal."""
        self._left = counts.open
        self._begun = self._spoken = self._clock.now()
        self._quota = self._quota_left()
        self._console.print(
            f"{campaign_id}: {counts.open - suppressed:,} of {counts.total:,} to send, "
            f"done about {local(forecast.finish_at)}",
            markup=False,
        )
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"),
                TimeRemainingColumn(),
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
            left = self._left - tally.sent - tally.states["failed"]
            self._console.print(f"  {self._facts(tally, now)}, {left:,} left", markup=False)
        else:
            return
        self._spoken, self._waiting = now, tally.waiting

    def _facts(self, tally: RunTally, now: datetime) -> str:
        seconds = max((now - self._begun).total_seconds(), 0.001)
        quota = "" if self._quota is None else f", quota left {self._quota:,}"
        failed = f", {tally.states['failed']:,} failed" if tally.states["failed"] else ""
        return f"{tally.sent:,} sent{failed}, {tally.sent / seconds:.1f}/s{quota}"


def _pause(hold: Wait, now: datetime) -> str:
    seconds = (hold.until - now).total_seconds() if hold.until else 0.0
    wait = f"{max(1, round(seconds))} s" if seconds < 100 else f"until {local(hold.until)}"
    return printable(f"  waiting {wait}: {sentence_of(hold)}")
