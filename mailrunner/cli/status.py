"""`mailrunner status`: the progress of each campaign."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_text import print_accounts, print_campaign


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
    found = context.handle.status(campaign)
    if as_json:
        context.json(found.as_dict())
        return
    if found.notice:
        context.say(found.notice)
    if not found.campaigns:
        context.result("No campaign was begun yet. To begin one: mailrunner run CAMPAIGN")
    for one in found.campaigns:
        print_campaign(context, one)
    print_accounts(context, [a for a in found.accounts if a.paused_until or found.campaigns])
