"""`mailrunner suppress add`: put addresses or domains on the suppression list."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import ENTRIES, AddressesArgument, ListOption, suppress_app
from mailrunner.cli.suppress.targets import keys_of, mention_unknown_list, scope_of, shown_scope
from mailrunner.model.suppression import SuppressionReason


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
    scope = scope_of(list_name)
    with context.open_ledger() as ledger:
        keys = keys_of(ledger, addresses)
        mention_unknown_list(context, ledger, list_name)
        before = ledger.suppressions.matching(keys)
        ledger.suppressions.add(keys, list_key=scope, reason=reason, source="by hand")
    for key in keys:
        wanted = (key, scope, reason)
        known = any((entry.key, entry.list_key, entry.reason) == wanted for entry in before.get(key, []))
        state = "was suppressed already" if known else "suppressed"
        context.result(f"{key}: {state} for {shown_scope(scope)}: {reason}")
