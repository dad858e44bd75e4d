"""`mailrunner check`: render every message of a campaign, and send none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli import completion
from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.inspection import inspect_campaign
from mailrunner.cli.options import JsonOption
from mailrunner.sending.python_api.lookup import only_campaign


@command(app, "check", panel=BEFORE_SENDING)
def check(
    context: CommandContext,
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="CAMPAIGN",
            autocompletion=completion.campaigns,
            help="Id of the campaign, or path of its file in campaigns/. Default: the only one there is.",
        ),
    ] = None,
    left_out: Annotated[
        Path | None,
        typer.Option(
            "--left-out",
            metavar="FILE",
            help="Write every row that would not be sent to FILE, as CSV: the columns of the list, and "
            "the row, the cell and the reason. Default: the first 20 are shown.",
        ),
    ] = None,
    links: Annotated[
        bool,
        typer.Option(
            "--links",
            help="Also ask for the links that are the same for all recipients (HEAD, 100 at most), "
            "and name those that lead nowhere.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> Exit:
    """Render every message and report every problem; send nothing.

    Example: mailrunner check newsletter --left-out left-out.csv
    """
    name = campaign or only_campaign(context.project)
    return inspect_campaign(context, name, as_json=as_json, dry_run=False, left_out=left_out, links=links)
