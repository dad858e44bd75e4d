"""One run of one campaign, from its files to the reason why it ended.

    enrol the list · look what stands in the way · ask · send · close or rest

`Dispatch` is what `run` and `resume` have in common; it knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from mailrunner.campaign.campaign_file import Campaign
from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.errors import UserError
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import Counts
from mailrunner.model.forecast import Forecast, Pace, forecast
from mailrunner.model.outcome_policy import RetryPolicy
from mailrunner.model.quota import Limit, Series
from mailrunner.model.tokens import TokenSigner
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of
from mailrunner.rendering import InliningTally
from mailrunner.sending.connection import Connection
from mailrunner.sending.list_import import Confirmations, ListImport, twin_problem
from mailrunner.sending.loop import LoopOptions, SendLoop, Step
from mailrunner.sending.prepared_campaign import MessageFactory, PreparedCampaign, content_digest
from mailrunner.sending.recorder import Recorder, RunTally
from mailrunner.store import CampaignRecord, ClaimTerms, Ledger, Phase, Run, Twin
from mailrunner.transports import Transport
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the person, or cron, asked for.  `by_hand`: somebody looks; the failure count starts anew."""

    consent: Confirmations = field(default_factory=Confirmations)
    limit: int | None = None
    wait: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How it ended.  `hold.until` is when it is worth going on, `finish_at` the forecast or the end.

    `inlining` tells how the messages got their CSS.
    """

    campaign_id: str
    hold: Wait
    counts: Counts = field(default_factory=Counts)
    sent_now: int = 0
    finish_at: datetime | None = None
    notices: tuple[str, ...] = ()
    inlining: InliningTally = field(default_factory=InliningTally)


@dataclass(frozen=True, slots=True)
class SendPlan:
    """What is asked before the first message goes."""

    record: CampaignRecord
    counts: Counts
    suppressed: int  # of those queued, as the table stands now
    forecast: Forecast
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Who is asked and told on the way; inert unless somebody listens.

    `confirm` says whether to begin, `loading` gets rows read, `started` the runner, the numbers it
    begins with, how many of them are suppressed, and the forecast; `watch` is called a few times a
    second, `on_step` after each step (for tests).
    """

    confirm: Callable[[SendPlan], bool] = lambda _: True
    loading: Callable[[int], None] = lambda _: None
    started: Callable[[SendLoop, Counts, int, Forecast], None] = lambda *_: None
    watch: Callable[[RunTally], None] = lambda _: None
    on_step: Step = lambda _: None


class CampaignRun:
    """One campaign on its way."""

    def __init__(
        self,
        job: PreparedCampaign,
        *,
        ledger: Ledger,
        clock: Clock,
        random: Random,
        log: EventLog,
        wishes: RunOptions,
        ears: Callbacks,
    ) -> None:
        self._job, self._ledger, self._clock, self._random = job, ledger, clock, random
        self._log, self._wishes, self._ears = log, wishes, ears
        self._id = job.campaign.id
        self._notices: tuple[str, ...] = ()

    def run(self) -> RunResult:
        """Do it; raises UserError or LedgerError where a person has to act first."""
        self._ledger.count_run()
        run = Run.begin(self._ledger.database)
        try:
            self._ledger.heartbeat(run)
            self._ledger.deliveries.recover(own_run=run.no)
            self._ledger.inbound_events.apply_waiting()
            return self._run(run)
        finally:
            run.end()
            self._ledger.count_run()

    def _run(self, run: Run) -> RunResult:
        enrolment = ListImport(
            self._job,
            ledger=self._ledger,
            run=run,
            consent=self._wishes.consent,
            progress=self._ears.loading,
        )
        enrolled = enrolment.enrol()
        if isinstance(enrolled, Wait):
            return RunResult(campaign_id=self._id, hold=enrolled)
        record, self._notices = enrolled.record, enrolled.notices
        if problem := self._ledger.suppressions.check_not_emptied(self._job.lists):
            raise UserError(problem)
        secrets = self._secrets()
        setup = self._job.setup_digest(secrets[-1])
        obstacle = self._obstacle(record, setup) or self._unconfirmed(record)
        if obstacle is not None:
            return self._ended(record, obstacle, 0)
        transport_of(self._job).close()  # what cannot even be built is wrong in the file
        if hold := self._begin(record):
            return self._ended(record, hold, 0)
        return self._send(record, run, setup, TokenSigner(secrets))

    def _secrets(self) -> tuple[bytes, ...]:
        configured = self._job.project.unsubscribe.secret
        return self._ledger.signing_keys(configured.get_secret_value() if configured else None)

    def _obstacle(self, record: CampaignRecord, setup: str) -> Wait | None:
        """What an earlier run or a person has put in the way, and that this command does not lift."""
        again = self._wishes.consent.again
        account = self._ledger.accounts.ensure(self._job.account.identity)
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
        """Whether somebody of a finished campaign is queued, or in doubt and to be sent again."""
        counts = self._ledger.deliveries.counts(record.no)
        return counts.open > 0 or (self._job.campaign.send.on_in_doubt == "resend" and counts.in_doubt > 0)

    def _unconfirmed(self, record: CampaignRecord) -> Wait | None:
        if record.phase is not Phase.READY:
            return None
        counts = self._ledger.deliveries.counts(record.no)
        suppressed = self._suppressed(record)
        plan = SendPlan(record, counts, suppressed, self.forecast(counts.open - suppressed), self._notices)
        if self._ears.confirm(plan):
            return None
        return Wait(WaitReason.INTERRUPTED, None, "not begun; nothing was sent")

    def _suppressed(self, record: CampaignRecord) -> int:
        return self._ledger.suppressions.count_queued(
            record.no, self._job.lists, transactional=self._job.transactional
        )

    def _begin(self, record: CampaignRecord) -> Wait | None:
        """Let the campaign begin, or go on; a hold if somebody did something else with it meanwhile."""
        if record.phase is Phase.READY:
            begun = self._ledger.campaigns.begin_first(record, again=self._wishes.consent.again)
        else:
            begun = record.phase is Phase.BEGUN or self._ledger.campaigns.begin(record.no, seen=record.phase)
        if isinstance(begun, Twin):
            raise UserError(twin_problem(self._job, *begun))
        if not begun:
            return Wait(WaitReason.OTHERS, None, "somebody else began, paused or cancelled it meanwhile")
        if self._wishes.by_hand or self._wishes.consent.again:
            self._ledger.campaigns.clear_recent_answers(record.no)
        if self._job.campaign.send.on_in_doubt == "resend":
            self._ledger.deliveries.requeue_in_doubt(record.no)
        self._ledger.accounts.delete_old_usage(record.account_no)
        return None

    def _send(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> RunResult:
        counts = self._ledger.deliveries.counts(record.no)
        runner = self._runner(record, run, setup, signer)
        suppressed = self._suppressed(record)
        self._ears.started(runner, counts, suppressed, self.forecast(counts.open - suppressed))
        self._log.run_begun(self._id, run.no, counts.total, counts.queued)
        hold = runner.run(self._ears.watch)
        self._ledger.inbound_events.apply_waiting()  # bounces quicker than the server
        result = replace(self._ended(record, hold, runner.tally.sent), inlining=self._job.renderer.inlining)
        self._log.inlined(self._id, result.inlining)
        self._log.run_ended(self._id, result.sent_now, result.hold.why, result.hold.until)
        return result

    def _ended(self, record: CampaignRecord, hold: Wait, sent: int) -> RunResult:
        """Close the campaign if all is done, else note why it rests."""
        final = self._ledger.campaigns.finish(record.no) if record.phase is not Phase.READY or sent else None
        if final is not None and hold.why not in (WaitReason.CANCELLED, WaitReason.PAUSED):
            found = self._ledger.campaigns.find(record.id)
            ended = found.finished_at if found else None
            return self._result(Wait(WaitReason.DONE), final, sent, ended)
        counts = self._ledger.deliveries.counts(record.no)
        if hold.why is WaitReason.DONE and counts.open:  # someone was queued again just now
            hold = Wait(WaitReason.OTHERS, None, "someone was queued again")
        if hold.why not in (WaitReason.STOPPED, WaitReason.CANCELLED, WaitReason.PAUSED):
            self._ledger.campaigns.note_wait(record.no, reason=sentence_of(hold), resume_at=hold.until)
        finish_at = self.forecast(counts.open).finish_at
        if finish_at and hold.until:
            finish_at = max(finish_at, hold.until)
        return self._result(hold, counts, sent, finish_at)

    def _result(self, hold: Wait, counts: Counts, sent: int, finish_at: datetime | None) -> RunResult:
        return RunResult(
            campaign_id=self._id,
            hold=hold,
            counts=counts,
            sent_now=sent,
            finish_at=finish_at,
            notices=self._notices,
        )

    def forecast(self, number: int) -> Forecast:
        """When the last of `number` messages will have gone."""
        return forecast(
            number, pace_of(self._job.campaign, self._job.account, self._ledger), self._ledger.now()
        )

    def _runner(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> SendLoop:
        campaign, account = self._job.campaign, self._job.account
        writer = MessageFactory(
            self._job, columns=record.columns, signer=signer, domain=record.message_domain
        )
        manners = ObservedCapabilities()
        clerk = Recorder(
            ledger=self._ledger,
            terms=self._terms(record, setup),
            campaign_id=campaign.id,
            patience=RetryPolicy(
                give_up_after=campaign.send.give_up_after,
                quota_pause=account.preset.quota_pause,
                throttle_pause=account.preset.throttle_pause,
                resend_doubt=campaign.send.on_in_doubt == "resend",
            ),
            message_id=writer.message_id,
            clock=self._clock,
            random=self._random,
            log=self._log,
        )
        return SendLoop(
            ledger=self._ledger,
            own_run=run,
            orders=LoopOptions(
                schedule=campaign.send.schedule,
                start=campaign.send.start,
                limit=self._wishes.limit,
                patient=self._wishes.wait,
            ),
            couriers=[
                Connection(transport_of(self._job, manners), random=self._random, patient=self._wishes.wait)
                for _ in range(account.connections)
            ],
            clerk=clerk,
            writer=writer,
            clock=self._clock,
            on_step=self._ears.on_step,
        )

    def _terms(self, record: CampaignRecord, setup: str) -> ClaimTerms:
        account = self._job.account
        return ClaimTerms(
            campaign_no=record.no,
            account_no=record.account_no,
            lists=self._job.lists,
            transactional=self._job.transactional,
            limits=account.limits,
            pace=own_limits(self._job.campaign),
            reserve=account.reserve,
            zone=account.timezone,
            content_digest=content_digest(self._job.content()),
            stop_if_failing=self._job.campaign.send.stop_if_failing,
            setup_digest=setup,
        )


def own_limits(campaign: Campaign) -> list[Limit]:
    """The campaign's own pace, as a window of the ledger that its processes share."""
    limit = campaign.send.limit
    return [limit] if limit else []


def pace_of(campaign: Campaign, account: Account, ledger: Ledger) -> Pace:
    """What holds this campaign back, for a forecast."""
    send = campaign.send
    longest = max((limit.period for limit in account.limits if limit.series is Series.ANSWERS), default=None)
    found = ledger.accounts.find(account.identity)
    waits = [moment for moment in (send.start, found.paused_until if found else None) if moment]
    return Pace(
        limits=account.limits,
        own=own_limits(campaign),
        reserve=account.reserve,
        zone=account.timezone,
        schedule=send.schedule,
        connections=account.connections,
        history=ledger.accounts.history(account.identity, longest=longest) if longest else (),
        not_before=max(waits, default=None),
    )


def transport_of(job: PreparedCampaign, manners: ObservedCapabilities | None = None) -> Transport:
    """A connection of its own to the account's server; those of one run share what they learn of it."""
    account = job.account
    return SmtpTransport(
        host=account.host,
        port=account.port,
        tls=account.tls,
        # Without a password the user only says whose cap it is (a relay of one's own).
        user=account.user if account.password else "",
        password=account.password.get_secret_value() if account.password else None,
        provider=account.preset.name,
        timeout=account.timeout,
        messages_per_connection=account.messages_per_connection,
        in_flight=account.in_flight,
        manners=manners or ObservedCapabilities(),
        ca_file=account.ca_file,
    )
