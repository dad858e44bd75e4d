"""`mailrunner status`: the progress of each campaign."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli import completion
from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.bars import Drawing
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_text import status_lines


@command(app, "status", panel=SEND)
def status(
    context: CommandContext,
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="CAMPAIGN",
            autocompletion=completion.campaigns,
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
    found = context.handle.status(campaign)
    shown = found.as_dict()
    if as_json:
        context.json(shown)
        return
    if found.notice:
        context.say(found.notice)
    lines = status_lines(shown["campaigns"], shown["accounts"], Drawing.of_stdout(), shown["machines"])
    context.show(lines)
