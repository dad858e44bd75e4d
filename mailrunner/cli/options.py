"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli import completion

EVERYWHERE = "Options of every command"

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        rich_help_panel=EVERYWHERE,
        help="Folder of mailrunner.toml. Default: the current folder or the nearest one above it.",
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", rich_help_panel=EVERYWHERE, help="Print errors and results only, no progress."),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        "--log-json",
        metavar="FILE",
        rich_help_panel=EVERYWHERE,
        help="Append every event to FILE, one JSON object a line.",
    ),
]

CampaignArgument = Annotated[
    str,
    typer.Argument(
        metavar="CAMPAIGN",
        help="Id of the campaign, or path of its file in campaigns/.",
        autocompletion=completion.campaigns,
    ),
]
AddressesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ADDRESS", help="Only the deliveries to these recipients. Default: all that match."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait for quota, sending window, retries, other machines and a ledger that is away, and go on "
        "until everything is sent. Default: exit with code 75 and the time at which to run it again.",
    ),
]
SameLedgerOption = Annotated[
    bool,
    typer.Option(
        "--same-ledger",
        help="Confirm a ledger that was put back to an earlier state, or whose database failed over. What "
        "this machine had begun and the ledger does not know is in doubt then. Default: it is refused.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
