"""`mailrunner quota`: what the limits of each account leave."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.bars import Drawing
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.status_text import account_lines, learned_lines


@command(app, "quota", panel=SEND)
def quota(context: CommandContext, as_json: JsonOption = False) -> None:
    """Show what is left of each account's limits, and when slots come back."""
    accounts = [account.as_dict() for account in context.handle.accounts()]
    if as_json:
        context.json({"accounts": accounts})
        return
    drawing = Drawing.of_stdout()
    for account in accounts:
        context.show([*account_lines(account, drawing, returns=True), *learned_lines(account)])
