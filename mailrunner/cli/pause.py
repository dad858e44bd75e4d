"""`mailrunner pause`: stop sending a campaign until it is unpaused."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument
from mailrunner.errors import Problem, UserError
from mailrunner.sending.python_api.lookup import begun_campaign


@command(app, "pause", panel=SEND)
def pause(context: CommandContext, campaign: CampaignArgument) -> None:
    """Pause a campaign until `unpause`.

    A run that is sending stops before its next message.
    """
    from mailrunner.store import Phase

    with context.existing_ledger() as ledger:
        record = begun_campaign(context.project, ledger, campaign)
        if record.phase is not Phase.PAUSED and not ledger.campaigns.pause(record.no):
            raise UserError(Problem(f"{record.id} is {record.phase}: there is nothing to pause"))
    context.result(f"{record.id} is paused. To go on: mailrunner unpause {record.id}")
