"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's file or id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay and wait until everything is sent.")]
