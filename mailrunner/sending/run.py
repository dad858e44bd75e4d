"""One run of one campaign, from its files to the reason why it ended.

    import the list · look for obstacles · ask · send · finish, or note why it waits

`CampaignRun` is what `run` and `resume` have in common; it knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from mailrunner.errors import LedgerError, UserError
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import Counts
from mailrunner.model.forecast import Forecast
from mailrunner.model.outcome_policy import RetryPolicy
from mailrunner.model.quota import Limit
from mailrunner.model.tokens import TokenSigner
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of
from mailrunner.rendering import InliningTally
from mailrunner.sending.account_transports import transports_for
from mailrunner.sending.connection import Connection
from mailrunner.sending.forecaster import Forecaster, own_limits
from mailrunner.sending.link_signer import token_signer
from mailrunner.sending.list_import import (
    READ_ELSEWHERE,
    Confirmations,
    ImportedList,
    ListImport,
    twin_problem,
)
from mailrunner.sending.loop import OTHERS_AGAIN, SHORT_WAIT, LoopOptions, SendLoop, Step
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign, content_digest
from mailrunner.sending.recorder import LedgerVisits, Recorder, RunTally
from mailrunner.store import CampaignRecord, ClaimTerms, Ledger, Phase, Run, Twin
from mailrunner.transports import Transport

_CHANGED_ELSEWHERE = Wait(WaitReason.OTHERS, None, "another process began, paused or cancelled it meanwhile")
_HANDED_OVER = Wait(WaitReason.OTHERS, None, "it was handed over to the workers")
_BEGINNING_ELSEWHERE = (READ_ELSEWHERE, _CHANGED_ELSEWHERE)  # what passes soon, and then this run begins

if TYPE_CHECKING:
    from mailrunner.sending.api_limits import ToldLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options that the user, or cron, gave.

    `wait`: for times and other processes, and for a ledger that is away; `outlasts`: for the ledger alone.
    `hand_over` gets the campaign once it has begun, and others send it.
    `by_hand`: a user looks on; the failure count starts anew.
    """

    confirmations: Confirmations = field(default_factory=Confirmations)
    limit: int | None = None
    wait: bool = False
    outlasts: bool = False
    hand_over: Callable[[CampaignRecord], None] | None = None
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The end of a run.  `wait.until` is when it is worth going on, `finish_at` the forecast or the end.

    `inlining` tells how the messages got their CSS.
    """

    campaign_id: str
    wait: Wait
    counts: Counts = field(default_factory=Counts)
    sent_now: int = 0
    finish_at: datetime | None = None
    notices: tuple[str, ...] = ()
    inlining: InliningTally = field(default_factory=InliningTally)


@dataclass(frozen=True, slots=True)
class SendPlan:
    """The plan that the user is asked to confirm before the first message is sent."""

    record: CampaignRecord
    counts: Counts
    suppressed: int  # of those queued, as the suppression list stands now
    forecast: Forecast
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Called on the way; each does nothing by default.

    `confirm` returns True to begin, `loading` gets the number of rows read, `waiting` what is waited for
    before the campaign is begun, `started` the loop, the campaign, the counts it begins with and how many
    of them are suppressed; `watch` is called a few times a second, `ledger_away` with the fault when a
    visit is to be repeated and with "" when the ledger is back, `on_step` after each step (for tests).
    """

    confirm: Callable[[SendPlan], bool] = lambda _: True
    loading: Callable[[int], None] = lambda _: None
    waiting: Callable[[Wait], None] = lambda _: None
    started: Callable[[SendLoop, CampaignRecord, Counts, int], None] = lambda *_: None
    watch: Callable[[RunTally], None] = lambda _: None
    ledger_away: Callable[[str], None] = lambda _: None
    on_step: Step | None = None


class CampaignRun:
    """One run of one prepared campaign."""

    def __init__(
        self,
        prepared: PreparedCampaign,
        *,
        ledger: Ledger,
        random: Random,
        log: EventLog,
        options: RunOptions,
        callbacks: Callbacks,
    ) -> None:
        self._prepared, self._ledger, self._random = prepared, ledger, random
        self._log, self._options, self._callbacks = log, options, callbacks
        self._id = prepared.campaign.id
        self._patient = options.wait or options.outlasts
        self._visits = LedgerVisits(
            ledger, log=log, campaign_id=self._id, patient=self._patient, say=callbacks.ledger_away
        )
        self._notices = ledger.notices
        self._own_limits = prepared.account.limits  # as this machine's file has them
        self._forecaster = Forecaster(prepared.campaign, prepared.account, ledger)
        self._told: ToldLimits | None = None  # of an account at an HTTP API
        self._asked = False  # the user, whether to begin

    def run(self) -> RunResult:
        """Run it; raises UserError or LedgerError where a user has to act first."""
        if (wait := self._admit()) is not None:
            return RunResult(campaign_id=self._id, wait=wait, notices=self._notices)
        database = self._ledger.database
        run = self._visits.own_run = self._visits.repeat(lambda: Run.begin(database, outlasts=self._patient))
        try:
            self._visits.repeat(lambda: self._ledger.heartbeat(run))
            self._visits.repeat(self._take_over_account)
            self._visits.repeat(lambda: self._ledger.deliveries.recover(own_run=run.no))
            self._visits.repeat(self._ledger.inbound_events.apply_waiting)
            with self._ledger.journal(run):
                return self._run(run)
        finally:
            self._end(run)

    def _end(self, run: Run) -> None:
        """Record the end; one that a user asked for waits for others briefly, as the next run can do it."""
        asked = self._visits.stop.is_set()
        try:
            self._visits.repeat(lambda: run.end(briefly=asked))
            self._visits.repeat(lambda: self._ledger.count_run(briefly=asked))
        except LedgerError as error:
            if not (asked and error.passing):
                raise

    def _admit(self) -> Wait | None:
        """Wait until the ledger lets a run begin; why it does not, where that takes too long."""
        self._notices, begun = self._ledger.notices, self._now()
        while True:
            admission = self._visits.repeat(self._ledger.admit)
            self._notices = (*self._notices, *admission.notices)
            if admission.wait is None or not self._options.wait:
                return admission.wait
            if not self._lets_others(admission.wait, since=begun):
                return admission.wait

    def _run(self, run: Run) -> RunResult:
        """Run it, once other processes are done with its list."""
        self._notices = (*self._notices, *self._lower_limits(), *self._share_limits())
        begun, before = self._now(), self._notices
        while True:
            self._notices = before
            result = self._attempt(run)
            if result.wait not in _BEGINNING_ELSEWHERE or not self._lets_others(result.wait, since=begun):
                return result
            self._visits.repeat(lambda: self._ledger.heartbeat(run))

    def _handed_over(self, record: CampaignRecord, hand_over: Callable[[CampaignRecord], None]) -> RunResult:
        if self._visits.repeat(lambda: self._ledger.deliveries.counts(record.no)).open:
            self._visits.repeat(lambda: hand_over(record))
        return self._visits.repeat(lambda: self._ended(record, _HANDED_OVER, 0))

    def _lets_others(self, wait: Wait, *, since: datetime) -> bool:
        """Let other processes go on for some seconds; False where this run waits no longer."""
        now, stop = self._now(), self._visits.stop
        if stop.is_set() or (now - since >= SHORT_WAIT and not self._options.wait):
            return False
        if now - since < OTHERS_AGAIN:  # the first time
            self._log.waiting(self._id, wait.reason, wait.until)
            self._callbacks.waiting(wait)
        return not self._ledger.clock.wait(stop, now + OTHERS_AGAIN)

    def _now(self) -> datetime:
        return self._ledger.clock.now()

    def _attempt(self, run: Run) -> RunResult:
        imported = self._visits.repeat(lambda: self._import(run))
        if isinstance(imported, Wait):
            return RunResult(campaign_id=self._id, wait=imported, notices=self._notices)
        record = imported.record
        self._notices = (*self._notices, *imported.notices, *self._about_the_clock())
        signer = self._visits.repeat(self._signer)
        setup = self._prepared.setup_digest(signer.secrets[-1])
        obstacle = self._visits.repeat(lambda: self._obstacle(record, setup)) or self._unconfirmed(record)
        if obstacle is None:
            self._transports()().close()  # it may be wrong in the file
            obstacle = self._begin(record)
        if obstacle is not None:
            return self._visits.repeat(lambda: self._ended(record, obstacle, 0))
        record = replace(record, phase=Phase.BEGUN)
        if self._options.hand_over is not None:
            return self._handed_over(record, self._options.hand_over)
        return self._send(record, run, setup, signer)

    def _import(self, run: Run) -> ImportedList | Wait:
        return ListImport(
            self._prepared,
            ledger=self._ledger,
            run=run,
            confirmations=self._options.confirmations,
            progress=self._callbacks.loading,
        ).run()

    def _signer(self) -> TokenSigner:
        if problem := self._ledger.suppressions.check_not_emptied(self._prepared.lists):
            raise UserError(problem)
        return token_signer(self._prepared.project, self._ledger)

    def _take_over_account(self) -> None:
        self._ledger.take_over_accounts([self._prepared.account.former_and_present])

    def _lower_limits(self) -> tuple[str, ...]:
        """Take note of the limits that the provider itself tells; a notice where it does not."""
        if self._prepared.account.api is None:
            return ()
        from mailrunner.sending.api_limits import ToldLimits

        self._told = ToldLimits(self._prepared.account, self._ledger)
        account, notice = self._visits.repeat(self._told.begin)
        self._prepared = replace(self._prepared, account=account)
        self._forecaster = Forecaster(self._prepared.campaign, account, self._ledger)
        return (notice,) if notice else ()

    def _share_limits(self) -> tuple[str, ...]:
        """Keep to the strictest limits that any machine has for this account; with notices."""
        account = self._prepared.account
        self._own_limits = account.limits
        limits, notices = self._visits.repeat(self._shared_limits)
        self._prepared = replace(self._prepared, account=replace(account, limits=limits))
        self._forecaster = Forecaster(self._prepared.campaign, self._prepared.account, self._ledger)
        return notices

    def _shared_limits(self) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
        return self._ledger.shared_limits(self._prepared.account.identity, self._own_limits)

    def _renew_limits(self, recorder: Recorder) -> None:
        """Claim within the limits as they are now: the provider's, and those of other machines."""
        if self._told and (account := self._told.again(recorder.tally.quota_answers)):
            self._own_limits = account.limits
        recorder.use_limits(self._shared_limits()[0])

    def _about_the_clock(self) -> tuple[str, ...]:
        """A notice where this machine's clock is not the ledger's; it is logged as an event as well."""
        sentence = self._ledger.clock_warning
        if sentence is None:
            return ()
        self._log.clock_differs(self._id, self._ledger.clock_ahead.total_seconds())
        return (sentence,)

    def _obstacle(self, record: CampaignRecord, setup: str) -> Wait | None:
        """An obstacle from an earlier run or a user, that this command does not lift."""
        again = self._options.confirmations.again
        account = self._ledger.accounts.ensure(self._prepared.account.identity)
        if setup in account.refused and not again:
            return Wait(WaitReason.CREDENTIALS, None, account.refused[setup])
        if account.stop_reason or setup in account.refused:
            self._ledger.accounts.lift_stop(account.no, digest=setup)
        if record.phase is Phase.PAUSED:
            return Wait(WaitReason.PAUSED, None, record.reason)
        if record.phase is Phase.CANCELLED:
            return Wait(WaitReason.CANCELLED, None, record.reason)
        if record.phase is Phase.STOPPED and record.stop_digest == record.content_digest and not again:
            return Wait(WaitReason.STOPPED, None, record.reason)
        if record.phase is Phase.FINISHED and not self._has_more(record):
            return Wait(WaitReason.DONE)
        return None

    def _has_more(self, record: CampaignRecord) -> bool:
        """True if a finished campaign has deliveries queued, or in doubt and to be sent again."""
        counts = self._ledger.deliveries.counts(record.no)
        resends = self._prepared.campaign.send.on_in_doubt == "resend"
        return counts.open > 0 or (resends and counts.in_doubt > 0)

    def _unconfirmed(self, record: CampaignRecord) -> Wait | None:
        if record.phase is not Phase.READY:
            return None
        if self._asked:  # what was confirmed is not what there is now
            return _CHANGED_ELSEWHERE
        self._asked = True
        if self._callbacks.confirm(self._visits.repeat(lambda: self._plan(record))):
            return None
        return Wait(WaitReason.INTERRUPTED, None, "not begun; nothing was sent")

    def _plan(self, record: CampaignRecord) -> SendPlan:
        counts = self._ledger.deliveries.counts(record.no)
        suppressed = self._suppressed(record)
        forecast = self._forecaster.forecast(counts.open - suppressed, campaign_no=record.no)
        return SendPlan(record, counts, suppressed, forecast, self._notices)

    def _suppressed(self, record: CampaignRecord) -> int:
        return self._ledger.suppressions.count_queued(
            record.no, self._prepared.lists, transactional=self._prepared.transactional
        )

    def _begin(self, record: CampaignRecord) -> Wait | None:
        """Let the campaign begin, or go on; a wait if another process or a user changed it meanwhile."""
        begun = self._visits.repeat(lambda: self._begun(record))
        if isinstance(begun, Twin):
            raise UserError(twin_problem(self._prepared, *begun))
        if not begun:
            return _CHANGED_ELSEWHERE
        self._visits.repeat(lambda: self._clear(record))
        return None

    def _begun(self, record: CampaignRecord) -> bool | Twin:
        if record.phase is Phase.READY:
            return self._ledger.campaigns.begin_first(record, again=self._options.confirmations.again)
        return record.phase is Phase.BEGUN or self._ledger.campaigns.begin(record.no, seen=record.phase)

    def _clear(self, record: CampaignRecord) -> None:
        if self._options.by_hand or self._options.confirmations.again:
            self._ledger.campaigns.clear_recent_answers(record.no)
        if self._prepared.campaign.send.on_in_doubt == "resend":
            self._ledger.deliveries.requeue_in_doubt(record.no)
        self._ledger.accounts.delete_old_usage(record.account_no)

    def _send(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> RunResult:
        counts, suppressed = self._visits.repeat(
            lambda: (self._ledger.deliveries.counts(record.no), self._suppressed(record))
        )
        loop = self._send_loop(record, run, setup, signer)
        self._callbacks.started(loop, record, counts, suppressed)
        self._log.run_begun(self._id, run.no, counts.total, counts.queued)
        wait = loop.run(self._callbacks.watch)
        self._visits.repeat(self._ledger.inbound_events.apply_waiting)  # a bounce may overtake the answer
        result = self._visits.repeat(lambda: self._ended(record, wait, loop.tally.sent))
        result = replace(result, inlining=self._prepared.renderer.inlining)
        self._log.inlined(self._id, result.inlining)
        self._log.run_ended(self._id, result.sent_now, result.wait.reason, result.wait.until)
        return result

    def _ended(self, record: CampaignRecord, wait: Wait, sent: int) -> RunResult:
        """Finish the campaign if all is done, else note why it waits."""
        final = self._ledger.campaigns.finish(record.no) if record.phase is not Phase.READY else None
        if final is not None and wait.reason not in (WaitReason.CANCELLED, WaitReason.PAUSED):
            found = self._ledger.campaigns.find(record.id)
            ended = found.finished_at if found else None
            return self._result(Wait(WaitReason.DONE), final, sent, ended)
        counts = self._ledger.deliveries.counts(record.no)
        if wait.reason is WaitReason.DONE and counts.open:  # queued again just now
            wait = Wait(WaitReason.OTHERS, None, "a delivery was queued again")
        if wait.reason not in (WaitReason.STOPPED, WaitReason.CANCELLED, WaitReason.PAUSED):
            self._ledger.campaigns.note_wait(record.no, reason=sentence_of(wait), resume_at=wait.until)
        forecast = self._forecaster.forecast(counts.open, campaign_no=record.no, resume_at=wait.until)
        return self._result(wait, counts, sent, forecast.finish_at)

    def _result(self, wait: Wait, counts: Counts, sent: int, finish_at: datetime | None) -> RunResult:
        return RunResult(
            campaign_id=self._id,
            wait=wait,
            counts=counts,
            sent_now=sent,
            finish_at=finish_at,
            notices=self._notices,
        )

    def _send_loop(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> SendLoop:
        campaign, account = self._prepared.campaign, self._prepared.account
        factory = MessageFactory(
            self._prepared, columns=record.columns, signer=signer, domain=record.message_domain
        )
        transports = self._transports()
        recorder = Recorder(
            ledger=self._ledger,
            visits=self._visits,
            terms=self._terms(record, setup),
            campaign_id=campaign.id,
            policy=RetryPolicy(
                give_up_after=campaign.send.give_up_after,
                quota_pause=account.preset.quota_pause,
                throttle_pause=account.preset.throttle_pause,
                resend_in_doubt=campaign.send.on_in_doubt == "resend",
            ),
            message_id=factory.message_id,
            clock=self._ledger.clock,
            random=self._random,
            log=self._log,
        )
        return SendLoop(
            ledger=self._ledger,
            visits=self._visits,
            own_run=run,
            options=LoopOptions(
                schedule=campaign.send.schedule,
                start=campaign.send.start,
                limit=self._options.limit,
                patient=self._options.wait,
            ),
            connections=[
                Connection(transports(), random=self._random, patient=self._options.wait)
                for _ in range(account.connections)
            ],
            recorder=recorder,
            factory=factory,
            clock=self._ledger.clock,
            on_heartbeat=lambda: self._renew_limits(recorder),
            on_step=self._callbacks.on_step,
        )

    def _transports(self) -> Callable[[], Transport]:
        return transports_for(self._prepared.account, self._ledger.clock)

    def _terms(self, record: CampaignRecord, setup: str) -> ClaimTerms:
        account = self._prepared.account
        return ClaimTerms(
            campaign_no=record.no,
            account_no=record.account_no,
            lists=self._prepared.lists,
            transactional=self._prepared.transactional,
            limits=account.limits,
            pace=own_limits(self._prepared.campaign),
            reserve=account.reserve,
            zone=account.timezone,
            content_digest=content_digest(self._prepared.content()),
            stop_if_failing=self._prepared.campaign.send.stop_if_failing,
            setup_digest=setup,
        )
