"""`mailrunner cancel`: end a campaign before it is finished."""

from __future__ import annotations

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument, YesOption
from mailrunner.model.number_and_noun import counted


@command(app, "cancel", panel=SEND)
def cancel(
    context: CommandContext,
    campaign: CampaignArgument,
    yes: YesOption = False,
) -> Exit:
    """End a campaign for good; what is not sent yet is skipped."""
    from mailrunner.sending.python_api.actions import refuse_to_cancel

    handle = context.handle.campaign(campaign)
    with handle.begun() as (ledger, record):
        refuse_to_cancel(record)
        left = ledger.deliveries.counts(record.no).open
    question = f"Cancel {record.id}? {counted(left, 'recipient')} will not get it."
    if context.is_interactive and not yes and not typer.confirm(question, err=True):
        return Exit.INTERRUPTED
    context.result(f"{record.id} is cancelled: {counted(handle.cancel(), 'recipient')} will not get it.")
    return Exit.DONE
