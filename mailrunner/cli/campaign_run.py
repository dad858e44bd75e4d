"""One run of a campaign at the command line: the question before it, its progress and its end by a signal."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import typer

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import local
from mailrunner.cli.signals import SIGNALS
from mailrunner.model.number_and_noun import counted

if TYPE_CHECKING:
    from mailrunner.config.account import Account
    from mailrunner.event_log import EventLog
    from mailrunner.model.delivery import Counts
    from mailrunner.model.wait_reason import Wait
    from mailrunner.sending.loop import SendLoop
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.sending.run import RunOptions, RunResult, SendPlan
    from mailrunner.store import CampaignRecord, Ledger

_DAYS_SHOWN = 10


def run_campaign(
    context: CommandContext,
    prepared: PreparedCampaign,
    ledger: Ledger,
    log: EventLog,
    options: RunOptions,
    *,
    asks: bool = False,
) -> RunResult:
    """Run one campaign; with `asks` a user at a terminal confirms its plan before the first message."""
    from mailrunner.cli.progress import ProgressDisplay
    from mailrunner.cli.run_progress import RunProgress
    from mailrunner.model.wait_reason import sentence_of
    from mailrunner.sending.forecaster import Forecaster
    from mailrunner.sending.python_api.running import send
    from mailrunner.sending.run import Callbacks

    def quota_left() -> int | None:
        return _quota_left(ledger, prepared.account)

    forecaster = Forecaster(prepared.campaign, prepared.account, ledger)
    display = ProgressDisplay(
        context.console, clock=ledger.clock, quota_left=quota_left, forecast=forecaster.forecast
    )
    before = context.progress.get(prepared.campaign.id)
    with display, ExitStack() as ending:

        def started(loop: SendLoop, record: CampaignRecord, counts: Counts, suppressed: int) -> None:
            ending.enter_context(_finishing_in_flight(loop))
            sent = before.sent_now if before else 0
            context.progress[prepared.campaign.id] = RunProgress(counts, loop.tally, sent)
            display.start(record, counts, suppressed)

        def confirm(plan: SendPlan) -> bool:
            return not (asks and context.is_interactive) or _confirmed(context, plan)

        def loading(rows: int) -> None:
            if rows % 100_000 == 0:
                context.say(f"  {counted(rows, 'row')} of {prepared.source.label} read")

        def waiting(wait: Wait) -> None:
            context.say(f"{prepared.campaign.id}: {sentence_of(wait)}; waiting")

        result = send(
            prepared,
            ledger=ledger,
            log=log,
            options=options,
            callbacks=Callbacks(
                confirm=confirm,
                loading=loading,
                waiting=waiting,
                started=started,
                watch=display.watch,
                ledger_away=lambda fault: context.say_ledger_away(
                    fault, patient=options.wait or options.outlasts
                ),
            ),
            hooks=context.hooks,
        )
    for notice in result.notices:
        context.say(notice)
    return result


def _finishing_in_flight(loop: SendLoop) -> AbstractContextManager[None]:
    return SIGNALS.ending_by(
        loop.stop,
        first="finishing the messages in flight; press Ctrl-C again to leave them in doubt",
        second="stopped immediately; the messages in flight are now in doubt",
    )


def _quota_left(ledger: Ledger, account: Account) -> int | None:
    """The messages that the tightest limit of the account leaves now; None without a limit."""
    from mailrunner.model.quota import tightest

    rooms = ledger.accounts.rooms(
        account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
    )
    return tightest([room for room in rooms if room.limit.is_long])[0]


def _confirmed(context: CommandContext, plan: SendPlan) -> bool:
    """Print the plan and ask."""
    counts, record = plan.counts, plan.record
    context.say(f"\nThe plan for {record.id}:")
    context.say(f"  through    {record.account_name}, to the list {record.list_name or '(none)'}")
    to_send = counts.queued - plan.suppressed
    context.say(f"  to send    {to_send:,} of {counted(counts.total, 'row')}")
    for number, state in ((counts.skipped, "skipped"), (plan.suppressed, "suppressed")):
        if number:
            context.say(f"  left out   {number:,} {state}")
    for day, number in plan.forecast.days[:_DAYS_SHOWN]:
        context.say(f"  {day:%a %d %b}  {number:,}")
    if len(plan.forecast.days) > _DAYS_SHOWN:
        context.say(f"  … {counted(len(plan.forecast.days), 'day')} in all")
    context.say(f"  done about {local(plan.forecast.finish_at)}")
    for notice in plan.notices:
        context.say(f"  note: {notice}")
    return typer.confirm("Send it?", err=True)
