"""`mailrunner status`: the progress of each campaign."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_objects import account_objects, campaign_objects, machine_objects
from mailrunner.cli.status_text import print_accounts, print_campaign, print_machines


@command(app, "status", panel=SEND)
def status(
    context: CommandContext,
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="CAMPAIGN",
            help="Id of the campaign, or path of its file in campaigns/. "
            "Default: every campaign that was begun.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of each campaign and when it will be finished."""
    with context.existing_ledger() as ledger:
        campaigns = campaign_objects(context, ledger, campaign)
        accounts = account_objects(context, ledger)
        machines = machine_objects(ledger)
        about_the_clock = ledger.clock_warning
    if as_json:
        context.json({"campaigns": campaigns, "accounts": accounts, "machines": machines})
        return
    if about_the_clock:
        context.say(about_the_clock)
    if not campaigns:
        context.result("No campaign was begun yet. To begin one: mailrunner run CAMPAIGN")
    for found in campaigns:
        print_campaign(context, found)
    print_machines(context, machines)
    print_accounts(context, [a for a in accounts if a["paused_until"] or campaigns])
