"""The group `mailrunner ledger`."""

from __future__ import annotations

import typer

from mailrunner.cli.app import SET_UP, app

ledger_app = typer.Typer(
    help="Manage the ledger: the database of what was sent to each recipient.",
    no_args_is_help=True,
)
app.add_typer(ledger_app, name="ledger", rich_help_panel=SET_UP)
