"""`mailrunner requeue`: queue deliveries of a campaign again."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import AddressesArgument, CampaignArgument


@command(app, "requeue", panel=AFTER_SENDING)
def requeue(
    context: CommandContext,
    campaign: CampaignArgument,
    addresses: AddressesArgument = None,
    failed: Annotated[bool, typer.Option("--failed", help="Queue the failed deliveries again.")] = False,
    suppressed: Annotated[
        bool,
        typer.Option(
            "--suppressed",
            help="Queue the suppressed deliveries again, where the recipient is no longer suppressed.",
        ),
    ] = False,
    skipped: Annotated[
        bool,
        typer.Option(
            "--skipped",
            help="Queue the deliveries again that were skipped by `cancel`, or whose row had left the list.",
        ),
    ] = False,
) -> Exit:
    """Queue failed, suppressed or skipped deliveries again.

    Recipients on the suppression list are refused.

    Example: mailrunner requeue newsletter --failed ana@example.org
    """
    if not failed | suppressed | skipped:
        raise typer.BadParameter("choose --failed, --suppressed or --skipped")
    handle = context.handle.campaign(campaign)
    done = handle.requeue(*addresses or (), failed=failed, suppressed=suppressed, skipped=skipped)
    for address, why in done.refused[:20]:
        context.say(f"  not {address or 'a row without an address'}: {why}")
    if len(done.refused) > 20:
        context.say(f"  … and {len(done.refused) - 20:,} more")
    context.result(f"{done.number:,} queued again. To send: mailrunner run {handle.id}")
    return Exit.DONE
