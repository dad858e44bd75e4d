"""`mailrunner run`: send a campaign."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, of_run
from mailrunner.cli.options import CampaignArgument, JsonOption, SameLedgerOption, WaitOption, YesOption


@command(app, "run", panel=SEND)
def run(
    context: CommandContext,
    campaign: CampaignArgument,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Render every message and print what would be sent; send nothing."),
    ] = False,
    wait: WaitOption = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Send at most N messages in this run. A recipient that the server refuses or puts off "
            "before the message does not count, for up to N of them. Default: as many as quota allows.",
        ),
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Take the new and edited rows of the list, and accept a list that has become shorter. "
            "Default: they are counted and left out.",
        ),
    ] = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Send the changed subject, template or attachment to the recipients that are left. "
            "Default: a campaign that has changed is refused.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Go on although the campaign was stopped, the credentials were refused, or the same "
            "message was sent under another id.",
        ),
    ] = False,
    strict_inlining: Annotated[
        bool,
        typer.Option(
            "--strict-inlining",
            help="Inline the CSS of every message with premailer itself, without compiled plans (slower).",
        ),
    ] = False,
    workers: Annotated[
        bool,
        typer.Option(
            "--workers",
            help="Hand the campaign over to the machines on which `mailrunner work` runs. It is begun here, "
            "and its files are stored beside the ledger. Default: send it from here.",
        ),
    ] = False,
    new_ledger: Annotated[
        bool,
        typer.Option(
            "--new-ledger",
            help="Begin an empty ledger where the old one is lost. It has no record of the "
            "messages that were sent before; the suppression list is taken over if it can be read.",
        ),
    ] = False,
    same_ledger: SameLedgerOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> Exit:
    """Send a campaign, or continue it.

    Type the same command again until the campaign is finished: no message is sent twice.
    Example: mailrunner run newsletter --limit 50
    """
    from mailrunner.cli.campaign_run import run_campaign
    from mailrunner.cli.run_summary import say_summary
    from mailrunner.sending.python_api.running import run_options
    from mailrunner.sending.python_api.status import CampaignStatus

    if dry_run:
        from mailrunner.cli.inspection import inspect_campaign

        return inspect_campaign(context, campaign, as_json=as_json, dry_run=True)
    if workers and (limit is not None or wait):
        raise typer.BadParameter("--workers goes with neither --limit nor --wait")
    options = run_options(
        limit=limit,
        wait=wait,
        refresh=refresh,
        accept_changes=accept_changes,
        again=again,
        by_hand=context.is_interactive,
    )
    prepared = context.prepare(
        campaign, strict_inlining=strict_inlining, fresh_list=refresh, same=same_ledger
    )
    opened = context.open_ledger(new=new_ledger, same=same_ledger, patient=wait)
    with opened as ledger, context.event_log() as log, context.hooks:
        if workers:
            from mailrunner.sending.workers.handing_over import HandingOver

            options = replace(options, hand_over=HandingOver(prepared, ledger))
        result = run_campaign(context, prepared, ledger, log, options, asks=not yes and not as_json)
    if as_json:
        context.json(CampaignStatus.of_run(result).as_dict())
    else:
        say_summary(context, result)
    return of_run(result)
