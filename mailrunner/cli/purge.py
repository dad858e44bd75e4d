"""`mailrunner purge`: delete the personal data of a finished campaign's rows."""

from __future__ import annotations

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument
from mailrunner.model.number_and_noun import counted


@command(app, "purge", panel=AFTER_SENDING)
def purge(context: CommandContext, campaign: CampaignArgument) -> None:
    """Delete the cells of a campaign's rows; addresses and outcomes stay.

    The campaign must be finished or cancelled.
    """
    number = context.handle.campaign(campaign).purge()
    context.result(f"The cells of {counted(number, 'row')} were deleted; addresses and outcomes stay.")
