"""`mailrunner unpause`: let a paused campaign go on."""

from __future__ import annotations

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument
from mailrunner.errors import Problem, UserError
from mailrunner.sending.python_api.lookup import begun_campaign


@command(app, "unpause", panel=SEND)
def unpause(context: CommandContext, campaign: CampaignArgument) -> None:
    """End the pause of a campaign: the next `run` or `resume` continues it."""
    from mailrunner.store import Phase

    with context.existing_ledger() as ledger:
        record = begun_campaign(context.project, ledger, campaign)
        if not ledger.campaigns.begin(record.no, seen=Phase.PAUSED):
            raise UserError(Problem(f"{record.id} is not paused, it is {record.phase}"))
    context.result(
        f"{record.id} is no longer paused. To go on: mailrunner run {record.id}, or mailrunner resume"
    )
