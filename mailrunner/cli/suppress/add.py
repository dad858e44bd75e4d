"""`mailrunner suppress add`: put addresses or domains on the suppression list."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import ENTRIES, AddressesArgument, ListOption, suppress_app
from mailrunner.model.suppression import SuppressionReason
from mailrunner.sending.python_api.suppression_targets import shown_scope


@command(suppress_app, "add", panel=ENTRIES)
def add(
    context: CommandContext,
    addresses: AddressesArgument,
    list_name: ListOption = None,
    reason: Annotated[
        SuppressionReason, typer.Option(metavar="|".join(SuppressionReason), help="Reason to record.")
    ] = SuppressionReason.MANUAL,
) -> None:
    """Suppress addresses or domains, for one mailing list or for all.

    Example: mailrunner suppress add ana@example.org --list "Club news" --reason unsubscribe
    """
    entered = context.handle.suppress(*addresses, list_name=list_name, reason=reason)
    if notice := entered[0].notice:
        context.say(notice)
    for one in entered:
        state = "was suppressed already" if one.known else "suppressed"
        context.result(f"{one.key}: {state} for {shown_scope(one.list_key)}: {one.reason}")
