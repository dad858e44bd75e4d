"""`mailrunner preview`: messages of a campaign as an HTML page."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument
from mailrunner.cli.preview_server import serve_preview
from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted


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
    open_: Annotated[
        bool,
        typer.Option("--open", help="Open the browser: on a terminal, at the whole list (as --serve)."),
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the whole list on this machine until Ctrl-C.")
    ] = False,
) -> Exit:
    """Show the messages of a campaign: all of them in the browser, or some as an HTML page.

    The page has the first rows, and the rows with the longest or emptiest cells. The exit code is 1 if one
    of its messages cannot be rendered.  Example: mailrunner preview newsletter --open
    """
    from mailrunner.preview import Preview
    from mailrunner.preview.sample import choose
    from mailrunner.sending.list_import import empty_list

    chosen = count is not None or bool(to) or out is not None
    if serve and chosen:
        raise UserError(Problem("--serve shows the whole list", hint="leave out --count, --to and --out"))
    prepared = context.prepare(campaign)
    if serve or (open_ and not chosen and context.is_interactive and find_spec("uvicorn")):
        serve_preview(context, prepared, open_=open_)
        return Exit.DONE
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
