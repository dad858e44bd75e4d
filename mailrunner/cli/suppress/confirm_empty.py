"""`mailrunner suppress confirm-empty`: accept that a list has lost its suppression entries."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import ERASURE_AND_REPAIR, suppress_app
from mailrunner.sending.python_api.suppression_targets import scope_of


@command(suppress_app, "confirm-empty", panel=ERASURE_AND_REPAIR)
def confirm_empty(
    context: CommandContext,
    list_name: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="NAME",
            help="Only for this mailing list. Default: for every list that has lost its entries.",
        ),
    ] = None,
) -> None:
    """Confirm that a list rightly has no entries any more, so that runs go on."""
    scope = None if list_name is None else scope_of(list_name)
    with context.existing_ledger() as ledger:
        names = ledger.suppressions.confirm_empty(scope)
    for name in names:
        context.result(f'list "{name}": no entries, as confirmed')
    if not names:
        context.say("There is nothing to confirm: no list has lost its entries.")
