"""The group `mailrunner suppress`: its help panels and the arguments that its commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import LIST_HYGIENE, app

ENTRIES = "Entries"
FILES = "Import and export"
ERASURE_AND_REPAIR = "Erasure and repair"

suppress_app = typer.Typer(
    help="Manage the suppression list: addresses that get no messages.",
    no_args_is_help=True,
)
app.add_typer(suppress_app, name="suppress", rich_help_panel=LIST_HYGIENE)

AddressesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="ADDRESS", help="E-mail addresses, or @DOMAIN for every address at exactly this domain."
    ),
]
ListOption = Annotated[
    str | None,
    typer.Option(
        "--list",
        metavar="NAME",
        help='The mailing list that the entry holds for, e.g. --list "Club news". Default: all lists.',
    ),
]
