"""One run of a campaign at the command line: the question before it, its progress and its signals."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import typer

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import local
from mailrunner.cli.signals import GracefulStop

if TYPE_CHECKING:
    from mailrunner.config.account import Account
    from mailrunner.event_log import EventLog
    from mailrunner.model.delivery import Counts
    from mailrunner.model.forecast import Forecast
    from mailrunner.sending.loop import SendLoop
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.sending.run import RunOptions, RunResult, SendPlan
    from mailrunner.store import Ledger

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
    from mailrunner.sending.run import Callbacks, CampaignRun

    def quota_left() -> int | None:
        return _quota_left(ledger, prepared.account)

    display = ProgressDisplay(context.console, clock=ledger.clock, quota_left=quota_left)
    with display, GracefulStop() as signals:

        def started(loop: SendLoop, counts: Counts, suppressed: int, forecast: Forecast) -> None:
            signals.finish_by(loop.stop)
            display.start(prepared.campaign.id, counts, suppressed, forecast)

        def confirm(plan: SendPlan) -> bool:
            with signals.at_once():
                return not (asks and context.is_interactive) or _confirmed(context, plan)

        def loading(rows: int) -> None:
            signals.check()
            if rows % 100_000 == 0:
                context.say(f"  {rows:,} rows of {prepared.source.label} read")

        result = CampaignRun(
            prepared,
            ledger=ledger,
            random=Random(),  # noqa: S311 - jitter, not secrets
            log=log,
            options=options,
            callbacks=Callbacks(confirm=confirm, loading=loading, started=started, watch=display.watch),
        ).run()
    for notice in result.notices:
        context.say(notice)
        log.notice(prepared.campaign.id, notice)
    return result


def _quota_left(ledger: Ledger, account: Account) -> int | None:
    """The messages that the tightest limit of the account leaves now; None without a limit."""
    from mailrunner.model.quota import tightest

    rooms = ledger.accounts.rooms(
        account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
    )
    return tightest([room for room in rooms if room.limit.series == "answers"])[0]


def _confirmed(context: CommandContext, plan: SendPlan) -> bool:
    """Print the plan and ask."""
    counts, record = plan.counts, plan.record
    context.say(f"\nThe plan for {record.id}:")
    context.say(f"  through    {record.account_name}, to the list {record.list_name or '(none)'}")
    to_send = counts.queued - plan.suppressed
    context.say(f"  to send    {to_send:,} of {counts.total:,} rows")
    for number, state in ((counts.skipped, "skipped"), (plan.suppressed, "suppressed")):
        if number:
            context.say(f"  left out   {number:,} {state}")
    for day, number in plan.forecast.days[:_DAYS_SHOWN]:
        context.say(f"  {day:%a %d %b}  {number:,}")
    if len(plan.forecast.days) > _DAYS_SHOWN:
        context.say(f"  … {len(plan.forecast.days):,} days in all")
    context.say(f"  done about {local(plan.forecast.finish_at)}")
    for notice in plan.notices:
        context.say(f"  note: {notice}")
    return typer.confirm("Send it?", err=True)
