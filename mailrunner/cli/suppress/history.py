"""`mailrunner suppress history`: every change to the entries of an address or domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.suppress.group import ENTRIES, suppress_app
from mailrunner.cli.suppress.rows import print_rows
from mailrunner.clock import rfc3339
from mailrunner.sending.python_api.suppression_targets import keys_of

if TYPE_CHECKING:
    from mailrunner.model.suppression import SuppressionChange


@command(suppress_app, "history", panel=ENTRIES)
def history(
    context: CommandContext,
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="An e-mail address, or @DOMAIN for the entries of a domain."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Show every change to the entries of an address, oldest first."""
    with context.existing_ledger() as ledger:
        (key,) = keys_of(ledger, [address])
        print_rows(context, "history", ledger.suppressions.history(key), as_json, _event_cells)


def _event_cells(event: SuppressionChange) -> dict[str, Any]:
    return {
        "at": rfc3339(event.at),
        "change": str(event.change),
        "address": event.name,
        "list": event.list_key or None,
        "reason": str(event.reason),
        "source": event.source,
        "why": event.why or None,
    }
