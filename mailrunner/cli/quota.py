"""`mailrunner quota`: what the limits of each account leave."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_text import print_accounts


@command(app, "quota", panel=SEND)
def quota(context: CommandContext, as_json: JsonOption = False) -> None:
    """Show what is left of each account's limits."""
    accounts = context.handle.accounts()
    if as_json:
        context.json({"accounts": [account.as_dict() for account in accounts]})
    else:
        print_accounts(context, accounts)
