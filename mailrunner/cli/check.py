"""`mailrunner check`: render every message of a campaign, and send none."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.inspection import inspect_campaign
from mailrunner.cli.options import CampaignArgument, JsonOption


@command(app, "check", panel=BEFORE_SENDING)
def check(
    context: CommandContext,
    campaign: CampaignArgument,
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
    """Render every message and report every problem; send nothing."""
    return inspect_campaign(context, campaign, as_json=as_json, dry_run=False, links=links)
