"""`resume`: one round over all campaigns that were begun, or, with --wait, as many as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mailrunner.cli.context import CommandContext, show_problems
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import campaign_object, exit_of
from mailrunner.errors import UserError
from mailrunner.sending.run import RunOptions, RunResult
from mailrunner.store import CampaignRecord, Ledger, Phase


class ResumeRound:
    """What `resume` did: the results, the campaigns whose files are wrong, and all exit codes."""

    def __init__(
        self, session: CommandContext, ledger: Ledger, dispatch: Callable[[str, RunOptions], RunResult]
    ) -> None:
        self._session, self._ledger, self._dispatch = session, ledger, dispatch
        self._last: dict[str, RunResult] = {}
        self._sent: dict[str, int] = {}
        self._errors: dict[str, dict[str, Any]] = {}

    @property
    def results(self) -> list[RunResult]:
        """One for each campaign, with all that this command sent of it."""
        from dataclasses import replace

        return [replace(r, sent_now=self._sent[name]) for name, r in self._last.items()]

    @property
    def broken(self) -> list[dict[str, Any]]:
        return list(self._errors.values())

    @property
    def stopped(self) -> list[CampaignRecord]:
        """Campaigns that wait for a person."""
        resting = (Phase.STOPPED, Phase.PAUSED)
        return [record for record in self._ledger.campaigns.all() if record.phase in resting]

    @property
    def codes(self) -> list[Exit]:
        return [*map(exit_of, self._last.values()), *[Exit.SETUP] * len(self._errors)]

    def go(self, *, wait: bool) -> None:
        """Run every begun campaign once; with `wait`, until none of them waits for a time."""
        while True:
            for record in self._begun():
                self._run(record)
                if self._codes_say_stop():
                    return
            until = self._next_time()
            if not wait or until is None:
                return
            self._ledger.clock.wait(threading.Event(), until)

    def _begun(self) -> list[CampaignRecord]:
        return [record for record in self._ledger.campaigns.all() if record.phase is Phase.BEGUN]

    def _run(self, record: CampaignRecord) -> None:
        try:
            result = self._dispatch(record.file, RunOptions())
        except UserError as error:
            show_problems(self._session, error.problems)
            self._errors[record.id] = campaign_object(
                record.id,
                state="waiting",
                counts=self._ledger.deliveries.counts(record.no),
                reason=error.problems[0].message,
                problems=error.problems,
            )
            return
        self._errors.pop(record.id, None)
        self._last[record.id] = result
        self._sent[record.id] = self._sent.get(record.id, 0) + result.sent_now

    def _codes_say_stop(self) -> bool:
        return Exit.INTERRUPTED in self.codes

    def _next_time(self) -> datetime | None:
        """The earliest instant at which a campaign may go on by itself."""
        begun = {record.id for record in self._begun()} - self._errors.keys()
        times = [r.wait.until for name, r in self._last.items() if name in begun and r.wait.until]
        return min(times, default=None)
