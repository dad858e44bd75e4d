"""`mailrunner suppress forget`: erase addresses from the ledger, and keep them suppressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import YesOption
from mailrunner.cli.suppress.group import ERASURE_AND_REPAIR, suppress_app
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.store.erasure import Erased


@command(suppress_app, "forget", panel=ERASURE_AND_REPAIR)
def forget(
    context: CommandContext,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS", help="E-mail addresses to erase.")],
    *,
    yes: YesOption = False,
) -> None:
    """Erase addresses from the ledger (GDPR), and keep them suppressed.

    It cannot be undone.
    """
    from mailrunner.sending.python_api.suppressing import recipient_keys

    with context.open_ledger() as ledger:
        keys = recipient_keys(ledger, addresses)
        if not yes and not _is_sure(context, keys):
            context.say("Nothing was erased.")
            return
        for key, done in zip(keys, ledger.suppressions.erase(keys), strict=True):
            context.result(f"{key}: {_summary(done)}")
    context.say(
        "Reports, logs and the lists themselves are files of yours: they may still contain the addresses."
    )


def _is_sure(context: CommandContext, keys: list[str]) -> bool:
    """Ask the user; where there is no terminal, raise UserError that asks for --yes."""
    if not context.is_interactive:
        raise UserError(Problem("an erasure cannot be undone", hint="if it is meant, add --yes"))
    return typer.confirm(f"Erase {', '.join(keys)}? This cannot be undone.", err=True)


def _summary(done: Erased) -> str:
    if not done.was_known:
        return "is not in this ledger; nothing was changed"
    parts = {
        "suppression entries": done.entries,
        "deliveries": done.deliveries,
        "messages that are now not sent": done.stopped,
        "rows of lists": done.rows,
        "inbound events": done.reports,
    }
    where = ", ".join(f"{what}: {number:,}" for what, number in parts.items() if number)
    return f"erased, now {done.name}, and suppressed for all lists ({where})"
