"""One run of one campaign, from its files to the reason why it ended.

    import the list · look for obstacles · ask · send · finish, or note why it waits

`CampaignRun` is what `run` and `resume` have in common; it knows nothing of terminals.
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
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign, content_digest
from mailrunner.sending.recorder import Recorder, RunTally
from mailrunner.sending.signing_keys import token_signer
from mailrunner.store import CampaignRecord, ClaimTerms, Ledger, Phase, Run, Twin
from mailrunner.transports import Transport
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the user, or cron, asked for.  `by_hand`: a user looks on; the failure count starts anew."""

    confirmations: Confirmations = field(default_factory=Confirmations)
    limit: int | None = None
    wait: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended.  `wait.until` is when it is worth going on, `finish_at` the forecast or the end.

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
    """What the user is asked to confirm before the first message is sent."""

    record: CampaignRecord
    counts: Counts
    suppressed: int  # of those queued, as the suppression list stands now
    forecast: Forecast
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Called on the way; each does nothing by default.

    `confirm` returns True to begin, `loading` gets the number of rows read, `started` the loop, the
    counts it begins with, how many of them are suppressed, and the forecast; `watch` is called a few
    times a second, `on_step` after each step (for tests).
    """

    confirm: Callable[[SendPlan], bool] = lambda _: True
    loading: Callable[[int], None] = lambda _: None
    started: Callable[[SendLoop, Counts, int, Forecast], None] = lambda *_: None
    watch: Callable[[RunTally], None] = lambda _: None
    on_step: Step | None = None


class CampaignRun:
    """One run of one prepared campaign."""

    def __init__(
        self,
        prepared: PreparedCampaign,
        *,
        ledger: Ledger,
        clock: Clock,
        random: Random,
        log: EventLog,
        options: RunOptions,
        callbacks: Callbacks,
    ) -> None:
        self._prepared, self._ledger, self._clock, self._random = prepared, ledger, clock, random
        self._log, self._options, self._callbacks = log, options, callbacks
        self._id = prepared.campaign.id
        self._notices: tuple[str, ...] = ()

    def run(self) -> RunResult:
        """Run it; raises UserError or LedgerError where a user has to act first."""
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
        imported = ListImport(
            self._prepared,
            ledger=self._ledger,
            run=run,
            confirmations=self._options.confirmations,
            progress=self._callbacks.loading,
        ).run()
        if isinstance(imported, Wait):
            return RunResult(campaign_id=self._id, wait=imported)
        record, self._notices = imported.record, imported.notices
        if problem := self._ledger.suppressions.check_not_emptied(self._prepared.lists):
            raise UserError(problem)
        signer = token_signer(self._prepared.project, self._ledger)
        setup = self._prepared.setup_digest(signer.secrets[-1])
        obstacle = self._obstacle(record, setup) or self._unconfirmed(record)
        if obstacle is not None:
            return self._ended(record, obstacle, 0)
        transport_of(self._prepared).close()  # what cannot even be built is wrong in the file
        if wait := self._begin(record):
            return self._ended(record, wait, 0)
        return self._send(record, run, setup, signer)

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
        counts = self._ledger.deliveries.counts(record.no)
        suppressed = self._suppressed(record)
        plan = SendPlan(record, counts, suppressed, self.forecast(counts.open - suppressed), self._notices)
        if self._callbacks.confirm(plan):
            return None
        return Wait(WaitReason.INTERRUPTED, None, "not begun; nothing was sent")

    def _suppressed(self, record: CampaignRecord) -> int:
        return self._ledger.suppressions.count_queued(
            record.no, self._prepared.lists, transactional=self._prepared.transactional
        )

    def _begin(self, record: CampaignRecord) -> Wait | None:
        """Let the campaign begin, or go on; a wait if another process or a user changed it meanwhile."""
        if record.phase is Phase.READY:
            begun = self._ledger.campaigns.begin_first(record, again=self._options.confirmations.again)
        else:
            begun = record.phase is Phase.BEGUN or self._ledger.campaigns.begin(record.no, seen=record.phase)
        if isinstance(begun, Twin):
            raise UserError(twin_problem(self._prepared, *begun))
        if not begun:
            return Wait(WaitReason.OTHERS, None, "another process began, paused or cancelled it meanwhile")
        if self._options.by_hand or self._options.confirmations.again:
            self._ledger.campaigns.clear_recent_answers(record.no)
        if self._prepared.campaign.send.on_in_doubt == "resend":
            self._ledger.deliveries.requeue_in_doubt(record.no)
        self._ledger.accounts.delete_old_usage(record.account_no)
        return None

    def _send(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> RunResult:
        counts = self._ledger.deliveries.counts(record.no)
        loop = self._send_loop(record, run, setup, signer)
        suppressed = self._suppressed(record)
        self._callbacks.started(loop, counts, suppressed, self.forecast(counts.open - suppressed))
        self._log.run_begun(self._id, run.no, counts.total, counts.queued)
        wait = loop.run(self._callbacks.watch)
        self._ledger.inbound_events.apply_waiting()  # a bounce may overtake the answer
        result = self._ended(record, wait, loop.tally.sent)
        result = replace(result, inlining=self._prepared.renderer.inlining)
        self._log.inlined(self._id, result.inlining)
        self._log.run_ended(self._id, result.sent_now, result.wait.reason, result.wait.until)
        return result

    def _ended(self, record: CampaignRecord, wait: Wait, sent: int) -> RunResult:
        """Finish the campaign if all is done, else note why it waits."""
        final = self._ledger.campaigns.finish(record.no) if record.phase is not Phase.READY or sent else None
        if final is not None and wait.reason not in (WaitReason.CANCELLED, WaitReason.PAUSED):
            found = self._ledger.campaigns.find(record.id)
            ended = found.finished_at if found else None
            return self._result(Wait(WaitReason.DONE), final, sent, ended)
        counts = self._ledger.deliveries.counts(record.no)
        if wait.reason is WaitReason.DONE and counts.open:  # queued again just now
            wait = Wait(WaitReason.OTHERS, None, "a delivery was queued again")
        if wait.reason not in (WaitReason.STOPPED, WaitReason.CANCELLED, WaitReason.PAUSED):
            self._ledger.campaigns.note_wait(record.no, reason=sentence_of(wait), resume_at=wait.until)
        finish_at = self.forecast(counts.open).finish_at
        if finish_at and wait.until:
            finish_at = max(finish_at, wait.until)
        return self._result(wait, counts, sent, finish_at)

    def _result(self, wait: Wait, counts: Counts, sent: int, finish_at: datetime | None) -> RunResult:
        return RunResult(
            campaign_id=self._id,
            wait=wait,
            counts=counts,
            sent_now=sent,
            finish_at=finish_at,
            notices=self._notices,
        )

    def forecast(self, number: int) -> Forecast:
        """Forecast when the last of `number` messages will have been sent."""
        return forecast(
            number, pace_of(self._prepared.campaign, self._prepared.account, self._ledger), self._ledger.now()
        )

    def _send_loop(self, record: CampaignRecord, run: Run, setup: str, signer: TokenSigner) -> SendLoop:
        campaign, account = self._prepared.campaign, self._prepared.account
        factory = MessageFactory(
            self._prepared, columns=record.columns, signer=signer, domain=record.message_domain
        )
        observed = ObservedCapabilities()
        recorder = Recorder(
            ledger=self._ledger,
            terms=self._terms(record, setup),
            campaign_id=campaign.id,
            policy=RetryPolicy(
                give_up_after=campaign.send.give_up_after,
                quota_pause=account.preset.quota_pause,
                throttle_pause=account.preset.throttle_pause,
                resend_in_doubt=campaign.send.on_in_doubt == "resend",
            ),
            message_id=factory.message_id,
            clock=self._clock,
            random=self._random,
            log=self._log,
        )
        return SendLoop(
            ledger=self._ledger,
            own_run=run,
            options=LoopOptions(
                schedule=campaign.send.schedule,
                start=campaign.send.start,
                limit=self._options.limit,
                patient=self._options.wait,
            ),
            connections=[
                Connection(
                    transport_of(self._prepared, observed), random=self._random, patient=self._options.wait
                )
                for _ in range(account.connections)
            ],
            recorder=recorder,
            factory=factory,
            clock=self._clock,
            on_step=self._callbacks.on_step,
        )

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


def own_limits(campaign: Campaign) -> list[Limit]:
    """The campaign's own limit, as a window of the ledger that its processes share."""
    limit = campaign.send.limit
    return [limit] if limit else []


def pace_of(campaign: Campaign, account: Account, ledger: Ledger) -> Pace:
    """The limits and waits of a campaign, for a forecast."""
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


def transport_of(prepared: PreparedCampaign, observed: ObservedCapabilities | None = None) -> Transport:
    """Return a new connection to the account's server; those of one run share what they `observed`."""
    account = prepared.account
    return SmtpTransport(
        host=account.host,
        port=account.port,
        tls=account.tls,
        # Without a password the user only tells whose cap it is (a private relay).
        user=account.user if account.password else "",
        password=account.password.get_secret_value() if account.password else None,
        provider=account.preset.name,
        timeout=account.timeout,
        messages_per_connection=account.messages_per_connection,
        in_flight=account.in_flight,
        observed=observed or ObservedCapabilities(),
        ca_file=account.ca_file,
    )
