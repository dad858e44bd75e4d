"""`mailrunner status`: the progress of each campaign."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.bars import Drawing
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_objects import account_objects, campaign_objects, machine_objects
from mailrunner.cli.status_text import status_lines


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
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Show it again and again, until Ctrl-C or until all is done; "
            "where stdout is no terminal, a line a minute.",
        ),
    ] = False,
) -> None:
    """Show the progress of each campaign and when it will be finished."""
    if watch and as_json:
        raise typer.BadParameter("--watch and --json exclude each other")
    if watch:
        from mailrunner.cli.status_watch import watch_status

        watch_status(context, campaign)
        return
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
    context.show(status_lines(campaigns, accounts, Drawing.of_stdout(), machines))
