"""One round over all campaigns that were begun, or, with `wait`, as many rounds as it takes."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from functools import partial

from mailrunner.cli.campaign_run import run_campaign
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, of_run
from mailrunner.cli.output import show_problems
from mailrunner.errors import UserError
from mailrunner.event_log import EventLog
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.loop import SHORT_WAIT
from mailrunner.sending.python_api.status import CampaignStatus
from mailrunner.sending.recorder import LedgerVisits
from mailrunner.sending.run import RunOptions, RunResult
from mailrunner.store import CampaignRecord, Ledger, Phase


class ResumeRound:
    """The runs of `resume`: their results, the campaigns whose files are wrong, and all exit codes."""

    def __init__(self, context: CommandContext, ledger: Ledger, log: EventLog, *, wait: bool) -> None:
        self._context, self._ledger, self._log, self._wait = context, ledger, log, wait
        say = partial(context.say_ledger_away, patient=wait)
        self._visits = LedgerVisits(ledger, log=log, campaign_id="", patient=wait, say=say)
        self._last: dict[str, RunResult] = {}
        self._sent: dict[str, int] = {}
        self._errors: dict[str, CampaignStatus] = {}

    @property
    def results(self) -> list[RunResult]:
        """One for each campaign; `sent_now` is the sum over all rounds."""
        return [replace(r, sent_now=self._sent[name]) for name, r in self._last.items()]

    @property
    def broken(self) -> list[CampaignStatus]:
        """The campaigns whose files are wrong."""
        return list(self._errors.values())

    @property
    def stopped(self) -> list[CampaignRecord]:
        """The campaigns that only a user can continue."""
        return [r for r in self._ledger.campaigns.all() if r.phase in (Phase.STOPPED, Phase.PAUSED)]

    @property
    def codes(self) -> list[Exit]:
        return [*map(of_run, self._last.values()), *[Exit.SETUP] * len(self._errors)]

    def go(self) -> None:
        """Run every begun campaign once; with `wait`, until none waits for a time or another process."""
        while True:
            for record in self._begun():
                self._run(record)
                if Exit.INTERRUPTED in self.codes:
                    return
            until = self._next_time()
            if not self._wait or until is None:
                return
            self._ledger.clock.wait(threading.Event(), until)

    def _begun(self) -> list[CampaignRecord]:
        known = self._visits.repeat(self._ledger.campaigns.all)
        return [record for record in known if record.phase is Phase.BEGUN]

    def _run(self, record: CampaignRecord) -> None:
        try:
            prepared = self._context.prepare(record.file, fresh_list=False)
            options = RunOptions(outlasts=self._wait)
            result = run_campaign(self._context, prepared, self._ledger, self._log, options)
        except UserError as error:
            show_problems(error.problems)
            self._errors[record.id] = CampaignStatus(
                campaign=record.id,
                state="waiting",
                counts=self._ledger.deliveries.counts(record.no),
                reason=error.problems[0].message,
                problems=error.problems,
            )
            return
        self._errors.pop(record.id, None)
        self._last[record.id] = result
        self._sent[record.id] = self._sent.get(record.id, 0) + result.sent_now

    def _next_time(self) -> datetime | None:
        """The earliest instant at which a campaign may go on by itself; None if there is none."""
        begun = {record.id for record in self._begun()} - self._errors.keys()
        waits = [result.wait for name, result in self._last.items() if name in begun]
        others = self._ledger.clock.now() + SHORT_WAIT
        times = [w.until or others for w in waits if w.until or w.reason is WaitReason.OTHERS]
        return min(times, default=None)
