"""`mailrunner cancel`: end a campaign before it is finished."""

from __future__ import annotations

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument, YesOption
from mailrunner.errors import Problem, UserError
from mailrunner.model.counted import counted
from mailrunner.sending.python_api.lookup import begun_campaign


@command(app, "cancel", panel=SEND)
def cancel(
    context: CommandContext,
    campaign: CampaignArgument,
    yes: YesOption = False,
) -> Exit:
    """End a campaign for good; what is not sent yet is skipped."""
    with context.existing_ledger() as ledger:
        record = begun_campaign(context.project, ledger, campaign)
        if record.phase == "finished":
            raise UserError(Problem(f"{record.id} is finished; there is nothing to cancel"))
        if record.phase == "loading":
            hint = "stop the run that reads it; a campaign whose list was not read to its end sends nothing"
            raise UserError(Problem(f"the list of {record.id} is still being read", hint=hint))
        left = ledger.deliveries.counts(record.no).open
        question = f"Cancel {record.id}? {counted(left, 'recipient')} will not get it."
        if context.is_interactive and not yes and not typer.confirm(question, err=True):
            return Exit.INTERRUPTED
        skipped = ledger.campaigns.cancel(record.no)
    context.result(f"{record.id} is cancelled: {counted(skipped, 'recipient')} will not get it.")
    return Exit.DONE
