"""`mailrunner preview`: messages of a campaign as an HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument
from mailrunner.model.counted import counted


@command(app, "preview", panel=BEFORE_SENDING)
def preview(
    context: CommandContext,
    campaign: CampaignArgument,
    *,
    count: Annotated[
        int | None,
        typer.Option("--count", min=0, help="Show the first N rows. Default: 3.", metavar="N"),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", help="Show the row with this address instead; may be repeated.", metavar="ADDRESS"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder to write to. Default: previews/CAMPAIGN in the project.", metavar="DIR"
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> Exit:
    """Write messages as an HTML page to look at.

    It shows the first rows, and the rows with the longest or emptiest cells. The exit code is 1 if one
    of the messages cannot be rendered.  Example: mailrunner preview newsletter --open
    """
    from mailrunner.errors import UserError
    from mailrunner.preview import Preview
    from mailrunner.preview.sample import choose
    from mailrunner.sending.list_import import empty_list

    prepared = context.prepare(campaign)
    sample = choose(prepared.recipients, first=count, addresses=to or ())
    if not sample.specimens:
        raise UserError(empty_list(prepared, sample.rows or 0, sample.reasons))
    folder = (out or context.folder / "previews" / prepared.campaign.id).absolute()
    result = Preview(prepared, now=context.clock.now()).write(sample, folder)
    if result.failing:
        shown = counted(result.shown, "message")
        context.say(f"{result.failing} of {shown} cannot be rendered; the page shows why")
    context.result(str(result.index))
    if open_ and not webbrowser.open(result.index.as_uri()):
        context.say("no browser could be started; open the page above yourself")
    return Exit.SOME_FAILED if result.failing else Exit.DONE
